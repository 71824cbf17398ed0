//! What this crate adds to a program: tables, kinds, persistence classes and systems, each in one explicit list.

use crate::blocks::LaneBlocks;
use crate::clocks::{Advanced, advance};
use crate::collect::{CollectPlan, collect};
use crate::evaluate::{EvaluateSeats, evaluate};
use crate::{build, environments, scripts};
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::clock::{Clocks, Member};
use starling_components::normalize::Normalization;
use starling_components::parameters::Replicas;
use starling_components::persist::PersistenceTable;
use starling_components::registry::{Registry, RulesSlot, ScriptSlot};
use starling_components::rollout::Rollout;
use starling_components::schedule::{Build, BuildSet, MemoryEstimate, PipelineFolder, RunSeed, Tick, TickSet, report};
use starling_components::seating::Seating;
use starling_components::simulate::LiveEnvironment;
use starling_components::specs::{AgentSpec, EnvironmentSpec, EvaluateSpec};

/// Environments and the agents without parameters; collection and evaluation.
#[derive(Debug, Clone, Copy, Default)]
pub struct SimulatePlugin;

impl Plugin for SimulatePlugin {
    fn build(&self, app: &mut App) {
        let world = app.world_mut();
        register(&mut world.get_resource_or_init::<Registry>());
        declare(&mut world.get_resource_or_init::<PersistenceTable>());
        app.add_systems(
            Build,
            (
                build::environments::environments
                    .pipe(report)
                    .in_set(BuildSet::Environments),
                build::seats::seats.pipe(report).in_set(BuildSet::Seats),
                build::agents::scripts.pipe(report).in_set(BuildSet::Agents),
                (
                    build::plans::collection.pipe(report),
                    build::plans::totals.pipe(report),
                    build::plans::evaluations.pipe(report),
                    build::normalize::normalizations.pipe(report),
                )
                    .chain()
                    .in_set(BuildSet::Plans),
            ),
        );
        app.add_systems(
            Tick,
            (
                collect.pipe(report).in_set(TickSet::Collect),
                advance.after(TickSet::Learn).before(TickSet::Evaluate),
                evaluate.pipe(report).in_set(TickSet::Evaluate),
            ),
        );
    }
}

/// Tables and kinds.
fn register(registry: &mut Registry) {
    registry
        .table::<EnvironmentSpec>("environment")
        .table::<AgentSpec>("agent")
        .table::<EvaluateSpec>("evaluate")
        .slot::<RulesSlot>()
        .slot::<ScriptSlot>();
    environments::acrobot::register(registry);
    environments::cart_pole::register(registry);
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
        .derived::<Rollout>()
        .derived::<CollectPlan>()
        .derived::<EvaluateSeats>()
        .derived::<Advanced>()
        .derived::<EnvironmentSpec>()
        .derived::<EvaluateSpec>()
        .derived::<LiveEnvironment>()
        .derived::<Seating>()
        .derived::<Member>()
        .derived::<Replicas>()
        .derived::<EntityName>()
        .derived::<MemoryEstimate>()
        .derived::<RunSeed>()
        .external::<PipelineFolder>();
}
