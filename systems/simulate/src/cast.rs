//! From seats to players: which agents sit where, with which policy, parameters and keys.

use crate::players::Player;
use crate::seating::{Chairs, Usher};
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::act::{Act, Policy};
use starling_components::clock::Clocks;
use starling_components::fault::Fault;
use starling_components::parameters::{Parameters, Replicas};
use starling_components::quantity::{Quantity, field_key};
use starling_components::random::{Key, Purpose};
use starling_components::schedule::RunSeed;
use starling_components::seating::{ChangingSeats, Seating};
use starling_components::specs::AgentSpec;

/// What an agent needs to play.
pub(crate) type Agents<'w, 's> = Query<
    'w,
    's,
    (
        &'static EntityName,
        &'static Policy,
        &'static Parameters,
        &'static Replicas,
        Option<&'static AgentSpec>,
    ),
>;

/// Everyone who plays in one environment or evaluation.
pub(crate) struct Cast<'a> {
    roles: Vec<Role<'a>>,
    seats: usize,
    /// Where seats change.
    changing: Option<(&'a ChangingSeats, Chairs)>,
    /// Numbers of the replicas.
    pub replicas: &'a [u32],
}

struct Role<'a> {
    name: &'a EntityName,
    policy: &'a dyn Act,
    parameters: &'a Parameters,
    key: Key,
    numbers: &'a [u32],
    /// Probability of a random move while training.
    explore: Option<&'a Quantity>,
    /// All its replicas play, not only the one of the environment's number.
    pool: bool,
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
    /// Everyone who plays in an environment.
    ///
    /// # Errors
    /// A seat whose agent has no policy: it was not built. More players than chairs can be numbered.
    pub(crate) fn of_seating(seating: &'a Seating, agents: &'a Agents<'_, '_>, seed: RunSeed) -> Result<Self, Fault> {
        let changing = match seating {
            Seating::Fixed(seats) => return Self::of(seats, agents, seed),
            Seating::Changing(changing) => changing,
        };
        let replicas_of = |agent| agents.get(agent).map_or(0, |(.., numbers, _)| numbers.0.len());
        let chairs = Chairs::of(changing, replicas_of)?;
        let mut roles = Vec::new();
        for (agent, _) in chairs.agents() {
            let pool = changing.pools.contains(agent);
            roles.push(Role::of(*agent, seating.seats_of(*agent), pool, agents, seed)?);
        }
        let lead = chairs.agents().iter().position(|(agent, _)| *agent == changing.lead);
        Ok(Self {
            replicas: lead.map_or(&[], |lead| roles[lead].numbers),
            roles,
            seats: changing.seats.len(),
            changing: Some((changing, chairs)),
        })
    }

    /// The agents of `seating` (one per seat).
    ///
    /// # Errors
    /// A seat whose agent has no policy: it was not built.
    pub(crate) fn of(seating: &[Entity], agents: &'a Agents<'_, '_>, seed: RunSeed) -> Result<Self, Fault> {
        let mut roles = Vec::new();
        let mut replicas: &[u32] = &[];
        for (entity, seats) in seats_by_agent(seating) {
            let role = Role::of(entity, seats, false, agents, seed)?;
            replicas = role.numbers;
            roles.push(role);
        }
        Ok(Self {
            roles,
            seats: seating.len(),
            changing: None,
            replicas,
        })
    }

    /// The players of the replica at `index` in the tick that begins at `clocks`; where seats change, one per chair. `place` is the
    /// environment: an agent that plays in two of them draws apart.
    pub(crate) fn players(&self, index: usize, clocks: &Clocks, place: impl Fn(Key) -> Key) -> Vec<Player<'_>> {
        let mut players = Vec::new();
        for role in &self.roles {
            let who = if role.pool {
                0..role.numbers.len()
            } else {
                index..index + 1
            };
            for own in who {
                let key = place(role.key.replica(role.numbers[own]).purpose(Purpose::Act));
                players.push(Player {
                    policy: role.policy,
                    parameters: role.parameters.replica(own),
                    // One replica of a pool plays in the lanes of several replicas, and draws apart in each.
                    key: if role.pool {
                        key.replica(self.replicas[index])
                    } else {
                        key
                    },
                    seats: &role.seats,
                    name: &role.name.key,
                    explore: role.explore(clocks, role.numbers[own]),
                });
            }
        }
        players
    }

    /// Who seats the lanes of the replica at `index` in the tick that begins at `clocks`; nobody where seats are fixed.
    ///
    /// # Errors
    /// Weights that nobody can be drawn by.
    pub(crate) fn usher(
        &self,
        index: usize,
        place: &EntityName,
        seed: RunSeed,
        clocks: &Clocks,
    ) -> Result<Option<Usher>, Fault> {
        let Some((seats, chairs)) = &self.changing else {
            return Ok(None);
        };
        Usher::new(seats, chairs, place, seed, clocks, self.replicas[index]).map(Some)
    }

    /// `agent:replica` of each seat, comma-separated. `chairs` say who sits where seats change, else they are empty.
    pub(crate) fn seating(&self, index: usize, chairs: &[u16]) -> String {
        let agent_and_number = |seat: usize| match (&self.changing, chairs.get(seat)) {
            (Some((_, all)), Some(chair)) => {
                let place = all.agents().iter().position(|(_, chairs)| chairs.contains(chair))?;
                let role = &self.roles[place];
                let own = usize::from(chair - all.agents()[place].1.start);
                Some((role, role.numbers.get(if role.pool { own } else { index })?))
            }
            _ => {
                let role = self.roles.iter().find(|role| role.seats.contains(&seat))?;
                Some((role, self.replicas.get(index)?))
            }
        };
        let name_of = |seat| {
            agent_and_number(seat).map_or_else(String::new, |(role, number)| format!("{}:{number}", role.name.key))
        };
        let seats: Vec<String> = (0..self.seats).map(name_of).collect();
        seats.join(",")
    }
}

impl<'a> Role<'a> {
    fn explore(&self, clocks: &Clocks, replica: u32) -> f32 {
        self.explore.map_or(0.0, |explore| {
            let value = explore.at(clocks, replica, field_key(self.key, "explore"));
            value.clamp(0.0, 1.0) as f32
        })
    }

    fn of(
        agent: Entity,
        seats: Vec<usize>,
        pool: bool,
        agents: &'a Agents<'_, '_>,
        seed: RunSeed,
    ) -> Result<Self, Fault> {
        let Ok((name, policy, parameters, numbers, spec)) = agents.get(agent) else {
            return Err(Fault::run("the agent of a seat has no policy to act by"));
        };
        Ok(Self {
            name,
            policy: &*policy.0,
            parameters,
            key: Key::of_seed(seed.0).entity(name),
            numbers: &numbers.0,
            explore: spec.and_then(|spec| spec.explore.as_ref()),
            pool,
            seats,
        })
    }
}
