//! `learner.ppo`: proximal policy optimisation with PureJaxRL's defaults.

use crate::quantity::Quantity;
use crate::registry::KindSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What computes the minibatches of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PpoDevice {
    /// The processor, by the kernels over slices.
    #[default]
    Cpu,
    /// The processor, by the graph that a CUDA device would compute: slower, to compare with.
    Candle,
    /// The first CUDA device, in a build with `--features cuda`; without one the run does not start. Not for networks with a memory, nor
    /// for actions that are vectors.
    Cuda,
}

/// PPO with a clipped objective (Schulman et al. 2017), as in PureJaxRL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PpoSettings {
    /// Steps of one rollout.
    #[schemars(range(min = 1))]
    pub steps: usize,
    /// Passes over a rollout.
    #[schemars(range(min = 1))]
    pub epochs: usize,
    /// Optimiser steps per pass; must divide steps x lanes x own seats.
    #[schemars(range(min = 1))]
    pub minibatches: usize,
    /// Discount.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub gamma: f64,
    /// Lambda of generalised advantage estimation.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub gae_lambda: f64,
    /// Width of the clip of the probability ratio, and of the value's change if `clip_value`.
    #[schemars(range(min = 0.0))]
    pub clip: f64,
    /// Weight of the entropy bonus.
    pub entropy: Quantity,
    /// Weight of the value loss.
    pub value_weight: f64,
    /// Advantages to mean 0 and standard deviation 1 within each minibatch.
    pub normalize_advantage: bool,
    /// The value may not move further than `clip` from the rollout's without cost.
    pub clip_value: bool,
    /// A cut-off episode continues in the value of its final observation; else a cut-off counts as an end, as in PureJaxRL.
    pub bootstrap_truncation: bool,
    /// Where `[record]` asks for `diagnostics`: also histograms of every tensor's gradient and update, per optimiser step. They are many
    /// rows: 66 per tensor and step.
    pub histograms: bool,
    /// What computes the minibatches.
    pub device: PpoDevice,
    /// Equal parts that the lanes of the agent's environments are cut into, which as many processes can share out. Samples are shuffled
    /// within each, and gradients are added over them in one fixed order, so the numbers depend on `shards` and never on how many
    /// processes there are.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "is_one")]
    pub shards: usize,
}

fn is_one(shards: &usize) -> bool {
    *shards == 1
}

impl Default for PpoSettings {
    fn default() -> Self {
        Self {
            steps: 128,
            epochs: 4,
            minibatches: 4,
            gamma: 0.99,
            gae_lambda: 0.95,
            clip: 0.2,
            entropy: Quantity::Constant(0.01),
            value_weight: 0.5,
            normalize_advantage: true,
            clip_value: true,
            bootstrap_truncation: false,
            histograms: false,
            device: PpoDevice::Cpu,
            shards: 1,
        }
    }
}

impl KindSettings for PpoSettings {
    const NAME: &'static str = "ppo";
    const EXAMPLE: &'static str = "learner.ppo = { steps = 32, epochs = 2, minibatches = 4, entropy = 0.01 }";
}
