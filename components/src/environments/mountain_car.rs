//! `rules.mountain_car`: MountainCar-v0 as in gymnax.

use crate::registry::KindSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A car in a valley, too weak to climb out without a run-up; three moves (gymnax MountainCar-v0).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MountainCarSettings {
    /// Steps until an episode is cut off.
    #[schemars(range(min = 1))]
    pub max_steps: u32,
}

impl Default for MountainCarSettings {
    fn default() -> Self {
        Self { max_steps: 200 }
    }
}

impl KindSettings for MountainCarSettings {
    const NAME: &'static str = "mountain_car";
    const EXAMPLE: &'static str = "rules.mountain_car = {}\nseats = [\"player\"]";
}
