//! Commits: what a run trusts. Each names the parts that are new in it and the hash of the commit before.
//!
//! A chain, not a full list: a list would make the commits of a long run grow quadratically. A commit is immutable, carries
//! its own hash, and its exclusive creation fences a second writer off. `FORMAT` rises when a reader of this version would
//! misread a newer commit; a new field that old readers may ignore does not raise it. Old commits are always readable.

use crate::store::{self, Place, Store, disk};
use serde::{Deserialize, Serialize};
use starling_components::Fault;
use starling_components::clock::ClockValues;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};

/// Version of the commit files that this program writes, and the newest that it reads.
pub const FORMAT: u32 = 1;
/// Folder of the commits under a run.
pub(crate) const FOLDER: &str = "commits";

/// Why a commit was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The run goes on.
    Running,
    /// The run was asked to stop, and can be resumed.
    Interrupted,
    /// The last tick is done.
    Finished,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Finished => "finished",
        })
    }
}

/// One immutable Parquet file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRecord {
    /// Which table.
    pub table: String,
    /// Version of its columns.
    pub version: u32,
    /// Path under the run directory, with `/`.
    pub file: String,
    /// Rows.
    pub rows: u64,
    /// Length of the file.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: String,
}

/// The checkpoint that belongs to a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointRecord {
    /// Path under the run directory, with `/`.
    pub file: String,
    /// Length of the file.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: String,
}

/// The clocks of one stage, or of one group in a pipeline without stages. Commits from before there were stages have no `ticks_before` and no
/// `waiting`, which is right for them; programs from then do not read these two, and know no stages either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GroupClocks {
    /// What has been done.
    pub now: ClockValues,
    /// What will have been done at the end; 0 where nothing bounds it.
    pub total: ClockValues,
    /// Ticks of the longest chain of stages before it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ticks_before: u64,
    /// Stages before it have not ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waiting: bool,
    /// It has reached its end.
    pub finished: bool,
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// Completed ticks of a run whose stages or groups show `clocks`: of the one that is furthest, through all stages before it.
pub(crate) fn tick(clocks: &BTreeMap<String, GroupClocks>) -> u64 {
    let ticks = clocks.values().map(|c| c.ticks_before + c.now.ticks);
    ticks.max().unwrap_or(0)
}

/// One commit file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// See [`FORMAT`].
    pub format: u32,
    /// Its number, from 0.
    pub commit: u64,
    /// SHA-256 that the commit before carries; absent in the first.
    pub previous: Option<String>,
    /// Why it was made.
    pub status: Status,
    /// Completed ticks: of the stage or group that is furthest, through all stages before it.
    pub tick: u64,
    /// Clocks of every stage or group, by name.
    pub clocks: BTreeMap<String, GroupClocks>,
    /// Which program wrote it.
    pub program: String,
    /// The instructions that its arithmetic may have used; bits are promised per program and instruction set.
    pub instruction_set: String,
    /// SHA-256 of `pipeline.toml`.
    pub pipeline_sha256: String,
    /// The checkpoint.
    pub checkpoint: CheckpointRecord,
    /// Commits whose checkpoints are kept from this one on; those of others are deleted.
    pub checkpoints_kept: Vec<u64>,
    /// The parts that are new in this commit, in row order per table.
    pub parts: Vec<PartRecord>,
    /// Rows of every table up to and including this commit.
    pub rows: BTreeMap<String, u64>,
    /// SHA-256 of this file with these 64 digits written as zeros.
    pub sha256: String,
}

const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The file of commit `number`, relative to the run.
pub(crate) fn file_name(number: u64) -> String {
    format!("{FOLDER}/{number:06}.json")
}

impl Commit {
    /// Fills in the commit's own hash and gives the file's text.
    ///
    /// # Errors
    /// None that a caller can cause.
    pub(crate) fn seal(&mut self) -> Result<String, Fault> {
        ZEROS.clone_into(&mut self.sha256);
        let text = serde_json::to_string_pretty(self)
            .map_err(|e| Fault::storage(format!("failed to write a commit as JSON: {e}")))?;
        self.sha256 = disk::sha256(text.as_bytes());
        // The hash is the last field, so the last run of zeros is its place.
        let at = text.rfind(ZEROS).unwrap_or(0);
        Ok(format!("{}{}{}\n", &text[..at], self.sha256, &text[at + ZEROS.len()..]))
    }

    /// Reads a commit from the text of its file.
    ///
    /// # Errors
    /// A newer format, text that is not a commit, or a hash that does not match.
    pub fn parse(text: &[u8]) -> Result<Self, Fault> {
        let text = std::str::from_utf8(text).map_err(|e| Fault::records(format!("not text: {e}")))?;
        #[derive(Deserialize)]
        struct Versioned {
            format: u32,
        }
        let damaged = |e: serde_json::Error| Fault::records(format!("damaged: {e}"));
        let versioned: Versioned = serde_json::from_str(text).map_err(damaged)?;
        if versioned.format > FORMAT {
            let format = versioned.format;
            return Err(Fault::records(format!(
                "written in format {format}, this program reads up to format {FORMAT}"
            ))
            .advise("use the program that wrote it, or a newer one"));
        }
        let commit: Self = serde_json::from_str(text).map_err(damaged)?;
        let text = text.trim_end_matches('\n');
        let hash = &commit.sha256;
        let place = (hash.len() == ZEROS.len()).then(|| text.rfind(hash.as_str())).flatten();
        let zeroed = place.map(|at| format!("{}{ZEROS}{}", &text[..at], &text[at + ZEROS.len()..]));
        if zeroed.is_none_or(|zeroed| disk::sha256(zeroed.as_bytes()) != *hash) {
            return Err(Fault::records("damaged: its hash does not match its text"));
        }
        Ok(commit)
    }

    /// Parts of one table that are new in this commit.
    pub fn parts_of<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a PartRecord> {
        self.parts.iter().filter(move |part| part.table == table)
    }
}

/// The commits of a run, from the first on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chain {
    /// Commit n is at place n.
    pub commits: Vec<Commit>,
}

impl Chain {
    /// Numbers of the commit files of a run, rising.
    ///
    /// # Errors
    /// The folder is not there or cannot be read.
    pub(crate) fn numbers(store: &dyn Store) -> Result<Vec<u64>, Fault> {
        let names = store.list(FOLDER).map_err(|e| Self::no_folder(store, &e))?;
        Ok(Self::numbers_of(&names))
    }

    /// As [`Chain::numbers`], but none where there is no folder.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub(crate) fn numbers_if_any(store: &dyn Store) -> Result<Vec<u64>, Fault> {
        match store.list(FOLDER) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(e) => Err(Self::no_folder(store, &e)),
            Ok(names) => Ok(Self::numbers_of(&names)),
        }
    }

    fn numbers_of(names: &[String]) -> Vec<u64> {
        let numbers = names.iter().filter_map(|name| name.strip_suffix(".json")?.parse().ok());
        let mut numbers: Vec<u64> = numbers.collect();
        numbers.sort_unstable();
        numbers
    }

    fn no_folder(store: &dyn Store, error: &io::Error) -> Fault {
        let (run, folder) = (store.place(), store::at(store, FOLDER));
        let message = format!("`{run}` is not a run: cannot read `{folder}`: {error}");
        let fault = store::unreadable(store, message, error);
        match fault.advice {
            Some(_) => fault,
            None => fault.advise("give the folder that holds `commits/` and `pipeline.toml`"),
        }
    }

    /// Reads commits 0 to `last` (the newest if `None`) of the run at `place`, checking every link.
    ///
    /// # Errors
    /// No commit, a missing or damaged one, or one of a newer format. The advice names the newest commit that can be used instead.
    pub fn load(place: impl Into<Place>, last: Option<u64>) -> Result<Self, Fault> {
        Self::load_from(&*place.into().open()?, last)
    }

    /// As [`Chain::load`].
    pub(crate) fn load_from(store: &dyn Store, last: Option<u64>) -> Result<Self, Fault> {
        let (chain, problem) = Self::load_while_good(store, last)?;
        match problem {
            Some(fault) => Err(fault),
            None => Ok(chain),
        }
    }

    /// As [`Chain::load`], but gives the commits before the first bad one together with what is wrong with it.
    ///
    /// # Errors
    /// There is no run, or no such commit.
    pub(crate) fn load_while_good(store: &dyn Store, last: Option<u64>) -> Result<(Self, Option<Fault>), Fault> {
        let numbers = Self::numbers(store)?;
        let run = store.place();
        let newest = *numbers.last().ok_or_else(|| {
            Fault::records(format!("`{run}` has no commit: it was stopped before its first one"))
                .advise("run the pipeline again; nothing is lost")
        })?;
        let last = last.unwrap_or(newest);
        if last > newest {
            let message = format!("`{run}` has no commit {last}: the newest is {newest}");
            return Err(Fault::records(message));
        }
        // Numbers that are not there are not asked for: the first gap ends the chain.
        let whole = (0..=last)
            .take_while(|number| numbers.binary_search(number).is_ok())
            .count() as u64;
        let names: Vec<String> = (0..=last.min(whole)).map(file_name).collect();
        let mut chain = Self::default();
        for (number, text) in store.read_all(&names).into_iter().enumerate() {
            match chain.next(store, number as u64, text) {
                Ok(commit) => chain.commits.push(commit),
                Err(fault) => return Ok((chain, Some(fault))),
            }
        }
        Ok((chain, None))
    }

    /// The link after those that are there, from the text of its file.
    fn next(&self, store: &dyn Store, number: u64, text: io::Result<bytes::Bytes>) -> Result<Commit, Fault> {
        let about = |mut fault: Fault| {
            let path = store::at(store, &file_name(number));
            fault.message = format!("commit {number} (`{path}`) is {}", fault.message);
            if number > 0 && fault.advice.is_none() {
                fault.advice = Some(format!(
                    "the run up to commit {} can be used: `--commit {}`",
                    number - 1,
                    number - 1
                ));
            }
            fault
        };
        let text = match text {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Err(about(Fault::records("missing"))),
            Err(e) => return Err(about(store::unreadable(store, format!("unreadable: {e}"), &e))),
        };
        let commit = Commit::parse(&text).map_err(about)?;
        let before = self.commits.last().map(|c| c.sha256.clone());
        if commit.commit != number || commit.previous != before {
            return Err(about(Fault::records("not the next link of this run's chain")));
        }
        Ok(commit)
    }

    /// All parts of `table`, in row order.
    pub fn parts<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a PartRecord> {
        self.commits.iter().flat_map(move |commit| commit.parts_of(table))
    }

    /// Committed rows of `table`.
    pub fn rows(&self, table: &str) -> u64 {
        let last = self.commits.last();
        last.and_then(|c| c.rows.get(table)).copied().unwrap_or(0)
    }
}
