//! The newest commit of a run by itself: enough to know how far it is, without reading its chain.

use crate::commit::{self, Chain, Commit};
use starling_components::Fault;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The newest commit of the run in `dir`; `None` where there is no run, or it has not committed yet. The links before it are not looked
/// at.
///
/// # Errors
/// The commit is damaged or of a newer format, or the folder cannot be read.
pub fn newest_commit(dir: &Path) -> Result<Option<Commit>, Fault> {
    if !dir.join(commit::FOLDER).is_dir() {
        return Ok(None);
    }
    let Some(number) = Chain::numbers(dir)?.pop() else {
        return Ok(None);
    };
    let path = commit::path(dir, number);
    let about = |mut fault: Fault| {
        fault.message = format!("commit {number} (`{}`) is {}", path.display(), fault.message);
        fault
    };
    match fs::read(&path) {
        Ok(text) => Commit::parse(&text).map(Some).map_err(about),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None), // set aside at this moment
        Err(e) => Err(about(Fault::records(format!("unreadable: {e}")))),
    }
}
