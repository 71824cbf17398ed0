//! Looking over many runs: where they lie, how far they came, and what is wrong with them. Nothing is written, no lock is taken, and a
//! run that is being written is seen as of its newest commit at the first look.

use crate::commit::{self, Chain, Commit, FORMAT, Status};
use crate::run::Run;
use crate::store::{self, Place, Store};
use crate::verify;
use serde::Deserialize;
use starling_components::{Fault, tables};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Folders below the runs' folder that may hold runs: `<pipeline>/<run>` or `<pipeline>/<batch>/<run>`, where a pipeline's name may have slashes.
const DEPTH: usize = 6;

/// The directories under `folder` that hold commits, in order. A run is not looked into for further runs; what is no run is passed over.
pub fn find(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    descend(folder, DEPTH, &mut found);
    found.sort();
    found
}

fn descend(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    if folder.join(commit::FOLDER).is_dir() {
        found.push(folder.to_owned());
        return;
    }
    if depth == 0 {
        return;
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        descend(&entry.path(), depth - 1, found);
    }
}

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has no commit yet: it is at its first ticks, or was stopped in them.
    Uncommitted,
    /// Its newest commit says that it goes on. Whether a process still writes it cannot be read from files.
    Running,
    /// It was asked to stop, and can be resumed.
    Interrupted,
    /// The last tick is done.
    Finished,
    /// Something that its commits name is missing or not what they say.
    Damaged,
    /// A newer program wrote it, in a way that this one does not know.
    Newer,
}

impl State {
    /// Whether the run's rows can be read.
    pub fn is_readable(self) -> bool {
        !matches!(self, Self::Damaged | Self::Newer)
    }
    /// The state in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uncommitted => "uncommitted",
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Finished => "finished",
            Self::Damaged => "damaged",
            Self::Newer => "newer",
        }
    }
}

impl From<Status> for State {
    fn from(status: Status) -> Self {
        match status {
            Status::Running => Self::Running,
            Status::Interrupted => Self::Interrupted,
            Status::Finished => Self::Finished,
        }
    }
}

/// The newest commit of a run, read alone: two looks at the disk, however long the run is.
#[derive(Debug, Clone, Default)]
pub struct Newest {
    /// Number of the newest commit file; `None` where there is none.
    pub number: Option<u64>,
    /// How many commit files there are.
    pub files: u64,
    /// What the newest says, if it can be read.
    pub commit: Option<Commit>,
}

/// Looks at the newest commit of the run in `dir`.
pub fn newest(dir: &Path) -> Newest {
    let numbers = open(dir).and_then(|store| Chain::numbers(&*store)).unwrap_or_default();
    let number = numbers.last().copied();
    let text = number.and_then(|number| fs::read(dir.join(commit::file_name(number))).ok());
    Newest {
        number,
        files: numbers.len() as u64,
        commit: text.and_then(|text| Commit::parse(&text).ok()),
    }
}

fn open(dir: &Path) -> Result<Arc<dyn Store>, Fault> {
    Place::from(dir.to_owned()).open()
}

/// What [`inspect`] found.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// What became of the run.
    pub state: State,
    /// Why it is [`State::Damaged`] or [`State::Newer`].
    pub problem: Option<Fault>,
    /// Its commits up to the first bad one.
    pub chain: Chain,
}

/// Looks at every commit of the run in `dir` up to number `last` (the newest if `None`), and whether what they name is there with the
/// right length; with `hashes`, everything that [`verify`](verify::verify) checks, which reads every byte.
pub fn inspect(dir: &Path, last: Option<u64>, hashes: bool) -> Inspection {
    let bad = |state, problem, chain| Inspection {
        state,
        problem: Some(problem),
        chain,
    };
    let store = match open(dir) {
        Ok(store) => store,
        Err(fault) => return bad(State::Damaged, fault, Chain::default()),
    };
    match Chain::numbers(&*store) {
        Err(fault) => return bad(State::Damaged, fault, Chain::default()),
        Ok(numbers) if numbers.is_empty() => {
            return Inspection {
                state: State::Uncommitted,
                problem: None,
                chain: Chain::default(),
            };
        }
        Ok(_) => {}
    }
    let (chain, broken) = match Chain::load_while_good(&*store, last) {
        Ok(loaded) => loaded,
        Err(fault) => return bad(State::Damaged, fault, Chain::default()),
    };
    if let Some(fault) = broken {
        let state = match format_of(dir, chain.commits.len() as u64) {
            Some(format) if format > FORMAT => State::Newer,
            _ => State::Damaged,
        };
        return bad(state, fault, chain);
    }
    if let Some(fault) = newer_part(&chain) {
        return bad(State::Newer, fault, chain);
    }
    let problem = if hashes {
        match verify::verify(dir.to_owned(), last) {
            Ok(report) => report.problems.into_iter().next(),
            Err(fault) => Some(fault),
        }
    } else {
        missing(dir, store, &chain)
    };
    match (problem, chain.commits.last()) {
        (Some(fault), _) => bad(State::Damaged, fault, chain),
        (None, Some(commit)) => Inspection {
            state: commit.status.into(),
            problem: None,
            chain,
        },
        (None, None) => Inspection {
            state: State::Uncommitted,
            problem: None,
            chain,
        },
    }
}

/// Which format a commit file says it has, whatever else it holds.
fn format_of(dir: &Path, number: u64) -> Option<u32> {
    #[derive(Deserialize)]
    struct Versioned {
        format: u32,
    }
    let text = fs::read(dir.join(commit::file_name(number))).ok()?;
    serde_json::from_slice::<Versioned>(&text).ok().map(|v| v.format)
}

/// A part of a table's version that this program does not know.
fn newer_part(chain: &Chain) -> Option<Fault> {
    let newer = |part: &&commit::PartRecord| {
        let known = tables::ALL.iter().find(|table| table.name == part.table);
        known.is_some_and(|table| part.version > table.version)
    };
    let part = chain.commits.iter().flat_map(|commit| &commit.parts).find(newer)?;
    let message = format!(
        "part `{}` has version {} of its table, which this program does not know",
        part.file, part.version
    );
    Some(Fault::records(message).advise("use the program that wrote it, or a newer one"))
}

/// The first file that commits name and that is not there with the right length.
fn missing(dir: &Path, store: Arc<dyn Store>, chain: &Chain) -> Option<Fault> {
    for part in chain.commits.iter().flat_map(|commit| &commit.parts) {
        if let Some(why) = wrong_length(&dir.join(&part.file), part.bytes) {
            return Some(Fault::records(format!("part `{}` {why}", part.file)));
        }
    }
    let last = chain.commits.last()?;
    let pipeline = match store::read_pipeline(&*store) {
        Ok(text) => text,
        Err(fault) => return Some(fault),
    };
    let run = Run::new(Arc::clone(&store), Chain::default(), pipeline, "", None);
    if let Err(fault) = run.check_pipeline(last) {
        return Some(fault);
    }
    let kept = &last.checkpoint;
    let why = wrong_length(&dir.join(&kept.file), kept.bytes)?;
    // A run that is being written deletes the checkpoint of a commit that is no longer among its newest.
    let went_on = Chain::numbers(&*store).is_ok_and(|numbers| numbers.last().is_some_and(|n| *n > last.commit));
    (!went_on).then(|| Fault::records(format!("checkpoint `{}` {why}", kept.file)))
}

fn wrong_length(path: &Path, bytes: u64) -> Option<String> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() == bytes => None,
        Ok(metadata) => Some(format!("is damaged: {} bytes instead of {bytes}", metadata.len())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Some("is missing".into()),
        Err(e) => Some(format!("is unreadable: {e}")),
    }
}

/// Length and path under the run of the checkpoints that the newest commit of `chain` keeps and that are there.
pub fn checkpoints(dir: &Path, chain: &Chain) -> Vec<(u64, PathBuf, u64)> {
    let Some(last) = chain.commits.last() else {
        return Vec::new();
    };
    let kept: BTreeSet<u64> = last.checkpoints_kept.iter().copied().collect();
    let kept = chain.commits.iter().filter(|commit| kept.contains(&commit.commit));
    kept.filter_map(|commit| {
        let file = PathBuf::from(&commit.checkpoint.file);
        let there = dir.join(&file).is_file();
        there.then_some((commit.commit, file, commit.checkpoint.bytes))
    })
    .collect()
}

/// Files in the folders of the run in `dir` that `chain` does not name: what a killed process left, what a running one has underway, or what
/// does not belong there. The run's lock, its pipeline and what was set aside are known.
pub fn uncommitted(dir: &Path, chain: &Chain) -> u64 {
    let mut named: BTreeSet<PathBuf> = chain
        .commits
        .iter()
        .flat_map(|commit| commit.parts.iter().map(|part| PathBuf::from(&part.file)))
        .collect();
    named.extend(chain.commits.iter().map(|c| PathBuf::from(commit::file_name(c.commit))));
    named.extend(checkpoints(dir, chain).into_iter().map(|(_, file, _)| file));
    named.extend([store::LOCK, store::PIPELINE].map(PathBuf::from));
    let mut count = 0;
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(dir.join(&folder)).into_iter().flatten().flatten() {
            let inside = folder.join(entry.file_name());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if inside != Path::new(store::SET_ASIDE) {
                    folders.push(inside);
                }
            } else if !named.contains(&inside) {
                count += 1;
            }
        }
    }
    count
}
