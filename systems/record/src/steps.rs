//! Recorded steps, read back: which episode each belongs to, and what happened in it.

use crate::read::{Columns, read_table};
use crate::run::Run;
use starling_components::Fault;

/// Which recorded episode. Every evaluation plays episode 0 of its lanes anew, so its tick and its seating belong to the name; a training
/// episode may span ticks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EpisodeKey {
    /// The environment or evaluation that played it, e.g. `evaluate.selfplay`.
    pub entity: String,
    /// Tick of an evaluation; 0 for training.
    pub tick: u64,
    /// Number of the replica; of an evaluation, of the one in the first seat.
    pub replica: u32,
    /// `agent:replica` of each seat in an evaluation, comma-separated: its cell. Empty for training and where it was not recorded.
    pub seating: String,
    /// Lane within the replica.
    pub lane: u32,
    /// Number within the lane, from 0.
    pub episode: u32,
}

/// One recorded step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRow {
    /// Completed ticks when the tick of the step is done.
    pub tick: u64,
    /// Transition within the episode, from 0.
    pub step: u32,
    /// `agent:replica` of each seat, comma-separated; empty in records from before version 2 of the table.
    pub seating: String,
    /// `[seats x components]`; floats by bit pattern.
    pub actions: Vec<i32>,
    /// Task reward, `[seats]`.
    pub rewards: Vec<f32>,
    /// The episode ended here, by the rules or by a cut-off.
    pub ended: bool,
}

/// Shows `see` every recorded step of the entities that `wanted` accepts, in the order of the rows. An episode may be incomplete where the run
/// stopped.
///
/// # Errors
/// A damaged part.
pub fn each_step(
    run: &Run,
    mut wanted: impl FnMut(&str) -> bool,
    mut see: impl FnMut(EpisodeKey, StepRow),
) -> Result<(), Fault> {
    for batch in read_table(run, "trajectories") {
        let batch = batch?;
        let columns = Columns(&batch);
        let (entity, tick) = (columns.text("entity")?, columns.u64("tick")?);
        let (replica, lane) = (columns.u32("replica")?, columns.u32("lane")?);
        let (episode, step) = (columns.u32("episode")?, columns.u32("step")?);
        let (terminated, truncated) = (columns.flags("terminated")?, columns.flags("truncated")?);
        let seating = columns.text_if_any("seating")?;
        for row in 0..batch.num_rows() {
            let entity = entity.value(row);
            if !wanted(entity) {
                continue;
            }
            let evaluated = entity.starts_with("evaluate.");
            let seating = seating.map(|names| names.value(row).to_owned()).unwrap_or_default();
            let key = EpisodeKey {
                entity: entity.to_owned(),
                tick: if evaluated { tick[row] } else { 0 },
                replica: replica[row],
                seating: if evaluated { seating.clone() } else { String::new() },
                lane: lane[row],
                episode: episode[row],
            };
            let read = StepRow {
                tick: tick[row],
                step: step[row],
                seating,
                actions: columns.i32_list("actions", row)?,
                rewards: columns.f32_list("rewards", row)?,
                ended: terminated.value(row) || truncated.value(row),
            };
            see(key, read);
        }
    }
    Ok(())
}
