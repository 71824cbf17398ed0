//! `metrics`: one row per (tick, entity, replica, metric).

use super::column;
use crate::table::{Block, ColumnData, ColumnKind, TableSpec};

/// The `metrics` table.
pub static METRICS: TableSpec = TableSpec {
    name: "metrics",
    version: 1,
    doc: "one number about one replica of one entity in one tick",
    columns: &[
        column(
            "tick",
            ColumnKind::U64,
            "ticks",
            "",
            "completed ticks when the number was taken",
        ),
        column(
            "env_steps",
            ColumnKind::U64,
            "steps",
            "",
            "environment steps of one replica at that moment",
        ),
        column(
            "entity",
            ColumnKind::Name,
            "",
            "",
            "table.key of the entity in the pipeline",
        ),
        column("replica", ColumnKind::U32, "", "", "number of the replica"),
        column("metric", ColumnKind::Name, "", "", "name of the number"),
        column("value", ColumnKind::F64, "", "", "the number"),
    ],
    exact: true,
};

/// Rows of `metrics`, column by column.
#[derive(Debug, Default)]
pub struct Metrics {
    tick: Vec<u64>,
    env_steps: Vec<u64>,
    entity: Vec<String>,
    replica: Vec<u32>,
    metric: Vec<String>,
    value: Vec<f64>,
}

impl Metrics {
    /// Appends a row.
    pub fn push(&mut self, tick: u64, env_steps: u64, entity: &str, replica: u32, metric: &str, value: f64) {
        self.tick.push(tick);
        self.env_steps.push(env_steps);
        self.entity.push(entity.to_owned());
        self.replica.push(replica);
        self.metric.push(metric.to_owned());
        self.value.push(value);
    }
    /// The rows as a block.
    pub fn into_block(self) -> Block {
        Block {
            table: &METRICS,
            columns: vec![
                ColumnData::U64(self.tick),
                ColumnData::U64(self.env_steps),
                ColumnData::Name(self.entity),
                ColumnData::U32(self.replica),
                ColumnData::Name(self.metric),
                ColumnData::F64(self.value),
            ],
        }
    }
}
