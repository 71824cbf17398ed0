//! What `run` and `resume` share: threads, signals, the loop with a person watching, and the last words.

use super::{Context, show};
use crate::engine::{self, End, Limits, Progress, Signals, Snapshot, Starling};
use crate::exit::Exit;
use crate::file::Pipeline;
use crate::plot;
use crate::problem::Problems;
use crate::ranks::{self, Choice};
use bevy_app::App;
use bevy_ecs::prelude::*;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use starling_components::Fault;
use starling_components::parameters::Replicas;
use starling_components::ranks::Ranks;
use starling_record::{Place, Run};
use starling_simulate::device::Graphics;
use std::time::{Duration, Instant};

/// How often a log gets a line.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// Name and version, as commits keep them.
pub(crate) const PROGRAM: &str = concat!("starling ", env!("CARGO_PKG_VERSION"));

/// What a run may use.
#[derive(Debug, Clone, Args)]
pub(crate) struct ResourceArgs {
    /// Threads; all cores if not given. The numbers do not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Memory that the pipeline may need, e.g. 8GiB; the machine's if not given
    #[arg(long, value_name = "SIZE", value_parser = engine::parse_bytes)]
    memory_limit: Option<u64>,
    /// Leave after so many ticks, as if interrupted
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    ticks: Option<u64>,
    /// Whether several processes share the run: docs/ranks.md
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    ranks: Choice,
}

impl ResourceArgs {
    /// The processes that share the run.
    pub(super) fn ranks(&self, starling: &Starling) -> Result<Ranks, Fault> {
        ranks::join(starling, self.ranks)
    }

    /// Refuses several processes, for commands that do not share what they do.
    pub(crate) fn alone(&self) -> Result<(), Fault> {
        ranks::alone(self.ranks)
    }

    /// Sets the number of threads. The pool belongs to the process, so in a process that runs several commands the first one counts.
    pub(crate) fn set_threads(&self) {
        set_threads(self.threads.map(usize::from));
    }

    /// Leaves after so many ticks, unless the command line asks for fewer.
    pub(super) fn stop_after(&mut self, ticks: u64) {
        self.ticks = Some(self.ticks.map_or(ticks, |asked| asked.min(ticks)));
    }

    /// Refuses what does not fit into memory.
    pub(crate) fn check_memory(&self, app: &App) -> Result<(), Problems> {
        engine::check_memory(app, engine::limit_of(self.memory_limit))
    }
}

/// Sets the number of threads of the process's pool; all cores if not given, or this process's share of them where a launcher started several
/// on this machine. The calling thread is one of them, so that no tick waits for
/// another thread to wake.
pub(super) fn set_threads(threads: Option<usize>) {
    let shared = || {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let processes = ranks::on_this_machine();
        if processes > 1 { (cores / processes).max(1) } else { 0 }
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or_else(shared));
    let _ = pool.use_current_thread().build_global();
}

/// Records into `run`, if it could be opened, and ticks `app` to the end, or until someone stops it.
pub(crate) fn drive(
    context: Context,
    mut app: App,
    pipeline: &Pipeline,
    run: Result<Run, Fault>,
    resources: &ResourceArgs,
) -> Result<Exit, Problems> {
    let world = app.world_mut();
    let ranks = world.resource::<Ranks>().clone();
    let signals = Signals::listen();
    let (place, started) = match run {
        Ok(run) => (Some(run.place().clone()), starling_record::start(world, run)),
        Err(fault) => (None, Err(fault)),
    };
    let listening = signals.as_ref().map(drop).map_err(Clone::clone);
    ranks::share_state(&ranks, world, listening.and(started))?;
    let (Some(place), signals) = (place, signals?) else {
        return Err(Fault::run("the run was not opened").into());
    };
    for note in &app.world().resource::<Graphics>().notes {
        context.talk(note);
    }
    let mut watcher = Watcher::new(context, app.world_mut());
    let limits = Limits {
        signals,
        ticks: resources.ticks,
    };
    let end = engine::run_ticks(&mut app, limits, |world| watcher.look(world));
    watcher.finish(app.world_mut());
    let closed = starling_record::finish(app.world_mut());
    match end {
        End::Failed(faults) => {
            // The writer's own failure is often the first one told already.
            let more = closed.err().filter(|fault| faults.iter().all(|f| f.kind != fault.kind));
            context.talk(&format!("failed; what was committed is kept in {place}"));
            Err(pipeline.locate(faults.into_iter().chain(more).collect()))
        }
        End::Interrupted => {
            closed?;
            let ticks = Snapshot::of(app.world_mut()).ticks;
            context.talk(&format!(
                "stopped after tick {ticks}; go on with: starling resume {place}"
            ));
            Ok(Exit::Interrupted)
        }
        End::Finished => {
            closed?;
            last_words(context, &place)?;
            Ok(Exit::Finished)
        }
    }
}

fn last_words(context: Context, place: &Place) -> Result<(), Fault> {
    show::print(context, place)?;
    context.talk(&format!(
        "\nrecorded in {place}\nlook again:    starling show {place}\nwatch it play: starling replay {place}"
    ));
    Ok(())
}

/// Someone who watches: a bar on a terminal, a line a minute in a log.
struct Watcher {
    context: Context,
    bar: Option<ProgressBar>,
    started: Instant,
    last_line: Instant,
    first: Snapshot,
    replicas: u64,
}

impl Watcher {
    fn new(context: Context, world: &mut World) -> Self {
        let first = Snapshot::of(world);
        let replicas = world
            .query::<&Replicas>()
            .iter(world)
            .map(|r| r.0.len())
            .max()
            .unwrap_or(1);
        let bar = context.animated().then(|| {
            let bar = if first.total > 0 {
                ProgressBar::new(first.total)
            } else {
                ProgressBar::no_length()
            };
            let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} ticks\n{msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_position(first.ticks);
            bar
        });
        let now = Instant::now();
        let watcher = Self {
            context,
            bar,
            started: now,
            last_line: now,
            first,
            replicas: replicas as u64,
        };
        if watcher.bar.is_none() {
            context.talk(&format!("{}: started", watcher.first.place()));
        }
        watcher
    }

    fn look(&mut self, world: &mut World) {
        let (now, snapshot) = (Instant::now(), Snapshot::of(world));
        if let Some(bar) = &self.bar {
            // A stage that a metric ended brings the end nearer.
            if snapshot.total > 0 {
                bar.set_length(snapshot.total);
            }
            bar.set_position(snapshot.ticks);
            bar.set_message(self.message(&snapshot, world));
        } else if now.duration_since(self.last_line) >= LINE_EVERY {
            self.last_line = now;
            self.line(&snapshot, world);
        }
    }

    fn line(&self, snapshot: &Snapshot, world: &World) {
        let message = self.message(snapshot, world);
        self.context.talk(&format!("{}: {message}", snapshot.place()));
    }

    fn message(&self, snapshot: &Snapshot, world: &World) -> String {
        let seconds = self.started.elapsed().as_secs_f64().max(1e-9);
        let steps = snapshot.env_steps.saturating_sub(self.first.env_steps) * self.replicas;
        let mut message = format!("{} steps/s", plot::number(steps as f64 / seconds));
        let progress = world.resource::<Progress>().line();
        if !progress.is_empty() {
            message = format!("{message}, {progress}");
        }
        let done = snapshot.ticks.saturating_sub(self.first.ticks);
        if done > 0 && snapshot.total > snapshot.ticks {
            let left = seconds / done as f64 * (snapshot.total - snapshot.ticks) as f64;
            message = format!("{message}, {} left", duration(left));
        }
        message
    }

    fn finish(&self, world: &mut World) {
        let snapshot = Snapshot::of(world);
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.line(&snapshot, world);
    }
}

fn duration(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}
