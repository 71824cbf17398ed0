//! `ignored_dense`: a fully connected layer whose output nobody reads.

use crate::registry::KindSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A fully connected layer of so many units that is held and not computed: what comes in goes on as it is. It stands for a layer that
/// the saved network had and did not use, such as the hidden layer of the policy in JaxMARL's feed-forward CNN: `{ ignored_dense = 64 }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct IgnoredDenseSettings {
    /// Outputs.
    #[schemars(range(min = 1))]
    pub units: usize,
}

impl KindSettings for IgnoredDenseSettings {
    const NAME: &'static str = "ignored_dense";
    const EXAMPLE: &'static str = r#"layers = ["flatten", { ignored_dense = 8 }, { dense = 32 }]"#;
}
