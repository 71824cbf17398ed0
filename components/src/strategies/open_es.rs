//! `strategy.open_es`: evolution strategies as OpenAI used them.

use crate::quantity::Quantity;
use crate::registry::KindSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Evolution strategies (Salimans et al. 2017): members lie around the parameters in normal noise and in its mirror image, and the step goes along
/// the noise, weighted by the ranks of their scores. Equal scores share their ranks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OpenEsSettings {
    /// Members of a generation; an even number.
    #[schemars(range(min = 2))]
    pub population: usize,
    /// Standard deviation of the noise.
    pub sigma: Quantity,
    /// Pull of the parameters towards zero: this much of them is added to the gradient.
    pub weight_decay: f64,
}

impl Default for OpenEsSettings {
    fn default() -> Self {
        Self {
            population: 64,
            sigma: Quantity::Constant(0.05),
            weight_decay: 0.0,
        }
    }
}

impl KindSettings for OpenEsSettings {
    const NAME: &'static str = "open_es";
    const EXAMPLE: &'static str = "strategy.open_es = { population = 16, sigma = 0.1 }";
}
