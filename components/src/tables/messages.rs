//! `messages`: what the processes of a run said to each other; only where several share it.

use super::column;
use crate::table::{Block, ColumnData, ColumnKind, TableSpec};

/// The `messages` table.
pub static MESSAGES: TableSpec = TableSpec {
    name: "messages",
    version: 1,
    doc: "what one of the processes that share a run sent in one tick; no rows where there is one",
    columns: &[
        column(
            "tick",
            ColumnKind::U64,
            "ticks",
            "",
            "completed ticks when the tick is done; its last messages count to the next",
        ),
        column("rank", ColumnKind::U32, "", "", "number of the process"),
        column("messages", ColumnKind::U64, "messages", "", "messages sent"),
        column("bytes", ColumnKind::U64, "bytes", "", "bytes in them"),
    ],
    exact: false,
};

/// Rows of `messages`, column by column.
#[derive(Debug, Default)]
pub struct Messages {
    tick: Vec<u64>,
    rank: Vec<u32>,
    messages: Vec<u64>,
    bytes: Vec<u64>,
}

impl Messages {
    /// Appends a row.
    pub fn push(&mut self, tick: u64, rank: u32, messages: u64, bytes: u64) {
        self.tick.push(tick);
        self.rank.push(rank);
        self.messages.push(messages);
        self.bytes.push(bytes);
    }
    /// The rows as a block.
    pub fn into_block(self) -> Block {
        Block {
            table: &MESSAGES,
            columns: vec![
                ColumnData::U64(self.tick),
                ColumnData::U32(self.rank),
                ColumnData::U64(self.messages),
                ColumnData::U64(self.bytes),
            ],
        }
    }
}
