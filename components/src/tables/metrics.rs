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

/// A metric's name in a pipeline file, `evaluate.selfplay.return_mean`, as entity and metric; `None` if it has fewer parts.
pub fn split_name(name: &str) -> Option<(&str, &str)> {
    let (table, rest) = name.split_once('.')?;
    let (key, metric) = rest.split_once('.')?;
    let entity = &name[..table.len() + 1 + key.len()];
    (!table.is_empty() && !key.is_empty() && !metric.is_empty()).then_some((entity, metric))
}

/// What `blocks` hold of the metric called `name` in `tick`: replica and value, in recorded order.
pub fn recorded(blocks: &[Block], tick: u64, name: &str) -> Vec<(u32, f64)> {
    let Some((entity, metric)) = split_name(name) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for block in blocks.iter().filter(|block| std::ptr::eq(block.table, &METRICS)) {
        let [
            ColumnData::U64(ticks),
            _,
            ColumnData::Name(entities),
            ColumnData::U32(replicas),
            ColumnData::Name(metrics),
            ColumnData::F64(values),
        ] = &block.columns[..]
        else {
            continue;
        };
        let rows =
            (0..ticks.len()).filter(|&row| ticks[row] == tick && entities[row] == entity && metrics[row] == metric);
        found.extend(rows.map(|row| (replicas[row], values[row])));
    }
    found
}

/// Their mean over replicas; `None` where nothing was recorded.
pub fn mean(recorded: &[(u32, f64)]) -> Option<f64> {
    let sum: f64 = recorded.iter().map(|(_, value)| value).sum();
    (!recorded.is_empty()).then(|| sum / recorded.len() as f64)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_by_its_name_in_its_tick() {
        let mut rows = Metrics::default();
        rows.push(3, 30, "evaluate.a", 0, "return_mean", 1.0);
        rows.push(4, 40, "evaluate.a", 0, "return_mean", 2.0);
        rows.push(4, 40, "evaluate.a", 1, "return_mean", 4.0);
        rows.push(4, 40, "evaluate.b", 0, "return_mean", 9.0);
        rows.push(4, 40, "agent.a", 0, "norm.actor", 7.0);
        let blocks = [rows.into_block()];
        let check = |name: &str, expected: Option<f64>| assert_eq!(mean(&recorded(&blocks, 4, name)), expected);
        check("evaluate.a.return_mean", Some(3.0));
        check("agent.a.norm.actor", Some(7.0));
        check("evaluate.a.return", None);
        check("return_mean", None);
    }
}
