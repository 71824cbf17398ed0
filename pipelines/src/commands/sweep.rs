//! `starling sweep`: all runs of a file's `[sweep]`, on this machine or on a cluster. Started twice it is the same batch: what is done is
//! done.

use super::completions::PipelineName;
use super::{Context, OverrideArgs};
use crate::batch::executor::{self, Kind, Options};
use crate::batch::plan::{self, Plan};
use crate::batch::state::JobState;
use crate::batch::{Folder, kubernetes, slurm};
use crate::engine::{self, Starling};
use crate::exit::Exit;
use crate::file::layers::Origin;
use crate::problem::Problems;
use clap::Args;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// What to run, and by whom.
#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    /// A pipeline file with a [sweep], or the name of a built-in one
    #[arg(value_name = "FILE|NAME", value_parser = PipelineName, hide_possible_values = true)]
    pipeline: String,
    #[command(flatten)]
    overrides: OverrideArgs,
    /// The batch's own folder; `runs/<pipeline>/sweep-<hash>` if not given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// List the runs with their settings and folders, and the script if a cluster runs them; nothing is written
    #[arg(long)]
    dry_run: bool,
    /// Print the manifest of a Kubernetes Indexed Job, and make the batch that it runs, unless with --dry-run
    #[arg(long)]
    render: bool,
    /// Memory that a job may need, e.g. 8GiB; this machine's if not given
    #[arg(long, value_name = "SIZE", value_parser = engine::parse_bytes)]
    memory_limit: Option<u64>,
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    kubernetes: kubernetes::Options,
}

pub(crate) fn run(starling: &Starling, context: Context, args: SweepArgs) -> Result<Exit, Problems> {
    let origin = Origin::of_argument(&args.pipeline)?;
    let plan = plan::plan(starling, &origin, &args.overrides.overrides(), args.memory_limit)?;
    let dir = args.out.clone().unwrap_or_else(|| plan.dir.clone());
    let memory = plan.memory;
    let folder = if args.dry_run {
        Folder { dir, batch: plan.batch }
    } else {
        let Plan { batch, pipelines, .. } = plan;
        Folder::create(&dir, batch, &pipelines)?
    };
    let Options {
        workers,
        threads,
        restarts,
        ..
    } = args.options;
    if args.render {
        let manifest = kubernetes::manifest(
            &folder,
            &args.kubernetes,
            workers,
            threads.unwrap_or(1),
            restarts,
            memory,
        );
        context.data(&format!("{manifest:#}\n"));
        return Ok(Exit::Finished);
    }
    if args.dry_run {
        context.data(&list(context, &folder));
        if args.options.executor == Kind::Slurm {
            let script = slurm::dry_run(&folder, &folder.batch.jobs(), &args.options)?;
            context.data(&format!("\n{script}"));
        }
        return Ok(Exit::Finished);
    }
    executor::start(context, &folder, &args.options)
}

/// Every run with its folder and what the sweep says about it.
fn list(context: Context, folder: &Folder) -> String {
    let jobs = folder.batch.jobs();
    let state = |name: &str| {
        jobs.iter()
            .find(|job| job.name == name)
            .map(|job| JobState::of(folder, job).kind.name())
    };
    if context.json {
        let run = |run: &crate::batch::BatchRun| {
            let settings: Map<String, Value> = run.settings.iter().cloned().collect();
            let parts: Vec<&str> = run.parts.iter().map(|part| part.name.as_str()).collect();
            json!({ "directory": folder.run(&run.name), "settings": settings, "parts": parts, "state": state(&run.name) })
        };
        let runs: Vec<Value> = folder.batch.runs.iter().map(run).collect();
        return format!("{:#}\n", json!({ "batch": folder.dir, "runs": runs }));
    }
    let mut text = format!(
        "{}: {} runs, {} jobs\n",
        folder.dir.display(),
        folder.batch.runs.len(),
        jobs.len()
    );
    for (n, run) in folder.batch.runs.iter().enumerate() {
        let state = state(&run.name)
            .filter(|state| *state != "waiting")
            .map_or(String::new(), |state| format!("  ({state})"));
        text += &format!("{n:>5}  {}  {}{state}\n", run.name, plan::words(&run.settings));
        for part in &run.parts {
            let last = part.first + part.count - 1;
            text += &format!(
                "       {}  replicas {} to {last}, {} ticks\n",
                part.name, part.first, part.ticks
            );
        }
    }
    text
}
