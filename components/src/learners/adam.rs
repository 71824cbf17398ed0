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
    const EXAMPLE: &'static str =
        "optimizer.adam = { rate = { linear = { from = 1e-3, to = 0.0 } }, max_grad_norm = 0.5 }";
}

/// A kind that is [`AdamSettings`] with the reset fixed: its settings, given the decays that a pipeline chooses, and what they come to.
macro_rules! adam_kind {
    (
        $(#[$about:meta])*
        $settings:ident = $name:literal, reset $reset:ident, betas $b1:ident $b2:ident,
        { $($decays:tt)* }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $settings {
            /// Learning rate.
            pub rate: Quantity,
            $($decays)*
            /// Added to the root of the second moment.
            #[serde(default = "eps")]
            #[schemars(range(min = 0.0))]
            pub eps: f64,
            /// Gradients with a larger norm, over all parameters together, are scaled down to it; absent: never.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = 0.0))]
            pub max_grad_norm: Option<f64>,
        }

        impl KindSettings for $settings {
            const NAME: &'static str = $name;
            const EXAMPLE: &'static str = concat!("optimizer.", $name, " = { rate = 1e-3, max_grad_norm = 0.5 }");
        }

        impl From<&$settings> for AdamSettings {
            fn from(s: &$settings) -> Self {
                Self {
                    rate: s.rate.clone(),
                    b1: s.$b1,
                    b2: s.$b2,
                    eps: s.eps,
                    max_grad_norm: s.max_grad_norm,
                    reset: Reset::$reset,
                }
            }
        }
    };
}

adam_kind! {
    /// Adam with relative timesteps (arXiv 2412.17113): the counter of the bias correction restarts with every update, the moments stay.
    AdamRelSettings = "adam_rel", reset Count, betas b1 b2,
    {
        /// Decay of the first moment.
        #[serde(default = "b1")]
        #[schemars(range(min = 0.0, max = 1.0))]
        pub b1: f64,
        /// Decay of the second moment.
        #[serde(default = "b2")]
        #[schemars(range(min = 0.0, max = 1.0))]
        pub b2: f64,
    }
}

adam_kind! {
    /// Adam whose counter and moments are all reset with every update (Asadi et al. 2023, the baseline "Adam-MR").
    AdamMrSettings = "adam_mr", reset All, betas b1 b2,
    {
        /// Decay of the first moment.
        #[serde(default = "b1")]
        #[schemars(range(min = 0.0, max = 1.0))]
        pub b1: f64,
        /// Decay of the second moment.
        #[serde(default = "b2")]
        #[schemars(range(min = 0.0, max = 1.0))]
        pub b2: f64,
    }
}

adam_kind! {
    /// Adam with one decay for both moments (the baseline of Dohare et al.): `b1 = b2 = b`.
    AdamEqualBetasSettings = "adam_equal_betas", reset None, betas b b,
    {
        /// Decay of both moments.
        #[serde(default = "b1")]
        #[schemars(range(min = 0.0, max = 1.0))]
        pub b: f64,
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
