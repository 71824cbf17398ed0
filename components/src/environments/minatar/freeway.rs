//! `rules.minatar_freeway`.

use super::Variant;
use crate::registry::KindSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A chicken crosses a road of eight lanes, again and again (MinAtar's Freeway).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FreewaySettings {
    /// Steps until an episode is cut off; 0 for no limit.
    pub max_steps: u32,
    /// Whether the game ends by itself: `"gymnax"` never, `"original"` terminates in step 2501 (set `max_steps = 0` for that one alone).
    pub variant: Variant,
    /// How likely the move made last is made again instead of the one chosen; 0.1 in the original, 0 in gymnax. At the start of an episode
    /// no move counts as made, whatever ended the one before, so that each can be replayed alone.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sticky_actions: f64,
    /// All six moves of MinAtar (stay, left, up, right, down, fire) instead of those that matter here: stay, up and down.
    pub full_action_set: bool,
}

impl Default for FreewaySettings {
    fn default() -> Self {
        Self {
            max_steps: 2500,
            variant: Variant::Gymnax,
            sticky_actions: 0.0,
            full_action_set: false,
        }
    }
}

impl KindSettings for FreewaySettings {
    const NAME: &'static str = "minatar_freeway";
    const EXAMPLE: &'static str = "rules.minatar_freeway = { max_steps = 500 }\nseats = [\"player\"]";
}
