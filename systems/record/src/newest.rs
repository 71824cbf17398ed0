//! The newest commit of a run by itself: enough to know how far it is, without reading its chain.

use crate::commit::{self, Chain, Commit};
use crate::store::{self, Place};
use starling_components::Fault;
use std::io::ErrorKind;

/// The newest commit of the run at `place`; `None` where there is no run, or it has not committed yet. The links before it are not looked
/// at.
///
/// # Errors
/// The commit is damaged or of a newer format, or it or its folder cannot be read.
pub fn newest_commit(place: impl Into<Place>) -> Result<Option<Commit>, Fault> {
    let store = place.into().open()?;
    if store
        .list(commit::FOLDER)
        .is_err_and(|e| e.kind() == ErrorKind::NotFound)
    {
        return Ok(None);
    }
    let Some(number) = Chain::numbers(&*store)?.pop() else {
        return Ok(None);
    };
    let file = commit::file_name(number);
    let about = |mut fault: Fault| {
        fault.message = format!("commit {number} (`{}`) is {}", store::at(&*store, &file), fault.message);
        fault
    };
    match store.read(&file) {
        Ok(text) => Commit::parse(&text).map(Some).map_err(about),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None), // set aside at this moment
        Err(e) => Err(about(store::unreadable(&*store, format!("unreadable: {e}"), &e))),
    }
}
