//! Who plays where: for every (replica, lane, seat) an agent, one of its replicas and a snapshot of it.

use bevy_ecs::prelude::*;

/// One chair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chair {
    /// The agent's entity.
    pub agent: Entity,
    /// Index into the agent's replicas (not the replica's number).
    pub replica: u32,
    /// 0: the parameters being learnt; others: frozen snapshots in the order they were taken.
    pub snapshot: u32,
}

/// The seating of an environment.
///
/// `Fixed` is what a file with static seats gives: every lane of replica r seats replica r of each agent. `PerLane` is the general
/// table for rotated and drawn seats.
#[derive(Component, Debug, Clone, PartialEq, Eq)]
pub enum Seating {
    /// One agent per seat, the same in all lanes; replicas meet by index.
    Fixed(Vec<Entity>),
    /// `[replicas, lanes, seats]`.
    PerLane(Vec<Chair>),
}
