//! The tables of a run, one file each: schema and a typed row.

pub mod diagnostics;
pub mod episodes;
pub mod events;
pub mod matches;
pub mod messages;
pub mod metrics;
pub mod timings;
pub mod trajectories;

use crate::table::{ColumnKind, ColumnSpec, TableSpec};

/// All tables that this crate knows, in the order of the manual.
pub const ALL: &[&TableSpec] = &[
    &metrics::METRICS,
    &episodes::EPISODES,
    &matches::MATCHES,
    &events::EVENTS,
    &trajectories::TRAJECTORIES,
    &diagnostics::DIAGNOSTICS,
    &timings::TIMINGS,
    &messages::MESSAGES,
];

const fn column(
    name: &'static str,
    kind: ColumnKind,
    unit: &'static str,
    shape: &'static str,
    doc: &'static str,
) -> ColumnSpec {
    ColumnSpec {
        name,
        kind,
        unit,
        shape,
        doc,
    }
}
