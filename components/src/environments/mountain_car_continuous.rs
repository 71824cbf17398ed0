//! `rules.mountain_car_continuous`: MountainCarContinuous-v0 as in gymnax, or with the wall of Gymnasium.

use crate::registry::KindSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A car in a valley, too weak to climb out without a run-up; one force in [-1, 1] (gymnax MountainCarContinuous-v0).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MountainCarContinuousSettings {
    /// Steps until an episode is cut off.
    #[schemars(range(min = 1))]
    pub max_steps: u32,
    /// What stops the car.
    pub wall: Wall,
}

/// What stops the car.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wall {
    /// The left end does not: the car stays there and keeps its speed to the left. A car that rolls back beyond the goal stops.
    #[default]
    Gymnax,
    /// The left end does, as in MountainCar-v0.
    Gymnasium,
}

impl Default for MountainCarContinuousSettings {
    fn default() -> Self {
        Self {
            max_steps: 999,
            wall: Wall::default(),
        }
    }
}

impl KindSettings for MountainCarContinuousSettings {
    const NAME: &'static str = "mountain_car_continuous";
    const EXAMPLE: &'static str = "rules.mountain_car_continuous = { wall = \"gymnasium\" }\nseats = [\"player\"]";
}
