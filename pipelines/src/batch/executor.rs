//! Executors: what starts the jobs of a batch that are not done. None of them schedules anything itself.

use super::state::{JobState, StateKind};
use super::{Folder, Job};
use crate::commands::Context;
use crate::exit::Exit;
use crate::problem::Problems;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use starling_components::Fault;
use std::path::PathBuf;

/// Who runs the jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A pool of processes on this machine
    Local,
    /// A Slurm job array
    Slurm,
}

/// How jobs are run. Kept in the batch, so that `starling batch resume` goes on in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Args, Serialize, Deserialize)]
pub(crate) struct Options {
    /// Who runs the jobs
    #[arg(long, value_enum, default_value = "local")]
    pub(crate) executor: Kind,
    /// Jobs at the same time; one per core on this machine, and as many as the cluster allows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) workers: Option<u16>,
    /// Threads per job; an equal share of this machine's cores, or 1 on a cluster
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// Starts of one job that may fail one after the other without a commit in between
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) restarts: u32,
    /// Slurm: time limit of a job, as sbatch takes it; jobs commit before it and requeue themselves
    #[arg(long, value_name = "TIME", default_value = "04:00:00")]
    pub(crate) time: String,
    /// Slurm: seconds before the limit at which a job is told to commit: longer than a tick
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub(crate) margin: u32,
    /// Slurm: memory of a job, as sbatch takes it; the cluster's default if not given
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<String>,
    /// Slurm: partition
    #[arg(long, value_name = "NAME")]
    pub(crate) partition: Option<String>,
    /// Slurm: a line for the script, e.g. `--account=lab`
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    pub(crate) sbatch: Vec<String>,
    /// Slurm: jobs of one array at most; the cluster's own limit if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_array: Option<u32>,
}

impl Options {
    const FILE: &'static str = "executor.json";

    /// Keeps the options in the batch.
    pub(crate) fn keep(&self, folder: &Folder) -> Result<(), Fault> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|e| Fault::storage(format!("failed to write options as JSON: {e}")))?;
        starling_record::write_whole(&folder.dir.join(Self::FILE), format!("{text}\n").as_bytes())
    }

    /// The options that the batch was last started with.
    pub(crate) fn kept(folder: &Folder) -> Result<Self, Fault> {
        let path = folder.dir.join(Self::FILE);
        let text = std::fs::read_to_string(&path).map_err(|e| {
            Fault::records(format!("cannot read `{}`: {e}", path.display())).advise("start the sweep again")
        })?;
        serde_json::from_str(&text).map_err(|e| {
            Fault::records(format!("`{}` is damaged: {e}", path.display())).advise("start the sweep again")
        })
    }
}

/// Jobs that are not done, in order.
pub(crate) fn open_jobs(folder: &Folder) -> Vec<Job> {
    let open = |job: &Job| JobState::of(folder, job).kind != StateKind::Finished;
    folder.batch.jobs().into_iter().filter(open).collect()
}

/// Starts everything that is not done, and waits for it where the executor is this machine.
///
/// # Errors
/// What the executor refuses.
pub(crate) fn start(context: Context, folder: &Folder, options: &Options) -> Result<Exit, Problems> {
    options.keep(folder)?;
    match options.executor {
        Kind::Local => super::local::run(context, folder, options),
        Kind::Slurm => super::slurm::submit(context, folder, options),
    }
}

/// The program itself, for scripts and child processes.
pub(crate) fn program() -> Result<PathBuf, Fault> {
    std::env::current_exe().map_err(|e| Fault::run(format!("cannot find this program's own file: {e}")))
}
