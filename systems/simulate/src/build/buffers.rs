//! Build / Plans: buffers find the environment that fills them, and environments the buffer that they start from.

use super::{by_key, path, verdict};
use crate::buffer::{StartsFrom, StateBuffer, most_states};
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::fault::Fault;
use starling_components::parameters::Replicas;
use starling_components::schedule::MemoryEstimate;
use starling_components::seating::Seating;
use starling_components::simulate::LiveEnvironment;
use starling_components::specs::{BufferSpec, EnvironmentSpec, Scope};
use starling_components::suggest;

type Environments<'w, 's> = Query<
    'w,
    's,
    (
        Entity,
        &'static EntityName,
        &'static EnvironmentSpec,
        Option<&'static LiveEnvironment>,
        Option<&'static Seating>,
    ),
>;

/// Gives every buffer its empty [`StateBuffer`], and every environment that starts from one its [`StartsFrom`].
///
/// # Errors
/// A buffer whose environment is unknown, may play for ever or has seats that change, or that nobody starts from; an environment that starts
/// from states of other rules or of other replicas.
pub fn buffers(
    buffers: Query<(Entity, &EntityName, &BufferSpec)>,
    environments: Environments<'_, '_>,
    agents: Query<&Replicas>,
    mut memory: ResMut<MemoryEstimate>,
    mut commands: Commands,
) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    let buffer_keys = by_key(buffers.iter().map(|(entity, name, _)| (entity, name)));
    let environment_keys = by_key(environments.iter().map(|(entity, name, ..)| (entity, name)));
    let replicas_of = |seating: Option<&Seating>| match seating {
        Some(Seating::Fixed(seats)) => seats.first().and_then(|&agent| agents.get(agent).ok()),
        Some(Seating::Changing(seats)) => agents.get(seats.lead).ok(),
        None => None,
    };
    let mut sorted: Vec<_> = buffers.iter().collect();
    sorted.sort_by_key(|(_, name, _)| *name);
    for (entity, name, spec) in sorted {
        let Some(&environment) = environment_keys.get(spec.environment.as_str()) else {
            let fault = Fault::pipeline(format!("no environment is called `{}`", spec.environment))
                .advise(suggest::advice(&spec.environment, environment_keys.keys().copied()));
            faults.push(fault.within(path(name, ["environment"])));
            continue;
        };
        // An environment that could not be built or seated has a fault of its own.
        let Ok((_, _, environment_spec, Some(live), Some(seating))) = environments.get(environment) else {
            continue;
        };
        if environment_spec.fixed_seats().is_none() {
            let message = format!(
                "the seats of `{}` change, so nobody in particular fills this buffer",
                spec.environment
            );
            let fault = Fault::pipeline(message).advise("name an environment with one agent per seat");
            faults.push(fault.within(path(name, ["environment"])));
            continue;
        }
        let Some(replicas) = replicas_of(Some(seating)) else {
            continue;
        };
        let shape = live.0.shape();
        let Some(max_steps) = shape.max_steps else {
            let message = format!(
                "an episode of `{}` may never end, so neither may its filling",
                spec.environment
            );
            let fault = Fault::pipeline(message).advise("give the rules a limit such as `max_steps`");
            faults.push(fault.within(path(name, ["environment"])));
            continue;
        };
        for (field, zero) in [("episodes", spec.episodes == 0), ("every", spec.every == 0)] {
            if zero {
                let fault = Fault::pipeline(format!("`{field}` must be at least 1"))
                    .advise("a buffer without states starts nothing");
                faults.push(fault.within(path(name, [field])));
            }
        }
        let most = most_states(spec, replicas.0.len(), shape.seats.len(), max_steps);
        memory
            .0
            .push((format!("{name}: states"), most.saturating_mul(4 * shape.state_words)));
        let users = environments
            .iter()
            .filter(|(_, _, user, ..)| user.starts.as_ref().is_some_and(|starts| starts.buffer == name.key));
        let mut used = false;
        for (user, user_name, _, user_live, user_seating) in users {
            used = true;
            let (Some(user_live), Some(user_replicas)) = (user_live, replicas_of(user_seating)) else {
                commands.entity(user).insert(StartsFrom(entity));
                continue;
            };
            if user_live.0.shape().state_words != shape.state_words {
                let message = format!(
                    "the states of `{}` have {} words, those of `{}` {}",
                    spec.environment,
                    shape.state_words,
                    user_name.key,
                    user_live.0.shape().state_words
                );
                let fault = Fault::pipeline(message).advise("start from states of the same rules");
                faults.push(fault.within(path(user_name, ["starts", "buffer"])));
            } else if spec.scope == Scope::Replica && user_replicas != replicas {
                let message = format!(
                    "`{}` has {} replicas, and `{}`, which fills the buffer, {}",
                    user_name.key,
                    user_replicas.0.len(),
                    spec.environment,
                    replicas.0.len()
                );
                let fault =
                    Fault::pipeline(message).advise("with `scope = \"all_replicas\"` everyone draws from everything");
                faults.push(fault.within(path(user_name, ["starts", "buffer"])));
            }
            commands.entity(user).insert(StartsFrom(entity));
        }
        if !used {
            let fault = Fault::pipeline(format!("nobody starts from buffer `{}`", name.key));
            let advice = format!("say starts = {{ buffer = \"{}\" }} in an environment", name.key);
            faults.push(fault.advise(advice).within(path(name, [])));
        }
        commands.entity(entity).insert(StateBuffer {
            environment,
            words: shape.state_words,
            states: Vec::new(),
        });
    }
    for (_, name, spec, ..) in &environments {
        let Some(starts) = spec
            .starts
            .as_ref()
            .filter(|starts| !buffer_keys.contains_key(starts.buffer.as_str()))
        else {
            continue;
        };
        let fault = Fault::pipeline(format!("no buffer is called `{}`", starts.buffer))
            .advise(suggest::advice(&starts.buffer, buffer_keys.keys().copied()));
        faults.push(fault.within(path(name, ["starts", "buffer"])));
    }
    verdict(faults)
}
