//! A run in a folder: temporary names, syncs, renames, hard links, and a lock that dies with its process.

use super::{PIPELINE, Place, SET_ASIDE, Store, disk};
use crate::commit;
use bytes::Bytes;
use starling_components::Fault;
use starling_components::fault::FaultKind;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Locked by the writing process, never read by others.
const LOCK: &str = "lock";

#[derive(Debug)]
pub(super) struct Folder {
    dir: PathBuf,
    place: Place,
}

impl Folder {
    pub(super) fn new(dir: PathBuf) -> Self {
        let place = Place::Folder(dir.clone());
        Self { dir, place }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Makes the folder of the file `path`.
    fn make_room(path: &Path) -> Result<(), Fault> {
        let folder = path.parent().filter(|folder| !folder.is_dir());
        folder.map_or(Ok(()), disk::create_folder)
    }
}

impl Store for Folder {
    fn place(&self) -> &Place {
        &self.place
    }

    fn read(&self, name: &str) -> io::Result<Bytes> {
        fs::read(self.path(name)).map(Bytes::from)
    }
    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.path(folder))? {
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }
    fn files(&self) -> Result<Vec<String>, Fault> {
        let mut found = Vec::new();
        for (name, path) in entries(&self.dir)? {
            if path.is_file() {
                found.push(name);
            } else if path.is_dir() && name != SET_ASIDE {
                let files = entries(&path)?.into_iter().filter(|(_, path)| path.is_file());
                found.extend(files.map(|(file, _)| format!("{name}/{file}")));
            }
        }
        Ok(found)
    }

    fn lock(&self) -> Result<Option<File>, Fault> {
        lock(&self.dir)
    }
    fn prepare(&self) -> Result<(), Fault> {
        disk::create_folder(&self.dir)
    }
    fn foreign(&self) -> Result<Option<String>, Fault> {
        if self.path(commit::FOLDER).is_dir() {
            return Ok(None);
        }
        let ours = |name: &str| name == LOCK || name == PIPELINE || name.ends_with(disk::TEMPORARY);
        let foreign = entries(&self.dir)?.into_iter().find(|(name, _)| !ours(name));
        Ok(foreign.map(|(name, _)| name))
    }
    fn begin(&self, pipeline: &str) -> Result<(), Fault> {
        disk::create_folder(&self.path(commit::FOLDER))?;
        self.write(PIPELINE, pipeline.as_bytes())
    }
    fn check_exclusive(&self, _pipeline: &str) -> Result<(), Fault> {
        Ok(())
    }

    fn draft(&self, name: &str) -> Result<File, Fault> {
        let path = self.path(name);
        Self::make_room(&path)?;
        let temporary = disk::temporary(&path);
        File::create(&temporary).map_err(|e| disk::fault("failed to create", &temporary, &e, 0))
    }
    fn publish(&self, name: &str, draft: &mut File, bytes: u64) -> Result<(), Fault> {
        let path = self.path(name);
        let renamed = draft
            .sync_all()
            .and_then(|()| fs::rename(disk::temporary(&path), &path));
        renamed.map_err(|e| disk::fault("failed to write", &path, &e, bytes))?;
        path.parent().map_or(Ok(()), disk::sync_folder)
    }
    fn abandon(&self, name: &str) {
        let _ = fs::remove_file(disk::temporary(&self.path(name))); // a leftover is harmless and swept on resume
    }
    fn draft_fault(&self, name: &str, error: &io::Error, wanted: u64) -> Fault {
        disk::fault("failed to write", &self.path(name), error, wanted)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Fault> {
        let path = self.path(name);
        path.parent().map_or(Ok(()), disk::create_folder)?;
        disk::write_whole(&path, bytes)
    }
    fn create(&self, name: &str, bytes: &[u8], token: &str) -> Result<bool, Fault> {
        disk::write_new(&self.path(name), bytes, token)
    }
    fn remove(&self, name: &str) -> Result<(), Fault> {
        let path = self.path(name);
        fs::remove_file(&path).map_err(|e| disk::fault("failed to remove", &path, &e, 0))
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), Fault> {
        let (from, to) = (self.path(from), self.path(to));
        to.parent().map_or(Ok(()), disk::create_folder)?;
        fs::rename(&from, &to).map_err(|e| disk::fault("failed to rename", &from, &e, 0))?;
        from.parent().map_or(Ok(()), disk::sync_folder)
    }

    fn is_remote(&self) -> bool {
        false
    }
}

/// What is in `folder`: names with their paths.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, Fault> {
    let named = |entry: fs::DirEntry| (entry.file_name().to_string_lossy().into_owned(), entry.path());
    let all = fs::read_dir(folder).and_then(|entries| entries.map(|e| e.map(named)).collect());
    all.map_err(|e| disk::fault("failed to list", folder, &e, 0))
}

/// Whether some process writes the run in `dir` at this moment, as far as locks can tell. Nothing is changed.
pub(crate) fn is_locked(dir: &Path) -> bool {
    let lock = File::open(dir.join(LOCK));
    // A shared lock, given back at once: two who look do not see each other.
    lock.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
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
