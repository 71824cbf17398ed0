//! What `show` and `replay` read of a run: curves, evaluations, recorded episodes.

use starling_components::Fault;
use starling_record::Run;
use starling_record::read::{Columns, read_table};
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

/// Which recorded episode. Every evaluation plays episode 0 of its lanes anew, so its tick belongs to the name; a training episode may span
/// ticks, and `tick` is 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EpisodeId {
    /// E.g. `evaluate.selfplay`.
    pub(super) entity: String,
    /// Tick of an evaluation.
    pub(super) tick: u64,
    /// Number of the replica; of an evaluation, of the one in the first seat.
    pub(super) replica: u32,
    /// `agent:replica` of each seat in an evaluation, comma-separated: its cell. Empty for training and where it was not recorded.
    pub(super) seating: String,
    /// Lane within the replica.
    pub(super) lane: u32,
    /// Number within the lane.
    pub(super) episode: u32,
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

/// One recorded step.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// `[seats x components]`.
    pub(super) actions: Vec<i32>,
    /// The row's tick.
    pub(super) tick: u64,
    /// See [`Summary::seating`].
    pub(super) seating: String,
    /// `[seats]`.
    pub(super) rewards: Vec<f32>,
    /// The episode ended here.
    pub(super) ended: bool,
}

/// Every recorded episode of which the first step is there.
pub(super) fn recorded(run: &Run) -> Result<BTreeMap<EpisodeId, Summary>, Fault> {
    let mut found: BTreeMap<EpisodeId, Summary> = BTreeMap::new();
    each_step(run, |id, number, step| {
        let summary = found.entry(id).or_default();
        if summary.steps == number {
            let seats = step.rewards.len().max(1) as f64;
            if number == 0 {
                summary.first_tick = step.tick;
                summary.seating = step.seating;
            }
            summary.steps += 1;
            summary.total += step.rewards.iter().map(|&r| f64::from(r)).sum::<f64>() / seats;
            summary.ended |= step.ended;
        }
    })?;
    found.retain(|_, summary| summary.steps > 0);
    Ok(found)
}

/// The steps of one episode, in order.
pub(super) fn steps_of(run: &Run, wanted: &EpisodeId) -> Result<Vec<Step>, Fault> {
    let mut steps: BTreeMap<u32, Step> = BTreeMap::new();
    each_step(run, |id, number, step| {
        if id == *wanted {
            steps.insert(number, step);
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

fn each_step(run: &Run, mut see: impl FnMut(EpisodeId, u32, Step)) -> Result<(), Fault> {
    for batch in read_table(run, "trajectories") {
        let batch = batch?;
        let columns = Columns(&batch);
        let (entity, tick) = (columns.text("entity")?, columns.u64("tick")?);
        let (replica, lane) = (columns.u32("replica")?, columns.u32("lane")?);
        let (episode, step) = (columns.u32("episode")?, columns.u32("step")?);
        let (terminated, truncated) = (columns.flags("terminated")?, columns.flags("truncated")?);
        let seating = columns.text_if_any("seating")?;
        for row in 0..batch.num_rows() {
            let entity = entity.value(row).to_owned();
            let evaluated = entity.starts_with("evaluate.");
            let seating = seating.map(|names| names.value(row).to_owned()).unwrap_or_default();
            let id = EpisodeId {
                tick: if evaluated { tick[row] } else { 0 },
                entity,
                replica: replica[row],
                seating: if evaluated { seating.clone() } else { String::new() },
                lane: lane[row],
                episode: episode[row],
            };
            let read = Step {
                tick: tick[row],
                seating,
                actions: columns.i32_list("actions", row)?,
                rewards: columns.f32_list("rewards", row)?,
                ended: terminated.value(row) || truncated.value(row),
            };
            see(id, step[row], read);
        }
    }
    Ok(())
}
