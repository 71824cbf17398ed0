//! Evolution: strategies are built, and a generation's scores become a step of the parameters. Every process of a run takes it by itself.

use crate::build::AgentNetwork;
use crate::network::{AgentContext, field_key};
use crate::optimizer::{Optimizer, OptimizerSlot};
use crate::strategies::{StrategyContext, StrategySlot};
use bevy_ecs::prelude::*;
use rayon::prelude::*;
use starling_components::EntityName;
use starling_components::clock::{Clocks, Member};
use starling_components::evolve::{Generation, LiveStrategy, Scores};
use starling_components::fault::Fault;
use starling_components::learn::ReplicaState;
use starling_components::memory::Memory;
use starling_components::parameters::{OptimizerState, Parameters, Replicas};
use starling_components::random::{Key, Purpose};
use starling_components::ranks::Ranks;
use starling_components::registry::Registry;
use starling_components::schedule::{MemoryEstimate, RunSeed};
use starling_components::specs::{AgentSpec, EvolveSpec, RecordSpec};
use starling_components::suggest;
use starling_components::table::Outbox;
use starling_components::tables::metrics::Metrics;
use std::sync::Arc;

/// The optimiser of an evolution: on the entity of `[evolve.x]`. Derived.
#[derive(Component, Clone)]
pub(crate) struct Steps(Arc<dyn Optimizer>);

type Agents<'w, 's> = Query<
    'w,
    's,
    (
        Entity,
        &'static EntityName,
        &'static AgentSpec,
        &'static Replicas,
        Option<&'static AgentNetwork>,
    ),
>;

/// Gives every evolution its strategy and optimiser, and the agent that varies its optimiser state.
///
/// # Errors
/// An agent that is not there, has no policy, learns by itself or varies twice; settings that strategy or optimiser refuse; fewer members
/// than processes.
pub(crate) fn build(
    evolutions: Query<'_, '_, (Entity, &EntityName, &EvolveSpec)>,
    agents: Agents<'_, '_>,
    registry: Res<'_, Registry>,
    seed: Res<'_, RunSeed>,
    ranks: Option<Res<'_, Ranks>>,
    mut memory: ResMut<'_, MemoryEstimate>,
    mut commands: Commands<'_, '_>,
) -> Result<(), Vec<Fault>> {
    let ranks = ranks.as_deref().cloned().unwrap_or_default();
    let mut faults = Vec::new();
    let mut sorted: Vec<_> = evolutions.iter().collect();
    sorted.sort_by_key(|(_, name, _)| *name);
    let mut known: Vec<_> = agents.iter().collect();
    known.sort_by_key(|(_, name, ..)| *name);
    let mut varied: Vec<Entity> = Vec::new();
    for (entity, name, spec) in sorted {
        let mut refuse = |fault: Fault| faults.push(fault.within([name.table.clone(), name.key.clone()]));
        let Some(key) = spec.agent() else {
            let fault = Fault::pipeline(format!("`{}` cannot vary", spec.vary));
            refuse(
                fault
                    .advise("name parameters, as in \"agent.balancer.parameters\"")
                    .within(["vary"]),
            );
            continue;
        };
        let Some(&(agent, agent_name, agent_spec, replicas, network)) =
            known.iter().find(|(_, other, ..)| other.key == key)
        else {
            let names = known.iter().map(|(_, name, ..)| name.key.as_str());
            let fault = Fault::pipeline(format!("no agent is called `{key}`"));
            refuse(fault.advise(suggest::advice(key, names)).within(["vary"]));
            continue;
        };
        if agent_spec.learner.is_some() || agent_spec.from.as_ref().is_some_and(|from| from.agent.is_some()) {
            let fault = Fault::pipeline(format!("`{key}` gets its parameters elsewhere too"));
            refuse(fault.advise("take its `learner` or `from` out").within(["vary"]));
            continue;
        }
        if varied.contains(&agent) {
            let fault = Fault::pipeline(format!("`{key}` varies twice"));
            refuse(
                fault
                    .advise("name another agent, or leave one evolution out")
                    .within(["vary"]),
            );
            continue;
        }
        let Some(network) = network else {
            if agent_spec.policy.is_none() {
                let fault = Fault::pipeline(format!("`{key}` has no parameters"));
                refuse(fault.advise("give it a `policy`").within(["vary"]));
            }
            continue;
        };
        varied.push(agent);
        let count = replicas.0.len();
        let first_replica = replicas.0.first().copied().unwrap_or(0);
        let context = AgentContext {
            network: Arc::clone(&network.0),
            key: Key::of_seed(seed.0).entity(agent_name),
            first_replica,
            replicas: count as u32,
            rows_per_step: 0,
            masks: false,
            seats_change: false,
            rows_vary: false,
            diagnostics: false,
            lanes: Vec::new(),
            ranks: ranks.clone(),
        };
        let optimizer = registry.build::<OptimizerSlot>(&spec.optimizer, &context);
        let strategy = registry.build::<StrategySlot>(
            &spec.strategy,
            StrategyContext {
                first_replica,
                replicas: count as u32,
            },
        );
        let optimizer = optimizer.map_err(|fault| refuse(fault.within(["optimizer"])));
        let strategy = strategy.map_err(|fault| refuse(fault.within(["strategy"])));
        let (Ok(optimizer), Ok(strategy)) = (optimizer, strategy) else {
            continue;
        };
        if strategy.population() < ranks.size() {
            let (members, processes) = (strategy.population(), ranks.size());
            let message = format!("{members} members cannot be shared out among {processes} processes");
            refuse(
                Fault::pipeline(message)
                    .advise("start fewer processes")
                    .within(["strategy"]),
            );
            continue;
        }
        let n = network.0.layout.len();
        memory
            .0
            .push((format!("{name}: optimiser of {count} replicas"), 4 * n * 4 * count));
        commands
            .entity(entity)
            .insert((LiveStrategy(strategy), Steps(optimizer), Scores::default()));
        commands.entity(agent).insert(OptimizerState {
            first: vec![0.0; n * count],
            second: vec![0.0; n * count],
            local_steps: vec![0; count],
            steps: vec![0; count],
        });
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

type Evolutions<'w, 's> = Query<
    'w,
    's,
    (
        &'static EntityName,
        &'static EvolveSpec,
        &'static Member,
        &'static LiveStrategy,
        &'static Steps,
        &'static Scores,
    ),
>;

/// Learn: one step of every evolution that has scores.
///
/// # Errors
/// Scores or steps that are not finite numbers.
pub(crate) fn step(
    evolutions: Evolutions<'_, '_>,
    mut agents: Query<'_, '_, (&EntityName, &Replicas, &mut Parameters, &mut OptimizerState)>,
    mut groups: Query<'_, '_, &mut Clocks>,
    records: Query<'_, '_, &RecordSpec>,
    seed: Res<'_, RunSeed>,
    mut outbox: ResMut<'_, Outbox>,
) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    let every = records.iter().next().cloned().unwrap_or_default().metrics.every.max(1);
    let mut rows = Metrics::default();
    let mut sorted: Vec<_> = evolutions.iter().collect();
    sorted.sort_by_key(|(name, ..)| *name);
    for (name, spec, member, strategy, optimizer, scores) in sorted {
        let Ok(mut clocks) = groups.get_mut(member.0) else {
            continue;
        };
        let agent = agents.iter_mut().find(|(name, ..)| Some(&*name.key) == spec.agent());
        let (Some((_, replicas, mut parameters, mut state)), true) = (agent, clocks.running()) else {
            continue;
        };
        let (population, begun) = (strategy.0.population(), *clocks);
        if scores.values.len() != population * replicas.0.len() {
            continue;
        }
        let key = Key::of_seed(seed.0).entity(name);
        let results = step_replicas(&mut parameters, &mut state, replicas, |index, replica, state| {
            let own = &scores.values[index * population..(index + 1) * population];
            let generation = Generation {
                clocks: begun,
                number: begun.tick() + 1,
                replica,
                key: key.replica(replica).purpose(Purpose::Learn),
            };
            let mut numbers = about(own);
            numbers.push(("steps".to_owned(), scores.steps.get(index).copied().unwrap_or(0) as f64));
            let n = state.parameters.len();
            let (mut gradient, mut update) = (vec![0.0; n], vec![0.0; n]);
            numbers.extend(strategy.0.gradient(state.parameters, &generation, own, &mut gradient)?);
            optimizer.0.begin_update(state);
            let rate = optimizer.0.rate(&begun, replica, field_key(key, "optimizer"));
            let norms = optimizer.0.step(state, &gradient, rate, &mut update)?;
            if !norms.update.is_finite() {
                let fault = Fault::run(format!("the step of the parameters has the norm {}", norms.update));
                return Err(fault.advise("a smaller learning rate helps"));
            }
            let norm = crate::optimizer::adam::norm(state.parameters);
            numbers.extend([
                ("learning_rate".to_owned(), rate),
                ("grad_norm".to_owned(), norms.gradient),
                ("update_norm".to_owned(), norms.update),
                ("parameters_norm".to_owned(), norm),
            ]);
            Ok(numbers)
        });
        let tick = begun.tick() + 1;
        let last = begun.now.ticks + 1 == begun.total.ticks;
        for (&replica, result) in replicas.0.iter().zip(results) {
            match result {
                Ok(numbers) if tick.is_multiple_of(every) || last => {
                    for (metric, value) in numbers {
                        rows.push(tick, begun.now.env_steps, &name.to_string(), replica, &metric, value);
                    }
                }
                Ok(_) => {}
                Err(mut fault) => {
                    fault.message = format!("{} (generation {tick}, replica {replica})", fault.message);
                    faults.push(fault.within([name.table.clone(), name.key.clone()]));
                }
            }
        }
        clocks.now.updates += 1;
        clocks.now.gradient_steps += 1;
    }
    let block = rows.into_block();
    if block.rows() > 0 {
        outbox.0.push(block);
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// Calls `work` with index, number and state of every replica; results in their order.
fn step_replicas<T: Send>(
    parameters: &mut Parameters,
    state: &mut OptimizerState,
    replicas: &Replicas,
    work: impl Fn(usize, u32, &mut ReplicaState<'_>) -> Result<T, Fault> + Sync,
) -> Vec<Result<T, Fault>> {
    let n = parameters.layout.len().max(1);
    let parts = parameters
        .values
        .par_chunks_mut(n)
        .zip(state.first.par_chunks_mut(n))
        .zip(state.second.par_chunks_mut(n))
        .zip(state.local_steps.par_iter_mut())
        .zip(state.steps.par_iter_mut())
        .zip(replicas.0.par_iter())
        .enumerate();
    parts
        .map(
            |(index, (((((parameters, first), second), local_steps), steps), &replica))| {
                let mut state = ReplicaState {
                    parameters,
                    first,
                    second,
                    local_steps,
                    steps,
                    memory: &mut Memory::default(),
                };
                work(index, replica, &mut state)
            },
        )
        .collect()
}

/// Mean, standard deviation, best and worst of a generation.
fn about(scores: &[f64]) -> Vec<(String, f64)> {
    let count = scores.len().max(1) as f64;
    let mean = scores.iter().sum::<f64>() / count;
    let squares: f64 = scores.iter().map(|score| (score - mean) * (score - mean)).sum();
    let numbers = [
        ("fitness_mean", mean),
        ("fitness_std", (squares / count).sqrt()),
        ("fitness_max", scores.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        ("fitness_min", scores.iter().copied().fold(f64::INFINITY, f64::min)),
    ];
    numbers.map(|(name, value)| (name.to_owned(), value)).to_vec()
}
