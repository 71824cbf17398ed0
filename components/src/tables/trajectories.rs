//! `trajectories`: one row per (lane, step).

use super::column;
use crate::table::{Block, ColumnData, ColumnKind, TableSpec};

/// The `trajectories` table.
pub static TRAJECTORIES: TableSpec = TableSpec {
    name: "trajectories",
    version: 2,
    doc: "one transition of one lane; with the pipeline and its seed it can be simulated again from (entity, replica, lane, episode; of an evaluation also the tick) and the actions",
    columns: &[
        column(
            "tick",
            ColumnKind::U64,
            "ticks",
            "",
            "completed ticks when the tick of the transition is done",
        ),
        column(
            "entity",
            ColumnKind::Name,
            "",
            "",
            "the environment, or the evaluation that played it",
        ),
        column("replica", ColumnKind::U32, "", "", "number of the replica"),
        column("lane", ColumnKind::U32, "", "", "lane within the replica"),
        column(
            "episode",
            ColumnKind::U32,
            "",
            "",
            "number of the episode within the lane, from 0",
        ),
        column(
            "step",
            ColumnKind::U32,
            "steps",
            "",
            "transition within the episode, from 0",
        ),
        column(
            "actions",
            ColumnKind::ListI32,
            "",
            "[seats x components]",
            "discrete actions; box actions as the bit pattern of their f32",
        ),
        column(
            "rewards",
            ColumnKind::ListF32,
            "reward",
            "[seats]",
            "task reward of each seat",
        ),
        column(
            "shaped",
            ColumnKind::ListF32,
            "reward",
            "[seats]",
            "shaped reward of each seat",
        ),
        column("terminated", ColumnKind::Bool, "", "", "the rules ended the episode"),
        column("truncated", ColumnKind::Bool, "", "", "the episode was cut off"),
        column(
            "seating",
            ColumnKind::Name,
            "",
            "",
            "agent:replica of each seat in this episode, comma-separated; since version 2",
        ),
        column(
            "observations",
            ColumnKind::Bytes,
            "",
            "[seats x width]",
            "what the seats saw before the transition; no bytes unless asked for",
        ),
    ],
    exact: true,
};

/// Rows of `trajectories` of one entity, column by column. `actions` is `[rows, seats x components]`, `rewards` and `shaped` `[rows, seats]`,
/// `observations` `[rows, bytes per row]` or empty. `seating_of` is the index into `seatings` of each row; empty where all rows have the
/// first.
#[derive(Debug, Default)]
#[allow(missing_docs)] // documented in `TRAJECTORIES`
pub struct Trajectories {
    pub seats: usize,
    pub action_width: usize,
    pub observation_bytes: usize,
    pub tick: Vec<u64>,
    pub entity: String,
    pub replica: Vec<u32>,
    pub lane: Vec<u32>,
    pub episode: Vec<u32>,
    pub step: Vec<u32>,
    pub actions: Vec<i32>,
    pub rewards: Vec<f32>,
    pub shaped: Vec<f32>,
    pub terminated: Vec<bool>,
    pub truncated: Vec<bool>,
    pub seatings: Vec<String>,
    pub seating_of: Vec<u32>,
    pub observations: Vec<u8>,
}

impl Trajectories {
    /// The rows as a block.
    pub fn into_block(self) -> Block {
        let seats = self.seats;
        let rows = self.tick.len();
        let entity = ColumnData::OneName {
            name: self.entity,
            rows,
        };
        let seating = if self.seating_of.is_empty() {
            let name = self.seatings.into_iter().next().unwrap_or_default();
            ColumnData::OneName { name, rows }
        } else {
            ColumnData::FewNames {
                names: self.seatings,
                rows: self.seating_of,
            }
        };
        Block {
            table: &TRAJECTORIES,
            columns: vec![
                ColumnData::U64(self.tick),
                entity,
                ColumnData::U32(self.replica),
                ColumnData::U32(self.lane),
                ColumnData::U32(self.episode),
                ColumnData::U32(self.step),
                ColumnData::ListI32 {
                    width: self.action_width,
                    data: self.actions,
                },
                ColumnData::ListF32 {
                    width: seats,
                    data: self.rewards,
                },
                ColumnData::ListF32 {
                    width: seats,
                    data: self.shaped,
                },
                ColumnData::Bool(self.terminated),
                ColumnData::Bool(self.truncated),
                seating,
                ColumnData::Bytes {
                    width: self.observation_bytes,
                    data: self.observations,
                },
            ],
        }
    }
}
