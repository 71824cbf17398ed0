//! `[record]`.

use bevy_ecs::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is written, and how often.
#[derive(Component, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordSpec {
    /// Steps of training episodes; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trajectories: Option<TrajectoriesSpec>,
    /// Metrics per tick.
    #[serde(default = "one")]
    pub metrics: Every,
    /// Gradient and update norms per optimiser step (`diagnostics` table); absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnostics: Option<Every>,
    /// Ticks between commits (rows, checkpoint and clocks together). A commit is also made at the end and on interruption.
    #[serde(default = "hundred")]
    pub commit: Every,
    /// Which commits keep their checkpoint: the newest so many, or `"all"`, so that others can take parameters from the course of the
    /// training too.
    #[serde(default)]
    pub checkpoints: KeepCheckpoints,
    /// Rows per Parquet part at most; smaller parts lose less to a damaged file, larger ones compress better.
    #[serde(default = "part_rows")]
    #[schemars(range(min = 1))]
    pub part_rows: u64,
}

impl Default for RecordSpec {
    fn default() -> Self {
        Self {
            trajectories: None,
            metrics: one(),
            diagnostics: None,
            commit: hundred(),
            checkpoints: KeepCheckpoints::default(),
            part_rows: part_rows(),
        }
    }
}

/// Which commits keep their checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum KeepCheckpoints {
    /// The newest so many: the last one, and some to fall back to.
    Newest(#[schemars(range(min = 1))] u64),
    /// By a name: `"all"`.
    Named(KeepNamed),
}

/// A choice of checkpoints by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeepNamed {
    /// Every commit keeps its checkpoint.
    All,
}

impl Default for KeepCheckpoints {
    fn default() -> Self {
        Self::Newest(3)
    }
}

impl KeepCheckpoints {
    /// The oldest commit that keeps its checkpoint when `newest` is the newest.
    pub fn oldest(self, newest: u64) -> u64 {
        match self {
            Self::Newest(count) => (newest + 1).saturating_sub(count.max(1)),
            Self::Named(KeepNamed::All) => 0,
        }
    }
}

/// Steps of whole training episodes: actions, rewards, keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrajectoriesSpec {
    /// Every n-th episode of each lane, whole; 1 records every step.
    #[schemars(range(min = 1))]
    pub every: u32,
    /// Store observations too, which could be re-simulated from the actions.
    #[serde(default)]
    pub observations: bool,
}

/// A period: `{ every = 10 }` ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Every {
    /// Ticks.
    #[schemars(range(min = 1))]
    pub every: u64,
}

fn one() -> Every {
    Every { every: 1 }
}
fn hundred() -> Every {
    Every { every: 100 }
}
fn part_rows() -> u64 {
    1 << 18
}
