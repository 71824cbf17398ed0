//! `rules.minatar_breakout`.

use crate::registry::KindSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bricks are knocked out of a wall with a ball, and come back when all are gone (MinAtar's Breakout; gymnax and the original have
/// the same rules).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BreakoutSettings {
    /// Steps until an episode is cut off; 0 for no limit, as in the original.
    pub max_steps: u32,
    /// How likely the move made last is made again instead of the one chosen; 0.1 in the original, 0 in gymnax. At the start of an episode
    /// no move counts as made, whatever ended the one before, so that each can be replayed alone.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sticky_actions: f64,
    /// All six moves of MinAtar (stay, left, up, right, down, fire) instead of those that matter here: stay, left and right.
    pub full_action_set: bool,
}

impl Default for BreakoutSettings {
    fn default() -> Self {
        Self {
            max_steps: 1000,
            sticky_actions: 0.0,
            full_action_set: false,
        }
    }
}

impl KindSettings for BreakoutSettings {
    const NAME: &'static str = "minatar_breakout";
    const EXAMPLE: &'static str = "rules.minatar_breakout = { sticky_actions = 0.1 }\nseats = [\"player\"]";
}
