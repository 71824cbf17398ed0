//! `diagnostics`: one row per (tick, agent, replica, optimiser step, quantity).

use super::column;
use crate::table::{Block, ColumnData, ColumnKind, TableSpec};

/// The `diagnostics` table.
pub static DIAGNOSTICS: TableSpec = TableSpec {
    name: "diagnostics",
    version: 1,
    doc: "one number about one optimiser step",
    columns: &[
        column(
            "tick",
            ColumnKind::U64,
            "ticks",
            "",
            "completed ticks when the update is done",
        ),
        column("entity", ColumnKind::Name, "", "", "the agent"),
        column("replica", ColumnKind::U32, "", "", "number of the replica"),
        column(
            "local_step",
            ColumnKind::U32,
            "steps",
            "",
            "optimiser steps since the objective changed, from 1: since the rollout (PPO) or the change of the target (DQN)",
        ),
        column(
            "quantity",
            ColumnKind::Name,
            "",
            "",
            "e.g. grad_norm (before clipping), update_norm; histograms: grad_hist/TENSOR/max is the largest absolute entry, \
             grad_hist/TENSOR/00 to /31 count the entries in 32 equal bins from -max to max, lower edge included (in the last both), \
             and update_hist likewise",
        ),
        column("value", ColumnKind::F64, "", "", "the number"),
    ],
    exact: true,
};

/// Rows of `diagnostics`, column by column.
#[derive(Debug, Default)]
pub struct Diagnostics {
    tick: Vec<u64>,
    entity: Vec<String>,
    replica: Vec<u32>,
    local_step: Vec<u32>,
    quantity: Vec<String>,
    value: Vec<f64>,
}

impl Diagnostics {
    /// Appends a row.
    pub fn push(&mut self, tick: u64, entity: &str, replica: u32, local_step: u32, quantity: &str, value: f64) {
        self.tick.push(tick);
        self.entity.push(entity.to_owned());
        self.replica.push(replica);
        self.local_step.push(local_step);
        self.quantity.push(quantity.to_owned());
        self.value.push(value);
    }
    /// The rows as a block.
    pub fn into_block(self) -> Block {
        Block {
            table: &DIAGNOSTICS,
            columns: vec![
                ColumnData::U64(self.tick),
                ColumnData::Name(self.entity),
                ColumnData::U32(self.replica),
                ColumnData::U32(self.local_step),
                ColumnData::Name(self.quantity),
                ColumnData::F64(self.value),
            ],
        }
    }
}
