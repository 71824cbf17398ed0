//! `[dataset.x]`: whole recorded episodes of earlier runs, simulated again from their keys and actions.

use super::resimulate::{Rows, resimulate};
use super::run::{Content, SourceRun};
use super::{folders, glob};
use rayon::prelude::*;
use starling_components::demonstrations::DemonstratedSteps;
use starling_components::simulate::Simulate;
use starling_components::spaces::{ActionBuffer, ObservationBuffer, SeatShape};
use starling_components::specs::{DatasetSpec, EnvironmentSpec};
use starling_components::{EntityName, Fault};
use starling_record::steps::{EpisodeKey, StepRow, each_step};
use starling_simulate::replay::Recorded;
use std::collections::{BTreeMap, BTreeSet};

/// Finds the steps that `spec` asks for and notes what was found in it.
///
/// # Errors
/// With the key within the dataset's table: nothing recorded, runs that are unfinished or changed, steps that this environment does not repeat.
pub(super) fn take(spec: &mut DatasetSpec, environment: &dyn Simulate) -> Result<DemonstratedSteps, Fault> {
    let seat = imitated(spec, environment)?;
    let runs = if spec.found.is_empty() {
        let paths = folders(&spec.runs).map_err(|fault| fault.within(["runs"]))?;
        let open = |path: &String| SourceRun::open(path).map_err(|fault| fault.within(["runs"]));
        paths.iter().map(open).collect::<Result<Vec<_>, _>>()?
    } else {
        look_again(spec)?
    };
    let mut whole: Vec<(&SourceRun, Recorded, Vec<StepRow>)> = Vec::new();
    let mut entities = BTreeSet::new();
    for run in &runs {
        refuse_buffers(run, &spec.entity).map_err(|fault| fault.within(["entity"]))?;
        for (recorded, steps) in episodes(run, &spec.entity, &mut entities)? {
            whole.push((run, recorded, steps));
        }
    }
    if let Some(least) = spec.least_return {
        whole.retain(|(.., steps)| return_of(steps) >= least);
    }
    if whole.is_empty() {
        return Err(nothing(spec, &entities));
    }
    let seats: Vec<usize> = seats_of(spec, environment);
    let played: Vec<Result<Rows, Fault>> = whole
        .par_iter()
        .map(|(run, recorded, steps)| {
            let rows = resimulate(environment, run.seed(), recorded, steps, &seats);
            rows.map_err(|mut fault| {
                let Recorded {
                    replica, lane, episode, ..
                } = recorded;
                fault.message = format!(
                    "`{}`, {}, replica {replica}, lane {lane}, episode {episode}: {}",
                    run.path, spec.entity, fault.message
                );
                fault.within(["runs"])
            })
        })
        .collect();
    let mut all = DemonstratedSteps::empty(&seat);
    for rows in played {
        append(&mut all, rows?);
    }
    spec.found = runs.iter().map(|run| run.found_rows()).collect::<Result<_, _>>()?;
    Ok(all)
}

/// The shape of the imitated seats.
pub(super) fn imitated(spec: &DatasetSpec, environment: &dyn Simulate) -> Result<SeatShape, Fault> {
    let shapes = &environment.shape().seats;
    let seats = seats_of(spec, environment);
    for (index, &seat) in seats.iter().enumerate() {
        let at = |fault: Fault| fault.within(["seats".to_owned(), index.to_string()]);
        if seat >= shapes.len() {
            let fault = Fault::pipeline(format!(
                "`{}` has {} seats, numbered from 0",
                spec.environment,
                shapes.len()
            ));
            return Err(at(fault.advise("leave `seats` out to imitate all")));
        }
        if shapes[seat] != shapes[seats[0]] {
            let message = format!("seats {} and {seat} see or do different things", seats[0]);
            return Err(at(
                Fault::pipeline(message).advise("imitate them in datasets of their own")
            ));
        }
    }
    let first = seats.first().and_then(|&seat| shapes.get(seat));
    first.cloned().ok_or_else(|| Fault::pipeline("nobody is imitated"))
}

fn seats_of(spec: &DatasetSpec, environment: &dyn Simulate) -> Vec<usize> {
    if spec.seats.is_empty() {
        return (0..environment.shape().seats.len()).collect();
    }
    spec.seats.clone()
}

fn look_again(spec: &DatasetSpec) -> Result<Vec<SourceRun>, Fault> {
    let open = |(index, found): (usize, &starling_components::specs::FoundSource)| {
        let within = |fault: Fault| fault.within(["found", &index.to_string()]);
        if !glob::fits(&spec.runs, &found.path) {
            let fault = Fault::pipeline(format!("`{}` does not match `{}`", found.path, spec.runs));
            return Err(within(fault.advise("leave `found` out to look for runs again")));
        }
        SourceRun::open_again(found, Content::Rows).map_err(within)
    };
    spec.found.iter().enumerate().map(open).collect()
}

/// Episodes that began in a buffer cannot be repeated from their keys.
fn refuse_buffers(run: &SourceRun, entity: &str) -> Result<(), Fault> {
    let Some(key) = entity.strip_prefix("environment.") else {
        return Ok(());
    };
    let environment = run.table::<EnvironmentSpec>("environment").remove(key);
    if environment.is_some_and(|environment| environment.starts.is_some()) {
        let message = format!(
            "episodes of `{entity}` in `{}` begin in states of a buffer, which are not recorded",
            run.path
        );
        return Err(Fault::pipeline(message)
            .advise("take the episodes of an evaluation: they begin where the rules start them"));
    }
    Ok(())
}

/// The whole episodes of `entity`, in the order of their keys.
fn episodes(
    run: &SourceRun,
    entity: &str,
    entities: &mut BTreeSet<String>,
) -> Result<Vec<(Recorded, Vec<StepRow>)>, Fault> {
    let (table, key) = entity.split_once('.').unwrap_or((entity, ""));
    let mut found: BTreeMap<EpisodeKey, BTreeMap<u32, StepRow>> = BTreeMap::new();
    let wanted = |other: &str| {
        let own = other == entity;
        if !own && !entities.contains(other) {
            entities.insert(other.to_owned());
        }
        own
    };
    each_step(&run.run, wanted, |key, step| {
        found.entry(key).or_default().insert(step.step, step);
    })?;
    let whole = found.into_iter().filter(|(_, steps)| {
        let counted = steps.keys().copied().eq(0..steps.len() as u32);
        counted && steps.values().next_back().is_some_and(|last| last.ended)
    });
    let recorded = whole.map(|(id, steps)| {
        let recorded = Recorded {
            entity: EntityName::new(table, key),
            replica: id.replica,
            seating: id.seating,
            lane: id.lane,
            episode: id.episode,
            tick: id.tick,
        };
        (recorded, steps.into_values().collect())
    });
    Ok(recorded.collect())
}

/// Sum over steps of the mean over seats.
fn return_of(steps: &[StepRow]) -> f64 {
    let mean =
        |step: &StepRow| step.rewards.iter().map(|&r| f64::from(r)).sum::<f64>() / step.rewards.len().max(1) as f64;
    steps.iter().map(mean).sum()
}

fn nothing(spec: &DatasetSpec, entities: &BTreeSet<String>) -> Fault {
    if let Some(least) = spec.least_return {
        let message = format!(
            "no whole episode of `{}` is recorded with a return of at least {least}",
            spec.entity
        );
        return Fault::pipeline(message)
            .advise("lower `least_return`")
            .within(["least_return"]);
    }
    let fault = Fault::pipeline(format!(
        "no whole episode of `{}` is recorded in these runs",
        spec.entity
    ));
    let advice = if entities.is_empty() {
        "`[record] trajectories = { every = 1 }` records training episodes, `trajectories = 100` those of an evaluation"
            .to_owned()
    } else {
        starling_components::suggest::advice(&spec.entity, entities.iter().map(String::as_str))
    };
    fault.advise(advice).within(["entity"])
}

fn append(all: &mut DemonstratedSteps, rows: Rows) {
    let first = all.rows();
    match (&mut all.observations, rows.observations) {
        (ObservationBuffer::Bytes(all), ObservationBuffer::Bytes(more)) => all.extend(more),
        (ObservationBuffer::Floats(all), ObservationBuffer::Floats(more)) => all.extend(more),
        _ => {}
    }
    match (&mut all.actions, rows.actions) {
        (ActionBuffer::Discrete(all), ActionBuffer::Discrete(more)) => all.extend(more),
        (ActionBuffer::Continuous(all), ActionBuffer::Continuous(more)) => all.extend(more),
        _ => {}
    }
    all.legal.extend(rows.legal);
    if rows.count > 0 {
        all.episodes.push(first..first + rows.count);
    }
}
