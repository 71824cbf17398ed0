//! A network, described once: a trunk, a head for the policy and one for the value, each a list of layers, over one flat buffer of parameters.
//!
//! The description has two implementations with one meaning: `graph` (Candle; any layer; the reference) and `plan` (kernels over
//! slices; the layers that come with the crate). `rows` acts, [`pass`] learns, both by the same [`kernels`].

pub mod candle_op;
mod cells;
mod chain;
pub mod conv;
pub mod dense;
mod describe;
mod graph;
pub mod graph_sequence;
pub mod gru;
pub mod ignored_dense;
pub mod init;
mod input;
pub mod kernels;
pub mod layer;
pub mod layer_norm;
pub mod lstm;
mod memory;
mod names;
pub mod parts;
pub mod pass;
pub mod plain;
mod plan;
mod program;
mod rows;
pub mod sequence_op;

pub use describe::{Head, Network, Stage};
pub(crate) use starling_components::quantity::field_key;

use starling_components::random::Key;
use starling_components::ranks::Ranks;
use std::sync::Arc;

/// What the builders of optimisers and learners know about their agent.
#[derive(Clone)]
pub struct AgentContext {
    /// Its network.
    pub network: Arc<Network>,
    /// Key of (run seed, agent).
    pub key: Key,
    /// Number of its first replica.
    pub first_replica: u32,
    /// How many replicas it has.
    pub replicas: u32,
    /// Rows per step of one replica: lanes x own seats, over all its environments; the most where they vary.
    pub rows_per_step: usize,
    /// Some of its environments write masks of legal moves.
    pub masks: bool,
    /// Who sits in its seats changes from episode to episode: by rotation or by draws.
    pub seats_change: bool,
    /// How many of these rows are the agent's differs from rollout to rollout: some of its seats can be idle, or are drawn.
    pub rows_vary: bool,
    /// The pipeline records numbers about every optimiser step.
    pub diagnostics: bool,
    /// Lanes of each environment that it sits in.
    pub lanes: Vec<usize>,
    /// The processes that share the run.
    pub ranks: Ranks,
}
