//! `optimizer.adam` and its relatives: what happens to Adam's state when the objective changes.

use crate::quantity::Quantity;
use crate::registry::KindSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What of Adam's state is reset at the start of every update. The counter that schedules read never is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reset {
    /// Nothing: plain Adam.
    #[default]
    None,
    /// The counter of the bias correction: Adam-Rel (arXiv 2412.17113).
    Count,
    /// The counter and both moments: Adam-MR.
    All,
}

/// Adam (Kingma and Ba 2015) with clipping by the global norm of the gradient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdamSettings {
    /// Learning rate.
    pub rate: Quantity,
    /// Decay of the first moment.
    #[serde(default = "b1")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub b1: f64,
    /// Decay of the second moment.
    #[serde(default = "b2")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub b2: f64,
    /// Added to the root of the second moment.
    #[serde(default = "eps")]
    #[schemars(range(min = 0.0))]
    pub eps: f64,
    /// Gradients with a larger norm, over all parameters together, are scaled down to it; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub max_grad_norm: Option<f64>,
    /// What is reset at the start of every update.
    #[serde(default)]
    pub reset: Reset,
}

impl KindSettings for AdamSettings {
    const NAME: &'static str = "adam";
}

/// Adam with relative timesteps (arXiv 2412.17113): the counter of the bias correction restarts with every update, the moments stay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdamRelSettings {
    /// Learning rate.
    pub rate: Quantity,
    /// Decay of the first moment.
    #[serde(default = "b1")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub b1: f64,
    /// Decay of the second moment.
    #[serde(default = "b2")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub b2: f64,
    /// Added to the root of the second moment.
    #[serde(default = "eps")]
    #[schemars(range(min = 0.0))]
    pub eps: f64,
    /// Gradients with a larger norm, over all parameters together, are scaled down to it; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub max_grad_norm: Option<f64>,
}

impl KindSettings for AdamRelSettings {
    const NAME: &'static str = "adam_rel";
}

impl From<&AdamRelSettings> for AdamSettings {
    fn from(s: &AdamRelSettings) -> Self {
        Self {
            rate: s.rate.clone(),
            b1: s.b1,
            b2: s.b2,
            eps: s.eps,
            max_grad_norm: s.max_grad_norm,
            reset: Reset::Count,
        }
    }
}

/// Adam whose counter and moments are all reset with every update (Asadi et al. 2023, the baseline "Adam-MR").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdamMrSettings {
    /// Learning rate.
    pub rate: Quantity,
    /// Decay of the first moment.
    #[serde(default = "b1")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub b1: f64,
    /// Decay of the second moment.
    #[serde(default = "b2")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub b2: f64,
    /// Added to the root of the second moment.
    #[serde(default = "eps")]
    #[schemars(range(min = 0.0))]
    pub eps: f64,
    /// Gradients with a larger norm, over all parameters together, are scaled down to it; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub max_grad_norm: Option<f64>,
}

impl KindSettings for AdamMrSettings {
    const NAME: &'static str = "adam_mr";
}

impl From<&AdamMrSettings> for AdamSettings {
    fn from(s: &AdamMrSettings) -> Self {
        Self {
            rate: s.rate.clone(),
            b1: s.b1,
            b2: s.b2,
            eps: s.eps,
            max_grad_norm: s.max_grad_norm,
            reset: Reset::All,
        }
    }
}

/// Adam with one decay for both moments (the baseline of Dohare et al.): `b1 = b2 = b`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdamEqualBetasSettings {
    /// Learning rate.
    pub rate: Quantity,
    /// Decay of both moments.
    #[serde(default = "b1")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub b: f64,
    /// Added to the root of the second moment.
    #[serde(default = "eps")]
    #[schemars(range(min = 0.0))]
    pub eps: f64,
    /// Gradients with a larger norm, over all parameters together, are scaled down to it; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub max_grad_norm: Option<f64>,
}

impl KindSettings for AdamEqualBetasSettings {
    const NAME: &'static str = "adam_equal_betas";
}

impl From<&AdamEqualBetasSettings> for AdamSettings {
    fn from(s: &AdamEqualBetasSettings) -> Self {
        Self {
            rate: s.rate.clone(),
            b1: s.b,
            b2: s.b,
            eps: s.eps,
            max_grad_norm: s.max_grad_norm,
            reset: Reset::None,
        }
    }
}

fn b1() -> f64 {
    0.9
}
fn b2() -> f64 {
    0.999
}
fn eps() -> f64 {
    1e-5
}
