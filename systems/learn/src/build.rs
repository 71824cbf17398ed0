//! Build: the `policy`, `learner` and `optimizer` of every agent become live components.

use crate::learner::{LearnerContext, LearnerSlot};
use crate::network::{AgentContext, Head, Network, field_key};
use crate::optimizer::OptimizerSlot;
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::act::Policy;
use starling_components::clock::Clocks;
use starling_components::demonstrations::Demonstrations;
use starling_components::fault::Fault;
use starling_components::imports::Imported;
use starling_components::learn::Learner;
use starling_components::memory::LearnerMemory;
use starling_components::parameters::{OptimizerState, Parameters, Replicas};
use starling_components::quantity::Quantity;
use starling_components::random::{Key, Purpose};
use starling_components::ranks::Ranks;
use starling_components::registry::Registry;
use starling_components::schedule::{MemoryEstimate, RunSeed};
use starling_components::simulate::LiveEnvironment;
use starling_components::spaces::SeatShape;
use starling_components::specs::{AgentSpec, EnvironmentSpec, EvaluateSpec, PolicySpec, RecordSpec, SeatSpec};
use starling_components::stage::StagePlan;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The network that an agent acts by, as what it is: on the entity of `[agent.x]`. Derived.
#[derive(Component, Clone)]
pub(crate) struct AgentNetwork(pub Arc<Network>);

/// Where an agent sits.
#[derive(Debug, Default)]
struct Seats {
    /// What its seats look like; they all look alike, which is checked where seats are filled.
    shape: Option<SeatShape>,
    /// Training rows only; the most where they vary.
    rows_per_step: usize,
    rows_vary: bool,
    /// Some of its environments write masks.
    masks: bool,
    /// Who sits in its seats changes.
    change: bool,
    /// Of each environment that it sits in.
    lanes: Vec<usize>,
}

type EnvironmentItem<'a> = (Entity, &'a EntityName, &'a EnvironmentSpec, Option<&'a LiveEnvironment>);

type AgentItem<'a> = (
    Entity,
    &'a EntityName,
    &'a AgentSpec,
    Option<&'a Replicas>,
    Option<&'a Imported>,
);

/// Builds all agents that have a network, and finds everything that is wrong with them.
///
/// # Errors
/// All faults, with their keys.
#[allow(clippy::too_many_arguments)] // what a system reads
pub(crate) fn build_agents(
    mut commands: Commands<'_, '_>,
    agents: Query<'_, '_, AgentItem<'static>>,
    environments: Query<'_, '_, EnvironmentItem<'static>>,
    evaluations: Query<'_, '_, &EvaluateSpec>,
    datasets: Query<'_, '_, (&EntityName, &Demonstrations)>,
    stages: Query<'_, '_, &StagePlan>,
    records: Query<'_, '_, &RecordSpec>,
    registry: Res<'_, Registry>,
    seed: Res<'_, RunSeed>,
    ranks: Option<Res<'_, Ranks>>,
    mut memory: ResMut<'_, MemoryEstimate>,
) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    let ranks = ranks.as_deref().cloned().unwrap_or_default();
    let diagnostics = records.iter().any(|record| record.diagnostics.is_some());
    let mut environments: Vec<_> = environments.iter().collect();
    environments.sort_by_key(|(_, name, ..)| *name);
    let mut stages: Vec<&StagePlan> = stages.iter().collect();
    stages.sort_by_key(|plan| plan.order);
    // Their order does not matter: an agent's seats all look alike.
    let evaluations: Vec<_> = evaluations.iter().collect();
    let datasets = datasets.iter().map(|(name, steps)| (name.key.clone(), steps.clone()));
    let datasets = Arc::new(datasets.collect::<BTreeMap<_, _>>());
    for (key, steps) in datasets.iter() {
        memory.0.push((format!("dataset.{key}: steps"), steps.0.bytes()));
    }
    let mut agents: Vec<_> = agents.iter().collect();
    agents.sort_by_key(|(_, name, ..)| *name);

    for (entity, name, spec, replicas, imported) in agents {
        let path = |fault: Fault| fault.within([name.table.clone(), name.key.clone()]);
        let Some(policy) = &spec.policy else {
            if let Some((key, _)) = [("learner", &spec.learner), ("optimizer", &spec.optimizer)]
                .into_iter()
                .find(|(_, choice)| choice.is_some())
            {
                let fault = Fault::pipeline(format!("an agent without a `policy` has no use for `{key}`"))
                    .advise("give it a `policy`, or leave learner and optimizer out");
                faults.push(path(fault.within([key])));
            }
            if imported.is_some() {
                let fault =
                    Fault::pipeline("an agent without a `policy` has no parameters that could come from elsewhere");
                faults.push(path(
                    fault.advise("give it a `policy`, or leave `from` out").within(["from"]),
                ));
            }
            continue;
        };
        let mut seats = seats_of(name, &environments, &evaluations);
        if let (None, Some(Demonstrations(steps))) = (&seats.shape, spec.dataset().and_then(|key| datasets.get(key))) {
            seats.shape = Some(steps.seat.clone());
        }
        // It plays nowhere, or its environment could not be built: faults of their own.
        let Some(shape) = &seats.shape else { continue };
        match rows_per_step(entity, name, &environments, &stages) {
            Ok(rows) => seats.rows_per_step = rows,
            Err(fault) => {
                faults.push(path(fault));
                continue;
            }
        }
        let numbers = replicas.map_or_else(|| numbers_of(spec), |replicas| replicas.0.clone());
        let built = build_one(policy, shape, &registry)
            .map_err(|found| found.into_iter().map(|f| f.within(["policy"])).collect::<Vec<_>>())
            .and_then(|network| {
                let agent = AgentContext {
                    network: network.clone(),
                    key: Key::of_seed(seed.0).entity(name),
                    first_replica: spec.replicas.first(),
                    replicas: spec.replicas.count(),
                    rows_per_step: seats.rows_per_step,
                    rows_vary: seats.rows_vary,
                    masks: seats.masks,
                    seats_change: seats.change,
                    diagnostics,
                    lanes: seats.lanes.clone(),
                    ranks: ranks.clone(),
                };
                let learner = build_learner(spec, &agent, &datasets, &registry)?;
                let key = Key::of_seed(seed.0).entity(name);
                let values = start(&network, key, &numbers, imported).map_err(|found| vec![found.within(["from"])])?;
                Ok((network, learner, values))
            });
        match built {
            Err(found) => faults.extend(found.into_iter().map(path)),
            Ok((network, learner, values)) => {
                let n = network.layout.len();
                let copies = if learner.is_some() { 3 } else { 1 };
                memory.0.push((
                    format!("{name}: parameters of {} replicas", numbers.len()),
                    4 * n * copies * numbers.len(),
                ));
                if let Some(learner) = &learner {
                    let working = learner.bytes(seats.rows_per_step * learner.rollout_steps());
                    let at_once = numbers.len().min(rayon::current_num_threads());
                    memory.0.push((
                        format!("{name}: learning, {at_once} replicas at a time"),
                        working * at_once,
                    ));
                    let kept = LearnerMemory::new(learner.memory(), numbers.len());
                    if kept.bytes() > 0 {
                        let what = format!("{name}: what {} replicas remember", numbers.len());
                        memory.0.push((what, kept.bytes()));
                        commands.entity(entity).insert(kept);
                    }
                }
                insert(&mut commands, entity, network, learner, values, numbers.len());
            }
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn numbers_of(spec: &AgentSpec) -> Vec<u32> {
    (0..spec.replicas.count()).map(|i| spec.replicas.first() + i).collect()
}

/// What every replica starts from, `[replicas, n]`: initialised, or from elsewhere. The first source that does not
/// fit is told about.
fn start(network: &Network, key: Key, numbers: &[u32], imported: Option<&Imported>) -> Result<Vec<f32>, Fault> {
    let Some(imported) = imported else {
        let initialise = |&replica: &u32| network.initialise(key.replica(replica).purpose(Purpose::Initialise));
        return Ok(numbers.iter().flat_map(initialise).collect());
    };
    let (found, needed) = (imported.sources.len(), numbers.len());
    if found != needed {
        return Err(Fault::pipeline(format!(
            "the agent has {needed} replicas, but there are parameters for {found}"
        ))
        .advise(format!("say `replicas = {found}`, or choose other sources")));
    }
    let rows: Result<Vec<_>, Fault> = imported
        .sources
        .iter()
        .map(|source| network.adopt(&imported.names, source))
        .collect();
    Ok(rows?.concat())
}

/// Puts the components on the entity.
fn insert(
    commands: &mut Commands<'_, '_>,
    entity: Entity,
    network: Arc<Network>,
    learner: MaybeLearner,
    values: Vec<f32>,
    replicas: usize,
) {
    let n = network.layout.len();
    let mut entity = commands.entity(entity);
    entity.insert(Parameters {
        layout: network.layout.clone(),
        values,
    });
    if let Some(learner) = learner {
        entity.insert((
            Learner(learner),
            OptimizerState {
                first: vec![0.0; n * replicas],
                second: vec![0.0; n * replicas],
                local_steps: vec![0; replicas],
                steps: vec![0; replicas],
            },
        ));
    }
    entity.insert((AgentNetwork(network.clone()), Policy(network)));
}

/// The seats of one agent, found by name: in environments, and in evaluations for agents that only play there.
fn seats_of(name: &EntityName, environments: &[EnvironmentItem<'_>], evaluations: &[&EvaluateSpec]) -> Seats {
    let mut seats = Seats::default();
    for (_, _, spec, live) in environments {
        let Some(live) = live else { continue };
        let shape = live.0.shape();
        let own = spec.seats_of(&name.key).into_iter();
        if own.len() > 0 {
            seats.lanes.push(spec.lanes as usize);
        }
        for seat in own.filter(|&seat| seat < shape.seats.len()) {
            seats.rows_vary |= shape.turns;
            seats.masks |= shape.masks;
            seats.change |= spec.rotate;
            seats.shape.get_or_insert_with(|| shape.seats[seat].clone());
        }
        // A rotation moves an agent's seats from lane to lane and gives it no more of them: what the file says counts.
        for seat in spec.seats.iter().filter(|seat| seat.agents().contains(&name.key)) {
            seats.rows_per_step += spec.lanes as usize;
            seats.rows_vary |= matches!(seat, SeatSpec::Draw(_));
            seats.change |= matches!(seat, SeatSpec::Draw(_));
        }
    }
    for evaluation in evaluations {
        let Some(seat) = evaluation.agents.iter().position(|agent| *agent == name.key) else {
            continue;
        };
        let found = environments.iter().find(|(_, e, ..)| e.key == evaluation.environment);
        if let Some((.., Some(live))) = found {
            let shape = live.0.shape().seats.get(seat).cloned();
            seats.shape = seats.shape.or(shape);
        }
    }
    seats
}

/// Rows that `agent` learns from per step, which must be the same in every stage that trains it: its minibatches are planned for one number.
fn rows_per_step(
    agent: Entity,
    name: &EntityName,
    environments: &[EnvironmentItem<'_>],
    stages: &[&StagePlan],
) -> Result<usize, Fault> {
    let rows_in = |plan: &&StagePlan| -> usize {
        let own = environments
            .iter()
            .filter(|(place, ..)| plan.environments.contains(place));
        // A rotation moves an agent's seats from lane to lane and gives it no more of them: what the file says counts.
        own.map(|(_, _, spec, _)| {
            let seats = spec.seats.iter().filter(|seat| seat.agents().contains(&name.key));
            spec.lanes as usize * seats.count()
        })
        .sum()
    };
    let mut counts = stages.iter().filter(|plan| plan.train.contains(&agent)).map(rows_in);
    let first = counts.next().unwrap_or(0);
    match counts.find(|&count| count != first) {
        None => Ok(first),
        Some(other) => {
            let message = format!(
                "`{}` learns from {first} rows per step in one stage and {other} in another",
                name.key
            );
            let advice = "choose environments or `lanes` so that lanes x seats of the agent agree";
            Err(Fault::pipeline(message).advise(advice).within(["learner"]))
        }
    }
}

fn build_one(policy: &PolicySpec, seat: &SeatShape, registry: &Registry) -> Result<Arc<Network>, Vec<Fault>> {
    Network::describe(policy, seat, registry).map(Arc::new)
}

type MaybeLearner = Option<Box<dyn starling_components::learn::Learn>>;

/// What is wrong with the exploration of an agent, if anything.
fn explore_problem(explore: &Quantity, agent: &AgentContext) -> Option<Fault> {
    if let Head::Gaussian { .. } = agent.network.head {
        let fault = Fault::pipeline("random moves in place of the policy's are for discrete moves");
        return Some(fault.advise("leave `explore` out: a Gaussian policy explores by its standard deviation"));
    }
    if let Some(problem) = explore.problem(agent.first_replica, agent.replicas) {
        return Some(Fault::pipeline(problem));
    }
    let key = field_key(agent.key, "explore");
    let at_start = |replica| explore.at(&Clocks::default(), replica, key);
    let mut values = (agent.first_replica..agent.first_replica + agent.replicas).map(at_start);
    let wrong = values.find(|value| !(0.0..=1.0).contains(value))?;
    Some(Fault::pipeline(format!(
        "`explore` is a probability, this one is {wrong}"
    )))
}

fn build_learner(
    spec: &AgentSpec,
    agent: &AgentContext,
    datasets: &Arc<BTreeMap<String, Demonstrations>>,
    registry: &Registry,
) -> Result<MaybeLearner, Vec<Fault>> {
    let mut faults = Vec::new();
    for (field, quantity) in [("task", &spec.reward.task), ("shaped", &spec.reward.shaped)] {
        if let Some(problem) = quantity.problem(agent.first_replica, agent.replicas) {
            faults.push(Fault::pipeline(problem).within(["reward", field]));
        }
    }
    if let Some(explore) = &spec.explore {
        faults.extend(explore_problem(explore, agent).map(|fault| fault.within(["explore"])));
    }
    let (learner, optimizer) = match (&spec.learner, &spec.optimizer) {
        (None, None) => return if faults.is_empty() { Ok(None) } else { Err(faults) },
        (None, Some(_)) => {
            faults.push(
                Fault::pipeline("an `optimizer` without a `learner` does nothing")
                    .advise("add e.g. `learner.ppo = {}`, or remove the optimizer for a frozen agent")
                    .within(["optimizer"]),
            );
            return Err(faults);
        }
        (Some(_), None) => {
            faults.push(
                Fault::pipeline("a `learner` needs an `optimizer`")
                    .advise("add e.g. `optimizer.adam = { rate = 2.5e-4, max_grad_norm = 0.5 }`")
                    .within(["learner"]),
            );
            return Err(faults);
        }
        (Some(learner), Some(optimizer)) => (learner, optimizer),
    };
    let optimizer = registry
        .build::<OptimizerSlot>(optimizer, agent)
        .map_err(|fault| faults.push(fault.within(["optimizer"])));
    let Ok(optimizer) = optimizer else {
        return Err(faults);
    };
    let context = LearnerContext {
        agent: agent.clone(),
        optimizer,
        datasets: Arc::clone(datasets),
    };
    match registry.build::<LearnerSlot>(learner, context) {
        Ok(built) if agent.network.carry() > 0 && !built.learns_memories() => {
            let message = format!(
                "`{}` cannot teach a network with a memory: it learns from single steps",
                learner.kind
            );
            let advice = "learn by `ppo`, or leave `gru` and `lstm` out of the policy";
            faults.push(Fault::pipeline(message).advise(advice).within(["learner"]));
            Err(faults)
        }
        Ok(built) if built.shards() < agent.ranks.size() => {
            let (shards, ranks) = (built.shards(), agent.ranks.size());
            let message = match shards {
                1 => format!(
                    "what `{}` learns from is not cut into shards, and {ranks} processes share the run",
                    learner.kind
                ),
                _ => format!("{shards} shards cannot be shared out among {ranks} processes"),
            };
            let advice = format!(
                "`learner.ppo` with `shards` = {ranks} or more; or start as many processes as there are shards at most"
            );
            faults.push(Fault::pipeline(message).advise(advice).within(["learner"]));
            Err(faults)
        }
        Ok(learner) if faults.is_empty() => Ok(Some(learner)),
        Ok(_) => Err(faults),
        Err(fault) => {
            faults.push(fault.within(["learner"]));
            Err(faults)
        }
    }
}
