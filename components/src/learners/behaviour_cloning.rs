//! `learner.behaviour_cloning`: does as others did.

use crate::registry::{KindSettings, entity_schema};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// Behaviour cloning: the likelihood of recorded actions is maximised, over whole passes in a fresh order. A tick is one pass. The value head
/// learns nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BehaviourCloningSettings {
    /// What is imitated, by name.
    #[schemars(schema_with = "dataset")]
    pub dataset: String,
    /// Decisions per optimiser step; the last step of a pass takes what is left.
    #[serde(default = "batch")]
    #[schemars(range(min = 1))]
    pub batch: usize,
    /// Part of the episodes that is held out and only scored: the same for all replicas.
    #[serde(default = "validation")]
    #[schemars(range(min = 0.0, max = 0.9))]
    pub validation: f64,
}

impl KindSettings for BehaviourCloningSettings {
    const NAME: &'static str = "behaviour_cloning";
    const EXAMPLE: &'static str = r#"
name  = "example/behaviour_cloning"
until = { epochs = 20 }

[dataset.games]
runs        = "runs/example/teacher/*"  # finished runs with recorded episodes
entity      = "evaluate.shown"          # whose episodes
environment = "pole"                    # simulated again in this environment

[environment.pole]
rules.cart_pole = {}
lanes = 1
seats = ["pupil"]

[agent.pupil]
policy = { heads = { actor = [{ dense = 32 }], critic = [] } }
learner.behaviour_cloning = { dataset = "games", batch = 128 }
optimizer.adam = { rate = 1e-3 }

[evaluate.final]
environment = "pole"
episodes    = 10
"#;
}

fn batch() -> usize {
    256
}

fn validation() -> f64 {
    0.1
}

fn dataset(_: &mut SchemaGenerator) -> Schema {
    entity_schema("dataset")
}
