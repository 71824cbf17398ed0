//! `starling batch`: how far the jobs of a batch are, and starting, stopping and joining them.

use super::Context;
use super::session::{self, ResourceArgs};
use crate::batch::executor::{self, Kind, Options};
use crate::batch::local::counts;
use crate::batch::state::{JobState, StateKind, done};
use crate::batch::{Folder, Job, join, local, plan, slurm};
use crate::engine::Starling;
use crate::exit::Exit;
use crate::file::layers::{Origin, Overrides};
use crate::problem::Problems;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use starling_components::Fault;
use starling_record::{ResumeOptions, Run, newest_commit};
use std::path::PathBuf;

/// What to do with a batch.
#[derive(Debug, Subcommand)]
pub(crate) enum BatchCommand {
    /// How far every job is, from its commits and from the scheduler
    Status(BatchArgs),
    /// Stop: running jobs commit first
    Cancel(BatchArgs),
    /// Start what is not done, as it was started before
    Resume(BatchResumeArgs),
    /// Put runs together whose replicas were split over jobs, and end them
    Join(JoinArgs),
    /// Do one job, or go on with it: what executors start
    Work(WorkArgs),
}

/// Which batch.
#[derive(Debug, Args)]
pub(crate) struct BatchArgs {
    /// The batch's folder
    batch: PathBuf,
}

/// Which batch, and by whom.
#[derive(Debug, Args)]
pub(crate) struct BatchResumeArgs {
    /// The batch's folder
    batch: PathBuf,
    /// Another executor, with options of its own; as before if not given
    #[arg(long)]
    change: bool,
    #[command(flatten)]
    options: Options,
}

/// What to join.
#[derive(Debug, Args)]
pub(crate) struct JoinArgs {
    /// The batch's folder
    batch: PathBuf,
    #[command(flatten)]
    resources: ResourceArgs,
}

/// Which job.
#[derive(Debug, Args)]
pub(crate) struct WorkArgs {
    /// The batch's folder
    batch: PathBuf,
    /// The job's number in the batch
    #[arg(long, value_name = "N")]
    index: usize,
    /// Stop, as if asked to, when this process has gone
    #[arg(long, value_name = "PID", hide = true)]
    parent: Option<u32>,
    #[command(flatten)]
    resources: ResourceArgs,
}

pub(crate) fn run(starling: &Starling, context: Context, command: BatchCommand) -> Result<Exit, Problems> {
    match command {
        BatchCommand::Status(args) => status(context, &Folder::open(&args.batch)?),
        BatchCommand::Cancel(args) => cancel(context, &Folder::open(&args.batch)?),
        BatchCommand::Resume(args) => {
            let folder = Folder::open(&args.batch)?;
            let options = if args.change {
                args.options
            } else {
                Options::kept(&folder)?
            };
            executor::start(context, &folder, &options)
        }
        BatchCommand::Join(args) => {
            args.resources.alone()?;
            args.resources.set_threads();
            join::all(starling, context, &Folder::open(&args.batch)?, &args.resources)
        }
        BatchCommand::Work(args) => work(starling, context, &args),
    }
}

fn status(context: Context, folder: &Folder) -> Result<Exit, Problems> {
    let jobs = folder.batch.jobs();
    let states: Vec<JobState> = jobs.iter().map(|job| JobState::of(folder, job)).collect();
    let on_slurm = Options::kept(folder).is_ok_and(|options| options.executor == Kind::Slurm);
    // Without a scheduler at hand the commits still say how far everything is.
    let (queued, deaf) = match on_slurm.then(|| slurm::queued(folder)) {
        Some(Ok(queued)) => (queued, None),
        Some(Err(fault)) => (Default::default(), Some(fault.message)),
        None => (Default::default(), None),
    };
    if context.json {
        let job = |(job, state): (&Job, &JobState)| {
            let mut value = state.json(job);
            value["queue"] = queued
                .get(&job.index)
                .map_or(Value::Null, |queued| Value::String(queued.state.clone()));
            value
        };
        let jobs: Vec<Value> = jobs.iter().zip(&states).map(job).collect();
        context.data(&format!("{:#}\n", json!({ "batch": folder.dir, "jobs": jobs })));
    } else {
        let mut text = format!("{}: {}\n", folder.dir.display(), counts(&states));
        let width = jobs.iter().map(|job| job.name.len()).max().unwrap_or(0);
        for (job, state) in jobs.iter().zip(&states) {
            let ticks = if state.ticks > 0 {
                format!("{}/{}", state.tick, state.ticks)
            } else {
                String::new()
            };
            let queue = queued
                .get(&job.index)
                .map_or(String::new(), |queue| format!("  slurm: {}", queue.state));
            let problem = state
                .problem
                .as_deref()
                .map_or(String::new(), |problem| format!("  {problem}"));
            let (index, name, kind) = (job.index, &job.name, state.kind.name());
            text += format!("{index:>5}  {name:<width$}  {kind:<9} {ticks:>11}{queue}{problem}").trim_end();
            text.push('\n');
        }
        context.data(&text);
    }
    if let Some(why) = deaf {
        context.talk(&format!("the queue is not known: {why}"));
    }
    Ok(match states.iter().map(|state| state.kind).max() {
        None | Some(StateKind::Finished) => Exit::Finished,
        Some(StateKind::Failed | StateKind::Damaged) => Exit::Failed,
        Some(_) => Exit::Interrupted,
    })
}

fn cancel(context: Context, folder: &Folder) -> Result<Exit, Problems> {
    if local::cancel(folder)? {
        context.talk("asked the pool on this machine to stop; its jobs commit first");
        return Ok(Exit::Finished);
    }
    if Options::kept(folder).is_ok_and(|options| options.executor == Kind::Slurm) {
        let arrays = slurm::cancel(folder)?;
        context.talk(&format!(
            "{arrays} arrays taken out of the queue; running jobs commit first"
        ));
        return Ok(Exit::Finished);
    }
    context.talk("nobody on this machine runs this batch");
    Ok(Exit::Finished)
}

/// Does a job, and keeps why it will not get better.
fn work(starling: &Starling, context: Context, args: &WorkArgs) -> Result<Exit, Problems> {
    let folder = Folder::open(&args.batch)?;
    let jobs = folder.batch.jobs();
    let Some(job) = jobs.get(args.index) else {
        let message = format!(
            "`{}` has jobs 0 to {}, none with the number {}",
            folder.dir.display(),
            jobs.len() - 1,
            args.index
        );
        return Err(Fault::pipeline(message).into());
    };
    follow(args.parent);
    let result = start_or_go_on(starling, context, &folder, job, &args.resources);
    if let Err(problems) = &result
        && matches!(Exit::of(problems), Exit::Failed | Exit::BadInput | Exit::Records)
    {
        starling_record::write_whole(&folder.failure(&job.name), problems.plain().as_bytes())?;
    }
    result
}

fn start_or_go_on(
    starling: &Starling,
    context: Context,
    folder: &Folder,
    job: &Job,
    resources: &ResourceArgs,
) -> Result<Exit, Problems> {
    let dir = folder.run(&job.name);
    let newest = newest_commit(&dir)?;
    if newest.as_ref().is_some_and(|commit| done(commit, job)) {
        context.talk(&format!("{}: finished before", job.name));
        return Ok(Exit::Finished);
    }
    resources.alone()?;
    resources.set_threads();
    let begun = newest.is_some();
    let mut resources = resources.clone();
    let tick = newest.map_or(0, |commit| commit.tick);
    if let Some(ticks) = job.ticks {
        resources.stop_after(ticks - tick);
    }
    let path = folder.pipeline(&job.name);
    let (run, text) = if begun {
        let options = ResumeOptions {
            program: session::PROGRAM.to_owned(),
            ..ResumeOptions::default()
        };
        let run = Run::open_for_resume(&dir, &options)?;
        let text = run.pipeline().to_owned();
        (Some(run), text)
    } else {
        let text = std::fs::read_to_string(&path)
            .map_err(|e| Fault::records(format!("cannot read `{}`: {e}", path.display())))?;
        (None, text)
    };
    let origin = Origin::Text {
        name: path.display().to_string(),
        text,
    };
    let pipeline = starling.load(&origin, &Overrides::default())?;
    let app = starling.world(&pipeline)?;
    resources.check_memory(&app)?;
    let run = match run {
        Some(run) => run,
        None => Run::create(&dir, &pipeline.text(), session::PROGRAM)?,
    };
    context.talk(&format!("{}: {}", job.name, settings(folder, job)));
    let exit = session::drive(context, app, &pipeline, Ok(run), &resources)?;
    let there = newest_commit(&dir)?.is_some_and(|commit| done(&commit, job));
    Ok(if there { Exit::Finished } else { exit })
}

fn settings(folder: &Folder, job: &Job) -> String {
    let owner =
        |run: &&crate::batch::BatchRun| run.name == job.name || run.parts.iter().any(|part| part.name == job.name);
    let run = folder.batch.runs.iter().find(owner);
    run.map_or(String::new(), |run| plan::words(&run.settings))
}

/// Asks the system for a SIGTERM when the pool that started this process is killed.
fn follow(parent: Option<u32>) {
    #[cfg(target_os = "linux")]
    if let Some(parent) = parent {
        use rustix::process::{Signal, getppid, set_parent_process_death_signal};
        let _ = set_parent_process_death_signal(Some(Signal::TERM)); // without it the job just runs to its end
        let now = getppid().map(|pid| pid.as_raw_nonzero().get());
        if now.is_none_or(|now| u32::try_from(now) != Ok(parent)) {
            // It went before the system was asked.
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = parent;
}
