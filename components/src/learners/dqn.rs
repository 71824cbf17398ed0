//! `learner.dqn`: deep Q-learning with PureJaxRL's defaults.

use crate::registry::KindSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// DQN (Mnih et al. 2015): the values of moves are learnt from a replay buffer, towards targets that another, older copy of the network gives.
/// A tick is one rollout of `steps` in every lane and then `updates` optimiser steps. Needs a policy with a `q` head; say `explore` beside the
/// learner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DqnSettings {
    /// Steps of one rollout. With L lanes an optimiser step is made every `steps` x L / `updates` environment steps.
    #[schemars(range(min = 1))]
    pub steps: usize,
    /// Optimiser steps after each rollout, spread evenly over its environment steps where clocks of targets are concerned.
    #[schemars(range(min = 1))]
    pub updates: usize,
    /// Transitions per optimiser step, drawn uniformly with replacement.
    #[schemars(range(min = 1))]
    pub batch: usize,
    /// Transitions that the replay buffer holds, over all lanes; then the oldest go.
    #[schemars(range(min = 1))]
    pub replay: usize,
    /// Environment steps before the first optimiser step.
    pub learning_starts: u64,
    /// Discount.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub gamma: f64,
    /// The online network chooses the next move and the target network tells its value (van Hasselt et al. 2016).
    pub double: bool,
    /// What a difference costs.
    pub loss: TdLoss,
    /// How the target network follows.
    pub target: TargetSettings,
    /// A cut-off episode goes on in the value of its final observation; else a cut-off counts as an end, as in PureJaxRL.
    pub bootstrap_truncation: bool,
}

/// What a difference d between a value and its target costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TdLoss {
    /// d^2.
    #[default]
    Mse,
    /// d^2 / 2 up to 1, then |d| - 1/2.
    Huber,
}

/// How the target network follows the online network: `{ every = 500 }` copies it, `{ every = 1, tau = 0.02 }` draws it along (Polyak).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TargetSettings {
    /// Environment steps between two changes.
    #[schemars(range(min = 1))]
    pub every: u64,
    /// Part of the way that a change goes: target becomes tau x online + (1 - tau) x target.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub tau: f64,
    /// Environment steps between two resets of optimisers that reset, such as `adam_rel`. If absent they reset with every copy, and never
    /// where `tau` is below 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub reset_every: Option<u64>,
}

impl Default for TargetSettings {
    fn default() -> Self {
        Self {
            every: 500,
            tau: 1.0,
            reset_every: None,
        }
    }
}

impl Default for DqnSettings {
    fn default() -> Self {
        Self {
            steps: 1,
            updates: 1,
            batch: 128,
            replay: 10_000,
            learning_starts: 10_000,
            gamma: 0.99,
            double: false,
            loss: TdLoss::Mse,
            target: TargetSettings::default(),
            bootstrap_truncation: false,
        }
    }
}

impl KindSettings for DqnSettings {
    const NAME: &'static str = "dqn";
    const EXAMPLE: &'static str = r#"
name  = "example/dqn"
until = { env_steps = 2_000 }

[environment.pole]
rules.cart_pole = {}
lanes = 4
seats = ["balancer"]

[agent.balancer]
policy         = { init = "lecun_normal", heads = { q = [{ dense = 16 }] } }
explore        = { linear = { from = 1.0, to = 0.05, over = 1_000, clock = "env_steps" } }
learner.dqn    = { batch = 32, replay = 1_000, learning_starts = 500, target = { every = 100 } }
optimizer.adam = { rate = 2.5e-4, eps = 1e-8 }
"#;
}
