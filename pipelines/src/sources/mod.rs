//! What a pipeline takes from elsewhere: found when it is loaded, so that `check` tells what is wrong with it in its place, and written into
//! the resolved pipeline with hashes, so that a run that is resumed or repeated takes the very same.

mod agents;
mod datasets;
mod file;
mod glob;
mod moments;
mod normalize;
mod resimulate;
mod run;

pub(crate) use normalize::{Statistics, put_statistics};

use crate::batch;
use crate::file::Pipeline;
use crate::problem::Problems;
use starling_components::Fault;
use starling_components::demonstrations::{DemonstratedSteps, Demonstrations};
use starling_components::fault::FaultKind;
use starling_components::registry::{Registry, RulesContext, RulesSlot};
use starling_components::simulate::Simulate;
use starling_components::specs::{AgentSpec, DatasetSpec, EnvironmentSpec};
use std::path::Path;
use std::sync::Arc;

/// Finds everything that `pipeline` takes from earlier runs and from files.
///
/// # Errors
/// What is missing, unfinished, changed or does not fit, each in its place.
pub(crate) fn resolve(pipeline: &mut Pipeline, registry: &Registry) -> Result<(), Problems> {
    let mut faults = Vec::new();
    for index in 0..pipeline.instances.len() {
        let path = pipeline.instances[index].path();
        if path[0] == "dataset" {
            faults.extend(dataset(pipeline, registry, index).err().unwrap_or_default());
        }
        if path[0] != "agent" {
            continue;
        }
        let Some(mut spec) = pipeline.spec::<AgentSpec>(index) else {
            continue;
        };
        let says = |key: &str| pipeline.says(&[&path[0], &path[1], key]);
        let taken = match &spec.from {
            Some(from) if from.runs.is_some() => agents::take(&mut spec, says("replicas")),
            Some(from) if from.file.is_some() => file::take(&mut spec, pipeline.folder.as_deref()),
            _ => continue,
        };
        match taken {
            Ok(taken) => {
                pipeline.imports.insert(path[1].clone(), taken.imported);
                pipeline.statistics.insert(path[1].clone(), taken.statistics);
                faults.extend(pipeline.put(registry, index, &spec).err().unwrap_or_default());
            }
            Err(fault) => faults.push(fault.within(path)),
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(pipeline.locate(faults))
}

/// The steps of the dataset at `index`.
fn dataset(pipeline: &mut Pipeline, registry: &Registry, index: usize) -> Result<(), Vec<Fault>> {
    let path = pipeline.instances[index].path();
    // What cannot be read or built has faults of its own.
    let Some(mut spec) = pipeline.spec::<DatasetSpec>(index) else {
        return Ok(());
    };
    let Some(environment) = environment(pipeline, registry, &spec.environment) else {
        return Ok(());
    };
    let steps = datasets::take(&mut spec, environment.as_ref());
    let steps = steps.map_err(|fault| vec![fault.within(path.clone())])?;
    pipeline
        .datasets
        .insert(path[1].clone(), Demonstrations(Arc::new(steps)));
    pipeline.put(registry, index, &spec)
}

/// Datasets without steps: for those who only look at a run.
pub(crate) fn empty_datasets(pipeline: &mut Pipeline, registry: &Registry) {
    for index in 0..pipeline.instances.len() {
        let path = pipeline.instances[index].path();
        let Some(spec) = pipeline.spec::<DatasetSpec>(index).filter(|_| path[0] == "dataset") else {
            continue;
        };
        let environment = environment(pipeline, registry, &spec.environment);
        let seat = environment.and_then(|live| datasets::imitated(&spec, live.as_ref()).ok());
        if let Some(seat) = seat {
            let steps = DemonstratedSteps::empty(&seat);
            pipeline
                .datasets
                .insert(path[1].clone(), Demonstrations(Arc::new(steps)));
        }
    }
}

/// The rules of `[environment.key]`, if they can be built.
fn environment(pipeline: &Pipeline, registry: &Registry, key: &str) -> Option<Arc<dyn Simulate>> {
    let place = pipeline
        .instances
        .iter()
        .position(|i| i.table == "environment" && i.key == key)?;
    let spec = pipeline.spec::<EnvironmentSpec>(place)?;
    let context = RulesContext {
        seats: spec.seats.len(),
        folder: pipeline.folder.as_deref(),
    };
    registry.build::<RulesSlot>(&spec.rules, context).ok()
}

/// The folders that `pattern` matches.
///
/// # Errors
/// None.
pub(crate) fn folders(pattern: &str) -> Result<Vec<String>, Fault> {
    let mut found = glob::folders(pattern);
    // Of a batch only its runs are meant.
    found.retain(|path| !batch::keeps_books(Path::new(path)));
    if !found.is_empty() {
        return Ok(found);
    }
    let here = std::env::current_dir().map_or_else(|_| ".".into(), |dir| dir.display().to_string());
    let fault = Fault::new(FaultKind::Missing, format!("no run matches `{pattern}`"));
    Err(fault.advise(format!("the pattern is relative to where the program runs, `{here}`")))
}
