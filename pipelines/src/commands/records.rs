//! What `show` and `replay` read of a run: curves, evaluations, recorded episodes.

use starling_components::Fault;
use starling_record::Run;
use starling_record::read::{Columns, read_table};
use starling_record::steps::{EpisodeKey, StepRow, each_step};
use std::collections::BTreeMap;

/// The returns of the episodes that one evaluation played with one replica at its last moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Scores {
    /// Tick of the evaluation.
    pub(super) tick: u64,
    /// Episodes.
    pub(super) episodes: u64,
    /// Mean return.
    pub(super) mean: f64,
    /// Lowest return of an episode.
    pub(super) lowest: f64,
    /// Highest.
    pub(super) highest: f64,
}

/// Every evaluation's last scores: entity, replica.
pub(super) fn evaluations(run: &Run) -> Result<BTreeMap<String, BTreeMap<u32, Scores>>, Fault> {
    let mut found: BTreeMap<String, BTreeMap<u32, Scores>> = BTreeMap::new();
    for batch in read_table(run, "episodes") {
        let batch = batch?;
        let columns = Columns(&batch);
        let (entity, tick) = (columns.text("entity")?, columns.u64("tick")?);
        let (replica, value) = (columns.u32("replica")?, columns.f64("return")?);
        for row in 0..batch.num_rows() {
            let Some(name) = Some(entity.value(row)).filter(|name| name.starts_with("evaluate.")) else {
                continue;
            };
            let scores = found
                .entry(name.to_owned())
                .or_default()
                .entry(replica[row])
                .or_default();
            if tick[row] != scores.tick || scores.episodes == 0 {
                *scores = Scores {
                    tick: tick[row],
                    lowest: f64::INFINITY,
                    highest: f64::NEG_INFINITY,
                    ..Scores::default()
                };
            }
            scores.episodes += 1;
            // `mean` holds the sum until the end.
            scores.mean += value[row];
            scores.lowest = scores.lowest.min(value[row]);
            scores.highest = scores.highest.max(value[row]);
        }
    }
    for scores in found.values_mut().flat_map(BTreeMap::values_mut) {
        scores.mean /= scores.episodes as f64;
    }
    Ok(found)
}

/// What is known of an episode without its steps.
#[derive(Debug, Clone, Default)]
pub(super) struct Summary {
    /// Recorded steps.
    pub(super) steps: u32,
    /// Sum over steps of the mean over seats.
    pub(super) total: f64,
    /// Its last step is recorded.
    pub(super) ended: bool,
    /// Tick of its first step.
    pub(super) first_tick: u64,
    /// `agent:replica` by seat, comma-separated; empty where no row says it.
    pub(super) seating: String,
}

/// Every recorded episode of which the first step is there.
pub(super) fn recorded(run: &Run) -> Result<BTreeMap<EpisodeKey, Summary>, Fault> {
    let mut found: BTreeMap<EpisodeKey, Summary> = BTreeMap::new();
    each_step(
        run,
        |_| true,
        |id, step| {
            let summary = found.entry(id).or_default();
            if summary.steps == step.step {
                let seats = step.rewards.len().max(1) as f64;
                if step.step == 0 {
                    summary.first_tick = step.tick;
                    summary.seating = step.seating;
                }
                summary.steps += 1;
                summary.total += step.rewards.iter().map(|&r| f64::from(r)).sum::<f64>() / seats;
                summary.ended |= step.ended;
            }
        },
    )?;
    found.retain(|_, summary| summary.steps > 0);
    Ok(found)
}

/// The steps of one episode, in order.
pub(super) fn steps_of(run: &Run, wanted: &EpisodeKey) -> Result<Vec<StepRow>, Fault> {
    let mut steps: BTreeMap<u32, StepRow> = BTreeMap::new();
    let own = |entity: &str| entity == wanted.entity;
    each_step(run, own, |id, step| {
        if id == *wanted {
            steps.insert(step.step, step);
        }
    })?;
    let whole = steps.keys().copied().eq(0..steps.len() as u32);
    if !whole {
        return Err(Fault::records(format!(
            "the recorded episode of {} has gaps",
            wanted.entity
        )));
    }
    Ok(steps.into_values().collect())
}
