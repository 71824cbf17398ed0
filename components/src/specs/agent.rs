//! `[agent.x]`.

use super::from::FromSpec;
use crate::quantity::Quantity;
use crate::registry::{Choice, choice_schema, choices_schema};
use bevy_ecs::prelude::*;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// An entity that acts, and learns if it has a learner.
#[derive(Component, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentSpec {
    /// Independent copies of the agent and its training.
    #[serde(default)]
    pub replicas: ReplicasSpec,
    /// A network that acts. Exactly one of `policy` and `script` is given; an agent that takes its parameters `from` another agent
    /// has that agent's policy unless it names its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicySpec>,
    /// A script that acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "script")]
    pub script: Option<Choice>,
    /// Where its parameters come from; drawn afresh if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<FromSpec>,
    /// How the network learns; an agent without a learner is frozen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "learner")]
    pub learner: Option<Choice>,
    /// How gradients become steps; needed with a learner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "optimizer")]
    pub optimizer: Option<Choice>,
    /// What the learner is paid.
    #[serde(default)]
    pub reward: RewardSpec,
    /// While it trains: the probability of a uniformly random legal move in place of the policy's own, evaluated once per tick. For discrete
    /// moves; usually falling, e.g. `{ linear = { from = 1.0, to = 0.05, over = 250_000, clock = "env_steps" } }`. 0 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explore: Option<Quantity>,
    /// Running normalisation of what the agent sees and is paid; as they are if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalize: Option<NormalizeSpec>,
}

impl AgentSpec {
    /// The dataset that its learner learns from, by name: what the learner's settings call `dataset`.
    pub fn dataset(&self) -> Option<&str> {
        self.learner.as_ref()?.settings.get("dataset")?.as_str()
    }
}

fn script(_: &mut SchemaGenerator) -> Schema {
    choice_schema("script")
}
fn learner(_: &mut SchemaGenerator) -> Schema {
    choice_schema("learner")
}
fn optimizer(_: &mut SchemaGenerator) -> Schema {
    choice_schema("optimizer")
}
fn layers(_: &mut SchemaGenerator) -> Schema {
    choices_schema("layer")
}

/// How many replicas, and which: `4`, or `{ first = 3, count = 1 }` for replica 3 alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ReplicasSpec {
    /// Replicas 0 to n - 1.
    Count(#[schemars(range(min = 1, max = 65_536))] u32),
    /// A part of them: the bits are those the replicas would have among all others.
    Range {
        /// Number of the first.
        first: u32,
        /// How many.
        count: u32,
    },
}

impl Default for ReplicasSpec {
    fn default() -> Self {
        Self::Count(1)
    }
}

impl ReplicasSpec {
    /// Number of the first replica.
    pub fn first(self) -> u32 {
        match self {
            Self::Count(_) => 0,
            Self::Range { first, .. } => first,
        }
    }
    /// How many.
    pub fn count(self) -> u32 {
        match self {
            Self::Count(count) | Self::Range { count, .. } => count,
        }
    }
}

/// A network as a list of layers: a shared trunk, then a head for the actor and one for the critic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicySpec {
    /// The trunk that both heads share; may be empty, then the heads share nothing.
    #[serde(default)]
    #[schemars(schema_with = "layers")]
    pub layers: Vec<Choice>,
    /// What follows the trunk.
    #[serde(default)]
    pub heads: HeadsSpec,
    /// How the weights of dense and conv layers start.
    #[serde(default)]
    pub init: WeightInit,
    /// Applied after every dense and conv layer that does not name its own.
    #[serde(default = "relu")]
    #[schemars(schema_with = "activation")]
    pub activation: String,
}

/// How weights start; biases start at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WeightInit {
    /// A random orthogonal matrix times the layer's gain.
    #[default]
    Orthogonal,
    /// Independent normals, cut off at two standard deviations, with variance 1 / inputs (flax's default). Gains play no part.
    LecunNormal,
}

fn relu() -> String {
    "relu".into()
}

fn activation(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({ "type": "string", "enum": ["relu", "tanh", "none"] })
}

/// Hidden layers of the heads; the output layers (one logit per move or one mean per component; one value) are added by themselves. With `q`
/// there is one head instead of two: the value of every move, by which the agent acts greedily.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HeadsSpec {
    /// Hidden layers of the policy head.
    #[schemars(schema_with = "layers")]
    pub actor: Vec<Choice>,
    /// Hidden layers of the value head.
    #[schemars(schema_with = "layers")]
    pub critic: Vec<Choice>,
    /// Hidden layers of the action-value head, for learners such as `dqn`; in place of `actor` and `critic`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "layers")]
    pub q: Option<Vec<Choice>>,
    /// Gain of the orthogonal initialisation of the policy's output layer; small, so that training starts near the uniform policy.
    pub actor_gain: f64,
    /// Gain of the orthogonal initialisation of the value's output layer, and of the action-values'.
    pub critic_gain: f64,
}

impl Default for HeadsSpec {
    fn default() -> Self {
        Self {
            actor: Vec::new(),
            critic: Vec::new(),
            q: None,
            actor_gain: 0.01,
            critic_gain: 1.0,
        }
    }
}

/// What the learner is paid: `task` x task reward + `shaped` x shaped reward, both evaluated once per update.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RewardSpec {
    /// Factor of the task reward.
    #[serde(default = "one")]
    pub task: Quantity,
    /// Factor of the shaped reward, usually falling to 0.
    #[serde(default = "zero")]
    pub shaped: Quantity,
}

fn one() -> Quantity {
    Quantity::Constant(1.0)
}
fn zero() -> Quantity {
    Quantity::Constant(0.0)
}

impl Default for RewardSpec {
    fn default() -> Self {
        Self {
            task: one(),
            shaped: zero(),
        }
    }
}

/// Running normalisation, as the usual wrappers of continuous control do it. Statistics belong to the replica, are counted while the agent
/// learns and stand still in evaluations; episodes, metrics and trajectories keep the environment's own rewards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NormalizeSpec {
    /// Observations lose their running mean and are divided by their running standard deviation, element by element.
    pub observations: bool,
    /// Rewards are divided by the running standard deviation of the discounted return; their mean stays.
    pub rewards: bool,
    /// Discount of that return, usually the learner's.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub gamma: f64,
}

impl Default for NormalizeSpec {
    fn default() -> Self {
        Self {
            observations: false,
            rewards: false,
            gamma: 0.99,
        }
    }
}
