//! A run's directory: created, resumed by one writer at a time, or read by anyone.
//!
//! ```text
//! runs/<pipeline>/<run>/
//!   pipeline.toml                          the resolved pipeline, as it was run
//!   commits/000012.json                    what is trusted; see [`crate::commit`]
//!   checkpoints/000012.safetensors         the last few; see [`crate::checkpoint`]
//!   metrics/000012-00000-5f3a9c01.parquet  commit, number within it, token of the writing process; one folder per table
//!   lock                                   locked by the writing process, never read by others
//!   set_aside/                             what `--commit N` put out of the way
//! ```
//!
//! Two things keep a second writer off: an advisory lock, which tells at once and dies with its process, and the exclusive
//! creation of the next commit, which holds where locks do not reach. The token keeps the files of two such writers apart.

use crate::commit::{self, Chain, Commit};
use crate::{checkpoint, disk};
use starling_components::Fault;
use starling_components::fault::FaultKind;
use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// File of the resolved pipeline.
pub(crate) const PIPELINE: &str = "pipeline.toml";
pub(crate) const LOCK: &str = "lock";
pub(crate) const SET_ASIDE: &str = "set_aside";

/// A run's directory.
#[derive(Debug)]
pub struct Run {
    dir: PathBuf,
    chain: Chain,
    pipeline: String,
    pipeline_sha256: String,
    program: String,
    token: String,
    /// Held while this process may write, if the file system has locks.
    _lock: Option<File>,
}

/// How to go on with a run.
#[derive(Debug, Clone, Default)]
pub struct ResumeOptions {
    /// Go on from this commit instead of the newest; later ones are set aside.
    pub commit: Option<u64>,
    /// Go on although another instruction set may give other bits.
    pub allow_other_bits: bool,
    /// Name and version of this program, for the commits.
    pub program: String,
}

impl Run {
    /// Starts a run in `dir`, which must be new, empty, or left over from a run that was stopped before its first commit.
    /// `pipeline` is the resolved pipeline's text, `program` the name and version of this program.
    ///
    /// # Errors
    /// The folder holds a run or something else, another process is writing it, or the disk fails.
    pub fn create(dir: impl Into<PathBuf>, pipeline: &str, program: &str) -> Result<Self, Fault> {
        let dir = dir.into();
        disk::create_folder(&dir)?;
        let lock = lock(&dir)?;
        let commits = dir.join(commit::FOLDER);
        if commits.is_dir() && !Chain::numbers(&dir)?.is_empty() {
            return Err(Fault::records(format!("`{}` already holds a run", dir.display()))
                .advise("resume it, choose another folder, or delete it"));
        }
        if !commits.is_dir() {
            refuse_foreign_files(&dir)?;
        }
        disk::create_folder(&commits)?;
        disk::write_whole(&dir.join(PIPELINE), pipeline.as_bytes())?;
        let run = Self::new(dir, Chain::default(), pipeline.to_owned(), program, lock);
        run.sweep()?;
        Ok(run)
    }

    /// Goes on with the run in `dir`. What a killed process left behind uncommitted is removed.
    ///
    /// # Errors
    /// There is no run or it is damaged, another process is writing it, its pipeline was changed, or it was written with other instructions.
    pub fn open_for_resume(dir: impl Into<PathBuf>, options: &ResumeOptions) -> Result<Self, Fault> {
        let dir = dir.into();
        Chain::numbers(&dir)?; // tells "not a run" before a lock file is made in a wrong folder
        let lock = lock(&dir)?;
        let chain = Chain::load(&dir, options.commit)?;
        let pipeline = read_pipeline(&dir)?;
        let run = Self::new(dir, chain, pipeline, &options.program, lock);
        if let Some(last) = run.latest_commit() {
            run.check_pipeline(last)?;
            let here = instruction_set();
            if last.instruction_set != here && !options.allow_other_bits {
                return Err(Fault::records(format!(
                    "commit {} was written with the instruction set `{}`, this machine has `{here}`: going on would give other bits",
                    last.commit, last.instruction_set
                ))
                .advise("resume on a machine like the first, or accept it with `--allow-other-bits`"));
            }
        }
        run.set_later_commits_aside()?;
        run.sweep()?;
        Ok(run)
    }

    /// Opens the run in `dir` to read it up to `commit` (the newest if `None`); works while another process writes it.
    ///
    /// # Errors
    /// There is no run, or it is damaged.
    pub fn open_read_only(dir: impl Into<PathBuf>, commit: Option<u64>) -> Result<Self, Fault> {
        let dir = dir.into();
        let chain = Chain::load(&dir, commit)?;
        let pipeline = read_pipeline(&dir)?;
        Ok(Self::new(dir, chain, pipeline, "", None))
    }

    pub(crate) fn new(dir: PathBuf, chain: Chain, pipeline: String, program: &str, lock: Option<File>) -> Self {
        let pipeline_sha256 = disk::sha256(pipeline.as_bytes());
        Self {
            dir,
            chain,
            pipeline,
            pipeline_sha256,
            program: program.to_owned(),
            token: disk::unique_token(),
            _lock: lock,
        }
    }

    /// Whether some process writes the run in `dir` at this moment, as far as locks can tell. Nothing is changed.
    pub fn is_being_written(dir: &Path) -> bool {
        let lock = File::open(dir.join(LOCK));
        // A shared lock, given back at once: two who look do not see each other.
        lock.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
    /// Text of `pipeline.toml`.
    pub fn pipeline(&self) -> &str {
        &self.pipeline
    }
    /// SHA-256 of `pipeline.toml`.
    pub fn pipeline_sha256(&self) -> &str {
        &self.pipeline_sha256
    }
    /// All commits.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }
    /// The newest commit; `None` only right after [`Run::create`].
    pub fn latest_commit(&self) -> Option<&Commit> {
        self.chain.commits.last()
    }
    /// Which number the next commit has.
    pub(crate) fn next_number(&self) -> u64 {
        self.chain.commits.len() as u64
    }
    /// Name and version of this program.
    pub(crate) fn program(&self) -> &str {
        &self.program
    }
    /// The word that keeps this writer's files apart from those of any other.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// The pipeline on disk is the one that `commit` was made under.
    pub(crate) fn check_pipeline(&self, commit: &Commit) -> Result<(), Fault> {
        if commit.pipeline_sha256 == self.pipeline_sha256 {
            return Ok(());
        }
        Err(Fault::records(format!(
            "`{}` is not the pipeline that commit {} was made under",
            self.dir.join(PIPELINE).display(),
            commit.commit
        ))
        .advise("a run keeps its pipeline: undo the change, or start a new run with it"))
    }

    /// Makes `commit` the newest one, then deletes the checkpoints that it no longer keeps.
    ///
    /// # Errors
    /// Another process made that commit first, or the disk failed.
    pub(crate) fn append(&mut self, mut commit: Commit) -> Result<(), Fault> {
        let text = commit.seal()?;
        let path = commit::path(&self.dir, commit.commit);
        if !disk::write_new(&path, text.as_bytes(), &self.token)? {
            let message = format!(
                "another process wrote `{}` first: this one no longer owns the run",
                path.display()
            );
            return Err(
                Fault::new(FaultKind::Fenced, message).advise("let the other process go on, or stop it and resume")
            );
        }
        let kept = commit.checkpoints_kept.clone();
        self.chain.commits.push(commit);
        for old in checkpoint::numbers(&self.dir) {
            if !kept.contains(&old) {
                let _ = fs::remove_file(self.dir.join(checkpoint::file_name(old))); // tried again after the next commit
            }
        }
        Ok(())
    }

    /// Commits after the newest of the chain leave, newest first, so that a kill in between leaves a shorter whole chain.
    fn set_later_commits_aside(&self) -> Result<(), Fault> {
        let later = Chain::numbers(&self.dir)?
            .into_iter()
            .filter(|n| *n >= self.next_number());
        let later: Vec<u64> = later.collect();
        for number in later.iter().rev() {
            self.set_aside(&commit::path(&self.dir, *number))?;
        }
        if !later.is_empty() {
            for file in self.uncommitted()? {
                self.set_aside(&file)?;
            }
        }
        Ok(())
    }

    fn set_aside(&self, file: &Path) -> Result<(), Fault> {
        let inside = file.strip_prefix(&self.dir).unwrap_or(file);
        let target = self.dir.join(SET_ASIDE).join(&self.token).join(inside);
        target.parent().map_or(Ok(()), disk::create_folder)?;
        fs::rename(file, &target).map_err(|e| disk::fault("failed to set aside", file, &e, 0))?;
        file.parent().map_or(Ok(()), disk::sync_folder)
    }

    /// Removes what no commit names. Without a lock another writer might be alive, so then everything stays.
    fn sweep(&self) -> Result<(), Fault> {
        if self._lock.is_none() {
            return Ok(());
        }
        for file in self.uncommitted()? {
            fs::remove_file(&file).map_err(|e| disk::fault("failed to remove the leftover", &file, &e, 0))?;
        }
        Ok(())
    }

    /// Parts, checkpoints and temporary files under the run that its commits do not name; nothing else is ever touched.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn uncommitted(&self) -> Result<Vec<PathBuf>, Fault> {
        let commits = &self.chain.commits;
        let parts = commits
            .iter()
            .flat_map(|c| c.parts.iter().map(|p| self.dir.join(&p.file)));
        let kept = commits.last().into_iter().flat_map(|c| &c.checkpoints_kept);
        let kept = kept.map(|n| self.dir.join(checkpoint::file_name(*n)));
        let named: BTreeSet<PathBuf> = parts.chain(kept).collect();
        let mut found = Vec::new();
        for folder in entries(&self.dir)? {
            if !folder.is_dir() || folder.ends_with(SET_ASIDE) {
                let temporary = folder.to_string_lossy().ends_with(disk::TEMPORARY);
                found.extend((temporary && folder.is_file()).then_some(folder));
                continue;
            }
            for file in entries(&folder)? {
                let name = file.to_string_lossy();
                let ours =
                    name.ends_with(disk::TEMPORARY) || name.ends_with(".parquet") || name.ends_with(".safetensors");
                found.extend((ours && file.is_file() && !named.contains(&file)).then_some(file));
            }
        }
        found.sort();
        Ok(found)
    }
}

/// The instructions of this machine that change bits: matrix products choose their kernels by them at run time.
pub fn instruction_set() -> String {
    #[cfg(target_arch = "x86_64")]
    let found = [
        ("avx", std::arch::is_x86_feature_detected!("avx")),
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let found: [(&str, bool); 0] = [];
    let found = found.into_iter().filter(|(_, has)| *has).map(|(name, _)| name);
    std::iter::once(std::env::consts::ARCH)
        .chain(found)
        .collect::<Vec<_>>()
        .join(" ")
}

pub(crate) fn read_pipeline(dir: &Path) -> Result<String, Fault> {
    let path = dir.join(PIPELINE);
    fs::read_to_string(&path).map_err(|e| Fault::records(format!("cannot read `{}`: {e}", path.display())))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let all = fs::read_dir(folder).and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect());
    all.map_err(|e| disk::fault("failed to list", folder, &e, 0))
}

fn refuse_foreign_files(dir: &Path) -> Result<(), Fault> {
    let ours = |name: &str| name == LOCK || name == PIPELINE || name.ends_with(disk::TEMPORARY);
    let foreign = entries(dir)?
        .into_iter()
        .find(|path| !path.file_name().and_then(|n| n.to_str()).is_some_and(ours));
    match foreign {
        None => Ok(()),
        Some(path) => Err(Fault::records(format!(
            "`{}` is neither new nor a run: it holds `{}`",
            dir.display(),
            path.display()
        ))
        .advise("choose another folder")),
    }
}

/// Takes the run's lock. `Ok(None)`: this file system has none, and only the commits fence.
fn lock(dir: &Path) -> Result<Option<File>, Fault> {
    let path = dir.join(LOCK);
    let open = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path);
    let mut file = open.map_err(|e| disk::fault("failed to open", &path, &e, 0))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let owner = fs::read_to_string(&path).unwrap_or_default();
            let owner = if owner.trim().is_empty() {
                "unknown"
            } else {
                owner.trim()
            };
            let message = format!("another process ({owner}) is writing `{}`", dir.display());
            return Err(Fault::new(FaultKind::Fenced, message).advise("wait for it or stop it; nothing was changed"));
        }
        Err(TryLockError::Error(e)) if e.kind() == ErrorKind::Unsupported => return Ok(None),
        Err(TryLockError::Error(e)) => return Err(disk::fault("failed to lock", &path, &e, 0)),
    }
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() {
        "this machine"
    } else {
        host.trim()
    };
    // Only for the message above, and a full disk must not hide the better error that follows: failures are ignored.
    let _ = file
        .set_len(0)
        .and_then(|()| writeln!(file, "process {} on {host}", std::process::id()));
    Ok(Some(file))
}
