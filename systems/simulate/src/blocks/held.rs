//! What is saved of some lanes of one replica, apart from the block that steps them: so that lanes can be put together and taken apart.

use super::ReplicaLanes;
use starling_components::fault::Fault;
use starling_components::ranks::{Reader, Writer};
use std::ops::Range;

/// Numbers of the rows of each list, per lane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Widths {
    pub(super) words: usize,
    pub(super) seats: usize,
    pub(super) carry: usize,
    pub(super) chairs: usize,
}

/// Everything that is saved of some lanes, in lane order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Held {
    /// `[lanes, words]`.
    pub(super) states: Vec<u32>,
    /// `[lanes]`.
    pub(super) episodes: Vec<u32>,
    /// `[lanes]`.
    pub(super) steps: Vec<u32>,
    /// `[lanes]`.
    pub(super) last_returns: Vec<f32>,
    /// `[lanes, seats]`.
    pub(super) returns: Vec<f32>,
    /// `[lanes, seats]`.
    pub(super) shaped_returns: Vec<f32>,
    /// `[lanes, seats, carry]`.
    pub(super) carry: Vec<f32>,
    /// `[lanes, seats]`, or empty.
    pub(super) chairs: Vec<u16>,
}

impl Held {
    pub(super) fn of(replica: &ReplicaLanes) -> Self {
        Self {
            states: replica.block.states().to_vec(),
            episodes: replica.block.episodes().to_vec(),
            steps: replica.block.episode_steps().to_vec(),
            last_returns: replica.last_returns.clone(),
            returns: replica.returns.clone(),
            shaped_returns: replica.shaped_returns.clone(),
            carry: replica.carry.clone(),
            chairs: replica.chairs.clone(),
        }
    }

    /// Puts them back into a block of as many lanes.
    pub(super) fn put_back(&self, replica: &mut ReplicaLanes) -> Result<(), Fault> {
        replica.block.restore(&self.states, &self.episodes, &self.steps)?;
        replica.last_returns.copy_from_slice(&self.last_returns);
        replica.returns.copy_from_slice(&self.returns);
        replica.shaped_returns.copy_from_slice(&self.shaped_returns);
        replica.carry.copy_from_slice(&self.carry);
        replica.chairs.copy_from_slice(&self.chairs);
        Ok(())
    }

    /// Some of the lanes.
    pub(super) fn part(&self, lanes: Range<usize>, widths: Widths) -> Self {
        fn cut<T: Copy>(list: &[T], lanes: &Range<usize>, width: usize) -> Vec<T> {
            list[lanes.start * width..lanes.end * width].to_vec()
        }
        Self {
            states: cut(&self.states, &lanes, widths.words),
            episodes: cut(&self.episodes, &lanes, 1),
            steps: cut(&self.steps, &lanes, 1),
            last_returns: cut(&self.last_returns, &lanes, 1),
            returns: cut(&self.returns, &lanes, widths.seats),
            shaped_returns: cut(&self.shaped_returns, &lanes, widths.seats),
            carry: cut(&self.carry, &lanes, widths.seats * widths.carry),
            chairs: cut(&self.chairs, &lanes, widths.chairs),
        }
    }

    /// The lanes that come behind these.
    pub(super) fn extend(&mut self, other: &Self) {
        self.states.extend_from_slice(&other.states);
        self.episodes.extend_from_slice(&other.episodes);
        self.steps.extend_from_slice(&other.steps);
        self.last_returns.extend_from_slice(&other.last_returns);
        self.returns.extend_from_slice(&other.returns);
        self.shaped_returns.extend_from_slice(&other.shaped_returns);
        self.carry.extend_from_slice(&other.carry);
        self.chairs.extend_from_slice(&other.chairs);
    }

    pub(super) fn write(&self, message: &mut Writer) {
        message.list(&self.states).list(&self.episodes).list(&self.steps);
        message.list(&self.last_returns).list(&self.returns);
        message.list(&self.shaped_returns).list(&self.carry).list(&self.chairs);
    }

    pub(super) fn read(message: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(Self {
            states: message.list()?,
            episodes: message.list()?,
            steps: message.list()?,
            last_returns: message.list()?,
            returns: message.list()?,
            shaped_returns: message.list()?,
            carry: message.list()?,
            chairs: message.list()?,
        })
    }
}
