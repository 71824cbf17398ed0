//! `relu`: max(x, 0).

use crate::registry::KindSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// max(x, 0), element by element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReluSettings {}

impl KindSettings for ReluSettings {
    const NAME: &'static str = "relu";
    const EXAMPLE: &'static str =
        r#"layers = ["flatten", { dense = { units = 32, activation = "none" } }, "layer_norm", "relu"]"#;
}
