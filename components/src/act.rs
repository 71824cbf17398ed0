//! The contract of a policy: observations in, actions out. A policy holds no parameters and no state of its own; both are passed.

use crate::fault::Fault;
use crate::program::Program;
use crate::random::Key;
use crate::spaces::{ActionsMut, Observations};
use bevy_ecs::prelude::*;
use std::sync::Arc;

/// A batch of rows (one row per lane and seat) of one replica, at one time step.
#[derive(Debug, Clone, Copy)]
pub struct ActInput<'a> {
    /// `[rows, width]`.
    pub observations: Observations<'a>,
    /// Legal moves 0/1, `[rows, moves]`; `None` where every move is always legal.
    pub legal: Option<&'a [u8]>,
    /// Recurrent state, `[rows, carry]`; empty for feed-forward policies.
    pub carry: &'a [f32],
    /// Who draws: the row number `lane * seats + seat` of every row. Rows may come in any grouping without changing a bit.
    pub ids: &'a [u32],
    /// The time that draws are counted by: it never repeats for a (key, id).
    pub time: u32,
    /// Key of (agent, replica, [`crate::random::Purpose::Act`]).
    pub key: Key,
    /// Take the most probable action instead of a sample.
    pub greedy: bool,
    /// Probability that a row does a uniformly random legal move instead of the policy's own; 0 where the policy is followed. Read by
    /// networks with discrete moves.
    pub explore: f32,
}

/// Where a policy writes. All `[rows, ...]`.
#[derive(Debug)]
pub struct ActOutput<'a> {
    /// `[rows, components]`.
    pub actions: ActionsMut<'a>,
    /// Log-probability of each action, exploration included, `[rows]`.
    pub log_probs: &'a mut [f32],
    /// Value estimates, `[rows]`; zero for policies without a critic.
    pub values: &'a mut [f32],
    /// Next recurrent state, `[rows, carry]`.
    pub carry: &'a mut [f32],
}

/// A policy. Plain function of its arguments, callable without a world and from several threads.
pub trait Act: Send + Sync {
    /// Floats of recurrent state per row.
    fn carry_len(&self) -> usize {
        0
    }
    /// Acts for a batch of rows; `parameters` are one replica's, `[n]` (empty for scripts). Calls with the same rows split differently
    /// give the same bits.
    ///
    /// # Errors
    /// Rows that do not fit the policy, or outputs that are not finite.
    fn act(&self, parameters: &[f32], input: &ActInput<'_>, output: &mut ActOutput<'_>) -> Result<(), Fault>;
    /// Value estimates only (bootstrap of a rollout), `[rows]`.
    ///
    /// # Errors
    /// As [`Act::act`].
    fn values(&self, parameters: &[f32], input: &ActInput<'_>, values: &mut [f32]) -> Result<(), Fault>;
    /// Probabilities of all moves, `[rows, moves]`, for people who look; `None` where there is no such thing.
    ///
    /// # Errors
    /// As [`Act::act`].
    fn probabilities(&self, _parameters: &[f32], _input: &ActInput<'_>) -> Result<Option<Vec<f32>>, Fault> {
        Ok(None)
    }
    /// The same policy as operations that a device can do, without exploration and masks; `None` where there is no such thing.
    fn program(&self) -> Option<Program> {
        None
    }
}

/// The policy of an agent: on the entity of `[agent.x]`.
#[derive(Component, Clone)]
pub struct Policy(pub Arc<dyn Act>);
