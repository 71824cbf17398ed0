//! Batches: a sweep's runs in one folder, each a headless process that commits, stops when told to, and goes on when started again.
//!
//! ```text
//! runs/<pipeline>/sweep-1a2b3c4d/
//!   batch.json                     the jobs in order: what is read here
//!   pipelines/<run>.toml           the resolved pipeline of each run
//!   <job>/                         an ordinary run directory
//!   logs/ failures/ slurm/         what processes said, what will not get better by starting again, what was submitted
//! ```
//!
//! A batch's state is that of its run directories. Executors share nothing else, so any of them can go on with what another began, and no
//! scheduler has to remember anything.

pub(crate) mod executor;
pub(crate) mod join;
pub(crate) mod kubernetes;
pub(crate) mod local;
pub(crate) mod plan;
pub(crate) mod slurm;
pub(crate) mod split;
pub(crate) mod state;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use starling_components::Fault;
use std::path::{Path, PathBuf};

const FILE: &str = "batch.json";
/// Folders of a batch that are no runs.
const BOOKS: [&str; 4] = ["pipelines", "logs", "failures", "slurm"];
/// Version of `batch.json` that this program writes, and the newest that it reads.
const FORMAT: u32 = 1;

/// A batch as its folder keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Batch {
    format: u32,
    /// Name of the pipeline.
    pub(crate) pipeline: String,
    /// Runs as the sweep orders them.
    pub(crate) runs: Vec<BatchRun>,
}

/// One run of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct BatchRun {
    /// Its folder in the batch: readable, and unique by the hash of the resolved pipeline.
    pub(crate) name: String,
    /// What the sweep says about it: dotted key and value.
    pub(crate) settings: Vec<(String, Value)>,
    /// The jobs that its replicas are split over; none if it is one job.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) parts: Vec<Part>,
}

/// Some replicas of a run: a job of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// Its folder in the batch.
    pub(crate) name: String,
    /// Number of the first replica.
    pub(crate) first: u32,
    /// How many.
    pub(crate) count: u32,
    /// It stops after so many ticks: the last tick, in which replicas meet, is that of the joined run.
    pub(crate) ticks: u64,
}

/// One process of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    /// Its place in the batch: what array jobs are numbered by.
    pub(crate) index: usize,
    /// Its folder in the batch.
    pub(crate) name: String,
    /// Where it stops, if not at the end of its pipeline.
    pub(crate) ticks: Option<u64>,
}

/// A batch and where it lies.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Folder {
    /// The folder.
    pub(crate) dir: PathBuf,
    /// What is in it.
    pub(crate) batch: Batch,
}

/// `path` lies in a batch and is none of its runs.
pub(crate) fn keeps_books(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| BOOKS.contains(&name)) && path.parent().is_some_and(|batch| batch.join(FILE).is_file())
}

impl Batch {
    pub(crate) fn new(pipeline: String, runs: Vec<BatchRun>) -> Self {
        Self {
            format: FORMAT,
            pipeline,
            runs,
        }
    }

    /// Every process, in order.
    pub(crate) fn jobs(&self) -> Vec<Job> {
        let parts = |run: &BatchRun| -> Vec<(String, Option<u64>)> {
            if run.parts.is_empty() {
                return vec![(run.name.clone(), None)];
            }
            run.parts
                .iter()
                .map(|part| (part.name.clone(), Some(part.ticks)))
                .collect()
        };
        let jobs = self.runs.iter().flat_map(parts).enumerate();
        jobs.map(|(index, (name, ticks))| Job { index, name, ticks }).collect()
    }
}

impl Folder {
    /// Opens the batch in `dir`.
    ///
    /// # Errors
    /// There is none, or it is damaged or of a newer version.
    pub(crate) fn open(dir: &Path) -> Result<Self, Fault> {
        let path = dir.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(|e| {
            Fault::records(format!(
                "`{}` is no batch: cannot read `{}`: {e}",
                dir.display(),
                path.display()
            ))
            .advise("give the folder that `starling sweep` made")
        })?;
        let damaged = |e: serde_json::Error| Fault::records(format!("`{}` is damaged: {e}", path.display()));
        let value: Value = serde_json::from_str(&text).map_err(damaged)?;
        if let Some(format) = value["format"].as_u64().filter(|&format| format > u64::from(FORMAT)) {
            let message = format!(
                "`{}` has format {format}, this program reads up to {FORMAT}",
                path.display()
            );
            return Err(Fault::records(message).advise("use the program that wrote it, or a newer one"));
        }
        let batch: Batch = serde_json::from_value(value).map_err(damaged)?;
        let safe = |name: &str| !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\']);
        if let Some(job) = batch.jobs().iter().find(|job| !safe(&job.name)) {
            return Err(Fault::records(format!(
                "`{}` names a run `{}`",
                path.display(),
                job.name
            )));
        }
        Ok(Self {
            dir: dir.to_owned(),
            batch,
        })
    }

    /// Puts a batch into `dir`; one that is there already must be the same.
    ///
    /// # Errors
    /// Another batch is there, or the disk failed.
    pub(crate) fn create(dir: &Path, batch: Batch, pipelines: &[(String, String)]) -> Result<Self, Fault> {
        if dir.join(FILE).is_file() {
            let there = Self::open(dir)?;
            if there.batch != batch {
                let fault = Fault::records(format!("`{}` holds another batch", dir.display()));
                return Err(
                    fault.advise("choose another folder with --out, or none: batches are named by what they hold")
                );
            }
            return Ok(there);
        }
        let folder = Self {
            dir: dir.to_owned(),
            batch,
        };
        for folder in ["pipelines", "logs", "failures"] {
            starling_record::create_folder(&dir.join(folder))?;
        }
        for (name, text) in pipelines {
            starling_record::write_whole(&folder.pipeline(name), text.as_bytes())?;
        }
        let text = serde_json::to_string_pretty(&folder.batch)
            .map_err(|e| Fault::storage(format!("failed to write a batch as JSON: {e}")))?;
        // Last: a folder without it is no batch yet, and is made again.
        starling_record::write_whole(&dir.join(FILE), format!("{text}\n").as_bytes())?;
        Ok(folder)
    }

    /// The resolved pipeline of a run or job.
    pub(crate) fn pipeline(&self, name: &str) -> PathBuf {
        self.dir.join("pipelines").join(format!("{name}.toml"))
    }
    /// What the processes of a job said.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.dir.join("logs").join(format!("{name}.log"))
    }
    /// The run directory of a run or job.
    pub(crate) fn run(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
    /// Why a job will not get better by starting it again.
    pub(crate) fn failure(&self, name: &str) -> PathBuf {
        self.dir.join("failures").join(format!("{name}.txt"))
    }
}
