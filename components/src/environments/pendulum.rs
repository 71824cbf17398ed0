//! `rules.pendulum`: Pendulum-v1 as in gymnax.

use crate::registry::KindSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A pendulum to be swung up and held there by a torque in [-2, 2] (gymnax Pendulum-v1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PendulumSettings {
    /// Steps until an episode is cut off. It never ends otherwise.
    #[schemars(range(min = 1))]
    pub max_steps: u32,
}

impl Default for PendulumSettings {
    fn default() -> Self {
        Self { max_steps: 200 }
    }
}

impl KindSettings for PendulumSettings {
    const NAME: &'static str = "pendulum";
    const EXAMPLE: &'static str = "rules.pendulum = { max_steps = 100 }\nseats = [\"player\"]";
}
