//! Build / Agents, the part without parameters: scripts become policies.

use super::{path, verdict};
use crate::evaluate::EvaluateSeats;
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::act::Policy;
use starling_components::fault::Fault;
use starling_components::parameters::{Layout, Parameters};
use starling_components::registry::{Registry, ScriptSlot};
use starling_components::seating::Seating;
use starling_components::simulate::LiveEnvironment;
use starling_components::spaces::SeatShape;
use starling_components::specs::AgentSpec;
use std::sync::Arc;

/// Gives every scripted agent its [`Policy`] and empty [`Parameters`].
///
/// # Errors
/// An agent with neither or both of policy and script; an unknown script, settings that it refuses, a seat that it cannot play, seats of different shapes.
pub fn scripts(
    agents: Query<(Entity, &EntityName, &AgentSpec)>,
    environments: Query<(&LiveEnvironment, &Seating)>,
    evaluations: Query<&EvaluateSeats>,
    live: Query<&LiveEnvironment>,
    registry: Res<Registry>,
    mut commands: Commands,
) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    let mut sorted: Vec<_> = agents.iter().collect();
    sorted.sort_by_key(|(_, name, _)| *name);
    for (entity, name, spec) in sorted {
        // What is wrong with `from` is told where it is read.
        let from_elsewhere = spec.from.is_some() && spec.policy.is_none();
        if spec.script.is_some() == spec.policy.is_some() && !from_elsewhere {
            let (both, word) = if spec.script.is_some() {
                ("both", "and")
            } else {
                ("neither", "nor")
            };
            let fault = Fault::pipeline(format!("agent `{}` has {both} `policy` {word} `script`", name.key));
            faults.push(fault.advise("give it exactly one of the two").within(path(name, [])));
            continue;
        }
        let Some(choice) = &spec.script else { continue };
        if spec.explore.is_some() {
            let fault = Fault::pipeline("a script does as it says; `explore` is for networks");
            faults.push(fault.advise("leave `explore` out").within(path(name, ["explore"])));
        }
        let trained_in = environments
            .iter()
            .map(|(environment, seating)| (environment, seating.seats_of(entity)));
        let scored_in = evaluations.iter().filter_map(|seats| {
            let own = (0..seats.agents.len()).filter(|&seat| seats.agents[seat] == entity);
            Some((live.get(seats.environment).ok()?, own.collect()))
        });
        let mut shapes: Vec<&SeatShape> = Vec::new();
        for (environment, seats) in trained_in.chain(scored_in) {
            let all = &environment.0.shape().seats;
            shapes.extend(seats.iter().filter_map(|&seat| all.get(seat)));
        }
        let Some(&shape) = shapes.first() else { continue };
        if shapes.iter().any(|&other| other != shape) {
            let fault = Fault::pipeline(format!(
                "script `{}` sits in seats that see or do different things",
                name.key
            ));
            faults.push(
                fault
                    .advise("use one scripted agent per kind of seat")
                    .within(path(name, ["script"])),
            );
            continue;
        }
        match registry.build::<ScriptSlot>(choice, shape) {
            Err(fault) => faults.push(fault.within(path(name, ["script"]))),
            Ok(policy) => {
                let parameters = Parameters {
                    layout: Arc::new(Layout::default()),
                    values: Vec::new(),
                };
                commands.entity(entity).insert((Policy(policy), parameters));
            }
        }
    }
    verdict(faults)
}
