//! Stages as entities: who learns where, and who waits for whose parameters.

use crate::fault::Fault;
use crate::persist::{Persist, Section, SectionReader, TensorData};
use bevy_ecs::prelude::*;

/// What a stage runs, as entities: on the entity that carries its [`Clocks`](crate::clock::Clocks), which is that of `[stage.x]`, or the group's in a
/// pipeline without stages. Derived.
#[derive(Component, Debug, Clone, PartialEq, Eq, Default)]
pub struct StagePlan {
    /// Its place in an order in which every stage comes after those that it waits for.
    pub order: usize,
    /// The agents that learn in it, if they have a learner.
    pub train: Vec<Entity>,
    /// The environments that it runs.
    pub environments: Vec<Entity>,
    /// The stages that end before it starts.
    pub after: Vec<Entity>,
    /// Agents that start anew with each of its rounds.
    pub fresh: Vec<FreshAgent>,
}

/// An agent that starts anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreshAgent {
    /// Who.
    pub agent: Entity,
    /// No stage trained it before this one, so that it is new in round 0 as it is.
    pub new: bool,
}

/// An agent whose parameters are another's, of an earlier stage: on the entity of `[agent.x]`. Saved.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inherits {
    /// The agent that is taken from.
    pub source: Entity,
    /// The parameters are there.
    pub filled: bool,
}

impl Persist for Inherits {
    const SECTION: &'static str = "inherits";

    fn save(&self, section: &mut Section<'_>) {
        section.put("filled", &[1], TensorData::U32(vec![u32::from(self.filled)]));
    }

    fn restore(&mut self, section: &SectionReader<'_>) -> Result<(), Fault> {
        self.filled = section.u32("filled", &[1])? != [0];
        Ok(())
    }
}
