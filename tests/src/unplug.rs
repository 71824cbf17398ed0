//! A device that goes away in the middle of a run, when the environment variable says so: for tests of what becomes of the run.

use bevy_app::{App, Plugin};
use bevy_ecs::prelude::*;
use starling_components::clock::Clocks;
use starling_components::schedule::{Tick, TickSet};
use starling_simulate::device::Graphics;

/// The tick at whose beginning the device goes.
pub const VARIABLE: &str = "STARLING_TESTS_UNPLUG_AT";

/// Does nothing without [`VARIABLE`].
#[derive(Debug, Clone, Copy)]
pub struct UnplugPlugin;

impl Plugin for UnplugPlugin {
    fn build(&self, app: &mut App) {
        if let Some(at) = std::env::var(VARIABLE).ok().and_then(|at| at.parse::<u64>().ok()) {
            let unplug = move |clocks: Query<&Clocks>, graphics: Res<Graphics>| {
                let due = clocks.iter().any(|clocks| clocks.tick() + 1 == at);
                if let Some(gpu) = graphics.gpu().filter(|_| due) {
                    gpu.lose();
                }
            };
            app.add_systems(Tick, unplug.in_set(TickSet::Begin));
        }
    }
}
