//! Who plays where: for every (replica, lane, seat) an agent and one of its replicas.

use crate::quantity::Quantity;
use bevy_ecs::prelude::*;

/// The seating of an environment: on the entity of `[environment.x]`. Derived from its `seats`, `rotate` and `pair`.
#[derive(Component, Debug, Clone, PartialEq)]
pub enum Seating {
    /// One agent per seat, the same in all lanes from the first episode to the last; replica r meets replica r.
    Fixed(Vec<Entity>),
    /// Seats that differ between lanes or from episode to episode.
    Changing(ChangingSeats),
}

/// Seats that change: between lanes by rotation, between lanes where a pool is spread over them, between episodes where they are drawn.
///
/// Everyone who may sit down has a number, the *chair*: first the agents of `own`, one chair each, then every replica of the first of
/// `pools`, and so on. A learner's chair does not depend on how many others there are.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangingSeats {
    /// What the file says of each seat.
    pub seats: Vec<ChangingSeat>,
    /// Seat s of lane l is played by what `seats` says of seat s - l (modulo their number).
    pub rotate: bool,
    /// Agents of whom replica r sits in the lanes of replica r: all who learn, and scripts without replicas of their own; with
    /// `pair = "index"` everyone.
    pub own: Vec<Entity>,
    /// Agents any of whose replicas may sit in any lane.
    pub pools: Vec<Entity>,
    /// The agent of `own` or `pools` whose replicas the environment has.
    pub lead: Entity,
}

/// Who plays in a seat that the file names.
#[derive(Debug, Clone, PartialEq)]
pub enum ChangingSeat {
    /// This agent; of a pool the replicas in turn, from lane to lane.
    Always(Entity),
    /// One of these, drawn at the start of every episode.
    Drawn(Vec<Candidate>),
}

/// One who may be drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The agent.
    pub agent: Entity,
    /// How probable it is, relative to the others.
    pub weight: Quantity,
}

impl ChangingSeat {
    /// Everyone who may play here.
    pub fn agents(&self) -> impl Iterator<Item = Entity> {
        let (one, several) = match self {
            Self::Always(agent) => (Some(*agent), &[][..]),
            Self::Drawn(candidates) => (None, &candidates[..]),
        };
        one.into_iter().chain(several.iter().map(|candidate| candidate.agent))
    }
}

impl Seating {
    /// Everyone who plays, each once: in the order of seats where they are fixed, else in the order of chairs.
    pub fn agents(&self) -> Vec<Entity> {
        let named = match self {
            Self::Fixed(agents) => agents.clone(),
            Self::Changing(seats) => [&seats.own[..], &seats.pools].concat(),
        };
        let mut agents = Vec::new();
        for agent in named {
            if !agents.contains(&agent) {
                agents.push(agent);
            }
        }
        agents
    }
    /// The seats that `agent` plays in, in some lane and some episode: rising.
    pub fn seats_of(&self, agent: Entity) -> Vec<usize> {
        match self {
            Self::Fixed(agents) => (0..agents.len()).filter(|&seat| agents[seat] == agent).collect(),
            Self::Changing(changing) => {
                let seats = &changing.seats;
                let here = |seat: &usize| seats[*seat].agents().any(|other| other == agent);
                let anywhere = (0..seats.len()).any(|seat| here(&seat));
                (0..seats.len())
                    .filter(|seat| if changing.rotate { anywhere } else { here(seat) })
                    .collect()
            }
        }
    }
    /// The chair of an agent that sits with its own replica; `None` where seats are fixed, and for pools.
    pub fn chair_of(&self, agent: Entity) -> Option<u16> {
        match self {
            Self::Fixed(_) => None,
            Self::Changing(seats) => {
                let chair = seats.own.iter().position(|other| *other == agent)?;
                u16::try_from(chair).ok()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_and_chairs_of_agents() {
        let mut world = World::new();
        let [ego, script, pool] = [(); 3].map(|()| world.spawn_empty().id());
        let seating = |rotate| {
            Seating::Changing(ChangingSeats {
                seats: vec![
                    ChangingSeat::Always(ego),
                    ChangingSeat::Drawn(
                        [pool, script]
                            .map(|agent| Candidate {
                                agent,
                                weight: 1.0.into(),
                            })
                            .to_vec(),
                    ),
                ],
                rotate,
                own: vec![ego, script],
                pools: vec![pool],
                lead: ego,
            })
        };
        let check = |seating: &Seating, agent, seats: &[usize], chair| {
            assert_eq!(seating.seats_of(agent), seats);
            assert_eq!(seating.chair_of(agent), chair);
        };
        check(&seating(false), ego, &[0], Some(0));
        check(&seating(false), script, &[1], Some(1));
        check(&seating(false), pool, &[1], None);
        check(&seating(true), pool, &[0, 1], None);
        assert_eq!(seating(true).agents(), [ego, script, pool]);
        let fixed = Seating::Fixed(vec![ego, pool, ego]);
        check(&fixed, ego, &[0, 2], None);
        check(&fixed, script, &[], None);
        assert_eq!(fixed.agents(), [ego, pool]);
    }
}
