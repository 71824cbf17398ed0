//! `rules.minatar_space_invaders`.

use crate::registry::KindSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Aliens come down in a block, shoot, and are shot at; the next wave is faster (MinAtar's Space Invaders; gymnax and the original
/// have the same rules).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpaceInvadersSettings {
    /// Steps until an episode is cut off; 0 for no limit, as in the original.
    pub max_steps: u32,
    /// How likely the move made last is made again instead of the one chosen; 0.1 in the original, 0 in gymnax. At the start of an episode
    /// no move counts as made, whatever ended the one before, so that each can be replayed alone.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sticky_actions: f64,
    /// The game becomes harder with time.
    pub difficulty_ramping: bool,
    /// All six moves of MinAtar (stay, left, up, right, down, fire) instead of those that matter here: stay, left, right and fire.
    pub full_action_set: bool,
}

impl Default for SpaceInvadersSettings {
    fn default() -> Self {
        Self {
            max_steps: 1000,
            sticky_actions: 0.0,
            difficulty_ramping: true,
            full_action_set: false,
        }
    }
}

impl KindSettings for SpaceInvadersSettings {
    const NAME: &'static str = "minatar_space_invaders";
    const EXAMPLE: &'static str = "rules.minatar_space_invaders = { difficulty_ramping = false }\nseats = [\"player\"]";
}
