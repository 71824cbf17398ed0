//! `[evolve.x]`.

use crate::registry::{Choice, choice_schema, entity_schema};
use bevy_ecs::prelude::*;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// Evolves the parameters of an agent: every tick is a generation, whose members play whole episodes and are scored by the task reward.
#[derive(Component, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvolveSpec {
    /// What the members of a generation differ in: `agent.<name>.parameters`, of an agent with a policy and without a learner.
    pub vary: String,
    /// The environment that they play in, by name. It is not collected from: its `lanes` do not count.
    #[schemars(schema_with = "environment")]
    pub environment: String,
    /// How members are made, and what is learnt from their scores.
    #[schemars(schema_with = "strategy")]
    pub strategy: Choice,
    /// How that becomes a step of the parameters.
    #[schemars(schema_with = "optimizer")]
    pub optimizer: Choice,
    /// Episodes of every member in a generation; its score is their mean return.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub episodes: u32,
    /// All members of a generation meet the same starts and draws (common random numbers), so that their scores differ by what they do.
    #[serde(default = "yes")]
    pub shared_draws: bool,
    /// Members take their most probable action instead of a sample.
    #[serde(default)]
    pub greedy: bool,
}

impl EvolveSpec {
    /// The key of the agent whose parameters vary; `None` if `vary` names none.
    pub fn agent(&self) -> Option<&str> {
        let key = self.vary.strip_prefix("agent.")?.strip_suffix(".parameters")?;
        (!key.is_empty() && !key.contains('.')).then_some(key)
    }
}

fn environment(_: &mut SchemaGenerator) -> Schema {
    entity_schema("environment")
}

fn strategy(_: &mut SchemaGenerator) -> Schema {
    choice_schema("strategy")
}

fn optimizer(_: &mut SchemaGenerator) -> Schema {
    choice_schema("optimizer")
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}
