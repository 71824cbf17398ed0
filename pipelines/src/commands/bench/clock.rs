//! What measurements have in common: processor time, the middle of many, and a place for records.

use cpu_time::ProcessTime;
use std::path::{Path, PathBuf};

/// Processor seconds of the whole process, all threads: what else the machine does hardly shows in them.
pub(super) fn cpu_seconds() -> f64 {
    ProcessTime::try_now().map_or(f64::NAN, |time| time.as_duration().as_secs_f64())
}

/// The middle value; the mean of the two middle ones of an even number.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n => f64::midpoint(values[(n - 1) / 2], values[n / 2]),
    }
}

/// A folder for the records of one measurement, gone afterwards.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// A name that no other process and no earlier measurement of this one has.
    pub(super) fn new(number: usize) -> Self {
        let name = format!("starling-bench-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed stays in the system's temporary folder, which is emptied by others.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
