//! Where a run's files are: a folder of a file system, or a prefix of an object store.
//!
//! Everything else in this crate names files relative to the run, with `/`, and knows nothing of where they are. What both kinds
//! promise is what the protocol of [`crate::run`] rests on: a file is seen whole or not at all, [`Store::create`] succeeds for one writer
//! only, and what was written is there when the call returns.

pub(crate) mod disk;
mod folder;
#[cfg(feature = "object-storage")]
mod objects;
#[cfg(feature = "object-storage")]
mod requests;

use bytes::Bytes;
use folder::Folder;
pub(crate) use folder::is_locked;
use starling_components::Fault;
use starling_components::fault::FaultKind;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Folder under a run of what `--commit N` put out of the way. Nothing reads it.
pub(crate) const SET_ASIDE: &str = "set_aside";
/// File of the resolved pipeline.
pub(crate) const PIPELINE: &str = "pipeline.toml";

/// Where a run is: the path of a folder, or a URL such as `s3://bucket/studies/seed0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A folder.
    Folder(PathBuf),
    /// A prefix of an object store, without a slash at its end.
    Url(String),
}

impl Place {
    /// The folder, if it is one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(path) => Some(path),
            Self::Url(_) => None,
        }
    }

    /// The way to its files. Nothing is asked of a disk or a server yet.
    ///
    /// # Errors
    /// A URL of an unknown kind, settings that do not fit, or a program that was built without object stores.
    pub(crate) fn open(self) -> Result<Arc<dyn Store>, Fault> {
        match self {
            Self::Folder(path) => Ok(Arc::new(Folder::new(path))),
            Self::Url(url) if !url.starts_with("s3://") => {
                let fault = Fault::pipeline(format!("`{url}` is no place that runs can be in"));
                Err(fault.advise("give a folder, or `s3://bucket/prefix`"))
            }
            #[cfg(feature = "object-storage")]
            Self::Url(url) => Ok(Arc::new(objects::Objects::open(url)?)),
            #[cfg(not(feature = "object-storage"))]
            Self::Url(url) => {
                let fault = Fault::pipeline(format!("`{url}`: this program was built without object storage"));
                Err(fault.advise("build it with `cargo build --release --features object-storage`"))
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Url(url) => url.fmt(f),
        }
    }
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        match path.to_str().filter(|text| text.contains("://")) {
            Some(url) => Self::Url(url.trim_end_matches('/').to_owned()),
            None => Self::Folder(path),
        }
    }
}

macro_rules! place_from {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Place {
            fn from(path: $kind) -> Self {
                PathBuf::from(path).into()
            }
        }
    )*};
}

place_from!(&Path, &PathBuf, &str, &String, String);

impl From<&Self> for Place {
    fn from(place: &Self) -> Self {
        place.clone()
    }
}

/// The files of one run.
pub(crate) trait Store: fmt::Debug + Send + Sync {
    /// Where it is.
    fn place(&self) -> &Place;

    /// A file's whole content. One that is not there is [`io::ErrorKind::NotFound`].
    fn read(&self, name: &str) -> io::Result<Bytes>;
    /// As [`Store::read`], of many files, in their order.
    fn read_all(&self, names: &[String]) -> Vec<io::Result<Bytes>> {
        names.iter().map(|name| self.read(name)).collect()
    }
    /// Names of the files in the folder `folder` of the run, without the folder's. No folder is [`io::ErrorKind::NotFound`].
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;
    /// All files of the run and of its folders, but those that were set aside and those in folders of folders.
    fn files(&self) -> Result<Vec<String>, Fault>;

    /// Prepares for writing, and keeps others off as far as locks reach; `None` says that only the commits do.
    ///
    /// # Errors
    /// Another process writes the run, or the disk failed.
    fn lock(&self) -> Result<Option<File>, Fault>;
    /// Makes the folder of a run that is about to begin.
    fn prepare(&self) -> Result<(), Fault>;
    /// What is there and was not left by a run that was stopped before its first commit.
    fn foreign(&self) -> Result<Option<String>, Fault>;
    /// Writes the pipeline of a new run.
    fn begin(&self, pipeline: &str) -> Result<(), Fault>;
    /// Checks, before anything is written into a run that has the pipeline `pipeline`, that [`Store::create`] can keep its promise.
    fn check_exclusive(&self, pipeline: &str) -> Result<(), Fault>;

    /// A file that takes the bytes of `name` before they are found under that name; finished by [`Store::publish`] or
    /// [`Store::abandon`], left behind by a killed process without harm.
    fn draft(&self, name: &str) -> Result<File, Fault>;
    /// Makes a finished draft durable, `bytes` long, under its name.
    fn publish(&self, name: &str, draft: &mut File, bytes: u64) -> Result<(), Fault>;
    /// Removes what [`Store::draft`] made.
    fn abandon(&self, name: &str);
    /// The fault of a draft that could not be written on. `wanted` is how many bytes it was about to take, 0 if unknown.
    fn draft_fault(&self, name: &str, error: &io::Error, wanted: u64) -> Fault;

    /// Writes a whole file, over an old one if there is one.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Fault>;
    /// As [`Store::write`], but the name must be new: of two writers exactly one gets `true`. A fault leaves open whether the file is there
    /// now, or will be.
    fn create(&self, name: &str, bytes: &[u8], token: &str) -> Result<bool, Fault>;
    /// Removes a file.
    fn remove(&self, name: &str) -> Result<(), Fault>;
    /// Gives a file another name.
    fn rename(&self, from: &str, to: &str) -> Result<(), Fault>;

    /// A server keeps the files: no lock reaches there, and what fails may be the way to it.
    fn is_remote(&self) -> bool;
}

/// What helps when writing or reading failed, before one can go on.
pub(crate) fn remedy(store: &dyn Store) -> &'static str {
    if store.is_remote() {
        "see that the store can be reached"
    } else {
        "make room"
    }
}

/// A file's place, for people.
pub(crate) fn at(store: &dyn Store, name: &str) -> String {
    match store.place() {
        Place::Folder(path) => path.join(name).display().to_string(),
        Place::Url(url) => format!("{url}/{name}"),
    }
}

/// The fault for a file that could not be read. A server that does not answer is no damage.
pub(crate) fn unreadable(store: &dyn Store, message: String, error: &io::Error) -> Fault {
    if is_away(store, error) {
        return Fault::new(FaultKind::Storage, message).advise(format!("{}, then try again", remedy(store)));
    }
    Fault::records(message)
}

/// A read failed for another reason than that the file is gone or damaged.
pub(crate) fn is_away(store: &dyn Store, error: &io::Error) -> bool {
    store.is_remote() && error.kind() != io::ErrorKind::NotFound
}

/// The pipeline of the run.
///
/// # Errors
/// It is gone, unreadable or no text.
pub(crate) fn read_pipeline(store: &dyn Store) -> Result<String, Fault> {
    let path = at(store, PIPELINE);
    let read = store.read(PIPELINE);
    let bytes = read.map_err(|e| unreadable(store, format!("cannot read `{path}`: {e}"), &e))?;
    let text = String::from_utf8(bytes.into());
    text.map_err(|e| Fault::records(format!("cannot read `{path}`: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_folders_or_urls() {
        assert_eq!(Place::from("s3://bucket/run/"), Place::Url("s3://bucket/run".into()));
        assert_eq!(Place::from("runs/s3"), Place::Folder("runs/s3".into()));
    }

    #[test]
    fn what_no_run_can_be_in_is_told() {
        let fault = Place::from("gs://bucket/run").open().unwrap_err();
        assert!(fault.advice.unwrap().contains("s3://bucket/prefix"));
    }

    #[cfg(not(feature = "object-storage"))]
    #[test]
    fn a_program_without_object_storage_says_how_to_get_it() {
        let fault = crate::Run::open_read_only("s3://bucket/run", None).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Pipeline);
        assert!(
            fault.advice.unwrap().contains("--features object-storage"),
            "{}",
            fault.message
        );
    }
}
