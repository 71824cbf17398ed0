//! Tick / Learn: every agent with a learner learns from the rollouts of the environments that it sits in, all replicas in parallel.

use crate::awake::keep_awake;
use crate::network::field_key;
use bevy_ecs::prelude::*;
use rayon::prelude::*;
use starling_components::EntityName;
use starling_components::clock::{Clocks, Member};
use starling_components::fault::Fault;
use starling_components::learn::{Experience, LearnContext, LearnReport, Learner, ReplicaState};
use starling_components::memory::{LearnerMemory, Memory};
use starling_components::parameters::{OptimizerState, Parameters, Replicas};
use starling_components::random::Key;
use starling_components::ranks::Ranks;
use starling_components::rollout::Rollout;
use starling_components::schedule::RunSeed;
use starling_components::seating::Seating;
use starling_components::specs::{AgentSpec, RecordSpec};
use starling_components::table::Outbox;
use starling_components::tables::diagnostics::Diagnostics;
use starling_components::tables::metrics::Metrics;

type AgentItem<'a> = (
    Entity,
    &'a EntityName,
    &'a AgentSpec,
    &'a Replicas,
    &'a Member,
    &'a Learner,
    &'a mut Parameters,
    &'a mut OptimizerState,
    Option<&'a mut LearnerMemory>,
);

/// One update of every learner whose stage runs, from the environments of that stage.
///
/// # Errors
/// What learners say, with the agent's key.
pub(crate) fn learn(
    mut agents: Query<'_, '_, AgentItem<'static>>,
    environments: Query<'_, '_, (&EntityName, &Member, &Seating, &Rollout)>,
    mut groups: Query<'_, '_, (Entity, &mut Clocks)>,
    records: Query<'_, '_, &RecordSpec>,
    seed: Res<'_, RunSeed>,
    ranks: Option<Res<'_, Ranks>>,
    mut outbox: ResMut<'_, Outbox>,
) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    let several = ranks.is_some_and(|ranks| ranks.several());
    let record = records.iter().next().cloned().unwrap_or_default();
    let (mut metrics, mut diagnostics) = (Metrics::default(), Diagnostics::default());
    let (mut any_metrics, mut any_diagnostics) = (false, false);
    let mut environments: Vec<_> = environments.iter().collect();
    environments.sort_by_key(|(name, ..)| *name);
    let mut agents: Vec<_> = agents.iter_mut().collect();
    agents.sort_by_key(|(_, name, ..)| *name);
    // Optimiser steps and passes over datasets that each group's learners made.
    let mut advanced: Vec<(Entity, u64, u64)> = Vec::new();

    for (entity, name, spec, replicas, member, learner, mut parameters, mut optimizer, mut memory) in agents {
        let Ok((group, clocks)) = groups.get(member.0) else {
            continue;
        };
        if !clocks.running() {
            continue;
        }
        let clocks = *clocks;
        let seats: Vec<_> = environments
            .iter()
            .filter(|(_, place, ..)| *place == member)
            .map(|(_, _, seating, rollout)| (seating.seats_of(entity), seating.chair_of(entity), *rollout))
            .filter(|(seats, _, rollout)| !seats.is_empty() && !rollout.replicas.is_empty())
            .collect();
        let key = Key::of_seed(seed.0).entity(name);
        let results = learn_replicas(
            learner,
            &mut parameters,
            &mut optimizer,
            memory.as_deref_mut(),
            &replicas.0,
            &seats,
            several,
            |replica| LearnContext {
                clocks,
                replica,
                key,
                task_weight: spec.reward.task.at(&clocks, replica, field_key(key, "reward.task")) as f32,
                shaped_weight: spec.reward.shaped.at(&clocks, replica, field_key(key, "reward.shaped")) as f32,
            },
        );
        let (steps, epochs) = (learner.0.gradient_steps() as u64, learner.0.epochs());
        match advanced.iter_mut().find(|(g, ..)| *g == group) {
            Some((_, most, passes)) => (*most, *passes) = (steps.max(*most), epochs.max(*passes)),
            None => advanced.push((group, steps, epochs)),
        }

        // Rows carry the number of the tick that is being completed.
        let tick = clocks.tick() + 1;
        let last = clocks.now.ticks + 1 == clocks.total.ticks;
        let due = |every: u64| tick.is_multiple_of(every.max(1)) || last;
        let entity_name = name.to_string();
        for (&replica, result) in replicas.0.iter().zip(results) {
            let report = match result {
                Ok(report) => report,
                Err(fault) => {
                    faults.push(fault.within([name.table.clone(), name.key.clone(), "learner".to_owned()]));
                    continue;
                }
            };
            if due(record.metrics.every) {
                any_metrics |= !report.metrics.is_empty();
                for (metric, value) in &report.metrics {
                    metrics.push(tick, clocks.now.env_steps, &entity_name, replica, metric, *value);
                }
            }
            if record.diagnostics.is_some_and(|d| due(d.every)) {
                any_diagnostics |= !report.diagnostics.is_empty();
                for (step, quantity, value) in &report.diagnostics {
                    diagnostics.push(tick, &entity_name, replica, *step, quantity, *value);
                }
            }
        }
    }

    for (group, steps, epochs) in advanced {
        if let Ok((_, mut clocks)) = groups.get_mut(group) {
            clocks.now.updates += 1;
            clocks.now.gradient_steps += steps;
            clocks.now.epochs += epochs;
        }
    }
    if any_metrics {
        outbox.0.push(metrics.into_block());
    }
    if any_diagnostics {
        outbox.0.push(diagnostics.into_block());
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// One update of every replica; results in replica order. Where `several` processes learn together, one replica after the other, so that all
/// speak of the same one.
#[allow(clippy::too_many_arguments)] // everything of an agent that learning changes or reads
fn learn_replicas(
    learner: &Learner,
    parameters: &mut Parameters,
    optimizer: &mut OptimizerState,
    memory: Option<&mut LearnerMemory>,
    replicas: &[u32],
    seats: &[(Vec<usize>, Option<u16>, &Rollout)],
    several: bool,
    context: impl Fn(u32) -> LearnContext + Sync,
) -> Vec<Result<LearnReport, Fault>> {
    let n = parameters.layout.len().max(1);
    let OptimizerState {
        first,
        second,
        local_steps,
        steps,
    } = optimizer;
    // Most learners remember nothing besides.
    let mut nothing = Vec::new();
    let memory = match memory {
        Some(memory) => memory.replicas(),
        None => {
            nothing.resize_with(replicas.len(), Memory::default);
            &mut nothing
        }
    };
    let states = parameters
        .values
        .chunks_mut(n)
        .zip(first.chunks_mut(n))
        .zip(second.chunks_mut(n))
        .zip(local_steps.iter_mut())
        .zip(steps.iter_mut())
        .zip(memory.iter_mut());
    let mut states: Vec<ReplicaState<'_>> = states
        .map(
            |(((((parameters, first), second), local_steps), steps), memory)| ReplicaState {
                parameters,
                first,
                second,
                local_steps,
                steps,
                memory,
            },
        )
        .collect();
    let learn = |(index, (state, &replica)): (usize, (&mut ReplicaState<'_>, &u32))| {
        let experience: Vec<Experience<'_>> = seats
            .iter()
            .filter_map(|(seats, chair, rollout)| {
                let (rollout, chair) = (rollout.replicas.get(index)?, *chair);
                Some(Experience { rollout, seats, chair })
            })
            .collect();
        learner.0.learn(state, &experience, &context(replica))
    };
    if several {
        return states.iter_mut().zip(replicas).enumerate().map(learn).collect();
    }
    keep_awake(replicas.len(), || {
        states
            .par_iter_mut()
            .zip(replicas.par_iter())
            .enumerate()
            .map(learn)
            .collect()
    })
}
