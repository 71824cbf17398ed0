//! Golden traces: found by pattern under a root folder, so that the tests also run on traces nobody here has seen.

use std::io::Write;
use std::path::{Path, PathBuf};

/// The root folder: `STARLING_GOLDEN`, or the small committed subset. A relative path is one from the repository's root, where the command was
/// given; the tests themselves run in their crate's folder.
pub fn root() -> PathBuf {
    let named = std::env::var_os("STARLING_GOLDEN").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| Path::new("tests").join("golden"));
    crate::cli::repository().join(folder)
}

/// Says what was compared where a reader of the test run sees it: straight to stdout, which the test harness does not keep to itself as it does
/// with the output of `println!`.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // A closed stdout is no reason to fail a comparison.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// The committed subset, whatever `STARLING_GOLDEN` says.
pub fn committed() -> PathBuf {
    crate::cli::repository().join("tests/golden")
}

/// All files below `root()/subject` with the extension `extension`, in name order.
pub fn files(subject: &str, extension: &str) -> Vec<PathBuf> {
    files_below(&root().join(subject), extension)
}

/// All files below `folder` with the extension `extension`, in name order.
pub fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
