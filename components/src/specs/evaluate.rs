//! `[evaluate.x]`.

use crate::registry::{entities_schema, entity_schema};
use bevy_ecs::prelude::*;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// Plays frozen agents and scores them by the task reward.
#[derive(Component, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluateSpec {
    /// The environment whose rules are played, by name; training lanes are not touched.
    #[schemars(schema_with = "environment")]
    pub environment: String,
    /// The agent in each seat, by name; the environment's own seats if empty.
    #[serde(default)]
    #[schemars(schema_with = "agents")]
    pub agents: Vec<String>,
    /// Which replicas meet.
    #[serde(default)]
    pub pair: Pair,
    /// Play every arrangement in all rotations of the seats, so that each agent is scored in every seat.
    #[serde(default, skip_serializing_if = "is_false")]
    pub rotate: bool,
    /// The stage at whose end or in whose course it runs, by name; the last one that involves its environment or one of its agents,
    /// if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "stage")]
    pub stage: Option<String>,
    /// Episodes per replica, or per pairing: the first one of as many lanes, so that short episodes are not
    /// counted more often than long ones.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub episodes: u32,
    /// When.
    #[serde(default)]
    pub at: EvaluateAt,
    /// Take the most probable action instead of a sample.
    #[serde(default)]
    pub greedy: bool,
    /// Probability of a uniformly random legal move in place of the agents' own.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub explore: f64,
    /// Record the steps of the first so many episodes of each replica, to be looked at with `starling replay`.
    #[serde(default = "one")]
    pub trajectories: u32,
}

fn environment(_: &mut SchemaGenerator) -> Schema {
    entity_schema("environment")
}

fn agents(_: &mut SchemaGenerator) -> Schema {
    entities_schema("agent")
}

fn stage(_: &mut SchemaGenerator) -> Schema {
    entity_schema("stage")
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

fn is_false(value: &bool) -> bool {
    !value
}

fn one() -> u32 {
    1
}

/// Which replicas meet where several agents or seats do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pair {
    /// Replica r plays with replica r.
    #[default]
    Index,
    /// Every replica plays with every replica, in every order of the seats.
    Product,
}

impl Pair {
    /// Replica r plays with replica r.
    pub fn is_index(&self) -> bool {
        *self == Self::Index
    }
}

/// When an evaluation runs: `"end"`, or `{ every = 50 }` ticks (and at the end).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum EvaluateAt {
    /// A named moment.
    When(EvaluateWhen),
    /// Periodically, and at the end.
    Every {
        /// Ticks between evaluations.
        #[schemars(range(min = 1))]
        every: u64,
    },
}

/// A named moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvaluateWhen {
    /// After the last tick.
    End,
}

impl JsonSchema for EvaluateWhen {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EvaluateWhen".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "enum": ["end"] })
    }
}

impl Default for EvaluateAt {
    fn default() -> Self {
        Self::When(EvaluateWhen::End)
    }
}
