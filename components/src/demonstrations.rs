//! What others did: pairs of observation and action for agents that imitate.

use crate::spaces::{ActionBuffer, ObservationBuffer, SeatShape};
use bevy_ecs::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// The steps of a dataset: on the entity of `[dataset.x]`. Derived: simulated again from the recorded actions when a pipeline is loaded.
#[derive(Component, Debug, Clone)]
pub struct Demonstrations(pub Arc<DemonstratedSteps>);

/// Steps of whole episodes. A row is one seat's decision.
#[derive(Debug, Clone, PartialEq)]
pub struct DemonstratedSteps {
    /// What the imitated seats look like; all look alike.
    pub seat: SeatShape,
    /// `[rows, width]`.
    pub observations: ObservationBuffer,
    /// `[rows, components]`.
    pub actions: ActionBuffer,
    /// Legal moves 0/1, `[rows, moves]`; empty where every move is always legal.
    pub legal: Vec<u8>,
    /// The rows of each episode, one behind the other.
    pub episodes: Vec<Range<usize>>,
}

impl DemonstratedSteps {
    /// No steps yet of a seat of this shape.
    pub fn empty(seat: &SeatShape) -> Self {
        let shape = crate::spaces::EnvironmentShape {
            seats: vec![seat.clone()],
            state_words: 0,
            max_steps: None,
            global_len: 0,
            masks: false,
            turns: false,
            events: Vec::new(),
        };
        Self {
            seat: seat.clone(),
            observations: ObservationBuffer::zeros(&shape, 0),
            actions: ActionBuffer::zeros(&shape, 0),
            legal: Vec::new(),
            episodes: Vec::new(),
        }
    }
    /// Decisions.
    pub fn rows(&self) -> usize {
        self.episodes.last().map_or(0, |last| last.end)
    }
    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let observation = match &self.observations {
            ObservationBuffer::Bytes(bytes) => bytes.len(),
            ObservationBuffer::Floats(floats) => 4 * floats.len(),
        };
        let actions = match &self.actions {
            ActionBuffer::Discrete(actions) => actions.len(),
            ActionBuffer::Continuous(actions) => actions.len(),
        };
        observation + 4 * actions + self.legal.len()
    }
}
