//! The loop: one pass of the schedule after the other until every group is finished, something fails, or someone asks to stop.

use super::{Progress, Signals, failures};
use bevy_app::App;
use bevy_ecs::prelude::*;
use starling_components::clock::Clocks;
use starling_components::ranks::Ranks;
use starling_components::schedule::{StopRequest, Tick, TickSet};
use starling_components::{Fault, Faults};

/// How the loop ended.
#[derive(Debug)]
pub enum End {
    /// Every group reached its `until`.
    Finished,
    /// Asked to stop; the last tick is committed.
    Interrupted,
    /// Systems failed; nothing of the failed tick is committed.
    Failed(Vec<Fault>),
}

/// What stops the loop early.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// Signals, if they are listened to.
    pub signals: Signals,
    /// Leave after so many passes, as if interrupted.
    pub ticks: Option<u64>,
}

/// Where the loop's limits are seen by the schedule, so that the tick that notices them is the one that commits.
#[derive(Resource, Debug, Default)]
pub(crate) struct Watch {
    limits: Limits,
    done: u64,
}

/// Ticks the world. `each` is called after every tick.
pub fn run_ticks(app: &mut App, limits: Limits, mut each: impl FnMut(&mut World)) -> End {
    app.insert_resource(Watch { limits, done: 0 });
    let ranks = app.world().get_resource::<Ranks>().cloned().unwrap_or_default();
    loop {
        let world = app.world_mut();
        if world.query::<&Clocks>().iter(world).all(|clocks| clocks.finished) {
            return End::Finished;
        }
        world.run_schedule(Tick);
        let mut faults = std::mem::take(&mut world.resource_mut::<Faults>().0);
        let broken = failures::take();
        if let (Some(fault), true) = (broken.first(), ranks.several()) {
            ranks.abort(&fault.message);
        }
        faults.extend(broken);
        // Rank 0 may have failed by itself, where it records.
        if let Err(fault) = ranks.broadcast(|| faults.first().map_or(Ok(Vec::new()), |fault| Err(fault.clone())))
            && faults.is_empty()
        {
            faults.push(fault);
        }
        if !faults.is_empty() {
            return End::Failed(faults);
        }
        each(world);
        let finished = world.query::<&Clocks>().iter(world).all(|clocks| clocks.finished);
        if !finished && world.resource::<StopRequest>().0 {
            return End::Interrupted;
        }
    }
}

pub(crate) fn add(app: &mut App) {
    app.init_resource::<Watch>();
    app.add_systems(Tick, watch.after(TickSet::Record).before(TickSet::Persist));
}

fn watch(
    mut watch: ResMut<Watch>,
    mut stop: ResMut<StopRequest>,
    mut progress: ResMut<Progress>,
    mut faults: ResMut<Faults>,
    ranks: Res<Ranks>,
) {
    watch.done += 1;
    progress.passes = watch.done;
    if watch.limits.signals.asked() || watch.limits.ticks.is_some_and(|ticks| watch.done >= ticks) {
        stop.0 = true;
    }
    // Rank 0 decides for all whether they stop, and tells them if it cannot record.
    let own = faults.0.first().cloned();
    match ranks.broadcast(|| own.map_or(Ok(vec![u8::from(stop.0)]), Err)) {
        Ok(message) => stop.0 = message == [1],
        Err(fault) if faults.0.is_empty() => faults.0.push(fault),
        Err(_) => {}
    }
}
