//! Durable files: written under a temporary name, synced, renamed, and the folder synced. Errors name path and room.

use starling_components::Fault;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What temporary files end with; such a file is never named by a commit.
pub(crate) const TEMPORARY: &str = ".tmp";

/// The fault for an operation on the disk that failed. `wanted` is how many bytes it was about to write, 0 if unknown.
pub(crate) fn fault(action: &str, path: &Path, error: &io::Error, wanted: u64) -> Fault {
    let mut message = format!("{action} `{}`: {error}", path.display());
    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        let folder = path.parent().unwrap_or(path);
        let free = rustix::fs::statvfs(folder).map(|v| v.f_bavail.saturating_mul(v.f_frsize));
        if let Ok(free) = free {
            message += &format!("; needed {}, {} free", size(wanted), size(free));
        }
    }
    Fault::storage(message)
}

/// A number of bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", bytes as f64 / 1_073_741_824.0),
    }
}

/// The temporary name next to `path`: hidden, so that `*.parquet` does not match it.
pub(crate) fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}{TEMPORARY}"))
}

/// Makes renames and new names in `folder` survive a power cut.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Fault> {
    let synced = File::open(folder).and_then(|f| f.sync_all());
    synced.map_err(|e| fault("failed to sync", folder, &e, 0))
}

/// Creates `folder` and its parents, durably as far as the last two levels go.
///
/// # Errors
/// The disk failed.
pub fn create_folder(folder: &Path) -> Result<(), Fault> {
    fs::create_dir_all(folder).map_err(|e| fault("failed to create", folder, &e, 0))?;
    folder
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .map_or(Ok(()), sync_folder)
}

/// Writes a whole file so that either all of it or nothing is found under `path`.
///
/// # Errors
/// The disk failed.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let temporary = temporary(path);
    let renamed = write_synced(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    renamed.map_err(|e| {
        let told = fault("failed to write", path, &e, bytes.len() as u64);
        let _ = fs::remove_file(&temporary); // the error that matters is already on its way
        told
    })?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// As [`write_whole`], but the name must be new: of two writers exactly one succeeds. `Ok(false)` says that the other did.
///
/// A hard link to a synced file, because it is the one call that is exclusive and never shows half a file.
pub(crate) fn write_new(path: &Path, bytes: &[u8], token: &str) -> Result<bool, Fault> {
    let temporary = path.with_file_name(format!(
        ".{}-{token}{TEMPORARY}",
        path.file_name().unwrap_or_default().to_string_lossy()
    ));
    let linked = write_synced(&temporary, bytes).and_then(|()| fs::hard_link(&temporary, path));
    let result = match linked {
        Ok(()) => path.parent().map_or(Ok(()), sync_folder).map(|()| true),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(fault("failed to write", path, &e, bytes.len() as u64)),
    };
    let _ = fs::remove_file(&temporary); // a leftover is harmless and swept on resume
    result
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A word that no other writer has, for names of files only; no row and no decision depends on it.
pub(crate) fn unique_token() -> String {
    use std::hash::{BuildHasher, Hasher};
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    format!("{:08x}", random as u32)
}

/// SHA-256 in hex.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    hex(&sha2::Sha256::digest(bytes))
}

/// Bytes in hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
