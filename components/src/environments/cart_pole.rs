//! `rules.cart_pole`: CartPole-v1 as in gymnax.

use crate::registry::KindSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A pole on a cart, pushed left or right (gymnax CartPole-v1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CartPoleSettings {
    /// Steps until an episode is cut off.
    #[schemars(range(min = 1))]
    pub max_steps: u32,
}

impl Default for CartPoleSettings {
    fn default() -> Self {
        Self { max_steps: 500 }
    }
}

impl KindSettings for CartPoleSettings {
    const NAME: &'static str = "cart_pole";
    const EXAMPLE: &'static str = "rules.cart_pole = { max_steps = 200 }\nseats = [\"player\"]";
}
