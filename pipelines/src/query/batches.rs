//! The batches that runs belong to.

use super::runs::{Run, Runs};
use crate::batch::{FILE, Folder};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A run's place in a batch.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// Name of the batch's folder.
    pub(super) batch: String,
    /// The run whose replicas this one trains some of: rows of both are the same rows once they are joined.
    pub(super) part_of: Option<String>,
    /// Why its job will not get better by starting it again.
    pub(super) failure: Option<String>,
}

/// The place of every chosen run. The batch is the nearest folder above the run that holds a batch's file, readable or not.
pub(super) fn places(runs: &Runs, chosen: &[&Run]) -> Vec<Option<Place>> {
    let mut known: BTreeMap<PathBuf, Option<BTreeMap<String, String>>> = BTreeMap::new();
    let place = |run: &&Run| {
        let mut above = run.dir.ancestors().skip(1).take_while(|a| a.starts_with(&runs.folder));
        let folder = above.find(|folder| {
            let known = known.entry((*folder).to_owned());
            known.or_insert_with(|| jobs(folder)).is_some()
        })?;
        let jobs = known.get(folder)?.as_ref()?;
        let inside = run.dir.strip_prefix(folder).ok()?.to_string_lossy().into_owned();
        let above = Path::new(&run.name).parent().map(|p| p.to_string_lossy().into_owned());
        let sibling = |whole: &String| {
            above
                .iter()
                .filter(|a| !a.is_empty())
                .fold(whole.clone(), |name, a| format!("{a}/{name}"))
        };
        let failure = std::fs::read_to_string(folder.join("failures").join(format!("{inside}.txt")));
        Some(Place {
            batch: folder.file_name()?.to_string_lossy().into_owned(),
            part_of: jobs.get(&inside).map(sibling),
            failure: failure.ok().map(|text| text.trim().to_owned()),
        })
    };
    chosen.iter().map(place).collect()
}

/// Jobs that train some replicas of a run, each with the name of that run; `None` where there is no batch.
fn jobs(folder: &Path) -> Option<BTreeMap<String, String>> {
    folder.join(FILE).is_file().then(|| {
        let batch = Folder::open(folder).map(|folder| folder.batch);
        let runs = batch.map(|batch| batch.runs).unwrap_or_default().into_iter();
        let parts = runs.flat_map(|run| run.parts.into_iter().map(move |part| (part.name, run.name.clone())));
        parts.collect()
    })
}
