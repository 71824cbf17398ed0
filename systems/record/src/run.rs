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
//! creation of the next commit, which holds where locks do not reach. The token keeps the files of two such writers apart; on an
//! object store, where there is no lock, checkpoints have it too.
//!
//! **What is left over** by a killed process: with a lock, everything that no commit names. Without one, another writer may be alive, and
//! it may still commit under the next number. So a file that no commit names goes only when its own number is taken: at once if a commit
//! of that number is there, otherwise right after this process has made it.

use crate::checkpoint;
use crate::commit::{self, Chain, Commit};
use crate::store::{self, PIPELINE, Place, Store, disk};
use starling_components::Fault;
use starling_components::fault::FaultKind;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// A run's directory.
#[derive(Debug)]
pub struct Run {
    store: Arc<dyn Store>,
    chain: Chain,
    pipeline: String,
    pipeline_sha256: String,
    program: String,
    token: String,
    /// Held while this process may write, if the file system has locks.
    lock: Option<File>,
    /// Files that go when the commit of their number is made.
    leftovers: Vec<(u64, String)>,
    /// The last attempt at a commit failed, and nobody knows whether it is there.
    undecided: bool,
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
    /// Starts a run at `place`, which must be new, empty, or left over from a run that was stopped before its first commit.
    /// `pipeline` is the resolved pipeline's text, `program` the name and version of this program.
    ///
    /// # Errors
    /// There is a run or something else, another process is writing it, or the disk fails.
    pub fn create(place: impl Into<Place>, pipeline: &str, program: &str) -> Result<Self, Fault> {
        let store = place.into().open()?;
        store.prepare()?;
        let lock = store.lock()?;
        let here = store.place();
        if !Chain::numbers_if_any(&*store)?.is_empty() {
            return Err(Fault::records(format!("`{here}` already holds a run"))
                .advise("resume it, choose another folder, or delete it"));
        }
        if let Some(foreign) = store.foreign()? {
            let foreign = store::at(&*store, &foreign);
            let message = format!("`{here}` is neither new nor a run: it holds `{foreign}`");
            return Err(Fault::records(message).advise("choose another folder"));
        }
        store.begin(pipeline)?;
        let mut run = Self::new(store, Chain::default(), pipeline.to_owned(), program, lock);
        run.sweep()?;
        Ok(run)
    }

    /// Goes on with the run at `place`. What a killed process left behind uncommitted is removed.
    ///
    /// # Errors
    /// There is no run or it is damaged, another process is writing it, its pipeline was changed, or it was written with other instructions.
    pub fn open_for_resume(place: impl Into<Place>, options: &ResumeOptions) -> Result<Self, Fault> {
        let store = place.into().open()?;
        Chain::numbers(&*store)?; // tells "not a run" before a lock file is made in a wrong folder
        let lock = store.lock()?;
        let chain = Chain::load_from(&*store, options.commit)?;
        let pipeline = store::read_pipeline(&*store)?;
        let mut run = Self::new(store, chain, pipeline, &options.program, lock);
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
        if let (Some(_), Some(last)) = (options.commit, run.latest_commit()) {
            checkpoint::read(&run, last)?; // nothing is set aside for a commit that cannot be gone on from
        }
        run.store.check_exclusive(&run.pipeline)?;
        run.set_later_commits_aside()?;
        run.sweep()?;
        Ok(run)
    }

    /// Opens the run at `place` to read it up to `commit` (the newest if `None`); works while another process writes it.
    ///
    /// # Errors
    /// There is no run, or it is damaged.
    pub fn open_read_only(place: impl Into<Place>, commit: Option<u64>) -> Result<Self, Fault> {
        let store = place.into().open()?;
        let chain = Chain::load_from(&*store, commit)?;
        let pipeline = store::read_pipeline(&*store)?;
        Ok(Self::new(store, chain, pipeline, "", None))
    }

    pub(crate) fn new(
        store: Arc<dyn Store>,
        chain: Chain,
        pipeline: String,
        program: &str,
        lock: Option<File>,
    ) -> Self {
        let pipeline_sha256 = disk::sha256(pipeline.as_bytes());
        Self {
            store,
            chain,
            pipeline,
            pipeline_sha256,
            program: program.to_owned(),
            token: disk::unique_token(),
            lock,
            leftovers: Vec::new(),
            undecided: false,
        }
    }

    /// Whether some process writes the run in `dir` at this moment, as far as locks can tell. Nothing is changed.
    pub fn is_being_written(dir: &Path) -> bool {
        store::is_locked(dir)
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        self.store.place()
    }
    /// Its files.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }
    /// Its files, for someone who outlives this.
    pub(crate) fn shared_store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }
    /// Whether a commit that nobody confirmed may be there.
    pub(crate) fn may_have_committed(&self) -> bool {
        self.undecided
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
            store::at(&*self.store, PIPELINE),
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
        let file = commit::file_name(commit.commit);
        self.undecided = true;
        let created = self.store.create(&file, text.as_bytes(), &self.token)?;
        self.undecided = false;
        if !created {
            let path = store::at(&*self.store, &file);
            let message = format!("another process wrote `{path}` first: this one no longer owns the run");
            return Err(
                Fault::new(FaultKind::Fenced, message).advise("let the other process go on, or stop it and resume")
            );
        }
        let number = commit.commit;
        self.chain.commits.push(commit);
        let kept = self.kept_checkpoints();
        let old = checkpoint::files(&*self.store).into_iter();
        let old = old.filter(|(taken, file)| *taken <= number && !kept.contains(file.as_str()));
        let left = self.leftovers.iter().filter(|(taken, _)| *taken <= number).cloned();
        for (_, file) in old.chain(left).collect::<BTreeSet<_>>() {
            let _ = self.store.remove(&file); // tried again after the next commit or on the next resume
        }
        self.leftovers.retain(|(taken, _)| *taken > number);
        Ok(())
    }

    /// Files of the checkpoints that the newest commit keeps.
    fn kept_checkpoints(&self) -> BTreeSet<&str> {
        let kept = self.latest_commit().map_or(&[][..], |last| &last.checkpoints_kept);
        let kept = self.chain.commits.iter().filter(|commit| kept.contains(&commit.commit));
        kept.map(|commit| commit.checkpoint.file.as_str()).collect()
    }

    /// Commits after the newest of the chain leave, newest first, so that a kill in between leaves a shorter whole chain.
    fn set_later_commits_aside(&self) -> Result<(), Fault> {
        let later = Chain::numbers(&*self.store)?.into_iter();
        let later: Vec<u64> = later.filter(|n| *n >= self.next_number()).collect();
        let set_aside = |file: &str| {
            let target = format!("{}/{}/{file}", store::SET_ASIDE, self.token);
            self.store.rename(file, &target)
        };
        for number in later.iter().rev() {
            set_aside(&commit::file_name(*number))?;
        }
        if !later.is_empty() {
            for file in self.uncommitted()? {
                set_aside(&file)?;
            }
        }
        Ok(())
    }

    /// Removes what no commit names, as far as nobody else can still name it; see above.
    pub(crate) fn sweep(&mut self) -> Result<(), Fault> {
        let next = self.next_number();
        for file in self.uncommitted()? {
            match number_of(&file) {
                _ if self.lock.is_some() => self.store.remove(&file)?,
                Some(number) if number < next => self.store.remove(&file)?,
                Some(number) => self.leftovers.push((number, file)),
                None => {}
            }
        }
        Ok(())
    }

    /// Parts, checkpoints and temporary files of the run that its commits do not name, relative to it; nothing else is ever touched.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn uncommitted(&self) -> Result<Vec<String>, Fault> {
        let parts = self.chain.commits.iter().flat_map(|commit| &commit.parts);
        let mut named = self.kept_checkpoints();
        named.extend(parts.map(|part| part.file.as_str()));
        let mut found = self.store.files()?;
        found.retain(|file| {
            let ours = file.contains('/') && (file.ends_with(".parquet") || file.ends_with(".safetensors"));
            (ours || file.ends_with(disk::TEMPORARY)) && !named.contains(file.as_str())
        });
        found.sort();
        Ok(found)
    }
}

/// The commit that a part or a checkpoint was written for.
fn number_of(file: &str) -> Option<u64> {
    let name = file.rsplit('/').next()?;
    let digits = name.find(|c: char| !c.is_ascii_digit())?;
    name[..digits].parse().ok()
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
