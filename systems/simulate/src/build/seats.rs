//! Build / Seats: names become entities, agents get their replicas, and what is connected gets a clock.

use super::changing::{Specs, adapts, changing_seats};
use super::groups::Connections;
use super::inherit::source;
use super::{ByKey, by_key, path, verdict};
use crate::clocks::Advanced;
use crate::evaluate::{EvaluateSeats, Evaluated};
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::clock::{Clocks, Member};
use starling_components::fault::Fault;
use starling_components::parameters::Replicas;
use starling_components::seating::Seating;
use starling_components::simulate::LiveEnvironment;
use starling_components::spaces::EnvironmentShape;
use starling_components::specs::{
    AgentSpec, DatasetSpec, EnvironmentSpec, EvaluateSpec, EvolveSpec, ReplicasSpec, StageSpec,
};
use starling_components::stage::StagePlan;
use starling_components::suggest;
use std::collections::BTreeMap;

/// Most replicas of one agent.
const MAX_REPLICAS: u32 = 65_536;
/// Most arrangements of replicas in one evaluation: a row each, and at least an episode.
const MAX_CELLS: u64 = 1_000_000;

type Environments<'w, 's> = Query<
    'w,
    's,
    (
        Entity,
        &'static EntityName,
        &'static EnvironmentSpec,
        Option<&'static LiveEnvironment>,
    ),
>;

/// Seats environments and evaluations, numbers replicas, and spawns the groups.
///
/// # Errors
/// Seats and evaluations that name nothing, an agent in seats of different shapes, agents with different replicas at one table, an agent
/// that sits nowhere.
pub fn seats(
    environments: Environments<'_, '_>,
    agents: Query<(Entity, &EntityName, &AgentSpec)>,
    evaluations: Query<(Entity, &EntityName, &EvaluateSpec)>,
    evolutions: Query<(Entity, &EvolveSpec)>,
    datasets: Query<(&EntityName, &DatasetSpec)>,
    stages: Query<(), With<StageSpec>>,
    mut commands: Commands,
) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    let agent_keys = by_key(agents.iter().map(|(entity, name, _)| (entity, name)));
    let specs: Specs<'_> = agents
        .iter()
        .map(|(entity, name, spec)| (entity, (name, spec)))
        .collect();
    let mut tables: Vec<PlayersOf<'_>> = Vec::new();
    // Evaluations in which every replica meets every other: they ask for no equal numbers.
    let mut products: Vec<(&EntityName, Vec<Entity>)> = Vec::new();
    let mut connections = Connections::default();

    let mut sorted: Vec<_> = environments.iter().collect();
    sorted.sort_by_key(|(_, name, ..)| *name);
    for &(entity, name, spec, live) in &sorted {
        let Some(names) = spec.fixed_seats() else {
            let shape = live.map(|live| live.0.shape());
            let Some(seats) = changing_seats(name, spec, shape, &agent_keys, &specs, &mut faults) else {
                continue;
            };
            let mut by_index = vec![seats.lead];
            by_index.extend(seats.own.iter().filter(|&&agent| agent != seats.lead));
            let seating = Seating::Changing(seats);
            tables.push(PlayersOf {
                entity,
                name,
                everyone: seating.agents(),
                by_index,
            });
            commands.entity(entity).insert(seating);
            continue;
        };
        let seated = resolve(name, "seats", &names, &agent_keys, &mut faults);
        let Some(seated) = seated else { continue };
        if let Some(live) = live {
            check_shapes(name, "seats", live.0.shape(), &names, &mut faults);
        }
        commands.entity(entity).insert(Seating::Fixed(seated.clone()));
        tables.push(PlayersOf::fixed(entity, name, seated));
    }
    let environment_keys = by_key(sorted.iter().map(|(entity, name, ..)| (*entity, *name)));
    let mut sorted_evaluations: Vec<_> = evaluations.iter().collect();
    sorted_evaluations.sort_by_key(|(_, name, _)| *name);
    for (entity, name, spec) in sorted_evaluations {
        let Some(&environment) = environment_keys.get(spec.environment.as_str()) else {
            let fault = Fault::pipeline(format!("no environment is called `{}`", spec.environment))
                .advise(suggest::advice(&spec.environment, environment_keys.keys().copied()));
            faults.push(fault.within(path(name, ["environment"])));
            continue;
        };
        let Ok((_, _, environment_spec, live)) = environments.get(environment) else {
            continue;
        };
        if spec.agents.is_empty() && environment_spec.fixed_seats().is_none() {
            let message = format!(
                "who plays in `{}` changes, so an evaluation cannot take it over",
                spec.environment
            );
            let fault = Fault::pipeline(message).advise("name the agent of each seat in `agents`");
            faults.push(fault.within(path(name, ["agents"])));
            continue;
        }
        let names = evaluated_agents(spec, environment_spec);
        if names.len() != environment_spec.seats.len() {
            let seats = environment_spec.seats.len();
            let message = format!(
                "`{}` has {seats} seats, {} agents are named",
                spec.environment,
                names.len()
            );
            let advice = format!("name one agent, or {seats}, or leave `agents` out");
            faults.push(Fault::pipeline(message).advise(advice).within(path(name, ["agents"])));
            continue;
        }
        // Names taken over from the environment were checked there.
        let mut unheard = Vec::new();
        let reported = if spec.agents.is_empty() {
            &mut unheard
        } else {
            &mut faults
        };
        let Some(seated) = resolve(name, "agents", &names, &agent_keys, reported) else {
            continue;
        };
        if let Some(live) = live {
            check_shapes(name, "agents", live.0.shape(), &names, reported);
            if spec.rotate {
                check_rotation(name, live.0.shape(), &mut faults);
            }
        }
        connections.connect(environment, entity);
        let seats = EvaluateSeats {
            environment,
            agents: seated.clone(),
        };
        commands.entity(entity).insert((seats, Evaluated::default()));
        let mut players = PlayersOf::fixed(entity, name, seated);
        if !spec.pair.is_index() {
            products.push((name, std::mem::take(&mut players.by_index)));
        }
        tables.push(players);
    }
    for (entity, spec) in &evolutions {
        if let Some(&environment) = environment_keys.get(spec.environment.as_str()) {
            connections.connect(environment, entity);
        }
    }
    for table in &tables {
        for agent in &table.everyone {
            connections.connect(table.entity, *agent);
        }
    }
    for (entity, _, spec) in &agents {
        if let Some(&source) = source(spec).and_then(|key| agent_keys.get(key)) {
            connections.connect(source, entity);
        }
    }

    // Who learns from a dataset belongs to the environment that it was recorded in, whether it sits there or not.
    for (entity, _, spec) in &agents {
        let learns_from = spec
            .dataset()
            .and_then(|key| datasets.iter().find(|(name, _)| name.key == key));
        let environment = learns_from.and_then(|(_, dataset)| environment_keys.get(dataset.environment.as_str()));
        if let Some(&environment) = environment {
            connections.connect(environment, entity);
        }
    }

    let whole = tables.len() == environments.iter().len() + evaluations.iter().len();
    let mut sorted_agents: Vec<_> = agents.iter().collect();
    sorted_agents.sort_by_key(|(_, name, _)| *name);
    for &(entity, name, spec) in &sorted_agents {
        // Unless a misspelt seat may have been meant for it. Networks are told when they are built: they need a seat's shape.
        if whole && spec.script.is_some() && !tables.iter().any(|table| table.everyone.contains(&entity)) {
            let fault = Fault::pipeline(format!("agent `{}` plays nowhere", name.key));
            faults.push(
                fault
                    .advise("name it in the `seats` of an environment")
                    .within(path(name, [])),
            );
        }
    }
    if sorted.is_empty() {
        let fault = Fault::pipeline("nothing to do: the pipeline has no environment");
        faults.push(fault.advise("add a table like [environment.kitchen]"));
    }

    let mut numbers: BTreeMap<Entity, ReplicasSpec> = BTreeMap::new();
    for table in &tables {
        check_replicas(table.name, &table.by_index, &specs, &mut numbers, &mut faults);
    }
    let replicas_of = |agent: &Entity| numbers.get(agent).unwrap_or(&specs[agent].1.replicas).count();
    for (name, seated) in &products {
        let cells = seated.iter().map(|agent| u64::from(replicas_of(agent)));
        let cells = cells.fold(1, u64::saturating_mul);
        if cells > MAX_CELLS {
            let fault = Fault::pipeline(format!("{cells} pairings are too many, {MAX_CELLS} can be played"));
            faults.push(
                fault
                    .advise("fewer replicas, or pair = \"index\"")
                    .within(path(name, ["pair"])),
            );
        }
    }
    for (&agent, (name, spec)) in &specs {
        let replicas = *numbers.get(&agent).unwrap_or(&spec.replicas);
        let (first, count) = (replicas.first(), replicas.count());
        if count == 0 || count > MAX_REPLICAS || first.checked_add(count).is_none() {
            let fault = Fault::pipeline(format!("{count} replicas from number {first} on cannot run"));
            let advice = format!("1 to {MAX_REPLICAS} replicas, numbered below 2^32");
            faults.push(fault.advise(advice).within(path(name, ["replicas"])));
            continue;
        }
        commands
            .entity(agent)
            .insert(Replicas((first..first + count).collect()));
    }
    if stages.is_empty() {
        spawn_groups(&connections, &environments, &agents, &mut commands);
    }
    verdict(faults)
}

/// Who plays in one environment or evaluation.
struct PlayersOf<'a> {
    entity: Entity,
    name: &'a EntityName,
    everyone: Vec<Entity>,
    /// Those of whom replica r plays with replica r.
    by_index: Vec<Entity>,
}

impl<'a> PlayersOf<'a> {
    fn fixed(entity: Entity, name: &'a EntityName, seated: Vec<Entity>) -> Self {
        Self {
            entity,
            name,
            everyone: seated.clone(),
            by_index: seated,
        }
    }
}

/// The agents of an evaluation by seat: as written, the one agent in every seat, or the environment's own.
fn evaluated_agents(spec: &EvaluateSpec, environment: &EnvironmentSpec) -> Vec<String> {
    match &spec.agents[..] {
        [] => environment.fixed_seats().unwrap_or_default(),
        [one] => vec![one.clone(); environment.seats.len()],
        agents => agents.to_vec(),
    }
}

/// The entities of the named agents; `None` if one is unknown.
fn resolve(
    name: &EntityName,
    field: &str,
    agents: &[String],
    known: &ByKey<'_>,
    faults: &mut Vec<Fault>,
) -> Option<Vec<Entity>> {
    let mut seated = Vec::with_capacity(agents.len());
    for (seat, agent) in agents.iter().enumerate() {
        match known.get(agent.as_str()) {
            Some(&entity) => seated.push(entity),
            None => {
                let fault = Fault::pipeline(format!("no agent is called `{agent}`"))
                    .advise(suggest::advice(agent, known.keys().copied()));
                faults.push(fault.within(path(name, [field, &seat.to_string()])));
            }
        }
    }
    (seated.len() == agents.len()).then_some(seated)
}

/// One agent sees and does the same in all its seats.
fn check_shapes(name: &EntityName, field: &str, shape: &EnvironmentShape, agents: &[String], faults: &mut Vec<Fault>) {
    for (seat, agent) in agents.iter().enumerate() {
        let first = agents.iter().position(|a| a == agent).unwrap_or(seat);
        if shape.seats[first] != shape.seats[seat] {
            let message = format!("`{agent}` sits in seats {first} and {seat}, which see or do different things");
            let fault = Fault::pipeline(message).advise("seat another agent in one of them");
            faults.push(fault.within(path(name, [field, &seat.to_string()])));
        }
    }
}

/// Whoever is rotated plays in every seat.
fn check_rotation(name: &EntityName, shape: &EnvironmentShape, faults: &mut Vec<Fault>) {
    let seats = &shape.seats;
    if let Some(other) = (1..seats.len()).find(|&seat| seats[seat] != seats[0]) {
        let message = format!("seats 0 and {other} see or do different things, so nobody can play in both");
        let fault = Fault::pipeline(message).advise("leave `rotate` out");
        faults.push(fault.within(path(name, ["rotate"])));
    }
}

/// Where replicas meet by index, all agents at one table have the same; scripts without replicas of their own adapt.
fn check_replicas(
    name: &EntityName,
    seated: &[Entity],
    specs: &Specs<'_>,
    numbers: &mut BTreeMap<Entity, ReplicasSpec>,
    faults: &mut Vec<Fault>,
) {
    let fixed = |entity: &&Entity| !adapts(specs[*entity].1);
    let lead = seated.iter().find(fixed).or(seated.first());
    let Some(lead) = lead else { return };
    let (lead_name, lead_spec) = specs[lead];
    let want = lead_spec.replicas;
    for agent in seated {
        let (agent_name, spec) = specs[agent];
        if !adapts(spec) {
            if (spec.replicas.first(), spec.replicas.count()) != (want.first(), want.count()) {
                let message = format!(
                    "`{}` and `{}` meet in `{name}` with {} and {} replicas",
                    lead_name.key,
                    agent_name.key,
                    want.count(),
                    spec.replicas.count()
                );
                let advice = if name.table == "environment" && spec.learner.is_none() {
                    "replica r meets replica r: give both the same `replicas`, or let any of them meet with `pair = \"product\"`"
                } else {
                    "replica r meets replica r: give both the same `replicas`"
                };
                let fault = Fault::pipeline(message).advise(advice);
                faults.push(fault.within(path(agent_name, ["replicas"])));
            }
            continue;
        }
        let known = *numbers.entry(*agent).or_insert(want);
        if known != want {
            let message = format!(
                "script `{}` meets {} replicas here and {} elsewhere",
                agent_name.key,
                want.count(),
                known.count()
            );
            let fault = Fault::pipeline(message).advise("use one script per table");
            faults.push(fault.within(path(agent_name, [])));
        }
    }
}

/// One entity with clocks per group that has an environment, named after its first environment.
fn spawn_groups(
    connections: &Connections,
    environments: &Environments<'_, '_>,
    agents: &Query<(Entity, &EntityName, &AgentSpec)>,
    commands: &mut Commands<'_, '_>,
) {
    for (order, members) in connections.groups().into_iter().enumerate() {
        let names = members.iter().filter_map(|&entity| environments.get(entity).ok());
        let Some(first) = names.map(|(_, name, ..)| name).min() else {
            continue;
        };
        let name = EntityName::new("group", first.key.clone());
        let are = |known: &dyn Fn(Entity) -> bool| members.iter().copied().filter(|&m| known(m)).collect();
        let plan = StagePlan {
            order,
            train: are(&|member| agents.contains(member)),
            environments: are(&|member| environments.contains(member)),
            ..StagePlan::default()
        };
        let group = commands.spawn((name, Clocks::default(), Advanced(false), plan)).id();
        for member in members {
            commands.entity(member).insert(Member(group));
        }
    }
}
