//! `rules.acrobot`: Acrobot-v1 as in gymnax.

use crate::registry::KindSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Two hanging links with a motor between them, to be swung above a bar (gymnax Acrobot-v1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AcrobotSettings {
    /// Steps until an episode is cut off.
    #[schemars(range(min = 1))]
    pub max_steps: u32,
}

impl Default for AcrobotSettings {
    fn default() -> Self {
        Self { max_steps: 500 }
    }
}

impl KindSettings for AcrobotSettings {
    const NAME: &'static str = "acrobot";
    const EXAMPLE: &'static str = "rules.acrobot = { max_steps = 200 }\nseats = [\"player\"]";
}
