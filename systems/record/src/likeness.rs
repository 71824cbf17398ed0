//! Runs that share the files of another: whole and trusted by every reader, but next to nothing on the disk. For measuring readers of many runs.

use crate::commit;
use crate::run::Run;
use crate::store::{PIPELINE, disk};
use starling_components::Fault;
use std::fs;
use std::path::Path;

/// Makes a run in `dir` with the rows and checkpoints of `original` and the text `pipeline`. Files are hard links, commits its own; nothing is
/// synced.
///
/// # Errors
/// `dir` exists or the disk fails.
pub fn make(original: &Run, dir: &Path, pipeline: &str) -> Result<(), Fault> {
    let failed = |e: std::io::Error| disk::fault("failed to make", dir, &e, 0);
    fs::create_dir_all(dir.join(commit::FOLDER)).map_err(failed)?;
    fs::write(dir.join(PIPELINE), pipeline).map_err(failed)?;
    let Some(from) = original.place().folder() else {
        return Err(Fault::storage("only the files of a run in a folder can be shared"));
    };
    let link = |file: &str| {
        let target = dir.join(file);
        target.parent().map_or(Ok(()), fs::create_dir_all).map_err(failed)?;
        fs::hard_link(from.join(file), target).map_err(failed)
    };
    let mut previous = None;
    for commit in &original.chain().commits {
        commit.parts.iter().try_for_each(|part| link(&part.file))?;
        let mut own = commit.clone();
        own.pipeline_sha256 = disk::sha256(pipeline.as_bytes());
        own.previous = previous.take();
        let text = own.seal()?;
        fs::write(dir.join(commit::file_name(own.commit)), text).map_err(failed)?;
        previous = Some(own.sha256);
    }
    let kept = original
        .latest_commit()
        .map(|last| last.checkpoints_kept.clone())
        .unwrap_or_default();
    let commits = original.chain().commits.iter();
    let mut kept = commits.filter(|commit| kept.contains(&commit.commit));
    kept.try_for_each(|commit| link(&commit.checkpoint.file))
}
