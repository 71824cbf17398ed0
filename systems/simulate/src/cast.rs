//! From seats to players: which agents sit where, with which policy, parameters and keys.

use crate::players::Player;
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::act::{Act, Policy};
use starling_components::fault::Fault;
use starling_components::parameters::{Parameters, Replicas};
use starling_components::random::{Key, Purpose};
use starling_components::schedule::RunSeed;

/// What an agent needs to play.
pub(crate) type Agents<'w, 's> = Query<
    'w,
    's,
    (
        &'static EntityName,
        &'static Policy,
        &'static Parameters,
        &'static Replicas,
    ),
>;

/// Everyone who plays in one environment or evaluation.
pub(crate) struct Cast<'a> {
    roles: Vec<Role<'a>>,
    seats: usize,
    /// Numbers of the replicas.
    pub replicas: &'a [u32],
}

struct Role<'a> {
    name: &'a EntityName,
    policy: &'a dyn Act,
    parameters: &'a Parameters,
    key: Key,
    seats: Vec<usize>,
}

/// Every agent once, in the order of its first seat, with its seats rising.
pub(crate) fn seats_by_agent(seating: &[Entity]) -> Vec<(Entity, Vec<usize>)> {
    let mut agents: Vec<(Entity, Vec<usize>)> = Vec::new();
    for (seat, &agent) in seating.iter().enumerate() {
        match agents.iter_mut().find(|(known, _)| *known == agent) {
            Some((_, seats)) => seats.push(seat),
            None => agents.push((agent, vec![seat])),
        }
    }
    agents
}

impl<'a> Cast<'a> {
    /// The agents of `seating` (one per seat).
    ///
    /// # Errors
    /// A seat whose agent has no policy: it was not built.
    pub(crate) fn of(seating: &[Entity], agents: &'a Agents<'_, '_>, seed: RunSeed) -> Result<Self, Fault> {
        let mut roles = Vec::new();
        let mut replicas: &[u32] = &[];
        for (entity, seats) in seats_by_agent(seating) {
            let Ok((name, policy, parameters, numbers)) = agents.get(entity) else {
                return Err(Fault::run("the agent of a seat has no policy to act by"));
            };
            replicas = &numbers.0;
            roles.push(Role {
                name,
                policy: &*policy.0,
                parameters,
                key: Key::of_seed(seed.0).entity(name),
                seats,
            });
        }
        Ok(Self {
            roles,
            seats: seating.len(),
            replicas,
        })
    }

    /// The players of the replica at `index`. `place` is the environment or evaluation: an agent that plays in two of them draws apart.
    pub(crate) fn players(&self, index: usize, place: impl Fn(Key) -> Key) -> Vec<Player<'_>> {
        let player = |role: &'_ Role<'a>| -> Key {
            let replica = self.replicas[index];
            place(role.key.replica(replica).purpose(Purpose::Act))
        };
        self.roles
            .iter()
            .map(|role| Player {
                policy: role.policy,
                parameters: role.parameters.replica(index),
                key: player(role),
                seats: &role.seats,
                name: &role.name.key,
            })
            .collect()
    }

    /// `agent:replica` of each seat, comma-separated.
    pub(crate) fn seating(&self, index: usize) -> String {
        let name_of = |seat: usize| {
            let role = self.roles.iter().find(|role| role.seats.contains(&seat));
            role.map_or("", |role| role.name.key.as_str())
        };
        let seats: Vec<String> = (0..self.seats)
            .map(|seat| format!("{}:{}", name_of(seat), self.replicas[index]))
            .collect();
        seats.join(",")
    }
}
