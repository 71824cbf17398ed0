//! `[buffer.x]`.

use super::evaluate::Pair;
use crate::registry::entity_schema;
use bevy_ecs::prelude::*;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// States of an environment that its players have visited, collected by playing apart from the training lanes, from the rules' own
/// start states. Whoever names it in `starts` begins episodes from them.
#[derive(Component, Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BufferSpec {
    /// The environment whose states are kept; its seats play.
    #[schemars(schema_with = "environment")]
    pub environment: String,
    /// Who plays while states are collected: each replica with itself, or every ordered pair of replicas.
    #[serde(default)]
    pub pair: Pair,
    /// Episodes per pairing.
    #[schemars(range(min = 1))]
    pub episodes: u32,
    /// Steps 0, n, 2n, ... of each episode are kept.
    #[serde(default = "ten")]
    #[schemars(range(min = 1))]
    pub every: u32,
    /// Who draws from it.
    #[serde(default)]
    pub scope: Scope,
    /// When it is filled anew; it is also filled before the first tick.
    #[serde(default)]
    pub refresh: Refresh,
}

/// Who shares a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Replica r draws from what replica r collected.
    #[default]
    Replica,
    /// Everyone draws from everything: replicas are no longer independent of each other.
    AllReplicas,
}

/// When a buffer is filled anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Refresh {
    /// `"rounds"`: at the start of every round of the stage.
    Named(RefreshNamed),
    /// Periodically.
    Every {
        /// Ticks between.
        #[schemars(range(min = 1))]
        every: u64,
    },
}

/// A named moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefreshNamed {
    /// The start of every round of the stage.
    Rounds,
}

impl Default for Refresh {
    fn default() -> Self {
        Self::Named(RefreshNamed::Rounds)
    }
}

fn ten() -> u32 {
    10
}

fn environment(_: &mut SchemaGenerator) -> Schema {
    entity_schema("environment")
}
