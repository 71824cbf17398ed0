//! Whether an evaluation runs now.

use crate::clocks::Advanced;
use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;
use starling_components::clock::{Clocks, Member};
use starling_components::specs::EvaluateAt;
use starling_components::stage::Inherits;

/// The tick in which an evaluation ran last: on the entity of `[evaluate.x]`. Only read within the same tick, so derived.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Evaluated(pub u64);

/// What decides it.
#[derive(SystemParam)]
pub struct Due<'w, 's> {
    stages: Query<'w, 's, (&'static Clocks, &'static Advanced)>,
    heirs: Query<'w, 's, &'static Inherits>,
}

impl Due<'_, '_> {
    /// The clocks of an evaluation that runs now. A tick looks twice: before and after stages were ended by a metric and agents got the parameters
    /// of others, and what ran the first time does not run again.
    pub(super) fn clocks(&self, at: EvaluateAt, member: Member, agents: &[Entity], last: Evaluated) -> Option<Clocks> {
        let (&clocks, advanced) = self.stages.get(member.0).ok()?;
        let tick = clocks.tick();
        let due = match at {
            EvaluateAt::When(_) => clocks.finished,
            EvaluateAt::Every { every } => clocks.finished || tick.is_multiple_of(every.max(1)),
        };
        let there = |agent: &Entity| self.heirs.get(*agent).map_or(true, |heir| heir.filled);
        (advanced.0 && due && last.0 != tick && agents.iter().all(there)).then_some(clocks)
    }
}
