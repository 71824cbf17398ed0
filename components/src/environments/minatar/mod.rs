//! Settings of the MinAtar games, `rules.minatar_<game>` (Young and Tian 2019).

pub mod asterix;
pub mod breakout;
pub mod freeway;
pub mod seaquest;
pub mod space_invaders;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose rules, where the two differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// As in gymnax 1.0.1.
    Gymnax,
    /// As in MinAtar 1.0.15.
    Original,
}
