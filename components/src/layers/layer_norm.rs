//! `layer_norm`: every row to mean 0 and variance 1, then a learned scale and bias.

use crate::registry::KindSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Layer normalisation over the last axis, with a learned scale (from 1) and bias (from 0).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LayerNormSettings {
    /// Added to the variance.
    #[schemars(range(min = 0.0))]
    pub eps: f64,
}

impl Default for LayerNormSettings {
    fn default() -> Self {
        Self { eps: 1e-6 }
    }
}

impl KindSettings for LayerNormSettings {
    const NAME: &'static str = "layer_norm";
    const EXAMPLE: &'static str = r#"layers = ["flatten", { dense = 32 }, "layer_norm"]"#;
}
