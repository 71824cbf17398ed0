//! How long each phase of a tick takes, as rows of `timings`. Nothing else reads these numbers.

use bevy_app::App;
use bevy_ecs::prelude::*;
use starling_components::clock::Clocks;
use starling_components::profile::Profile;
use starling_components::schedule::{Tick, TickSet};
use starling_components::table::Outbox;
use starling_components::tables::timings::Timings;
use std::time::Instant;

/// When the last phase ended.
#[derive(Resource, Debug)]
pub(crate) struct PhaseClock {
    lap: Instant,
    /// The tick that is being done, from 1.
    tick: u64,
}

/// Adds a lap between every two sets. The rows of `record` and `persist` are written with the next tick's.
pub(crate) fn add(app: &mut App) {
    app.init_resource::<Profile>();
    app.insert_resource(PhaseClock {
        lap: Instant::now(),
        tick: 0,
    });
    app.add_systems(
        Tick,
        (
            start.before(TickSet::Begin),
            lap("collect").after(TickSet::Collect).before(TickSet::Learn),
            lap("learn").after(TickSet::Learn).before(TickSet::Evaluate),
            lap("evaluate").after(TickSet::Evaluate).before(TickSet::Record),
            lap("record").after(TickSet::Record).before(TickSet::Persist),
            lap("persist").after(TickSet::Persist),
        ),
    );
}

fn start(mut clock: ResMut<PhaseClock>, clocks: Query<&Clocks>) {
    clock.lap = Instant::now();
    clock.tick = clocks.iter().map(Clocks::tick).max().unwrap_or(0) + 1;
}

fn lap(phase: &'static str) -> impl FnMut(ResMut<PhaseClock>, ResMut<Outbox>, ResMut<Profile>) {
    move |mut clock, mut outbox, mut profile| {
        let now = Instant::now();
        let duration = now.duration_since(clock.lap);
        clock.lap = now;
        profile.add(phase, duration);
        let mut rows = Timings::default();
        rows.push(
            clock.tick,
            phase,
            u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
        );
        outbox.0.push(rows.into_block());
    }
}
