//! What an agent with a memory learns from besides its samples: whole columns (an environment's lane and one of the agent's seats), each with
//! the memory that its rollout began with, and what happens to it in every step.

use crate::columns::Columns;
use crate::network::Network;
use crate::network::kernels::sequence::{HOLD, RESET};
use starling_components::learn::Experience;

/// The columns of a batch: the samples of column c are `c * steps..(c + 1) * steps`, in time.
#[derive(Debug, Default)]
pub(crate) struct Memories {
    /// Steps of a rollout; 0 for a network without a memory.
    pub(crate) steps: usize,
    /// Numbers of a memory.
    numbers: usize,
    /// Memories at the start of the rollout, `[columns, numbers]`.
    carry: Vec<f32>,
    /// [`RESET`] and [`HOLD`], `[columns, steps]`.
    flags: Vec<u8>,
    /// Rows that are decisions of the agent, `[columns]`.
    decisions: Vec<u32>,
}

/// One row of an experience: its number in the rollout, and in [`Columns`].
pub(crate) struct Row {
    pub(crate) in_rollout: usize,
    pub(crate) in_columns: usize,
}

impl Memories {
    pub(crate) fn clear(&mut self, network: &Network) {
        self.numbers = network.carry();
        self.steps = 0;
        self.carry.clear();
        self.flags.clear();
        self.decisions.clear();
    }

    /// How many columns there are.
    pub(crate) fn columns(&self) -> usize {
        self.decisions.len()
    }
    /// Rows of all columns that are decisions of the agent.
    pub(crate) fn decisions(&self) -> usize {
        self.decisions.iter().map(|&count| count as usize).sum()
    }
    /// Nothing is learnt from this sample: the seat was idle, or somebody else's.
    #[inline(always)]
    pub(crate) fn waits(&self, index: u32) -> bool {
        self.flags.get(index as usize).is_some_and(|flags| flags & HOLD != 0)
    }
    /// What happens to a memory in this sample.
    pub(crate) fn flags(&self, index: u32) -> u8 {
        self.flags[index as usize]
    }
    /// The memory that a column's rollout began with.
    pub(crate) fn carry(&self, column: u32) -> &[f32] {
        &self.carry[column as usize * self.numbers..][..self.numbers]
    }

    /// Takes in the columns of an experience in which the agent decided anything, and calls `add` for their rows, column by column in time.
    pub(crate) fn append(&mut self, one: &Experience<'_>, columns: &Columns, mut add: impl FnMut(Row)) {
        let rollout = one.rollout;
        self.steps = rollout.steps;
        let own = columns.lanes.len() * one.seats.len();
        let stride = rollout.carry.len() / (rollout.lanes * rollout.seats).max(1);
        let waits = |i: usize| columns.active.get(i) == Some(&0);
        for column in 0..own {
            let in_columns = |step: usize| step * own + column;
            let decisions = (0..rollout.steps).filter(|&step| !waits(in_columns(step))).count();
            if decisions == 0 {
                continue;
            }
            let seat = one.seats[column % one.seats.len()];
            let place = (columns.lanes.start + column / one.seats.len()) * rollout.seats + seat;
            self.decisions.push(decisions as u32);
            self.carry
                .extend_from_slice(&rollout.carry[place * stride..][..self.numbers]);
            for step in 0..rollout.steps {
                let i = in_columns(step);
                let ended = step > 0 && columns.done[i - own] != 0;
                self.flags
                    .push(if ended { RESET } else { 0 } | if waits(i) { HOLD } else { 0 });
                add(Row {
                    in_rollout: step * rollout.lanes * rollout.seats + place,
                    in_columns: i,
                });
            }
        }
    }

    /// The samples of some columns, all columns of one step behind another: as a network reads sequences.
    pub(crate) fn samples(&self, columns: &[u32], samples: &mut Vec<u32>) {
        for step in 0..self.steps {
            samples.extend(columns.iter().map(|&column| column * self.steps as u32 + step as u32));
        }
    }
}
