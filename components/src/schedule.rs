//! When systems run: once to build, then tick by tick.

use crate::fault::{Fault, Faults};
use bevy_ecs::prelude::*;
use bevy_ecs::schedule::ScheduleLabel;

/// Runs once, before the first tick: specs become live components. Everything that can be wrong with a pipeline is found here; nothing
/// large is allocated and nothing is written.
#[derive(ScheduleLabel, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Build;

/// The order inside [`Build`].
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BuildSet {
    /// Environments from their rules.
    Environments,
    /// Seats and groups.
    Seats,
    /// Policies, parameters and learners: they need the shapes of the environments that they sit in.
    Agents,
    /// Evaluations, and clocks' totals.
    Plans,
}

/// One pass of the schedule.
#[derive(ScheduleLabel, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tick;

/// The ordered sets of a tick.
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TickSet {
    /// What belongs to a stage that runs is put in place; agents that start anew with this tick's round do.
    Begin,
    /// Environments x seating x agents -> rollouts.
    Collect,
    /// Rollouts -> parameters.
    Learn,
    /// Frozen agents -> scores. The clocks have already advanced: a tick's evaluation sees what the tick learnt.
    Evaluate,
    /// What changed -> rows.
    Record,
    /// Everything needed to go on -> a commit.
    Persist,
}

/// The order inside [`TickSet::Evaluate`].
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EvaluateSet {
    /// Evaluations that are due and whose agents are all there.
    Due,
    /// Stages that a metric ends have ended after this.
    Ends,
    /// Snapshots of agents that others take from; agents whose source has done learning get their parameters.
    Inherit,
    /// Evaluations that became due, or whose agents came, with the above.
    Late,
    /// Stages are scored, and those whose turn has come start with the next tick.
    Follow,
}

/// The order inside [`TickSet::Persist`].
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PersistSet {
    /// Whether a commit is made is decided.
    Due,
    /// What other processes hold comes to the one that commits.
    Gather,
    /// The commit is asked for.
    Commit,
}

/// A commit is made at the end of this tick. External.
#[derive(Resource, Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct CommitDue(pub bool);

/// Someone asked the run to stop (a signal): the current tick is finished and committed, then the runner leaves.
#[derive(Resource, Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct StopRequest(pub bool);

/// Puts the faults that a system returned into [`Faults`]: `app.add_systems(Tick, collect.pipe(report))`.
pub fn report(In(result): In<Result<(), Vec<Fault>>>, mut faults: ResMut<Faults>) {
    if let Err(found) = result {
        faults.0.extend(found);
    }
}

/// The seed of the run, from the pipeline.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunSeed(pub u64);

/// How much memory live components will take once they run; filled in [`Build`], checked before the first tick.
#[derive(Resource, Debug, Default)]
pub struct MemoryEstimate(pub Vec<(String, usize)>);

/// Folder of the pipeline file, against which paths in settings are resolved; `None` (or no such resource) for an embedded pipeline.
#[derive(Resource, Debug, Default, Clone, PartialEq, Eq)]
pub struct PipelineFolder(pub Option<std::path::PathBuf>);
