//! File to world: one entity per table, then the `Build` schedule.

use super::{failures, memory};
use crate::file::Pipeline;
use crate::problem::Problems;
use crate::sources::put_statistics;
use bevy_app::App;
use bevy_ecs::prelude::*;
use serde_json::Value;
use starling_components::registry::Registry;
use starling_components::schedule::{Build, MemoryEstimate, PipelineFolder, RunSeed};
use starling_components::{EntityName, Fault, Faults};

/// Fills the world of `app` from `pipeline`. Nothing large is allocated and nothing is written.
///
/// # Errors
/// Everything that the builders refuse, each in its place in the file.
pub fn build(app: &mut App, pipeline: &Pipeline) -> Result<(), Problems> {
    let world = app.world_mut();
    world.insert_resource(RunSeed(pipeline.head.seed));
    world.insert_resource(PipelineFolder(pipeline.folder.clone()));
    world.spawn((EntityName::new("pipeline", "head"), pipeline.head.clone()));
    let mut faults = Vec::new();
    for instance in &pipeline.instances {
        let info = world.resource::<Registry>().table_info(&instance.table).copied();
        let Some(info) = info else {
            faults.push(Fault::pipeline("no plugin reads this table").within(instance.path()));
            continue;
        };
        let mut entity = world.spawn(EntityName::new(&instance.table, &instance.key));
        if let Some(steps) = pipeline
            .datasets
            .get(&instance.key)
            .filter(|_| instance.table == "dataset")
        {
            entity.insert(steps.clone());
        }
        if instance.table == "agent" {
            let from = |key: &str| instance.values.get("from").is_some_and(|from| from.get(key).is_some());
            let from_outside = from("runs") || from("file");
            match pipeline.imports.get(&instance.key) {
                Some(imported) => {
                    entity.insert(imported.clone());
                }
                None if from_outside && !pipeline.only_read => {
                    let fault = Fault::run("what the agent's parameters come from was not looked at");
                    faults.push(fault.within(["from"]).within(instance.path()));
                }
                None => {}
            }
        }
        if let Err(error) = (info.insert)(&mut entity, &Value::Object(instance.values.clone())) {
            let path = instance.path().into_iter().chain(error.path);
            faults.push(Fault::pipeline(error.message).within(path));
        }
    }
    if faults.is_empty() {
        world.run_schedule(Build);
        faults.extend(put_statistics(world, &pipeline.statistics));
        faults.append(&mut world.resource_mut::<Faults>().0);
        faults.extend(failures::take());
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(pipeline.locate(faults))
}

/// Refuses a world that would need more than `limit` bytes once it runs.
///
/// # Errors
/// The estimate, with its largest parts, where it is above the limit.
pub fn check_memory(app: &App, limit: Option<u64>) -> Result<(), Problems> {
    let estimate = app.world().resource::<MemoryEstimate>();
    match memory::problem(&estimate.0, limit) {
        Some(fault) => Err(fault.into()),
        None => Ok(()),
    }
}

/// What the world will need when it ticks, in bytes.
pub fn estimate(app: &App) -> u64 {
    let estimate = app.world().resource::<MemoryEstimate>();
    estimate.0.iter().map(|(_, bytes)| *bytes as u64).sum()
}
