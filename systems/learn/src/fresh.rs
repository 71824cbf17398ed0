//! Begin: agents that start anew with a round of their stage forget parameters, optimiser state, what their learner remembers and what they have seen.

use crate::build::AgentNetwork;
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::clock::Clocks;
use starling_components::memory::LearnerMemory;
use starling_components::normalize::Normalization;
use starling_components::parameters::{OptimizerState, Parameters, Replicas};
use starling_components::random::{Key, Purpose};
use starling_components::schedule::RunSeed;
use starling_components::stage::StagePlan;

/// What an agent forgets.
type Forgetful<'a> = (
    &'a EntityName,
    &'a Replicas,
    &'a AgentNetwork,
    &'a mut Parameters,
    Option<&'a mut OptimizerState>,
    Option<&'a mut Normalization>,
    Option<&'a mut LearnerMemory>,
);

/// The key of an agent's parameters at the start of `round` of `stage`: apart from those that it began the run with.
fn key_of(seed: RunSeed, agent: &EntityName, stage: &EntityName, round: u32) -> Key {
    Key::of_seed(seed.0)
        .entity(agent)
        .entity(stage)
        .fold(round, 0x524f_554e)
}

/// Initialises the agents that begin a round, replica by replica as if each were alone.
pub(crate) fn fresh(
    stages: Query<'_, '_, (&EntityName, &Clocks, &StagePlan)>,
    mut agents: Query<'_, '_, Forgetful<'static>>,
    seed: Res<'_, RunSeed>,
) {
    for (stage, clocks, plan) in &stages {
        if !clocks.running() || !clocks.begins_round() {
            continue;
        }
        for anew in &plan.fresh {
            if anew.new && clocks.round() == 0 {
                continue;
            }
            let Ok((name, replicas, network, mut parameters, optimizer, normalization, memory)) =
                agents.get_mut(anew.agent)
            else {
                continue;
            };
            let key = key_of(*seed, name, stage, clocks.round());
            let replicas = replicas.0.iter();
            parameters.values = replicas
                .flat_map(|&replica| network.0.initialise(key.replica(replica).purpose(Purpose::Initialise)))
                .collect();
            if let Some(mut normalization) = normalization {
                normalization.reset();
            }
            if let Some(mut memory) = memory {
                memory.reset();
            }
            if let Some(mut optimizer) = optimizer {
                let OptimizerState {
                    first,
                    second,
                    local_steps,
                    steps,
                } = &mut *optimizer;
                first.fill(0.0);
                second.fill(0.0);
                local_steps.fill(0);
                steps.fill(0);
            }
        }
    }
}
