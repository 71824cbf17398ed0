//! `episodes`: one row per finished episode.

use super::column;
use crate::table::{Block, ColumnData, ColumnKind, TableSpec};

/// The `episodes` table.
pub static EPISODES: TableSpec = TableSpec {
    name: "episodes",
    version: 1,
    doc: "one finished episode of one lane; rows of one tick are ordered by entity, replica, end step and lane, those of an evaluation by replica, seating, end step and lane",
    columns: &[
        column(
            "tick",
            ColumnKind::U64,
            "ticks",
            "",
            "completed ticks when the tick of the end is done",
        ),
        column(
            "entity",
            ColumnKind::Name,
            "",
            "",
            "the environment, or the evaluation that played it",
        ),
        column(
            "replica",
            ColumnKind::U32,
            "",
            "",
            "number of the replica; of an evaluation, of the one in the first seat",
        ),
        column("lane", ColumnKind::U32, "", "", "lane within the replica"),
        column(
            "episode",
            ColumnKind::U32,
            "",
            "",
            "number of the episode within the lane, from 0",
        ),
        column("length", ColumnKind::U32, "steps", "", "transitions from reset to end"),
        column(
            "return",
            ColumnKind::F64,
            "reward",
            "",
            "undiscounted task return, mean over seats",
        ),
        column(
            "returns",
            ColumnKind::ListF32,
            "reward",
            "[seats]",
            "undiscounted task return of each seat",
        ),
        column(
            "shaped_returns",
            ColumnKind::ListF32,
            "reward",
            "[seats]",
            "undiscounted shaped return of each seat, not part of the return",
        ),
        column(
            "truncated",
            ColumnKind::Bool,
            "",
            "",
            "cut off (time limit) rather than ended by the rules",
        ),
        column(
            "seating",
            ColumnKind::Name,
            "",
            "",
            "agent:replica of each seat, comma-separated",
        ),
    ],
    exact: true,
};

/// One finished episode.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // documented in `EPISODES`
pub struct Episode<'a> {
    pub tick: u64,
    pub entity: &'a str,
    pub replica: u32,
    pub lane: u32,
    pub episode: u32,
    pub length: u32,
    pub returns: &'a [f32],
    pub shaped_returns: &'a [f32],
    pub truncated: bool,
    pub seating: &'a str,
}

/// Rows of `episodes`, column by column; all of one block have the same number of seats.
#[derive(Debug)]
pub struct Episodes {
    seats: usize,
    tick: Vec<u64>,
    entity: Vec<String>,
    replica: Vec<u32>,
    lane: Vec<u32>,
    episode: Vec<u32>,
    length: Vec<u32>,
    mean_return: Vec<f64>,
    returns: Vec<f32>,
    shaped_returns: Vec<f32>,
    truncated: Vec<bool>,
    seating: Vec<String>,
}

impl Episodes {
    /// No rows, for an environment of `seats` seats.
    pub fn new(seats: usize) -> Self {
        Self {
            seats,
            tick: Vec::new(),
            entity: Vec::new(),
            replica: Vec::new(),
            lane: Vec::new(),
            episode: Vec::new(),
            length: Vec::new(),
            mean_return: Vec::new(),
            returns: Vec::new(),
            shaped_returns: Vec::new(),
            truncated: Vec::new(),
            seating: Vec::new(),
        }
    }
    /// Appends a row; `returns` and `shaped_returns` are `[seats]`.
    pub fn push(&mut self, row: &Episode<'_>) {
        debug_assert_eq!(row.returns.len(), self.seats);
        let sum: f64 = row.returns.iter().map(|&r| f64::from(r)).sum();
        self.tick.push(row.tick);
        self.entity.push(row.entity.to_owned());
        self.replica.push(row.replica);
        self.lane.push(row.lane);
        self.episode.push(row.episode);
        self.length.push(row.length);
        self.mean_return.push(sum / self.seats as f64);
        self.returns.extend_from_slice(row.returns);
        self.shaped_returns.extend_from_slice(row.shaped_returns);
        self.truncated.push(row.truncated);
        self.seating.push(row.seating.to_owned());
    }
    /// Whether there are rows.
    pub fn is_empty(&self) -> bool {
        self.tick.is_empty()
    }
    /// The rows as a block.
    pub fn into_block(self) -> Block {
        let width = self.seats;
        Block {
            table: &EPISODES,
            columns: vec![
                ColumnData::U64(self.tick),
                ColumnData::Name(self.entity),
                ColumnData::U32(self.replica),
                ColumnData::U32(self.lane),
                ColumnData::U32(self.episode),
                ColumnData::U32(self.length),
                ColumnData::F64(self.mean_return),
                ColumnData::ListF32 {
                    width,
                    data: self.returns,
                },
                ColumnData::ListF32 {
                    width,
                    data: self.shaped_returns,
                },
                ColumnData::Bool(self.truncated),
                ColumnData::Name(self.seating),
            ],
        }
    }
}
