//! The contract of an evolution: a strategy makes the members of a generation, they are scored, and it says in which direction to go.

use crate::clock::Clocks;
use crate::fault::Fault;
use crate::random::Key;
use bevy_ecs::prelude::*;

/// A generation of one replica.
#[derive(Debug, Clone, Copy)]
pub struct Generation {
    /// The group's clocks at its start.
    pub clocks: Clocks,
    /// Its number, from 1.
    pub number: u64,
    /// The replica's number.
    pub replica: u32,
    /// Key of (run seed, evolution, replica, [`crate::random::Purpose::Learn`]): everything that the strategy draws.
    pub key: Key,
}

/// How members are made of one set of parameters, and what their scores say about it. Plain function of its arguments, callable without a
/// world: a member is computed by whoever needs it, so that only scores travel between processes.
pub trait Strategy: Send + Sync {
    /// Members of a generation.
    fn population(&self) -> usize;
    /// The parameters of a member, from 0: written to `out`, `[n]`, from those that vary, `[n]`.
    fn member(&self, parameters: &[f32], generation: &Generation, member: usize, out: &mut [f32]);
    /// The direction in which scores fall, for an optimiser that goes the other way: written to `gradient`, `[n]`. `scores` is
    /// `[population]`, larger is better. Also named numbers about the generation.
    ///
    /// # Errors
    /// Scores that are not numbers.
    fn gradient(
        &self,
        parameters: &[f32],
        generation: &Generation,
        scores: &[f64],
        gradient: &mut [f32],
    ) -> Result<Vec<(String, f64)>, Fault>;
}

/// The strategy of an evolution: on the entity of `[evolve.x]`. Derived.
#[derive(Component)]
pub struct LiveStrategy(pub Box<dyn Strategy>);

/// Who varies, and where members play: on the entity of `[evolve.x]`. Derived.
#[derive(Component, Debug, Clone, PartialEq, Eq)]
pub struct EvolveSeats {
    /// The agent whose parameters vary.
    pub agent: Entity,
    /// The environment.
    pub environment: Entity,
    /// The agent in each of its seats.
    pub seats: Vec<Entity>,
}

/// How the members of the newest generation did: on the entity of `[evolve.x]`. Derived: made anew each tick.
#[derive(Component, Debug, Clone, PartialEq, Default)]
pub struct Scores {
    /// Mean return of each member's episodes, `[replicas, population]`; empty before the first.
    pub values: Vec<f64>,
    /// Environment steps of all members, `[replicas]`.
    pub steps: Vec<u64>,
}

impl Scores {
    /// From (mean return, steps) of all members, `[replicas, population]`.
    pub fn of(members: &[(f64, u64)], replicas: usize) -> Self {
        let population = (members.len() / replicas.max(1)).max(1);
        let steps = members.chunks(population);
        Self {
            values: members.iter().map(|(score, _)| *score).collect(),
            steps: steps.map(|own| own.iter().map(|(_, steps)| steps).sum()).collect(),
        }
    }
}
