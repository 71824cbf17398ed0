//! Between Learn and Evaluate: clocks advance.

use bevy_ecs::prelude::*;
use starling_components::clock::Clocks;

/// Whether the group did something in this tick, so that evaluations of finished groups are not repeated. Derived: on the entity of the
/// group's clocks.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advanced(pub bool);

/// Counts the tick and ends groups that have done their last.
pub fn advance(mut groups: Query<(&mut Clocks, &mut Advanced)>) {
    for (mut clocks, mut advanced) in &mut groups {
        advanced.0 = clocks.running();
        if !clocks.running() {
            continue;
        }
        clocks.now.ticks += 1;
        clocks.finished = clocks.total.ticks > 0 && clocks.now.ticks >= clocks.total.ticks;
    }
}
