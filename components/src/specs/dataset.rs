//! `[dataset.x]`.

use super::from::FoundSource;
use crate::registry::entity_schema;
use bevy_ecs::prelude::*;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// What others did: recorded steps of earlier runs, as pairs of observation and action for agents that imitate. Observations are
/// simulated again from the recorded actions.
#[derive(Component, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetSpec {
    /// Folders of runs, as a pattern such as `runs/overcooked_v2/sp/*`, relative to where the program runs; in name order.
    pub runs: String,
    /// Whose trajectories: `evaluate.x` or `environment.x` of those runs.
    pub entity: String,
    /// The environment of this pipeline whose observations and actions they are.
    #[schemars(schema_with = "environment")]
    pub environment: String,
    /// The seats that are imitated; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seats: Vec<usize>,
    /// Episodes whose return (mean over seats) is below this are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_return: Option<f64>,
    /// What was found when the run began, filled in by the program: it is an error if it has changed since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<FoundSource>,
}

fn environment(_: &mut SchemaGenerator) -> Schema {
    entity_schema("environment")
}
