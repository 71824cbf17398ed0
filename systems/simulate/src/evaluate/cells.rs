//! Which replicas meet in an evaluation: its cells.
//!
//! What a cell draws depends on its own seating and on nothing else, so that a pairing alone has the bits that it has in a matrix. Where all
//! seats have replicas of the same number, the draws are those of an evaluation by index: the diagonal of a product is that evaluation.

use crate::normalize::Normalised;
use crate::players::Player;
use starling_components::EntityName;
use starling_components::act::Act;
use starling_components::parameters::Parameters;
use starling_components::random::{Key, Purpose};
use starling_components::specs::Pair;
use std::collections::BTreeSet;

/// One agent that is evaluated.
pub(super) struct Role<'a> {
    pub name: &'a EntityName,
    pub policy: &'a dyn Act,
    /// How each replica sees; `None` where it sees observations as they are.
    pub eyes: Vec<Option<Normalised<'a>>>,
    pub parameters: &'a Parameters,
    /// Numbers of its replicas.
    pub replicas: &'a [u32],
    /// Key of everything it draws.
    pub key: Key,
}

/// A replica of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Chair {
    /// Index of the role.
    pub role: usize,
    /// Index of the replica, not its number.
    pub index: usize,
}

/// One replica in every seat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    /// Every replica that plays, once, with its seats rising.
    players: Vec<(Chair, Vec<usize>)>,
    /// Numbers of the replicas by seat.
    pub replicas: Vec<u32>,
    /// `agent:replica` of each seat, comma-separated.
    pub seating: String,
}

/// All cells, by the number of the first seat's replica, then rotation, then the other seats. `seats` has the role of each seat before rotation.
pub(super) fn cells(roles: &[Role<'_>], seats: &[usize], pair: Pair, rotate: bool) -> Vec<Cell> {
    let count = |seat: usize| roles[seats[seat]].replicas.len();
    let arrangements = match pair {
        Pair::Index => (0..count(0)).map(|index| vec![index; seats.len()]).collect(),
        Pair::Product => (0..seats.len()).fold(vec![Vec::new()], |tuples, seat| {
            let longer = |tuple: &Vec<usize>, index| [&tuple[..], &[index]].concat();
            let tuples = tuples.iter();
            tuples
                .flat_map(|tuple| (0..count(seat)).map(move |index| longer(tuple, index)))
                .collect()
        }),
    };
    let rotations = if rotate { seats.len() } else { 1 };
    let mut seen = BTreeSet::new();
    let mut cells = Vec::new();
    for rotation in 0..rotations {
        for indices in &arrangements {
            let chairs: Vec<Chair> = (0..seats.len())
                .map(|seat| (seat + seats.len() - rotation) % seats.len())
                .map(|seat| Chair {
                    role: seats[seat],
                    index: indices[seat],
                })
                .collect();
            if seen.insert(chairs.clone()) {
                cells.push((rotation, Cell::of(roles, &chairs)));
            }
        }
    }
    cells.sort_by(|(a_rotation, a), (b_rotation, b)| (a.replicas[0], a_rotation).cmp(&(b.replicas[0], b_rotation)));
    cells.into_iter().map(|(_, cell)| cell).collect()
}

impl Cell {
    fn of(roles: &[Role<'_>], chairs: &[Chair]) -> Self {
        let mut players: Vec<(Chair, Vec<usize>)> = Vec::new();
        for (seat, &chair) in chairs.iter().enumerate() {
            match players.iter_mut().find(|(known, _)| *known == chair) {
                Some((_, seats)) => seats.push(seat),
                None => players.push((chair, vec![seat])),
            }
        }
        let replicas: Vec<u32> = chairs.iter().map(|c| roles[c.role].replicas[c.index]).collect();
        let names = chairs.iter().map(|c| roles[c.role].name);
        let seats = names
            .zip(&replicas)
            .map(|(name, replica)| format!("{}:{replica}", name.key));
        Self {
            players,
            seating: seats.collect::<Vec<_>>().join(","),
            replicas,
        }
    }

    /// Who plays, in the order of their first seats.
    /// `place` is the evaluation at its moment.
    pub(super) fn players<'a>(
        &'a self,
        roles: &'a [Role<'_>],
        explore: f64,
        place: impl Fn(Key) -> Key,
    ) -> Vec<Player<'a>> {
        let player = |(chair, seats): &'a (Chair, Vec<usize>)| {
            let role = &roles[chair.role];
            let key = role.key.replica(role.replicas[chair.index]).purpose(Purpose::Act);
            Player {
                policy: role.eyes[chair.index]
                    .as_ref()
                    .map_or(role.policy, |eyes| eyes as &dyn Act),
                parameters: role.parameters.replica(chair.index),
                key: of_seating(place(key), &self.seating),
                seats,
                name: &role.name.key,
                explore: explore as f32,
            }
        };
        self.players.iter().map(player).collect()
    }
}

/// The key of what a cell draws, from that of its first seat's replica.
pub(crate) fn of_seating(key: Key, seating: &str) -> Key {
    let mut numbers = seating.split(',').map(|seat| seat.rsplit(':').next());
    let first = numbers.next();
    if numbers.all(|number| Some(number) == first) {
        return key;
    }
    let hash = EntityName::new("seating", seating).stable_hash();
    key.fold((hash >> 32) as u32, hash as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    struct Nobody;

    impl Act for Nobody {
        fn act(
            &self,
            _: &[f32],
            _: &starling_components::act::ActInput<'_>,
            _: &mut starling_components::act::ActOutput<'_>,
        ) -> Result<(), starling_components::fault::Fault> {
            Ok(())
        }
        fn values(
            &self,
            _: &[f32],
            _: &starling_components::act::ActInput<'_>,
            _: &mut [f32],
        ) -> Result<(), starling_components::fault::Fault> {
            Ok(())
        }
    }

    /// The seatings of the cells of agents `a` (replicas 0 and 1) and `b` (4, 5 and 6) in these seats.
    fn check(seats: &[usize], pair: Pair, rotate: bool, expected: &[&str]) {
        let names = [EntityName::new("agent", "a"), EntityName::new("agent", "b")];
        let parameters = Parameters {
            layout: Arc::default(),
            values: Vec::new(),
        };
        let numbers = [&[0, 1][..], &[4, 5, 6]];
        let roles: Vec<Role<'_>> = names
            .iter()
            .zip(numbers)
            .map(|(name, replicas)| Role {
                name,
                policy: &Nobody,
                eyes: Vec::new(),
                parameters: &parameters,
                replicas,
                key: Key::of_seed(0),
            })
            .collect();
        let found: Vec<String> = cells(&roles, seats, pair, rotate)
            .into_iter()
            .map(|c| c.seating)
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_arrangement_is_one_cell() {
        use Pair::{Index, Product};
        check(&[0, 0], Index, false, &["a:0,a:0", "a:1,a:1"]);
        check(&[0, 0], Index, true, &["a:0,a:0", "a:1,a:1"]);
        check(&[0, 0], Product, false, &["a:0,a:0", "a:0,a:1", "a:1,a:0", "a:1,a:1"]);
        check(&[0, 0], Product, true, &["a:0,a:0", "a:0,a:1", "a:1,a:0", "a:1,a:1"]);
        let ab = ["a:0,b:4", "a:0,b:5", "a:0,b:6", "a:1,b:4", "a:1,b:5", "a:1,b:6"];
        check(&[0, 1], Product, false, &ab);
        let ba = ["b:4,a:0", "b:4,a:1", "b:5,a:0", "b:5,a:1", "b:6,a:0", "b:6,a:1"];
        check(&[0, 1], Product, true, &[ab, ba].concat());
        check(&[0], Product, true, &["a:0", "a:1"]);
        check(
            &[0, 0, 1],
            Index,
            true,
            &[
                "a:0,a:0,b:4",
                "a:0,b:4,a:0",
                "a:1,a:1,b:5",
                "a:1,b:5,a:1",
                "b:4,a:0,a:0",
                "b:5,a:1,a:1",
            ],
        );
    }

    #[test]
    fn replicas_of_one_number_draw_as_by_index_and_others_apart() {
        let key = Key::of_seed(1);
        for same in ["", "a:3", "a:3,a:3", "a:3,b:3"] {
            assert_eq!(of_seating(key, same), key);
        }
        let apart = ["a:3,a:13", "a:13,a:3", "a:3,b:13", "a:3,a:4"].map(|seating| of_seating(key, seating));
        for (i, one) in apart.iter().enumerate() {
            assert!(*one != key && apart[i + 1..].iter().all(|other| other != one));
        }
    }
}
