//! Whose parameters: those of the commit nearest at or before the episode, as far as its checkpoint is kept.

use bevy_ecs::prelude::*;
use starling_components::Fault;
use starling_record::commit::Commit;
use starling_record::{Run, checkpoint};

/// Where parameters come from.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// Number of the commit.
    pub(super) commit: u64,
    /// Its tick.
    pub(super) tick: u64,
    /// In words.
    pub(super) text: String,
}

/// Puts the parameters of a commit into `world`. `tick`: how much the agents of the episode had learnt; `None`: the newest.
///
/// # Errors
/// No such commit, or its checkpoint is gone or damaged.
pub(super) fn restore(world: &mut World, run: &Run, asked: Option<u64>, tick: Option<u64>) -> Result<Source, Fault> {
    let commit = match asked {
        Some(number) => kept(run).into_iter().find(|c| c.commit == number).ok_or_else(|| {
            let numbers: Vec<String> = kept(run).iter().map(|c| c.commit.to_string()).collect();
            let fault = Fault::pipeline(format!("commit {number} keeps no checkpoint"));
            fault.advise(format!("these do: {}", numbers.join(", ")))
        })?,
        None => nearest(&kept(run), tick).ok_or_else(|| Fault::records("the run has no checkpoint"))?,
    };
    let at = Run::open_read_only(run.place(), Some(commit.commit))?;
    checkpoint::restore(world, &at)?;
    let place = match tick {
        Some(tick) if commit.tick > tick => format!(", later than the episode's, tick {tick}: older ones are not kept"),
        Some(tick) if commit.tick < tick => format!(", before the episode's, tick {tick}"),
        _ => String::new(),
    };
    Ok(Source {
        commit: commit.commit,
        tick: commit.tick,
        text: format!("parameters of commit {} (tick {}{place})", commit.commit, commit.tick),
    })
}

/// Commits with a checkpoint, oldest first.
fn kept(run: &Run) -> Vec<&Commit> {
    let numbers = run.latest_commit().map_or(&[][..], |last| &last.checkpoints_kept);
    let commits = run.chain().commits.iter();
    commits.filter(|commit| numbers.contains(&commit.commit)).collect()
}

/// The last at or before `tick`, else the first after it.
fn nearest<'a>(kept: &[&'a Commit], tick: Option<u64>) -> Option<&'a Commit> {
    let tick = tick.unwrap_or(u64::MAX);
    let before = kept.iter().rfind(|commit| commit.tick <= tick);
    before.or(kept.first()).copied()
}
