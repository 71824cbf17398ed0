//! The engine: a registry of plugins, worlds built from pipelines, and the loop that ticks them.
//!
//! [`Starling`] is the program as a library. A crate with its own game or learner is
//! `Starling::new().add_plugins(MyGame).main()`, and its pipelines, checks, records and help work as everyone's.

pub(crate) mod failures;
mod memory;
mod progress;
mod signals;
mod ticks;
mod timing;
mod world;

#[cfg(test)]
mod tests;

pub use memory::{human, limit_of, parse_bytes};
pub use progress::{Progress, Snapshot};
pub use signals::Signals;
pub use ticks::{End, Limits, run_ticks};
pub use world::{build, check_memory, estimate};

use crate::exit::Exit;
use crate::file::layers::{Origin, Overrides};
use crate::file::{self, Pipeline};
use crate::problem::Problems;
use crate::ranks::traffic;
use crate::sources;
use bevy_app::{App, Plugins};
use bevy_ecs::prelude::*;
use bevy_ecs::schedule::SingleThreadedExecutor;
use starling_components::persist::PersistenceTable;
use starling_components::profile::Profile;
use starling_components::ranks::Ranks;
use starling_components::registry::Registry;
use starling_components::schedule::{
    Build, BuildSet, MemoryEstimate, PipelineFolder, RunSeed, StopRequest, Tick, TickSet,
};
use starling_components::specs::PipelineSpec;
use starling_components::table::Outbox;
use starling_components::{EntityName, Faults};
use std::process::ExitCode;

type AddPlugin = Box<dyn Fn(&mut App)>;

/// The program, with the plugins it has.
pub struct Starling {
    plugins: Vec<AddPlugin>,
    ranks: Ranks,
}

impl Default for Starling {
    fn default() -> Self {
        Self::new()
    }
}

impl Starling {
    /// The program with everything that comes with it.
    pub fn new() -> Self {
        let alone = Self {
            plugins: Vec::new(),
            ranks: Ranks::default(),
        };
        alone
            .add_plugins(starling_simulate::SimulatePlugin)
            .add_plugins(starling_learn::LearnPlugin)
            .add_plugins(starling_record::RecordPlugin)
    }

    /// Adds plugins. They are cloned into every world that the program builds: one per pipeline that is checked or run.
    #[must_use]
    pub fn add_plugins<M>(mut self, plugins: impl Plugins<M> + Clone + 'static) -> Self {
        self.plugins.push(Box::new(move |app| {
            app.add_plugins(plugins.clone());
        }));
        self
    }

    /// The program as one of several that share their runs; without this, `run` and `resume` look for others by MPI.
    #[must_use]
    pub fn among(mut self, ranks: Ranks) -> Self {
        self.ranks = ranks;
        self
    }

    /// Those that it was told to share its runs with.
    pub fn ranks(&self) -> &Ranks {
        &self.ranks
    }

    /// Does what the command line says and gives the exit code.
    pub fn main(self) -> ExitCode {
        self.run(std::env::args_os()).code().into()
    }

    /// As [`Starling::main`] with given arguments, the program's name first.
    pub fn run<S: Into<std::ffi::OsString> + Clone>(&self, arguments: impl IntoIterator<Item = S>) -> Exit {
        crate::commands::run(self, arguments)
    }

    /// A world with all plugins and no entities.
    pub fn app(&self) -> App {
        let mut app = App::empty();
        app.init_resource::<Registry>()
            .init_resource::<PersistenceTable>()
            .init_resource::<Faults>()
            .init_resource::<Outbox>()
            .init_resource::<MemoryEstimate>()
            .init_resource::<StopRequest>()
            .init_resource::<PipelineFolder>()
            .init_resource::<Ranks>()
            .insert_resource(RunSeed(0));
        app.set_error_handler(failures::keep);
        order(&mut app);
        timing::add(&mut app);
        progress::add(&mut app);
        ticks::add(&mut app);
        traffic::add(&mut app);
        declare(&mut app.world_mut().resource_mut::<PersistenceTable>());
        for plugin in &self.plugins {
            plugin(&mut app);
        }
        app
    }

    /// Reads a pipeline against the plugins' registry, and finds what it takes from elsewhere.
    ///
    /// # Errors
    /// Every problem of the file; what it takes is missing, or has changed since the file was resolved.
    pub fn load(&self, origin: &Origin, overrides: &Overrides) -> Result<Pipeline, Problems> {
        let app = self.app();
        let registry = app.world().resource::<Registry>();
        let mut pipeline = file::load(origin, overrides, registry)?;
        sources::resolve(&mut pipeline, registry)?;
        Ok(pipeline)
    }

    /// Reads a resolved pipeline without looking at what it takes from elsewhere: for those who only look at its run.
    ///
    /// # Errors
    /// Every problem of the file.
    pub fn load_to_read(&self, origin: &Origin) -> Result<Pipeline, Problems> {
        let app = self.app();
        let registry = app.world().resource::<Registry>();
        let mut pipeline = file::load(origin, &Overrides::default(), registry)?;
        pipeline.only_read = true;
        sources::empty_datasets(&mut pipeline, registry);
        Ok(pipeline)
    }

    /// The JSON schema of pipeline files, as `starling schema` prints it.
    pub fn schema(&self) -> String {
        crate::commands::schema::text(self)
    }

    /// The reference pages, as `starling docs` writes them: file name and text.
    pub fn reference(&self) -> Vec<(String, String)> {
        crate::commands::docs::pages(self)
    }

    /// A world built from `pipeline`, ready for its first tick.
    ///
    /// # Errors
    /// Everything that the builders refuse, each in its place.
    pub fn world(&self, pipeline: &Pipeline) -> Result<App, Problems> {
        self.world_among(pipeline, &Ranks::default())
    }

    /// As [`Starling::world`], in one of several processes that share the run.
    ///
    /// # Errors
    /// As there; what so many processes cannot share.
    pub fn world_among(&self, pipeline: &Pipeline, ranks: &Ranks) -> Result<App, Problems> {
        let mut app = self.app();
        app.insert_resource(ranks.clone());
        build(&mut app, pipeline)?;
        Ok(app)
    }
}

/// The order of both schedules. Parallelism is inside systems, so one thread walks the schedule.
fn order(app: &mut App) {
    app.edit_schedule(Build, |schedule| {
        schedule.set_executor(SingleThreadedExecutor::new());
        let sets = (
            BuildSet::Environments,
            BuildSet::Seats,
            BuildSet::Agents,
            BuildSet::Plans,
        );
        schedule.configure_sets(sets.chain());
    });
    app.edit_schedule(Tick, |schedule| {
        schedule.set_executor(SingleThreadedExecutor::new());
        let sets = (
            TickSet::Begin,
            TickSet::Collect,
            TickSet::Learn,
            TickSet::Evaluate,
            TickSet::Record,
            TickSet::Persist,
        );
        schedule.configure_sets(sets.chain());
        // What follows a fault would only compound it: the pass runs out, and the loop stops.
        let later = (
            TickSet::Collect,
            TickSet::Learn,
            TickSet::Evaluate,
            TickSet::Record,
            TickSet::Persist,
        );
        schedule.configure_sets(later.run_if(no_faults));
    });
}

fn no_faults(faults: Res<Faults>, ranks: Res<Ranks>) -> bool {
    if failures::any() && ranks.several() {
        // The others wait for something that this process was about to say.
        let kept = failures::take();
        ranks.abort(kept.first().map_or("a system failed", |fault| &fault.message));
        kept.into_iter().for_each(failures::put);
    }
    faults.0.is_empty() && !failures::any()
}

/// What this crate puts into a world.
fn declare(table: &mut PersistenceTable) {
    table
        .derived::<EntityName>()
        .derived::<PipelineSpec>()
        .derived::<Registry>()
        .derived::<PersistenceTable>()
        .derived::<MemoryEstimate>()
        .derived::<PipelineFolder>()
        .derived::<RunSeed>()
        .external::<Ranks>()
        .external::<traffic::Told>()
        .external::<Faults>()
        .external::<Outbox>()
        .external::<StopRequest>()
        .external::<timing::PhaseClock>()
        .external::<Profile>()
        .external::<ticks::Watch>()
        .external::<Progress>();
}
