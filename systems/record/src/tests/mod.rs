//! Tests of whole runs on disk, over a small world whose state and rows follow from its tick.

mod compare;
mod damage;
mod mutations;
mod resume;

use crate::run::{ResumeOptions, Run};
use crate::store::{Place, Store};
use crate::{RecordPlugin, finish, start};
use bevy_app::App;
use bevy_ecs::prelude::*;
use starling_components::clock::{ClockValues, Clocks};
use starling_components::parameters::{Layout, Parameters};
use starling_components::persist::{PersistenceTable, Snapshot, save_world};
use starling_components::schedule::{StopRequest, Tick, TickSet};
use starling_components::specs::{Every, RecordSpec};
use starling_components::table::Outbox;
use starling_components::tables::episodes::{Episode, Episodes};
use starling_components::tables::metrics::Metrics;
use starling_components::tables::trajectories::Trajectories;
use starling_components::{EntityName, Fault, Faults};
use std::path::Path;
use std::sync::Arc;

/// The pipeline text of test runs; the record crate never looks inside.
pub(crate) const PIPELINE: &str = "name = \"test\"\n";
pub(crate) const PROGRAM: &str = "test 0";

/// How a test run is recorded.
#[derive(Clone, Copy)]
pub(crate) struct Options {
    pub(crate) ticks: u64,
    pub(crate) commit_every: u64,
    pub(crate) part_rows: u64,
    /// Bytes of observations per trajectory row.
    pub(crate) observation_bytes: usize,
    /// Parameters of the one agent.
    pub(crate) parameters: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ticks: 20,
            commit_every: 5,
            part_rows: 1 << 18,
            observation_bytes: 7,
            parameters: 3,
        }
    }
}

#[derive(Resource)]
struct Observed(usize);

/// A world with one group and one agent; in every tick the agent's parameters move and every table gets rows.
pub(crate) fn app(options: Options) -> App {
    let mut app = App::empty();
    let world = app.world_mut();
    world.init_resource::<Faults>();
    world.init_resource::<Outbox>();
    world.init_resource::<StopRequest>();
    world.insert_resource(Observed(options.observation_bytes));
    app.init_schedule(Tick);
    app.add_plugins(RecordPlugin);
    use TickSet::{Collect, Evaluate, Learn, Persist, Record};
    app.configure_sets(Tick, (Collect, Learn, Evaluate, Record, Persist).chain());
    app.add_systems(Tick, play.in_set(Collect));
    let world = app.world_mut();
    world
        .resource_mut::<PersistenceTable>()
        .saved::<Clocks>()
        .saved::<Parameters>();
    let mut clocks = Clocks::default();
    clocks.total.ticks = options.ticks;
    world.spawn((EntityName::new("group", "kitchen"), clocks));
    let mut layout = Layout::default();
    layout.push("kernel", [options.parameters]);
    let values = (0..options.parameters).map(|i| i as f32).collect();
    let layout = Arc::new(layout);
    world.spawn((EntityName::new("agent", "chef"), Parameters { layout, values }));
    let every = |every| Every { every };
    let spec = RecordSpec {
        commit: every(options.commit_every),
        part_rows: options.part_rows,
        ..RecordSpec::default()
    };
    world.spawn((EntityName::new("record", "record"), spec));
    app
}

fn play(
    mut clocks: Query<&mut Clocks>,
    mut agents: Query<&mut Parameters>,
    mut outbox: ResMut<Outbox>,
    bytes: Res<Observed>,
) {
    let mut clocks = clocks.single_mut().unwrap();
    let mut chef = agents.single_mut().unwrap();
    let tick = clocks.now.ticks + 1;
    for (i, value) in chef.values.iter_mut().enumerate() {
        *value = (*value + tick as f32) * 0.75 + i as f32;
    }
    let first = chef.values[0];
    outbox.0.extend(rows(tick, first, bytes.0));
    clocks.now = ClockValues {
        ticks: tick,
        updates: tick,
        env_steps: tick * 12,
        gradient_steps: tick,
        epochs: 0,
    };
    clocks.finished = tick >= clocks.total.ticks;
}

/// The rows of one tick: every table that is promised to be exact.
pub(crate) fn rows(tick: u64, value: f32, observation_bytes: usize) -> Vec<starling_components::table::Block> {
    let mut metrics = Metrics::default();
    for replica in 0..2 {
        let number = if tick == 3 {
            f64::NAN
        } else {
            f64::from(value) + f64::from(replica)
        };
        metrics.push(tick, tick * 12, "agent.chef", replica, "loss", number);
        metrics.push(tick, tick * 12, "environment.kitchen", replica, "return", tick as f64);
    }
    let mut episodes = Episodes::new(2);
    if tick.is_multiple_of(2) {
        episodes.push(&Episode {
            tick,
            entity: "environment.kitchen",
            replica: 0,
            lane: 1,
            episode: (tick / 2) as u32,
            length: 24,
            returns: &[value, 1.0],
            shaped_returns: &[0.5, -0.0],
            truncated: true,
            seating: "chef:0,chef:0",
        });
    }
    let steps = 12_u32;
    let trajectories = Trajectories {
        seats: 2,
        action_width: 2,
        observation_bytes,
        tick: vec![tick; steps as usize],
        entity: "environment.kitchen".into(),
        replica: vec![0; steps as usize],
        lane: (0..steps).map(|s| s % 3).collect(),
        episode: vec![tick as u32; steps as usize],
        step: (0..steps).map(|s| s / 3).collect(),
        actions: (0..2 * steps).map(|i| (i + tick as u32) as i32 % 6).collect(),
        rewards: (0..2 * steps).map(|i| (i % 5) as f32).collect(),
        shaped: vec![0.0; 2 * steps as usize],
        terminated: vec![false; steps as usize],
        truncated: (0..steps).map(|s| s > 8).collect(),
        seatings: vec!["chef:0,chef:0".into(), "chef:0,guest:2".into()],
        seating_of: (0..steps).map(|s| s % 2).collect(),
        observations: (0..steps as usize * observation_bytes)
            .map(|i| (i as u64 * tick) as u8)
            .collect(),
    };
    vec![metrics.into_block(), episodes.into_block(), trajectories.into_block()]
}

/// Ticks until the end, a fault, or `stop_at` ticks are done (then as if a signal had come). The first fault wins.
pub(crate) fn go(app: &mut App, run: Run, stop_at: Option<u64>) -> Result<Snapshot, Fault> {
    start(app.world_mut(), run)?;
    loop {
        let now = *app.world_mut().query::<&Clocks>().single(app.world()).unwrap();
        if now.finished || stop_at.is_some_and(|stop| now.now.ticks >= stop) {
            break;
        }
        app.world_mut().resource_mut::<StopRequest>().0 = stop_at == Some(now.now.ticks + 1);
        app.world_mut().run_schedule(Tick);
        if let Some(fault) = app.world_mut().resource_mut::<Faults>().0.pop() {
            finish(app.world_mut())?;
            return Err(fault);
        }
    }
    let snapshot = save_world(app.world_mut());
    finish(app.world_mut())?;
    Ok(snapshot)
}

/// The files of the run in `dir`.
pub(crate) fn store(dir: &Path) -> Arc<dyn Store> {
    Place::from(dir).open().unwrap()
}

/// A whole run in `dir`.
pub(crate) fn run_new(dir: &Path, options: Options, stop_at: Option<u64>) -> Result<Snapshot, Fault> {
    go(&mut app(options), Run::create(dir, PIPELINE, PROGRAM)?, stop_at)
}

/// Goes on with the run in `dir`.
pub(crate) fn resume(dir: &Path, options: Options, stop_at: Option<u64>) -> Result<Snapshot, Fault> {
    go(
        &mut app(options),
        Run::open_for_resume(dir, &ResumeOptions::default())?,
        stop_at,
    )
}

/// A request for a commit after `tick` ticks of a run without a world.
pub(crate) fn request(tick: u64) -> crate::CommitRequest {
    let mut group = crate::commit::GroupClocks::default();
    group.now.ticks = tick;
    crate::CommitRequest {
        status: crate::commit::Status::Running,
        clocks: [("group.kitchen".to_owned(), group)].into(),
        snapshot: Snapshot::default(),
    }
}
