//! What `[record]` asks of the systems of this crate.

use starling_components::specs::{RecordSpec, TrajectoriesSpec};

/// The parts of the record spec that concern collection, or their defaults.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordPlan<'a> {
    /// Which training steps are recorded.
    pub trajectories: Option<&'a TrajectoriesSpec>,
    metrics_every: u64,
}

impl<'a> RecordPlan<'a> {
    pub(crate) fn of(spec: Option<&'a RecordSpec>) -> Self {
        let defaults = RecordSpec::default().metrics.every;
        Self {
            trajectories: spec.and_then(|s| s.trajectories.as_ref()),
            metrics_every: spec.map_or(defaults, |s| s.metrics.every).max(1),
        }
    }

    /// Metrics are written in every n-th tick and in the last.
    pub(crate) fn metrics_due(&self, tick: u64, total_ticks: u64) -> bool {
        tick.is_multiple_of(self.metrics_every) || tick == total_ticks
    }
}
