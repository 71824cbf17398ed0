//! `flatten`: a grid becomes a vector.

use crate::registry::KindSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A grid becomes a vector, row by row, channels last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlattenSettings {}

impl KindSettings for FlattenSettings {
    const NAME: &'static str = "flatten";
    const EXAMPLE: &'static str = r#"layers = ["flatten", { dense = 32 }]"#;
}
