//! Verifying a run: every link of the chain, every hash, every row count, every schema, every checkpoint that is kept.

use crate::commit::{Chain, Commit, PartRecord};
use crate::run::Run;
use crate::store::{self, Place, Store};
use crate::{checkpoint, read, schema};
use starling_components::Fault;
use starling_components::tables;
use std::collections::BTreeMap;

/// What [`verify`] found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Good commits, from the first on.
    pub commits: u64,
    /// The newest good one.
    pub latest: Option<Commit>,
    /// Rows per table, counted in the files.
    pub rows: BTreeMap<String, u64>,
    /// Parts whose hash, row count and schema are right.
    pub parts: u64,
    /// Bytes of those.
    pub bytes: u64,
    /// Checkpoints that are right.
    pub checkpoints: u64,
    /// Files that no commit names, relative to the run: what a run that is being written, or was killed, has underway. Not a problem.
    pub uncommitted: Vec<String>,
    /// Everything that is wrong, in reading order; empty: the run is whole.
    pub problems: Vec<Fault>,
}

impl Report {
    /// Nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Verifies the run at `place`, going on after problems, up to `commit` (the newest if `None`).
///
/// # Errors
/// There is no run, or no such commit.
pub fn verify(place: impl Into<Place>, commit: Option<u64>) -> Result<Report, Fault> {
    let store = place.into().open()?;
    let (chain, broken) = Chain::load_while_good(&*store, commit)?;
    let mut report = Report {
        commits: chain.commits.len() as u64,
        latest: chain.commits.last().cloned(),
        ..Report::default()
    };
    report.problems.extend(broken);
    for commit in &chain.commits {
        report.check_parts(&*store, commit);
    }
    let pipeline = store::read_pipeline(&*store).unwrap_or_else(|fault| {
        report.problems.push(fault);
        String::new()
    });
    let run = Run::new(store, chain, pipeline, "", None);
    if let Some(last) = run.latest_commit() {
        report.problems.extend(run.check_pipeline(last).err());
        report.check_checkpoints(&run, last);
    }
    report.uncommitted = run.uncommitted()?;
    Ok(report)
}

impl Report {
    fn check_parts(&mut self, store: &dyn Store, commit: &Commit) {
        for part in &commit.parts {
            match check_part(store, part) {
                Ok(()) => {
                    self.parts += 1;
                    self.bytes += part.bytes;
                }
                Err(fault) => self.problems.push(fault),
            }
            *self.rows.entry(part.table.clone()).or_insert(0) += part.rows;
        }
        if self.rows != commit.rows {
            let (number, counted, told) = (commit.commit, &self.rows, &commit.rows);
            let message = format!("the parts up to commit {number} hold {counted:?} rows, the commit says {told:?}");
            self.problems.push(Fault::records(message));
        }
    }

    /// Checkpoints of the commits that the newest one keeps. While the run is being written, older ones may just be gone.
    fn check_checkpoints(&mut self, run: &Run, last: &Commit) {
        let kept = run
            .chain()
            .commits
            .iter()
            .filter(|c| last.checkpoints_kept.contains(&c.commit));
        for commit in kept {
            match checkpoint::read(run, commit) {
                Ok(_) => self.checkpoints += 1,
                Err(fault) => self.problems.push(fault),
            }
        }
    }
}

fn check_part(store: &dyn Store, part: &PartRecord) -> Result<(), Fault> {
    let wrong = |why: String| Fault::records(format!("part `{}` {why}", part.file));
    let known = tables::ALL.iter().find(|table| table.name == part.table);
    if let Some(table) = known.filter(|table| part.version > table.version) {
        let (theirs, ours) = (part.version, table.version);
        return Err(wrong(format!(
            "has version {theirs} of its table, this program knows up to {ours}"
        ))
        .advise("use the program that wrote it, or a newer one"));
    }
    let reader = read::open_part(part, read::part_bytes(store, part)?)?;
    let rows = u64::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or(0);
    if rows != part.rows {
        return Err(wrong(format!("has {rows} rows instead of {}", part.rows)));
    }
    let metadata = reader.schema().metadata();
    let says = |key: &str| metadata.get(key).map(String::as_str).unwrap_or_default();
    if says(schema::TABLE_KEY) != part.table || says(schema::VERSION_KEY) != part.version.to_string() {
        let (table, version) = (says(schema::TABLE_KEY), says(schema::VERSION_KEY));
        return Err(wrong(format!("says that it is version {version:?} of table {table:?}")));
    }
    let columns: Vec<&str> = reader.schema().fields().iter().map(|f| f.name().as_str()).collect();
    if let Some(table) = known.filter(|table| table.version == part.version) {
        let expected: Vec<&str> = table.columns.iter().map(|c| c.name).collect();
        if columns != expected {
            return Err(wrong(format!("has the columns {columns:?} instead of {expected:?}")));
        }
    }
    Ok(())
}
