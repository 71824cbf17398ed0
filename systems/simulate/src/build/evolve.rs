//! Build / Plans: where the members of evolutions play.

use super::{by_key, path, verdict};
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::clock::{Clocks, Member};
use starling_components::evolve::EvolveSeats;
use starling_components::fault::Fault;
use starling_components::simulate::LiveEnvironment;
use starling_components::specs::{AgentSpec, EnvironmentSpec, EvolveSpec, StageSpec};
use starling_components::suggest;

/// Seats every evolution, and says what a generation adds to the clocks of its group.
///
/// # Errors
/// An environment that is not there, whose episodes may never end, where who sits changes or the agent that varies does not sit; no episode to
/// play; stages.
pub fn evolutions(
    evolutions: Query<(Entity, &EntityName, &EvolveSpec, Option<&Member>)>,
    environments: Query<(Entity, &EntityName, &EnvironmentSpec, Option<&LiveEnvironment>)>,
    agents: Query<(Entity, &EntityName), With<AgentSpec>>,
    stages: Query<(), With<StageSpec>>,
    mut groups: Query<&mut Clocks>,
    mut commands: Commands,
) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    let known = by_key(environments.iter().map(|(entity, name, ..)| (entity, name)));
    let agents = by_key(agents.iter());
    let mut sorted: Vec<_> = evolutions.iter().collect();
    sorted.sort_by_key(|(_, name, ..)| *name);
    for (entity, name, spec, member) in sorted {
        let mut refuse = |fault: Fault, key: &str| faults.push(fault.within(path(name, [key])));
        if !stages.is_empty() {
            let fault = Fault::pipeline("stages do not run evolutions");
            faults.push(
                fault
                    .advise("leave the stages out: `until` ends the evolution")
                    .within(path(name, [])),
            );
            continue;
        }
        if spec.episodes == 0 {
            refuse(Fault::pipeline("no episode to play"), "episodes");
        }
        let place = known
            .get(spec.environment.as_str())
            .and_then(|&place| environments.get(place).ok());
        let Some((environment, _, environment_spec, live)) = place else {
            let fault = Fault::pipeline(format!("no environment is called `{}`", spec.environment));
            refuse(
                fault.advise(suggest::advice(&spec.environment, known.keys().copied())),
                "environment",
            );
            continue;
        };
        // Rules that could not be built were told.
        let Some(live) = live else { continue };
        if live.0.shape().max_steps.is_none() {
            let message = format!(
                "an episode of `{}` may never end, so neither may a generation",
                spec.environment
            );
            let fault = Fault::pipeline(message).advise("give the rules a limit such as `max_steps`");
            refuse(fault, "environment");
        }
        let Some(seated) = environment_spec.fixed_seats() else {
            let message = format!("who plays in `{}` changes", spec.environment);
            refuse(
                Fault::pipeline(message).advise("name the agent of each of its seats"),
                "environment",
            );
            continue;
        };
        let seats: Option<Vec<Entity>> = seated.iter().map(|key| agents.get(key.as_str()).copied()).collect();
        // Names that no agent has were told, of seats and of what varies.
        let (Some(seats), Some(key)) = (seats, spec.agent()) else {
            continue;
        };
        let Some(&agent) = agents.get(key) else { continue };
        if !seats.contains(&agent) {
            let fault = Fault::pipeline(format!("`{key}` varies, but does not play in `{}`", spec.environment));
            refuse(fault.advise("seat it there"), "environment");
            continue;
        }
        if let Some(mut clocks) = member.and_then(|member| groups.get_mut(member.0).ok()) {
            let tick = &mut clocks.per_tick;
            (tick.ticks, tick.updates) = (1, 1);
            tick.gradient_steps = tick.gradient_steps.max(1);
        }
        commands.entity(entity).insert(EvolveSeats {
            agent,
            environment,
            seats,
        });
    }
    verdict(faults)
}
