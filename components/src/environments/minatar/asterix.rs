//! `rules.minatar_asterix`.

use super::Variant;
use crate::registry::KindSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Gold is collected and enemies are avoided, both of which cross the board in eight rows (MinAtar's Asterix).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AsterixSettings {
    /// Steps until an episode is cut off; 0 for no limit, as in the original.
    pub max_steps: u32,
    /// How a free row is found for what enters. `"gymnax"` leaves one row of eight out at random, so that with at most one free row what
    /// was in another may vanish; `"original"` draws among the free rows.
    pub variant: Variant,
    /// How likely the move made last is made again instead of the one chosen; 0.1 in the original, 0 in gymnax. At the start of an episode
    /// no move counts as made, whatever ended the one before, so that each can be replayed alone.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sticky_actions: f64,
    /// The game becomes harder with time.
    pub difficulty_ramping: bool,
    /// All six moves of MinAtar (stay, left, up, right, down, fire) instead of those that matter here: stay, left, up, right and down.
    pub full_action_set: bool,
}

impl Default for AsterixSettings {
    fn default() -> Self {
        Self {
            max_steps: 1000,
            variant: Variant::Gymnax,
            sticky_actions: 0.0,
            difficulty_ramping: true,
            full_action_set: false,
        }
    }
}

impl KindSettings for AsterixSettings {
    const NAME: &'static str = "minatar_asterix";
    const EXAMPLE: &'static str = "rules.minatar_asterix = { variant = \"original\" }\nseats = [\"player\"]";
}
