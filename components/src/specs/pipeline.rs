//! The keys at the top of a pipeline file, before any table.

use super::SweepSpec;
use bevy_ecs::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The head of a pipeline file.
#[derive(Component, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipelineSpec {
    /// The run's folder under `runs/`, e.g. `overcooked_v2/ippo`.
    pub name: String,
    /// One sentence for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Everything random follows from it.
    #[serde(default)]
    pub seed: u64,
    /// When the one implicit stage ends; stages that are written out have ends of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
    /// Many runs from this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepSpec>,
}

/// The end of a stage: the first bound that the next whole tick would exceed. Per replica.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Until {
    /// Environment steps (lanes x steps; seats and replicas do not multiply it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env_steps: Option<u64>,
    /// Updates of the learner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updates: Option<u64>,
    /// Optimiser steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradient_steps: Option<u64>,
    /// Ticks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticks: Option<u64>,
    /// Passes over a dataset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u64>,
    /// A metric has been reached, wherever the clocks are: an end before the others, one of which is needed too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<MetricBound>,
}

/// A metric whose value ends a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricBound {
    /// E.g. `evaluate.selfplay.return_mean`: the mean over replicas of what was recorded in a tick.
    pub name: String,
    /// Ends the stage when the metric is at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// Ends the stage when the metric is at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
}
