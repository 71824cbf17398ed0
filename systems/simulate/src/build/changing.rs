//! Build / Seats, where they change: who is drawn, who sits with its own replica, and everything that can be wrong with that.

use super::{ByKey, path};
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::fault::Fault;
use starling_components::quantity::Quantity;
use starling_components::seating::{Candidate, ChangingSeat, ChangingSeats};
use starling_components::spaces::EnvironmentShape;
use starling_components::specs::{AgentSpec, DrawSpec, EnvironmentSpec, Pair, ReplicasSpec, SeatSpec};
use starling_components::suggest;
use std::collections::BTreeMap;

/// Agents by entity.
pub(super) type Specs<'a> = BTreeMap<Entity, (&'a EntityName, &'a AgentSpec)>;

/// A script has no state: if its own replicas are not given, it has those of the others.
pub(super) fn adapts(spec: &AgentSpec) -> bool {
    spec.script.is_some() && spec.replicas == ReplicasSpec::default()
}

/// The seating of an environment whose seats change; `None` if an agent is unknown or nobody is named. Everything wrong is in `faults`.
pub(super) fn changing_seats(
    name: &EntityName,
    spec: &EnvironmentSpec,
    shape: Option<&EnvironmentShape>,
    known: &ByKey<'_>,
    specs: &Specs<'_>,
    faults: &mut Vec<Fault>,
) -> Option<ChangingSeats> {
    let before = faults.len();
    let mut seats = Vec::with_capacity(spec.seats.len());
    for (seat, choice) in spec.seats.iter().enumerate() {
        match choice {
            SeatSpec::Agent(agent) => {
                let agent = find(name, agent, &[seat.to_string()], known, faults);
                seats.extend(agent.map(ChangingSeat::Always));
            }
            SeatSpec::Draw(draw) => seats.push(drawn(name, seat, draw, known, faults)),
        }
    }
    if faults.len() > before {
        return None;
    }
    let mut everyone: Vec<Entity> = Vec::new();
    for agent in seats.iter().flat_map(ChangingSeat::agents) {
        if !everyone.contains(&agent) {
            everyone.push(agent);
        }
    }
    let learns = |agent: &Entity| specs[agent].1.learner.is_some();
    let brings_replicas = |agent: &Entity| !adapts(specs[agent].1);
    let mut lead = everyone.iter().find(|agent| learns(agent));
    lead = lead.or_else(|| everyone.iter().find(|agent| brings_replicas(agent)));
    let lead = *lead.or(everyone.first())?;
    let in_pool = |agent: &Entity| spec.pair == Pair::Product && !learns(agent) && brings_replicas(agent);
    let (pools, own): (Vec<Entity>, Vec<Entity>) = everyone.iter().partition(|agent| in_pool(agent));
    if spec.pair == Pair::Product && pools.is_empty() {
        let fault = Fault::pipeline(
            "`pair = \"product\"` has nobody to pair: who learns plays with its own replica only, and so does a script without `replicas`",
        );
        let advice = "seat an agent without a learner, or leave `pair` out";
        faults.push(fault.advise(advice).within(path(name, ["pair"])));
    }
    let (replicas, seating) = (
        specs[&lead].1.replicas,
        ChangingSeats {
            seats,
            rotate: spec.rotate,
            own,
            pools,
            lead,
        },
    );
    check_weights(name, &seating, replicas, faults);
    if let Some(shape) = shape {
        check_shapes(name, spec, shape, faults);
    }
    Some(seating)
}

fn find(
    name: &EntityName,
    agent: &str,
    place: &[String],
    known: &ByKey<'_>,
    faults: &mut Vec<Fault>,
) -> Option<Entity> {
    let found = known.get(agent).copied();
    if found.is_none() {
        let fault = Fault::pipeline(format!("no agent is called `{agent}`"))
            .advise(suggest::advice(agent, known.keys().copied()));
        faults.push(fault.within(place.to_vec()).within(path(name, ["seats"])));
    }
    found
}

fn drawn(name: &EntityName, seat: usize, draw: &DrawSpec, known: &ByKey<'_>, faults: &mut Vec<Fault>) -> ChangingSeat {
    let seat = seat.to_string();
    let at = |rest: &[&str]| {
        let rest = rest.iter().map(|key| (*key).to_owned());
        path(name, ["seats", &seat]).into_iter().chain(rest).collect::<Vec<_>>()
    };
    if draw.draw.is_empty() {
        let fault = Fault::pipeline("there is nobody to draw").advise("name the agents to draw from");
        faults.push(fault.within(at(&["draw"])));
    }
    if !draw.weights.is_empty() && draw.weights.len() != draw.draw.len() {
        let (weights, agents) = (draw.weights.len(), draw.draw.len());
        let fault = Fault::pipeline(format!("{weights} weights for {agents} agents"));
        let advice = "give one weight per agent, or none for equal ones";
        faults.push(fault.advise(advice).within(at(&["weights"])));
    }
    let mut candidates = Vec::with_capacity(draw.draw.len());
    for (index, agent) in draw.draw.iter().enumerate() {
        let number = index.to_string();
        if draw.draw[..index].contains(agent) {
            let fault =
                Fault::pipeline(format!("`{agent}` is named twice")).advise("name it once, with a larger weight");
            faults.push(fault.within(at(&["draw", &number])));
            continue;
        }
        let place = [seat.clone(), "draw".to_owned(), number];
        candidates.extend(find(name, agent, &place, known, faults).map(|agent| Candidate {
            agent,
            weight: draw.weights.get(index).cloned().unwrap_or(Quantity::Constant(1.0)),
        }));
    }
    ChangingSeat::Drawn(candidates)
}

/// What can be known of weights before the clock runs.
fn check_weights(name: &EntityName, seats: &ChangingSeats, replicas: ReplicasSpec, faults: &mut Vec<Fault>) {
    for (seat, choice) in seats.seats.iter().enumerate() {
        let ChangingSeat::Drawn(candidates) = choice else {
            continue;
        };
        let place = || path(name, ["seats", &seat.to_string(), "weights"]);
        let advice = "weights are at least 0, and one of them is more";
        for (index, candidate) in candidates.iter().enumerate() {
            let constants = match &candidate.weight {
                Quantity::Constant(weight) => std::slice::from_ref(weight),
                Quantity::PerReplica(weights) => weights,
                Quantity::Varying(_) => &[],
            };
            let wrong = constants.iter().find(|weight| !(weight.is_finite() && **weight >= 0.0));
            let wrong = wrong.map(|weight| format!("a weight of {weight}"));
            let problem = candidate.weight.problem(replicas.first(), replicas.count());
            if let Some(problem) = problem.or(wrong) {
                let at = place().into_iter().chain([index.to_string()]);
                faults.push(Fault::pipeline(problem).advise(advice).within(at.collect::<Vec<_>>()));
            }
        }
        if !candidates.is_empty() && candidates.iter().all(|c| c.weight == Quantity::Constant(0.0)) {
            faults.push(Fault::pipeline("all weights are 0").advise(advice).within(place()));
        }
    }
}

/// One agent sees and does the same in all seats that it may sit in.
fn check_shapes(name: &EntityName, spec: &EnvironmentSpec, shape: &EnvironmentShape, faults: &mut Vec<Fault>) {
    let differ = |a: usize, b: usize| shape.seats.get(a) != shape.seats.get(b);
    if spec.rotate {
        if let Some(seat) = (1..shape.seats.len()).find(|&seat| differ(0, seat)) {
            let message = format!("seats 0 and {seat} see or do different things, so nobody can rotate through them");
            let fault = Fault::pipeline(message).advise("leave `rotate` out");
            faults.push(fault.within(path(name, ["rotate"])));
        }
        return;
    }
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (seat, choice) in spec.seats.iter().enumerate() {
        for agent in choice.agents() {
            let first = *seen.entry(agent).or_insert(seat);
            if differ(first, seat) {
                let message = format!("`{agent}` sits in seats {first} and {seat}, which see or do different things");
                let fault = Fault::pipeline(message).advise("seat another agent in one of them");
                faults.push(fault.within(path(name, ["seats", &seat.to_string()])));
            }
        }
    }
}
