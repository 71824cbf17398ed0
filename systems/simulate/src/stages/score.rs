//! The score of a stage.

use crate::clocks::Advanced;
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::clock::Clocks;
use starling_components::specs::StageSpec;
use starling_components::table::Outbox;
use starling_components::tables::metrics::{self, Metrics};

/// Follow: what a stage's last tick recorded of its `score` becomes rows of the stage.
pub fn score(stages: Query<(&EntityName, &StageSpec, &Clocks, &Advanced)>, mut outbox: ResMut<Outbox>) {
    let mut sorted: Vec<_> = stages.iter().collect();
    sorted.sort_by_key(|(name, ..)| *name);
    let mut rows = Metrics::default();
    for (name, spec, clocks, advanced) in sorted {
        let (Some(metric), true) = (&spec.score, advanced.0 && clocks.finished) else {
            continue;
        };
        for (replica, value) in metrics::recorded(&outbox.0, clocks.tick(), metric) {
            let entity = name.to_string();
            rows.push(clocks.tick(), clocks.now.env_steps, &entity, replica, "score", value);
        }
    }
    let block = rows.into_block();
    if block.rows() > 0 {
        outbox.0.push(block);
    }
}
