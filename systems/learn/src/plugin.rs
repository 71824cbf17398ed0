//! What this crate adds to a world.

use crate::behaviour_cloning::BehaviourCloning;
use crate::build::{AgentNetwork, build_agents};
use crate::dqn::Dqn;
use crate::evolve;
use crate::fresh::fresh;
use crate::learner::LearnerSlot;
use crate::network::conv::Conv;
use crate::network::dense::Dense;
use crate::network::gru::Gru;
use crate::network::ignored_dense::IgnoredDense;
use crate::network::layer::LayerSlot;
use crate::network::layer_norm::LayerNorm;
use crate::network::lstm::Lstm;
use crate::network::plain::{Activate, Flatten};
use crate::optimizer::OptimizerSlot;
use crate::optimizer::adam::Adam;
use crate::ppo::Ppo;
use crate::snapshots::{self, Snapshots};
use crate::strategies::StrategySlot;
use crate::strategies::open_es::OpenEs;
use crate::train::learn;
use bevy_app::{App, Plugin};
use bevy_ecs::prelude::*;
use starling_components::act::Policy;
use starling_components::demonstrations::Demonstrations;
use starling_components::evolve::{LiveStrategy, Scores};
use starling_components::imports::Imported;
use starling_components::layers::Activation;
use starling_components::layers::conv::ConvSettings;
use starling_components::layers::dense::DenseSettings;
use starling_components::layers::flatten::FlattenSettings;
use starling_components::layers::gru::GruSettings;
use starling_components::layers::ignored_dense::IgnoredDenseSettings;
use starling_components::layers::layer_norm::LayerNormSettings;
use starling_components::layers::lstm::LstmSettings;
use starling_components::layers::relu::ReluSettings;
use starling_components::layers::tanh::TanhSettings;
use starling_components::learn::Learner;
use starling_components::learners::adam::{AdamEqualBetasSettings, AdamMrSettings, AdamRelSettings, AdamSettings};
use starling_components::learners::behaviour_cloning::BehaviourCloningSettings;
use starling_components::learners::dqn::DqnSettings;
use starling_components::learners::ppo::PpoSettings;
use starling_components::memory::LearnerMemory;
use starling_components::parameters::{OptimizerState, Parameters};
use starling_components::persist::PersistenceTable;
use starling_components::registry::Registry;
use starling_components::schedule::{Build, BuildSet, EvaluateSet, Tick, TickSet, report};
use starling_components::specs::{AgentSpec, DatasetSpec, EvolveSpec};
use starling_components::strategies::open_es::OpenEsSettings;

/// Networks, optimisers and learners for a pipeline.
#[derive(Debug, Default, Clone, Copy)]
pub struct LearnPlugin;

impl Plugin for LearnPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Registry>().init_resource::<PersistenceTable>();
        register(&mut app.world_mut().resource_mut::<Registry>());
        app.world_mut()
            .resource_mut::<PersistenceTable>()
            .saved::<Parameters>()
            .saved::<OptimizerState>()
            .saved::<LearnerMemory>()
            .saved::<Snapshots>()
            .derived::<Policy>()
            .derived::<AgentNetwork>()
            .derived::<Learner>()
            .derived::<EvolveSpec>()
            .derived::<LiveStrategy>()
            .derived::<Scores>()
            .derived::<evolve::Steps>()
            .derived::<Imported>()
            .derived::<Demonstrations>()
            .derived::<DatasetSpec>()
            .derived::<AgentSpec>();
        app.add_systems(Build, build_agents.pipe(report).in_set(BuildSet::Agents));
        app.add_systems(Build, evolve::build.pipe(report).in_set(BuildSet::Plans));
        app.add_systems(Build, snapshots::plan.pipe(report).in_set(BuildSet::Plans));
        app.add_systems(
            Tick,
            (
                (fresh, snapshots::inherit.pipe(report)).chain().in_set(TickSet::Begin),
                snapshots::inherit.pipe(report).in_set(EvaluateSet::Inherit),
            ),
        );
        app.add_systems(
            Tick,
            (learn.pipe(report), evolve::step.pipe(report))
                .chain()
                .in_set(TickSet::Learn),
        );
    }
}

/// The kinds and tables that this crate brings: the explicit list.
pub fn register(registry: &mut Registry) {
    registry
        .table::<AgentSpec>("agent")
        .table::<DatasetSpec>("dataset")
        .table::<EvolveSpec>("evolve");
    registry.kind::<StrategySlot, OpenEsSettings>(OpenEs::build);
    registry
        .kind::<LayerSlot, DenseSettings>(Dense::build)
        .kind::<LayerSlot, ConvSettings>(Conv::build)
        .kind::<LayerSlot, LayerNormSettings>(LayerNorm::build)
        .kind::<LayerSlot, GruSettings>(Gru::build)
        .kind::<LayerSlot, LstmSettings>(Lstm::build)
        .kind::<LayerSlot, IgnoredDenseSettings>(IgnoredDense::build)
        .kind::<LayerSlot, FlattenSettings>(|_, context| Flatten::build(context))
        .kind::<LayerSlot, ReluSettings>(|_, context| Activate::build(Activation::Relu, context))
        .kind::<LayerSlot, TanhSettings>(|_, context| Activate::build(Activation::Tanh, context));
    registry
        .kind::<OptimizerSlot, AdamSettings>(|s, agent| Adam::build(s.clone(), agent))
        .kind::<OptimizerSlot, AdamRelSettings>(|s, agent| Adam::build(s.into(), agent))
        .kind::<OptimizerSlot, AdamMrSettings>(|s, agent| Adam::build(s.into(), agent))
        .kind::<OptimizerSlot, AdamEqualBetasSettings>(|s, agent| Adam::build(s.into(), agent));
    registry
        .kind::<LearnerSlot, PpoSettings>(|s, context| Ok(Box::new(Ppo::build(s, context)?)))
        .kind::<LearnerSlot, DqnSettings>(|s, context| Ok(Box::new(Dqn::build(s, context)?)))
        .kind::<LearnerSlot, BehaviourCloningSettings>(|s, context| Ok(Box::new(BehaviourCloning::build(s, context)?)));
}
