//! Build / Plans: agents that normalise get their statistics.

use super::{path, verdict};
use crate::evaluate::EvaluateSeats;
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::fault::Fault;
use starling_components::learn::Learner;
use starling_components::normalize::{Moments, Normalization, ReplicaNormalization};
use starling_components::parameters::Replicas;
use starling_components::quantity::Quantity;
use starling_components::schedule::MemoryEstimate;
use starling_components::simulate::LiveEnvironment;
use starling_components::specs::{AgentSpec, EnvironmentSpec, NormalizeSpec};

type Agents<'w, 's> = Query<
    'w,
    's,
    (
        Entity,
        &'static EntityName,
        &'static AgentSpec,
        &'static Replicas,
        Has<Learner>,
    ),
>;
type Environments<'w, 's> = Query<'w, 's, (&'static EntityName, &'static EnvironmentSpec, &'static LiveEnvironment)>;

/// Gives every agent with `normalize` its [`Normalization`].
///
/// # Errors
/// A script; nothing to normalise; a discount outside [0, 1]; shaped rewards; an agent that shares its environment, plays in several or
/// sees bytes.
pub fn normalizations(
    agents: Agents<'_, '_>,
    environments: Environments<'_, '_>,
    evaluations: Query<&EvaluateSeats>,
    live: Query<&LiveEnvironment>,
    mut memory: ResMut<MemoryEstimate>,
    mut commands: Commands,
) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    let mut sorted: Vec<_> = agents.iter().collect();
    sorted.sort_by_key(|(_, name, ..)| *name);
    for (entity, name, spec, replicas, learns) in sorted {
        let Some(normalize) = &spec.normalize else { continue };
        let own = |spec: &EnvironmentSpec| !spec.seats_of(&name.key).is_empty();
        let mut tables: Vec<_> = environments.iter().filter(|(_, spec, _)| own(spec)).collect();
        tables.sort_by_key(|(name, ..)| *name);
        let names: Vec<_> = tables.iter().map(|(table, ..)| *table).collect();
        let mut by_table = tables
            .iter()
            .map(|(table, spec, live)| table_problem(&name.key, table, spec, live));
        let problem = settings_problem(spec, normalize)
            .or_else(|| by_table.find_map(|problem| problem))
            .or_else(|| several_problem(&names));
        if let Some(fault) = problem {
            faults.push(fault.within(path(name, ["normalize"])));
            continue;
        }
        let trained = tables.first().map(|(_, spec, live)| (*live, spec.lanes as usize));
        let scored = evaluations.iter().find(|seats| seats.agents.contains(&entity));
        let scored = scored.and_then(|seats| Some((live.get(seats.environment).ok()?, 0)));
        // It plays nowhere: a fault of its own.
        let Some((live, lanes)) = trained.or(scored) else {
            continue;
        };
        let shape = live.0.shape();
        let (width, rows) = (shape.observation_width(), lanes * shape.seats.len());
        let bytes = 8 * (2 * width + rows + 4);
        memory
            .0
            .push((format!("{name}: normalisation"), bytes * replicas.0.len()));
        let fresh = || ReplicaNormalization {
            observations: Moments::new(width),
            returns: Moments::new(1),
            running: vec![0.0; rows],
        };
        commands.entity(entity).insert(Normalization {
            observations: normalize.observations,
            rewards: normalize.rewards,
            gamma: normalize.gamma,
            frozen: !learns,
            replicas: replicas.0.iter().map(|_| fresh()).collect(),
        });
    }
    verdict(faults)
}

fn settings_problem(spec: &AgentSpec, normalize: &NormalizeSpec) -> Option<Fault> {
    if spec.script.is_some() {
        let fault = Fault::pipeline("a script sees and earns what the environment gives");
        return Some(fault.advise("leave `normalize` out, or give the agent a `policy`"));
    }
    if spec.dataset().is_some() {
        let fault =
            Fault::pipeline("a dataset is learnt from as it was recorded, and what is acted on would be normalised");
        return Some(fault.advise("leave `normalize` out; `layer_norm` in the policy's layers normalises in both"));
    }
    if !normalize.observations && !normalize.rewards {
        let fault = Fault::pipeline("nothing is normalised");
        return Some(fault.advise("set `observations`, `rewards` or both to true, or leave `normalize` out"));
    }
    if !(0.0..=1.0).contains(&normalize.gamma) {
        let fault = Fault::pipeline(format!("a discount of {}", normalize.gamma));
        return Some(fault.advise("0 to 1, usually the learner's `gamma`").within(["gamma"]));
    }
    if normalize.rewards && spec.reward.shaped != Quantity::Constant(0.0) {
        let fault = Fault::pipeline("rewards are normalised, and shaped rewards are paid beside them as they are");
        return Some(
            fault
                .advise("leave `reward.shaped` at 0, or normalise observations only")
                .within(["rewards"]),
        );
    }
    None
}

fn table_problem(agent: &str, table: &EntityName, spec: &EnvironmentSpec, live: &LiveEnvironment) -> Option<Fault> {
    let shape = live.0.shape();
    let alone = spec
        .fixed_seats()
        .is_some_and(|seats| seats.iter().all(|seat| seat == agent));
    if !alone {
        let fault = Fault::pipeline(format!(
            "an agent that normalises fills every seat of `{table}`, always"
        ));
        return Some(fault.advise("leave `normalize` out, or seat nobody else"));
    }
    if shape.turns {
        let fault = Fault::pipeline(format!(
            "seats of `{table}` take turns, and those that wait are not to be counted"
        ));
        return Some(fault.advise("leave `normalize` out"));
    }
    if !shape.float_observations() {
        let fault = Fault::pipeline(format!(
            "observations of `{table}` are bytes, which stay bytes until the network"
        ));
        return Some(fault.advise("leave `normalize` out; `layer_norm` in the policy's layers normalises there"));
    }
    None
}

fn several_problem(tables: &[&EntityName]) -> Option<Fault> {
    let [first, second, ..] = tables else { return None };
    let fault = Fault::pipeline(format!(
        "one normalisation for what `{first}` and `{second}` show and pay"
    ));
    Some(fault.advise("train the agent in one environment, or leave `normalize` out"))
}
