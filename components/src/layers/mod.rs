//! Settings of the network layers, one file each, named as in `layers = [{ <name> = ... }]`.

pub mod conv;
pub mod dense;
pub mod flatten;
pub mod gru;
pub mod ignored_dense;
pub mod layer_norm;
pub mod lstm;
pub mod relu;
pub mod tanh;
mod units;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What follows a dense or conv layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// Hyperbolic tangent.
    Tanh,
    /// Nothing.
    #[default]
    None,
}

impl Activation {
    /// The activation called `name` in a pipeline file.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "relu" => Some(Self::Relu),
            "tanh" => Some(Self::Tanh),
            "none" => Some(Self::None),
            _ => None,
        }
    }
}

/// Gain of the orthogonal initialisation of hidden layers: sqrt 2.
fn hidden_gain() -> f64 {
    std::f64::consts::SQRT_2
}
