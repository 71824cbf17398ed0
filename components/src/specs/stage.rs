//! `[stage.x]`.

use super::environment::EnvironmentSpec;
use super::pipeline::Until;
use crate::registry::entities_schema;
use bevy_ecs::prelude::*;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// What is trained, until when, and how it is scored. Stages follow one another by `after`; those that wait for nothing run side by
/// side. A pipeline without stages has one that trains every learner until the pipeline's own `until`.
#[derive(Component, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageSpec {
    /// The agents that learn, by name; everyone else who plays is frozen meanwhile.
    #[schemars(schema_with = "agents", length(min = 1))]
    pub train: Vec<String>,
    /// The environments that run; those in which one of `train` sits, if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "environments")]
    pub environments: Vec<String>,
    /// The stages that end before this one starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "stages")]
    pub after: Vec<String>,
    /// When it ends, on clocks that start at 0 with the stage; all rounds together.
    pub until: Until,
    /// The stage is cut into so many equal parts, in whole ticks. Clocks, schedules and optimisers go on from round to round; buffers
    /// may be filled anew and `fresh` agents start anew with each.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub rounds: u32,
    /// Agents that forget everything at the start of each round, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "agents")]
    pub fresh: Vec<String>,
    /// The metric that says how well it went, e.g. `evaluate.selfplay.return_mean`: what is recorded of it in the stage's last tick is
    /// recorded once more, per replica, as the `score` of `stage.x`; their mean over replicas is the stage's score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<String>,
}

impl StageSpec {
    /// The stage runs `environment`, whose key is `key`.
    pub fn runs(&self, key: &str, environment: &EnvironmentSpec) -> bool {
        if !self.environments.is_empty() {
            return self.environments.iter().any(|name| name == key);
        }
        self.train.iter().any(|agent| !environment.seats_of(agent).is_empty())
    }
}

fn one() -> u32 {
    1
}

fn agents(_: &mut SchemaGenerator) -> Schema {
    entities_schema("agent")
}

fn environments(_: &mut SchemaGenerator) -> Schema {
    entities_schema("environment")
}

fn stages(_: &mut SchemaGenerator) -> Schema {
    entities_schema("stage")
}
