//! `rules.overcooked_v1`: the older Overcooked of JaxMARL, onion soups in five classic kitchens.

use super::overcooked_v2::KitchenChoice;
use crate::registry::KindSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Two cooks share a kitchen: they fill pots with three onions, plate the soup and deliver it (JaxMARL's Overcooked, after
/// Overcooked-AI). Start directions are always random.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OvercookedV1Settings {
    /// The kitchen: `cramped_room`, `asymm_advantages`, `coord_ring`, `forced_coord` or `counter_circuit`; or one of your own, for two
    /// cooks and with one ingredient, as text with line breaks or as a table `{ file = "my.txt" }`.
    pub layout: KitchenChoice,
    /// Steps until an episode is cut off.
    #[schemars(range(min = 1))]
    pub max_steps: u32,
    /// Start from random positions anywhere, random hands and random pots.
    pub random_reset: bool,
    /// Whether taking a plate earns a shaped reward: `"legacy"` (never, as in the code behind published results) or `"fixed"` (when a
    /// plate is needed, as in JaxMARL 0.2.0).
    pub plate_shaping: PlateShaping,
    /// What the cooks see: `"v1"` (26 channels), `"v2"` (the default observation of `overcooked_v2`, 30 channels) or `"featurized"`.
    pub observation: Seen,
}

impl Default for OvercookedV1Settings {
    fn default() -> Self {
        Self {
            layout: KitchenChoice::Name("cramped_room".into()),
            max_steps: 400,
            random_reset: false,
            plate_shaping: PlateShaping::Legacy,
            observation: Seen::V1,
        }
    }
}

impl KindSettings for OvercookedV1Settings {
    const NAME: &'static str = "overcooked_v1";
    const EXAMPLE: &'static str = "rules.overcooked_v1 = { layout = \"coord_ring\" }\nseats = [\"player\", \"player\"]";
}

/// Whether taking a plate earns a shaped reward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlateShaping {
    /// Never: the code behind published results compares with the wrong number.
    Legacy,
    /// When no plate lies about and fewer cooks hold one than pots have something in them.
    Fixed,
}

/// What both cooks see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// 26 channels, of which one says that time runs out.
    V1,
    /// The default observation of `overcooked_v2`: 30 channels.
    V2,
    /// Distances to what matters, as in Overcooked-AI.
    Featurized,
}
