//! What measurements have in common: processor time, and the middle of many.

use cpu_time::ProcessTime;

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
