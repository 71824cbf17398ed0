//! Tests of whole ticks: small worlds with a game and a policy that exist for the tests only.

mod blocks;
mod game;
mod seating;
mod single;
mod starts;
mod ticks;
mod wrong;

use crate::SimulatePlugin;
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use bevy_ecs::schedule::ScheduleLabel;
use serde_json::{Value, json};
use starling_components::EntityName;
use starling_components::fault::{Fault, Faults};
use starling_components::persist::{PersistenceTable, Snapshot, restore_world, save_world};
use starling_components::registry::Registry;
use starling_components::schedule::{Build, BuildSet, MemoryEstimate, RunSeed, Tick, TickSet};
use starling_components::specs::{PipelineSpec, RecordSpec};
use starling_components::table::{Block, ColumnData, Outbox};

/// A world built from `tables`: `{"environment": {"kitchen": {...}}, "until": {...}, "record": {...}}`.
pub(super) struct Run {
    app: App,
}

impl Run {
    pub(super) fn build(tables: &Value) -> Result<Self, Vec<Fault>> {
        let mut app = App::new();
        app.init_resource::<Faults>()
            .init_resource::<Outbox>()
            .init_resource::<MemoryEstimate>()
            .init_resource::<PersistenceTable>()
            .init_resource::<Registry>()
            .insert_resource(RunSeed(tables["seed"].as_u64().unwrap_or(11)))
            .init_schedule(Build)
            .init_schedule(Tick)
            .configure_sets(
                Build,
                (
                    BuildSet::Environments,
                    BuildSet::Seats,
                    BuildSet::Agents,
                    BuildSet::Plans,
                )
                    .chain(),
            )
            .configure_sets(
                Tick,
                (
                    TickSet::Collect,
                    TickSet::Learn,
                    TickSet::Evaluate,
                    TickSet::Record,
                    TickSet::Persist,
                )
                    .chain(),
            )
            .add_plugins(SimulatePlugin);
        game::register(&mut app.world_mut().resource_mut::<Registry>());
        let head = json!({ "name": "test", "until": tables.get("until").unwrap_or(&json!({ "ticks": 3 })) });
        let head: PipelineSpec = serde_json::from_value(head).expect("a head");
        app.world_mut().spawn((EntityName::new("pipeline", "head"), head));
        if let Some(record) = tables.get("record") {
            let record: RecordSpec = serde_json::from_value(record.clone()).expect("a record table");
            app.world_mut().spawn((EntityName::new("record", "record"), record));
        }
        for table in ["environment", "agent", "evaluate"] {
            let info = *app
                .world()
                .resource::<Registry>()
                .table_info(table)
                .expect("a registered table");
            for (key, value) in tables[table].as_object().into_iter().flatten() {
                let mut entity = app.world_mut().spawn(EntityName::new(table, key));
                (info.insert)(&mut entity, value).expect("a table");
            }
        }
        let mut run = Self { app };
        run.pass(Build)?;
        Ok(run)
    }

    pub(super) fn world(&mut self) -> &mut World {
        self.app.world_mut()
    }

    fn pass(&mut self, schedule: impl ScheduleLabel) -> Result<(), Vec<Fault>> {
        self.world().run_schedule(schedule);
        let faults = std::mem::take(&mut self.world().resource_mut::<Faults>().0);
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// One tick; the blocks that it recorded.
    pub(super) fn tick(&mut self) -> Vec<Block> {
        self.pass(Tick).expect("a tick without faults");
        std::mem::take(&mut self.world().resource_mut::<Outbox>().0)
    }

    /// One tick, or what it refuses.
    pub(super) fn try_tick(&mut self) -> Result<(), Vec<Fault>> {
        self.pass(Tick)
    }

    /// Several ticks.
    pub(super) fn ticks(&mut self, count: usize) -> Vec<Block> {
        (0..count).flat_map(|_| self.tick()).collect()
    }

    pub(super) fn save(&mut self) -> Snapshot {
        save_world(self.world())
    }

    pub(super) fn restore(&mut self, snapshot: &Snapshot) {
        restore_world(self.world(), snapshot).expect("a snapshot of the same pipeline");
    }
}

/// The blocks of one table.
pub(super) fn of_table<'a>(blocks: &'a [Block], table: &str) -> Vec<&'a Block> {
    blocks.iter().filter(|block| block.table.name == table).collect()
}

/// A column of a block by name.
pub(super) fn column<'a>(block: &'a Block, name: &str) -> &'a ColumnData {
    let index = block.table.columns.iter().position(|column| column.name == name);
    &block.columns[index.expect("a column of the table")]
}

pub(super) fn u32s(block: &Block, name: &str) -> Vec<u32> {
    match column(block, name) {
        ColumnData::U32(values) => values.clone(),
        other => panic!("{name} is {other:?}"),
    }
}

pub(super) fn f32s(block: &Block, name: &str) -> Vec<f32> {
    match column(block, name) {
        ColumnData::ListF32 { data, .. } => data.clone(),
        other => panic!("{name} is {other:?}"),
    }
}

pub(super) fn i32s(block: &Block, name: &str) -> Vec<i32> {
    match column(block, name) {
        ColumnData::ListI32 { data, .. } => data.clone(),
        other => panic!("{name} is {other:?}"),
    }
}
