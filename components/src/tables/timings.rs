//! `timings`: everything the clock said; the only table exempt from exactness.

use super::column;
use crate::table::{Block, ColumnData, ColumnKind, TableSpec};

/// The `timings` table.
pub static TIMINGS: TableSpec = TableSpec {
    name: "timings",
    version: 1,
    doc: "how long one phase of one tick took",
    columns: &[
        column(
            "tick",
            ColumnKind::U64,
            "ticks",
            "",
            "completed ticks when the tick is done",
        ),
        column(
            "phase",
            ColumnKind::Name,
            "",
            "",
            "collect, learn, evaluate, record or persist",
        ),
        column("duration_us", ColumnKind::U64, "us", "", "wall time of the phase"),
    ],
    exact: false,
};

/// Rows of `timings`, column by column.
#[derive(Debug, Default)]
pub struct Timings {
    tick: Vec<u64>,
    phase: Vec<String>,
    duration_us: Vec<u64>,
}

impl Timings {
    /// Appends a row.
    pub fn push(&mut self, tick: u64, phase: &str, duration_us: u64) {
        self.tick.push(tick);
        self.phase.push(phase.to_owned());
        self.duration_us.push(duration_us);
    }
    /// The rows as a block.
    pub fn into_block(self) -> Block {
        Block {
            table: &TIMINGS,
            columns: vec![
                ColumnData::U64(self.tick),
                ColumnData::Name(self.phase),
                ColumnData::U64(self.duration_us),
            ],
        }
    }
}
