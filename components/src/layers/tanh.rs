//! `tanh`: the hyperbolic tangent.

use crate::registry::KindSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Hyperbolic tangent, element by element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TanhSettings {}

impl KindSettings for TanhSettings {
    const NAME: &'static str = "tanh";
    const EXAMPLE: &'static str =
        r#"layers = ["flatten", { dense = { units = 32, activation = "none" } }, "layer_norm", "tanh"]"#;
}
