//! `events`: one row per cell of an evaluation, seat and event.

use super::column;
use crate::table::{Block, ColumnData, ColumnKind, TableSpec};

/// The `events` table.
pub static EVENTS: TableSpec = TableSpec {
    name: "events",
    version: 1,
    doc: "how often something that the environment counts happened to one seat, over the episodes of one cell of an evaluation; environments that count nothing have no rows",
    columns: &[
        column(
            "tick",
            ColumnKind::U64,
            "ticks",
            "",
            "completed ticks when the evaluation ran",
        ),
        column("entity", ColumnKind::Name, "", "", "the evaluation"),
        column("seating", ColumnKind::Name, "", "", "the cell, as in `matches`"),
        column("seat", ColumnKind::U32, "", "", "number of the seat, from 0"),
        column(
            "event",
            ColumnKind::Name,
            "",
            "",
            "what happened, e.g. deliveries or delivered_0_0_1",
        ),
        column(
            "count",
            ColumnKind::U64,
            "events",
            "",
            "how often, in all episodes together",
        ),
        column(
            "per_episode",
            ColumnKind::F64,
            "events",
            "",
            "the count over the number of episodes",
        ),
    ],
    exact: true,
};

/// Rows of `events`, column by column.
#[derive(Debug, Default)]
pub struct Events {
    tick: Vec<u64>,
    entity: Vec<String>,
    seating: Vec<String>,
    seat: Vec<u32>,
    event: Vec<String>,
    count: Vec<u64>,
    per_episode: Vec<f64>,
}

impl Events {
    /// Appends a row for every event of every seat of a cell; `counts` is `[seats, names]`, the sum over `episodes`.
    pub fn push(&mut self, tick: u64, entity: &str, seating: &str, names: &[String], counts: &[u64], episodes: usize) {
        for (seat, counts) in counts.chunks_exact(names.len().max(1)).enumerate() {
            for (name, &count) in names.iter().zip(counts) {
                self.tick.push(tick);
                self.entity.push(entity.to_owned());
                self.seating.push(seating.to_owned());
                self.seat.push(seat as u32);
                self.event.push(name.clone());
                self.count.push(count);
                self.per_episode.push(count as f64 / episodes.max(1) as f64);
            }
        }
    }
    /// The rows as a block.
    pub fn into_block(self) -> Block {
        Block {
            table: &EVENTS,
            columns: vec![
                ColumnData::U64(self.tick),
                ColumnData::Name(self.entity),
                ColumnData::Name(self.seating),
                ColumnData::U32(self.seat),
                ColumnData::Name(self.event),
                ColumnData::U64(self.count),
                ColumnData::F64(self.per_episode),
            ],
        }
    }
}
