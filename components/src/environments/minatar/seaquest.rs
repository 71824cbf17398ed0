//! `rules.minatar_seaquest`.

use super::Variant;
use crate::registry::KindSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A submarine rescues divers, shoots fish and other submarines, and must come up for air (MinAtar's Seaquest).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SeaquestSettings {
    /// Steps until an episode is cut off; 0 for no limit, as in the original.
    pub max_steps: u32,
    /// `"original"` is what published scores are about. `"gymnax"` takes whole lists at a time where the original goes from one fish,
    /// submarine or bullet to the next, which differs in rare steps.
    pub variant: Variant,
    /// How likely the move made last is made again instead of the one chosen; 0.1 in the original, 0 in gymnax. At the start of an episode
    /// no move counts as made, whatever ended the one before, so that each can be replayed alone.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sticky_actions: f64,
    /// The game becomes harder with time.
    pub difficulty_ramping: bool,
}

impl Default for SeaquestSettings {
    fn default() -> Self {
        Self {
            max_steps: 1000,
            variant: Variant::Original,
            sticky_actions: 0.0,
            difficulty_ramping: true,
        }
    }
}

impl KindSettings for SeaquestSettings {
    const NAME: &'static str = "minatar_seaquest";
    const EXAMPLE: &'static str = "rules.minatar_seaquest = { variant = \"gymnax\" }\nseats = [\"player\"]";
}
