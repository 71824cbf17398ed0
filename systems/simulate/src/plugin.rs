//! What this crate adds to a program: tables, kinds, persistence classes and systems, each in one explicit list.

use crate::blocks::{LaneBlocks, gather};
use crate::buffer::{StartsFrom, StateBuffer, fill};
use crate::clocks::{Advanced, advance};
use crate::collect::{CollectPlan, collect};
use crate::device::Graphics;
use crate::evaluate::{EvaluateSeats, Evaluated, evaluate};
use crate::evolve::score;
use crate::stages::{EndsBy, RolloutPlans};
use crate::{build, environments, scripts, stages};
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::clock::{Clocks, Member};
use starling_components::evolve::{EvolveSeats, LiveStrategy, Scores};
use starling_components::normalize::Normalization;
use starling_components::parameters::Replicas;
use starling_components::persist::PersistenceTable;
use starling_components::registry::{Registry, RulesSlot, ScriptSlot};
use starling_components::rollout::Rollout;
use starling_components::schedule::{
    Build, BuildSet, EvaluateSet, MemoryEstimate, PersistSet, PipelineFolder, RunSeed, Tick, TickSet, report,
};
use starling_components::seating::Seating;
use starling_components::simulate::LiveEnvironment;
use starling_components::specs::{AgentSpec, BufferSpec, EnvironmentSpec, EvaluateSpec, EvolveSpec, StageSpec};
use starling_components::stage::{Inherits, StagePlan};

/// Environments and the agents without parameters; collection and evaluation.
#[derive(Debug, Clone, Copy, Default)]
pub struct SimulatePlugin;

impl Plugin for SimulatePlugin {
    fn build(&self, app: &mut App) {
        let world = app.world_mut();
        register(&mut world.get_resource_or_init::<Registry>());
        declare(&mut world.get_resource_or_init::<PersistenceTable>());
        world.init_resource::<Graphics>();
        app.add_systems(
            Build,
            (
                build::environments::environments
                    .pipe(report)
                    .in_set(BuildSet::Environments),
                build::inherit::inherit.pipe(report).in_set(BuildSet::Environments),
                (build::seats::seats.pipe(report), build::stages::stages.pipe(report))
                    .chain()
                    .in_set(BuildSet::Seats),
                build::agents::scripts.pipe(report).in_set(BuildSet::Agents),
                (
                    build::ranks::shareable.pipe(report),
                    build::evolve::evolutions.pipe(report),
                    build::plans::collection.pipe(report),
                    build::ends::totals.pipe(report),
                    build::plans::evaluations.pipe(report),
                    build::normalize::normalizations.pipe(report),
                    build::buffers::buffers.pipe(report),
                )
                    .chain()
                    .in_set(BuildSet::Plans),
            ),
        );
        app.configure_sets(
            Tick,
            (
                EvaluateSet::Due,
                EvaluateSet::Ends,
                EvaluateSet::Inherit,
                EvaluateSet::Late,
                EvaluateSet::Follow,
            )
                .chain()
                .in_set(TickSet::Evaluate),
        );
        app.add_systems(
            Tick,
            (
                stages::begin.in_set(TickSet::Begin),
                (fill.pipe(report), collect.pipe(report), score.pipe(report))
                    .chain()
                    .in_set(TickSet::Collect),
                advance.after(TickSet::Learn).before(TickSet::Evaluate),
                evaluate.pipe(report).in_set(EvaluateSet::Due),
                stages::end_by_metric.in_set(EvaluateSet::Ends),
                evaluate.pipe(report).in_set(EvaluateSet::Late),
                (stages::score, stages::follow).in_set(EvaluateSet::Follow),
                gather.pipe(report).in_set(PersistSet::Gather),
            ),
        );
        app.configure_sets(
            Tick,
            (PersistSet::Due, PersistSet::Gather, PersistSet::Commit)
                .chain()
                .in_set(TickSet::Persist),
        );
    }
}

/// Tables and kinds.
fn register(registry: &mut Registry) {
    registry
        .table::<EnvironmentSpec>("environment")
        .table::<AgentSpec>("agent")
        .table::<BufferSpec>("buffer")
        .table::<EvaluateSpec>("evaluate")
        .table::<EvolveSpec>("evolve")
        .table::<StageSpec>("stage")
        .slot::<RulesSlot>()
        .slot::<ScriptSlot>();
    environments::acrobot::register(registry);
    environments::cart_pole::register(registry);
    environments::minatar::register(registry);
    environments::mountain_car::register(registry);
    environments::mountain_car_continuous::register(registry);
    environments::overcooked_v1::register(registry);
    environments::overcooked_v2::register(registry);
    environments::pendulum::register(registry);
    scripts::greedy_cook::register(registry);
    scripts::random::register(registry);
    scripts::stay::register(registry);
}

/// Persistence classes of what this crate's systems make or own.
fn declare(table: &mut PersistenceTable) {
    table
        .saved::<LaneBlocks>()
        .saved::<Clocks>()
        .saved::<Normalization>()
        .saved::<Inherits>()
        .saved::<StateBuffer>()
        .derived::<Rollout>()
        .derived::<CollectPlan>()
        .derived::<EvaluateSeats>()
        .derived::<EvolveSeats>()
        .derived::<EvolveSpec>()
        .derived::<LiveStrategy>()
        .derived::<Scores>()
        .derived::<Advanced>()
        .derived::<Evaluated>()
        .derived::<StagePlan>()
        .derived::<RolloutPlans>()
        .derived::<EndsBy>()
        .derived::<StageSpec>()
        .derived::<StartsFrom>()
        .derived::<BufferSpec>()
        .derived::<EnvironmentSpec>()
        .derived::<EvaluateSpec>()
        .derived::<LiveEnvironment>()
        .derived::<Seating>()
        .derived::<Member>()
        .derived::<Replicas>()
        .derived::<EntityName>()
        .derived::<MemoryEstimate>()
        .derived::<RunSeed>()
        .external::<Graphics>()
        .external::<PipelineFolder>();
}
