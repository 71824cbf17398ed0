//! `[environment.x]`.

use crate::registry::{Choice, choice_schema, entities_schema};
use bevy_ecs::prelude::*;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// Parallel copies of one game or task.
#[derive(Component, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentSpec {
    /// What it plays.
    #[schemars(schema_with = "rules")]
    pub rules: Choice,
    /// Parallel copies per replica.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub lanes: u32,
    /// The agent in each seat, by name.
    #[schemars(schema_with = "agents", length(min = 1))]
    pub seats: Vec<String>,
}

fn rules(_: &mut SchemaGenerator) -> Schema {
    choice_schema("rules")
}

fn agents(_: &mut SchemaGenerator) -> Schema {
    entities_schema("agent")
}
