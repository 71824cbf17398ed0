//! The seam to the schedule: `[record]`, the systems of [`TickSet::Record`] and [`TickSet::Persist`], and start and end of a run.
//!
//! Rows are handed to the writing thread in every tick; a commit is made when it is due, at the end, and when asked to stop.
//! The [`Recorder`] is inserted by [`start`] after everything was built, so that checking a pipeline writes nothing.

use crate::checkpoint;
use crate::commit::{self, Commit, GroupClocks, Status};
use crate::run::Run;
use crate::writer::{CommitRequest, Recorder};
use bevy_app::{App, Plugin};
use bevy_ecs::prelude::*;
use starling_components::clock::Clocks;
use starling_components::persist::{PersistenceTable, save_world};
use starling_components::ranks::Ranks;
use starling_components::registry::Registry;
use starling_components::schedule::{CommitDue, PersistSet, StopRequest, Tick, TickSet, report};
use starling_components::specs::RecordSpec;
use starling_components::table::Outbox;
use starling_components::{EntityName, Fault, Faults};
use std::collections::BTreeMap;

/// Records what happens and makes it durable.
#[derive(Debug, Default, Clone, Copy)]
pub struct RecordPlugin;

impl Plugin for RecordPlugin {
    fn build(&self, app: &mut App) {
        let world = app.world_mut();
        world.init_resource::<Registry>();
        world.init_resource::<PersistenceTable>();
        world.resource_mut::<Registry>().single_table::<RecordSpec>("record");
        world
            .resource_mut::<PersistenceTable>()
            .derived::<RecordSpec>()
            .external::<Recorder>()
            .external::<Due>()
            .external::<CommitDue>();
        app.add_systems(Tick, record.pipe(report).in_set(TickSet::Record));
        app.init_resource::<Due>().init_resource::<CommitDue>();
        app.configure_sets(
            Tick,
            (PersistSet::Due, PersistSet::Gather, PersistSet::Commit)
                .chain()
                .in_set(TickSet::Persist),
        );
        app.add_systems(Tick, due.in_set(PersistSet::Due));
        app.add_systems(Tick, persist.pipe(report).in_set(PersistSet::Commit));
    }
}

/// Begins to record into `run`. A new run gets its commit 0, so that it can be resumed from its first moment; a resumed one has its
/// checkpoint put into `world`, which must have been built from the run's pipeline.
///
/// # Errors
/// The checkpoint does not fit or is damaged, or the disk fails.
pub fn start(world: &mut World, run: Run) -> Result<(), Fault> {
    let RecordSpec {
        part_rows, checkpoints, ..
    } = spec(world);
    let fresh = run.latest_commit().is_none();
    if !fresh {
        checkpoint::restore(world, &run)?;
    }
    let mut recorder = Recorder::start(run, part_rows, checkpoints)?;
    if fresh {
        let clocks = clocks(world);
        let snapshot = save_world(world);
        let first = CommitRequest {
            status: Status::Running,
            clocks,
            snapshot,
        };
        recorder.commit(first)?;
        recorder.wait()?;
    }
    world.insert_resource(recorder);
    Ok(())
}

/// Stops recording and lets go of the run. The newest commit; `None` if nothing was recorded.
///
/// # Errors
/// The disk failed and no system has said so yet.
pub fn finish(world: &mut World) -> Result<Option<Commit>, Fault> {
    match world.remove_resource::<Recorder>() {
        None => Ok(None),
        Some(recorder) => Ok(recorder.close()?.latest_commit().cloned()),
    }
}

/// Record: hands the tick's rows over. Without a recorder they are dropped.
fn record(mut outbox: ResMut<Outbox>, recorder: Option<ResMut<Recorder>>) -> Result<(), Vec<Fault>> {
    let blocks = std::mem::take(&mut outbox.0);
    let Some(mut recorder) = recorder else { return Ok(()) };
    for block in blocks {
        recorder.write(block).map_err(|fault| vec![fault])?;
    }
    Ok(())
}

/// Why a commit is made at the end of this tick, if one is. External.
#[derive(Resource, Debug, Default)]
struct Due(Option<Status>);

/// Persist / Due: whether a commit is made. A tick in which something failed is never committed. Every process of a run decides alike,
/// although only the first one records.
fn due(world: &mut World) {
    let failed = world
        .get_resource::<Faults>()
        .is_some_and(|faults| !faults.0.is_empty());
    let leads = world.get_resource::<Ranks>().is_none_or(Ranks::leads);
    let status = if failed || (leads && !world.contains_resource::<Recorder>()) {
        None
    } else {
        let clocks = clocks(world);
        let tick = commit::tick(&clocks);
        let stop = world.get_resource::<StopRequest>().is_some_and(|stop| stop.0);
        match () {
            () if !clocks.is_empty() && clocks.values().all(|c| c.finished) => Some(Status::Finished),
            () if stop => Some(Status::Interrupted),
            () if tick.is_multiple_of(spec(world).commit.every.max(1)) => Some(Status::Running),
            () => None,
        }
    };
    world.insert_resource(CommitDue(status.is_some()));
    world.insert_resource(Due(status));
}

/// Persist / Commit: asks for a commit where one is due. At the end and before leaving it also waits for it, so that a fault is still told.
fn persist(world: &mut World) -> Result<(), Vec<Fault>> {
    let due = world.get_resource_mut::<Due>().and_then(|mut due| due.0.take());
    let (Some(status), true) = (due, world.contains_resource::<Recorder>()) else {
        return Ok(());
    };
    let clocks = clocks(world);
    let snapshot = save_world(world);
    let mut recorder = world.resource_mut::<Recorder>();
    let request = CommitRequest {
        status,
        clocks,
        snapshot,
    };
    let asked = recorder.commit(request);
    let done = match status {
        Status::Running => asked,
        Status::Interrupted | Status::Finished => asked.and_then(|()| recorder.wait()),
    };
    done.map_err(|fault| vec![fault])
}

fn clocks(world: &mut World) -> BTreeMap<String, GroupClocks> {
    let mut groups = BTreeMap::new();
    for (name, clocks) in world.query::<(&EntityName, &Clocks)>().iter(world) {
        let group = GroupClocks {
            now: clocks.now,
            total: clocks.total,
            ticks_before: clocks.ticks_before,
            waiting: clocks.waiting,
            finished: clocks.finished,
        };
        groups.insert(name.to_string(), group);
    }
    groups
}

fn spec(world: &mut World) -> RecordSpec {
    world
        .query::<&RecordSpec>()
        .iter(world)
        .next()
        .cloned()
        .unwrap_or_default()
}
