//! `[agent.x] from`: where an agent's parameters come from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where parameters come from: an `agent` of an earlier stage, an `agent` of earlier `runs`, or a `file`.
///
/// With several moments in `progress` each replica of the source gives one replica per moment: replica r at moment p of P is the new
/// agent's number `r * P + p`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FromSpec {
    /// The agent whose parameters are taken, by name: of this pipeline, or of the pipelines of `runs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Folders of runs, as a pattern such as `runs/overcooked_v2/sp/*` (`{a,b}` is a or b), relative to where the program runs; in name
    /// order, all replicas of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<String>,
    /// A safetensors file, relative to the pipeline file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// How the tensors of `file` are called.
    #[serde(default, skip_serializing_if = "NamesSpec::is_default")]
    pub names: NamesSpec,
    /// Which moment of the source's training.
    #[serde(default, skip_serializing_if = "Pick::is_last")]
    pub pick: Pick,
    /// Moments of the source's training as fractions of its stage, in the place of `pick`: one replica each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub progress: Vec<f64>,
    /// What was found when the run began, filled in by the program: it is an error if it has changed since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<FoundSource>,
}

/// Which moment of a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Pick {
    /// A moment by its name: `"last"`.
    Named(PickNamed),
    /// The best by a metric, per replica: `{ best = "evaluate.selfplay.return_mean" }`. The first of equals.
    Best(PickBest),
}

/// A moment by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PickNamed {
    /// The end of the training.
    Last,
}

/// The best moment by a metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PickBest {
    /// A metric that is recorded per replica, e.g. `evaluate.selfplay.return_mean`; larger is better.
    pub best: String,
}

impl Default for Pick {
    fn default() -> Self {
        Self::Named(PickNamed::Last)
    }
}

impl Pick {
    /// The metric that decides, if one does.
    pub fn best(&self) -> Option<&str> {
        match self {
            Self::Best(best) => Some(&best.best),
            Self::Named(_) => None,
        }
    }
    fn is_last(&self) -> bool {
        self.best().is_none()
    }
}

/// How the tensors of a file are called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum NamesSpec {
    /// `"starling"`: as in checkpoints; `"jaxmarl"`: as JaxMARL's `save_params` writes them.
    Known(KnownNames),
    /// The file's name for each of ours.
    Table(BTreeMap<String, String>),
}

/// Naming schemes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KnownNames {
    /// As in checkpoints of this program.
    Starling,
    /// Flax paths joined by commas.
    Jaxmarl,
}

impl Default for NamesSpec {
    fn default() -> Self {
        Self::Known(KnownNames::Starling)
    }
}

impl NamesSpec {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A file or run that parameters were read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FoundSource {
    /// Its path.
    pub path: String,
    /// The commit, of a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<u64>,
    /// Number of the one replica that is taken; all of them if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica: Option<u32>,
    /// Hash of the file that holds the parameters.
    pub hash: String,
}
