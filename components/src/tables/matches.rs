//! `matches`: one row per cell of an evaluation.

use super::column;
use crate::table::{Block, ColumnData, ColumnKind, TableSpec};

/// The `matches` table.
pub static MATCHES: TableSpec = TableSpec {
    name: "matches",
    version: 1,
    doc: "what the episodes of one cell of an evaluation came to: the same replicas in the same seats; rows of one tick are ordered by entity and by the order of `episodes`",
    columns: &[
        column(
            "tick",
            ColumnKind::U64,
            "ticks",
            "",
            "completed ticks when the evaluation ran",
        ),
        column("entity", ColumnKind::Name, "", "", "the evaluation"),
        column(
            "seating",
            ColumnKind::Name,
            "",
            "",
            "agent:replica of each seat, comma-separated: the name of the cell, also in `episodes` and `trajectories`",
        ),
        column(
            "replicas",
            ColumnKind::ListU32,
            "",
            "[seats]",
            "number of the replica in each seat",
        ),
        column("episodes", ColumnKind::U32, "episodes", "", "episodes played"),
        column(
            "return_mean",
            ColumnKind::F64,
            "reward",
            "",
            "mean over the episodes of the undiscounted task return, itself the mean over seats",
        ),
        column(
            "return_std",
            ColumnKind::F64,
            "reward",
            "",
            "standard deviation over the episodes (divided by their number, not one less)",
        ),
        column(
            "return_min",
            ColumnKind::F64,
            "reward",
            "",
            "lowest return of an episode",
        ),
        column(
            "return_max",
            ColumnKind::F64,
            "reward",
            "",
            "highest return of an episode",
        ),
        column(
            "length_mean",
            ColumnKind::F64,
            "steps",
            "",
            "mean length of the episodes",
        ),
        column(
            "seat_returns",
            ColumnKind::ListF32,
            "reward",
            "[seats]",
            "mean over the episodes of each seat's task return",
        ),
        column(
            "seat_shaped",
            ColumnKind::ListF32,
            "reward",
            "[seats]",
            "mean over the episodes of each seat's shaped return, not part of the return",
        ),
    ],
    exact: true,
};

/// One cell.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // documented in `MATCHES`
pub struct CellRow<'a> {
    pub tick: u64,
    pub entity: &'a str,
    pub seating: &'a str,
    pub replicas: &'a [u32],
    pub episodes: u32,
    pub return_mean: f64,
    pub return_std: f64,
    pub return_min: f64,
    pub return_max: f64,
    pub length_mean: f64,
    pub seat_returns: &'a [f32],
    pub seat_shaped: &'a [f32],
}

/// Rows of `matches`, column by column; all of one block have the same number of seats.
#[derive(Debug, Default)]
pub struct Matches {
    seats: usize,
    tick: Vec<u64>,
    entity: Vec<String>,
    seating: Vec<String>,
    replicas: Vec<u32>,
    episodes: Vec<u32>,
    return_mean: Vec<f64>,
    return_std: Vec<f64>,
    return_min: Vec<f64>,
    return_max: Vec<f64>,
    length_mean: Vec<f64>,
    seat_returns: Vec<f32>,
    seat_shaped: Vec<f32>,
}

impl Matches {
    /// No rows, for an environment of `seats` seats.
    pub fn new(seats: usize) -> Self {
        Self {
            seats,
            ..Self::default()
        }
    }
    /// Appends a row; its lists are `[seats]`.
    pub fn push(&mut self, row: &CellRow<'_>) {
        debug_assert_eq!(row.replicas.len(), self.seats);
        debug_assert_eq!(row.seat_returns.len(), self.seats);
        debug_assert_eq!(row.seat_shaped.len(), self.seats);
        self.tick.push(row.tick);
        self.entity.push(row.entity.to_owned());
        self.seating.push(row.seating.to_owned());
        self.replicas.extend_from_slice(row.replicas);
        self.episodes.push(row.episodes);
        self.return_mean.push(row.return_mean);
        self.return_std.push(row.return_std);
        self.return_min.push(row.return_min);
        self.return_max.push(row.return_max);
        self.length_mean.push(row.length_mean);
        self.seat_returns.extend_from_slice(row.seat_returns);
        self.seat_shaped.extend_from_slice(row.seat_shaped);
    }
    /// The rows as a block.
    pub fn into_block(self) -> Block {
        let width = self.seats;
        let list = |data| ColumnData::ListF32 { width, data };
        Block {
            table: &MATCHES,
            columns: vec![
                ColumnData::U64(self.tick),
                ColumnData::Name(self.entity),
                ColumnData::Name(self.seating),
                ColumnData::ListU32 {
                    width,
                    data: self.replicas,
                },
                ColumnData::U32(self.episodes),
                ColumnData::F64(self.return_mean),
                ColumnData::F64(self.return_std),
                ColumnData::F64(self.return_min),
                ColumnData::F64(self.return_max),
                ColumnData::F64(self.length_mean),
                list(self.seat_returns),
                list(self.seat_shaped),
            ],
        }
    }
}
