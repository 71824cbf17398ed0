//! The rollout: what collection fills and learning consumes, `[replicas, steps, lanes, seats, ...]`.

use crate::spaces::{ActionBuffer, EnvironmentShape, ObservationBuffer};
use bevy_ecs::prelude::*;

/// One replica's part. Row `(step, lane, seat)` has the index `(step * lanes + lane) * seats + seat`.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplicaRollout {
    /// Steps T.
    pub steps: usize,
    /// Lanes.
    pub lanes: usize,
    /// Seats, all of the environment's.
    pub seats: usize,
    /// Elements of one observation row.
    pub width: usize,
    /// Before each step, plus the last, as the policy saw them: `[steps + 1, lanes, seats, width]`.
    pub observations: ObservationBuffer,
    /// `[steps, lanes, seats, components]`.
    pub actions: ActionBuffer,
    /// `[steps, lanes, seats]`.
    pub log_probs: Vec<f32>,
    /// Value estimates of the observations, plus those of the last: `[steps + 1, lanes, seats]`.
    pub values: Vec<f32>,
    /// Task rewards, `[steps, lanes, seats]`: what learners are paid, normalised where their agent normalises.
    pub rewards: Vec<f32>,
    /// Task rewards as the environment gave them, `[steps, lanes, seats]`; empty where `rewards` are those.
    pub raw_rewards: Vec<f32>,
    /// Shaped rewards, `[steps, lanes, seats]`.
    pub shaped: Vec<f32>,
    /// The transition ended the episode by the rules, 0/1: `[steps, lanes]`.
    pub terminated: Vec<u8>,
    /// The transition was cut off, 0/1: `[steps, lanes]`.
    pub truncated: Vec<u8>,
    /// The seat acted in this step, 0/1: `[steps, lanes, seats]`; empty where every seat always acts.
    pub active: Vec<u8>,
    /// Who acted: the chair ([`crate::seating::ChangingSeats`]) in each row, `[steps, lanes, seats]`; empty where seats are fixed. It
    /// changes only where an episode ends.
    pub chairs: Vec<u16>,
    /// Legal moves before each step, 0/1: `[steps + 1, lanes, seats, moves]`; empty without masks.
    pub legal: Vec<u8>,
    /// Observations before auto-reset of transitions that ended an episode, `[steps, lanes, seats, width]`; `None` unless a learner asks.
    /// Rows of other transitions are unspecified.
    pub final_observations: Option<ObservationBuffer>,
    /// Recurrent state at the start of the rollout, `[lanes, seats, carry]`; empty for feed-forward policies.
    pub carry: Vec<f32>,
}

impl ReplicaRollout {
    /// A zeroed rollout for `shape`.
    pub fn zeros(shape: &EnvironmentShape, steps: usize, lanes: usize, carry: usize, final_observations: bool) -> Self {
        let seats = shape.seats.len();
        let width = shape.observation_width();
        let rows = steps * lanes * seats;
        let rows_and_last = (steps + 1) * lanes * seats;
        Self {
            steps,
            lanes,
            seats,
            width,
            observations: ObservationBuffer::zeros(shape, rows_and_last * width),
            actions: ActionBuffer::zeros(shape, rows * shape.action_components()),
            log_probs: vec![0.0; rows],
            values: vec![0.0; rows_and_last],
            rewards: vec![0.0; rows],
            raw_rewards: Vec::new(),
            shaped: vec![0.0; rows],
            terminated: vec![0; steps * lanes],
            truncated: vec![0; steps * lanes],
            active: if shape.turns { vec![0; rows] } else { Vec::new() },
            chairs: Vec::new(),
            legal: if shape.masks {
                vec![0; rows_and_last * shape.moves()]
            } else {
                Vec::new()
            },
            final_observations: final_observations.then(|| ObservationBuffer::zeros(shape, rows * width)),
            carry: vec![0.0; lanes * seats * carry],
        }
    }

    /// With room for chairs.
    #[must_use]
    pub fn with_chairs(mut self) -> Self {
        self.chairs = vec![0; self.rewards.len()];
        self
    }

    /// Bytes of [`ReplicaRollout::zeros`] with the same arguments, without allocating.
    pub fn bytes(
        shape: &EnvironmentShape,
        steps: usize,
        lanes: usize,
        carry: usize,
        final_observations: bool,
    ) -> usize {
        let seats = shape.seats.len();
        let rows = steps * lanes * seats;
        let element = if shape.float_observations() { 4 } else { 1 };
        let observations = (rows + lanes * seats) * shape.observation_width() * element;
        let legal = if shape.masks { rows * shape.moves() } else { 0 };
        observations * if final_observations { 2 } else { 1 }
            + rows * (4 * shape.action_components() + 16 + usize::from(shape.turns))
            + 2 * steps * lanes
            + legal
            + 4 * lanes * seats * carry
    }
}

/// The rollout of an environment, one part per replica: on the entity of `[environment.x]`. Derived: filled anew each tick.
#[derive(Component, Debug, Default)]
pub struct Rollout {
    /// `[replicas]`; empty before the first tick.
    pub replicas: Vec<ReplicaRollout>,
}
