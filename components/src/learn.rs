//! The contract of a learner: rollouts in, better parameters out.

use crate::clock::Clocks;
use crate::fault::Fault;
use crate::memory::{Memory, MemoryBuffer};
use crate::random::Key;
use crate::rollout::ReplicaRollout;
use bevy_ecs::prelude::*;

/// What one replica of one agent experienced in one environment.
#[derive(Debug, Clone, Copy)]
pub struct Experience<'a> {
    /// All seats' rows; only those of `seats` are this agent's.
    pub rollout: &'a ReplicaRollout,
    /// The seats that this agent played, rising.
    pub seats: &'a [usize],
    /// Where seats change: the agent's chair. Of the rows of `seats` only those are the agent's that have it in
    /// [`ReplicaRollout::chairs`]; who sits in a seat changes only where an episode ends.
    pub chair: Option<u16>,
}

impl Experience<'_> {
    /// The agent sat in this row's seat, which is one of `seats`. Row `(step, lane, seat)`, before the last observation.
    pub fn owns(&self, row: usize) -> bool {
        self.chair
            .is_none_or(|chair| self.rollout.chairs.get(row) == Some(&chair))
    }
}

/// One replica's parameters and optimiser state, split out of the flat buffers.
#[derive(Debug)]
pub struct ReplicaState<'a> {
    /// `[n]`.
    pub parameters: &'a mut [f32],
    /// First moments `[n]`.
    pub first: &'a mut [f32],
    /// Second moments `[n]`.
    pub second: &'a mut [f32],
    /// Adam's own counter.
    pub local_steps: &'a mut u64,
    /// Optimiser steps since the start.
    pub steps: &'a mut u64,
    /// What [`Learn::memory`] asked for; zeros before the first update.
    pub memory: &'a mut Memory,
}

/// What a learner may know besides the data.
#[derive(Debug, Clone, Copy)]
pub struct LearnContext {
    /// The group's clocks at the start of this update.
    pub clocks: Clocks,
    /// The replica's number.
    pub replica: u32,
    /// Key of (run seed, agent); not yet folded with the replica.
    pub key: Key,
    /// Factor of the task reward.
    pub task_weight: f32,
    /// Factor of the shaped reward at this update.
    pub shaped_weight: f32,
}

/// Named numbers about one update of one replica. Order is kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LearnReport {
    /// E.g. `("policy_loss", 0.01)`.
    pub metrics: Vec<(String, f64)>,
    /// Per optimiser step diagnostics, if asked for: (local step from 1, name, value).
    pub diagnostics: Vec<(u32, String, f64)>,
}

/// A learning algorithm. A kind that learns from a dataset names it in its setting `dataset`. Plain function of its arguments, callable without a world; replicas are learnt in parallel.
pub trait Learn: Send + Sync {
    /// Steps of the rollout that it learns from; 0 for a learner that learns from a dataset.
    fn rollout_steps(&self) -> usize;
    /// Passes over a dataset that one update makes.
    fn epochs(&self) -> u64 {
        0
    }
    /// Optimiser steps of one update.
    fn gradient_steps(&self) -> usize;
    /// Equal parts that the lanes of its environments are cut into: as many processes can share its rollouts at most.
    fn shards(&self) -> usize {
        1
    }
    /// It reads observations before auto-reset.
    fn wants_final_observations(&self) -> bool {
        false
    }
    /// It can teach a network that remembers: it learns from whole sequences.
    fn learns_memories(&self) -> bool {
        false
    }
    /// It reads the value estimates of the rollout's last observations.
    fn wants_last_values(&self) -> bool {
        true
    }
    /// What it keeps between updates besides parameters and optimiser state, per replica: saved with the run, zeros at first and whenever
    /// the agent starts anew.
    fn memory(&self) -> Vec<MemoryBuffer> {
        Vec::new()
    }
    /// Bytes of working memory per replica for `rows` = steps x lanes x seats.
    fn bytes(&self, rows: usize) -> usize;
    /// One update.
    ///
    /// # Errors
    /// A loss, gradient or parameter that is not finite; rows that do not fit.
    fn learn(
        &self,
        state: &mut ReplicaState<'_>,
        experience: &[Experience<'_>],
        context: &LearnContext,
    ) -> Result<LearnReport, Fault>;
}

/// The learner of an agent: on the entity of `[agent.x]`; absent on frozen and scripted agents.
#[derive(Component)]
pub struct Learner(pub Box<dyn Learn>);
