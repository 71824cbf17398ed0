//! Sitting down: who plays in each seat of a lane's next episode, where seats change.
//!
//! A draw is a function of (seed, environment, replica; lane, episode, seat) and of the weights at the start of the tick in which the
//! episode starts. Who sits where is saved with the lanes, so nobody is drawn twice for one episode.

use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::clock::Clocks;
use starling_components::fault::Fault;
use starling_components::random::{Key, Purpose, below};
use starling_components::schedule::RunSeed;
use starling_components::seating::{ChangingSeat, ChangingSeats};
use std::ops::Range;

/// The chair of a row in which nobody has sat yet.
pub(crate) const NOBODY: u16 = u16::MAX;
/// Most chairs of one environment.
const MAX_CHAIRS: usize = NOBODY as usize;

/// The chairs of every agent, in the order of [`ChangingSeats`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chairs(Vec<(Entity, Range<u16>)>);

impl Chairs {
    /// `replicas_of` says how many replicas a pool has.
    ///
    /// # Errors
    /// More chairs than can be numbered.
    pub(crate) fn of(seats: &ChangingSeats, replicas_of: impl Fn(Entity) -> usize) -> Result<Self, Fault> {
        let own = seats.own.iter().map(|&agent| (agent, 1));
        let pools = seats.pools.iter().map(|&agent| (agent, replicas_of(agent)));
        let mut chairs = Vec::new();
        let mut next = 0;
        for (agent, count) in own.chain(pools) {
            let end = next + count;
            if end > MAX_CHAIRS {
                let fault = Fault::pipeline(format!("more than {MAX_CHAIRS} players to draw from"));
                return Err(fault.advise("let fewer replicas take part").within(["seats"]));
            }
            chairs.push((agent, next as u16..end as u16));
            next = end;
        }
        Ok(Self(chairs))
    }

    /// Every agent with its chairs.
    pub(crate) fn agents(&self) -> &[(Entity, Range<u16>)] {
        &self.0
    }

    fn of_agent(&self, agent: Entity) -> Range<u16> {
        let found = self.0.iter().find(|(other, _)| *other == agent);
        found.map_or(0..0, |(_, chairs)| chairs.clone())
    }
}

/// Seats the lanes of one replica, in one tick.
#[derive(Debug)]
pub(crate) struct Usher {
    seats: Vec<Choices>,
    rotate: bool,
    replica: u32,
    key: Key,
}

#[derive(Debug)]
enum Choices {
    /// These chairs in turn, from lane to lane.
    InTurn(Range<u16>),
    /// Sums of weights up to and including each candidate, and its chairs.
    Drawn(Vec<(f64, Range<u16>)>),
}

impl Usher {
    /// For the replica numbered `replica` of the environment `name`. `clocks` are those at the start of the tick.
    ///
    /// # Errors
    /// Weights that are negative or all zero at this moment.
    pub(crate) fn new(
        seats: &ChangingSeats,
        chairs: &Chairs,
        name: &EntityName,
        seed: RunSeed,
        clocks: &Clocks,
        replica: u32,
    ) -> Result<Self, Fault> {
        let key = Key::of_seed(seed.0).entity(name);
        let choices = |(seat, choice): (usize, &ChangingSeat)| match choice {
            ChangingSeat::Always(agent) => Ok(Choices::InTurn(chairs.of_agent(*agent))),
            ChangingSeat::Drawn(candidates) => {
                let mut sum = 0.0;
                let mut sums = Vec::with_capacity(candidates.len());
                for (index, candidate) in candidates.iter().enumerate() {
                    let field = EntityName::new("field", format!("seats.{seat}.weights.{index}"));
                    let weight = candidate.weight.at(clocks, replica, key.entity(&field));
                    if !(weight.is_finite() && weight >= 0.0) {
                        return Err(refused(seat, &format!("weight {index} is {weight}")));
                    }
                    sum += weight;
                    sums.push((sum, chairs.of_agent(candidate.agent)));
                }
                if sum > 0.0 {
                    Ok(Choices::Drawn(sums))
                } else {
                    Err(refused(seat, "all weights are 0"))
                }
            }
        };
        Ok(Self {
            seats: seats.seats.iter().enumerate().map(choices).collect::<Result<_, _>>()?,
            rotate: seats.rotate,
            replica,
            key: key.replica(replica).purpose(Purpose::Seating),
        })
    }

    /// Who plays `episode` of `lane`: a chair per seat.
    pub(crate) fn seat(&self, lane: u32, episode: u32, chairs: &mut [u16]) {
        let seats = chairs.len() as u32;
        // With rotation, as many lanes as there are seats make a round in which everyone sits everywhere.
        let (shift, turn) = if self.rotate {
            (lane % seats, lane / seats)
        } else {
            (0, lane)
        };
        for (seat, chair) in (0..seats).zip(chairs) {
            let named = (seat + seats - shift) % seats;
            *chair = match &self.seats[named as usize] {
                Choices::InTurn(chairs) => {
                    let count = u64::from(chairs.end - chairs.start);
                    let turn = u64::from(turn) + u64::from(self.replica);
                    chairs.start + (turn % count.max(1)) as u16
                }
                Choices::Drawn(sums) => {
                    let [who, which] = self.key.fold(lane, episode).block(named, 0);
                    draw(sums, who, which)
                }
            };
        }
    }
}

/// An agent by weight, then one of its chairs, each as probable as the others.
fn draw(sums: &[(f64, Range<u16>)], who: u32, which: u32) -> u16 {
    let total = sums.last().map_or(0.0, |(sum, _)| *sum);
    let point = f64::from(who) / 4_294_967_296.0 * total;
    // Rounding may put the point on the total: then the last whose weight is not 0.
    let last = sums.iter().position(|(sum, _)| *sum >= total).unwrap_or(0);
    let found = sums.iter().position(|(sum, _)| point < *sum).unwrap_or(last);
    let chairs = &sums[found].1;
    chairs.start + below(which, u32::from(chairs.end - chairs.start)) as u16
}

fn refused(seat: usize, why: &str) -> Fault {
    Fault::run(format!("nobody can be drawn for seat {seat}: {why}"))
        .advise("weights are at least 0 at every moment, and one of them is more")
        .within(["seats".to_owned(), seat.to_string(), "weights".to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use starling_components::quantity::{Quantity, Varying};
    use starling_components::seating::Candidate;

    struct Table {
        ego: Entity,
        pool: Entity,
        clone: Entity,
    }

    impl Table {
        fn new() -> Self {
            let mut world = World::new();
            let [ego, pool, clone] = [(); 3].map(|()| world.spawn_empty().id());
            Self { ego, pool, clone }
        }
        /// Ego's own replica against one of its own, a pool of five, and a clone of its own.
        fn drawn(&self, weights: [f64; 3]) -> ChangingSeats {
            let agents = [self.ego, self.pool, self.clone];
            let candidate = |(agent, weight): (Entity, f64)| Candidate {
                agent,
                weight: weight.into(),
            };
            ChangingSeats {
                seats: vec![
                    ChangingSeat::Always(self.ego),
                    ChangingSeat::Drawn(agents.into_iter().zip(weights).map(candidate).collect()),
                ],
                rotate: false,
                own: vec![self.ego, self.clone],
                pools: vec![self.pool],
                lead: self.ego,
            }
        }
        fn usher(&self, seats: &ChangingSeats, clocks: &Clocks, replica: u32) -> Result<Usher, Fault> {
            let chairs = Chairs::of(seats, |agent| if agent == self.pool { 5 } else { 1 })?;
            assert_eq!(chairs.agents().last().map(|(_, chairs)| chairs.end), Some(7));
            let name = EntityName::new("environment", "kitchen");
            Usher::new(seats, &chairs, &name, RunSeed(3), clocks, replica)
        }
    }

    /// How often each of the seven chairs is drawn for seat 1.
    fn counts(usher: &Usher, draws: u32) -> [u32; 7] {
        let mut counts = [0; 7];
        for i in 0..draws {
            let mut chairs = [NOBODY; 2];
            usher.seat(i % 64, i / 64, &mut chairs);
            assert_eq!(chairs[0], 0);
            counts[usize::from(chairs[1])] += 1;
        }
        counts
    }

    /// Pearson's statistic against the 99.9 % quantile of `limit`; chairs without probability are never drawn.
    fn check_frequencies(weights: [f64; 3], replica: u32, limit: f64) {
        let table = Table::new();
        let seats = table.drawn(weights);
        let usher = table
            .usher(&seats, &Clocks::default(), replica)
            .expect("weights that can be drawn from");
        let draws = 64 * 300;
        let total: f64 = weights.iter().sum();
        let share = |weight: f64| weight / total * f64::from(draws);
        let mut expected = [share(weights[1]) / 5.0; 7];
        (expected[0], expected[1]) = (share(weights[0]), share(weights[2]));
        let mut statistic = 0.0;
        for (count, expected) in counts(&usher, draws).into_iter().zip(expected) {
            if expected == 0.0 {
                assert_eq!(count, 0);
            } else {
                statistic += (f64::from(count) - expected) * (f64::from(count) - expected) / expected;
            }
        }
        assert!(statistic < limit, "{weights:?}, replica {replica}: {statistic}");
    }

    #[test]
    fn partners_are_drawn_by_their_weights() {
        for replica in 0..4 {
            // Quantiles of chi-square with 6, 5, 4 and 0 degrees of freedom.
            check_frequencies([1.0, 1.0, 1.0], replica, 22.46);
            check_frequencies([3.0, 0.5, 0.25], replica, 22.46);
            check_frequencies([2.0, 5.0, 0.0], replica, 20.52);
            check_frequencies([0.0, 1e-9, 0.0], replica, 18.47);
            check_frequencies([7.0, 0.0, 0.0], replica, 1e-9);
        }
    }

    #[test]
    fn weights_follow_the_clock() {
        let table = Table::new();
        let mut seats = table.drawn([0.0, 1.0, 0.0]);
        let ChangingSeat::Drawn(candidates) = &mut seats.seats[1] else {
            panic!("seat 1 is drawn")
        };
        let line = r#"{"linear": {"from": 0.0, "to": 3.0, "clock": "ticks"}}"#;
        candidates[0].weight = Quantity::Varying(serde_json::from_str::<Varying>(line).expect("a line"));
        let share = |tick: u64| {
            let mut clocks = Clocks::default();
            (clocks.now.ticks, clocks.total.ticks) = (tick, 10);
            let usher = table.usher(&seats, &clocks, 0).expect("weights that can be drawn from");
            f64::from(counts(&usher, 6400)[0]) / 6400.0
        };
        assert_eq!(share(0), 0.0);
        assert!((share(5) - 0.6).abs() < 0.02 && (share(10) - 0.75).abs() < 0.02);
    }

    #[test]
    fn weights_that_cannot_be_drawn_from_are_refused() {
        let table = Table::new();
        for weights in [
            [0.0; 3],
            [1.0, -0.5, 0.0],
            [f64::NAN, 1.0, 1.0],
            [f64::INFINITY, 1.0, 1.0],
        ] {
            let fault = table.usher(&table.drawn(weights), &Clocks::default(), 0);
            let fault = fault.expect_err("wrong weights");
            assert_eq!(fault.key, ["seats", "1", "weights"]);
        }
    }

    #[test]
    fn rotation_and_pools_give_everyone_every_seat() {
        let table = Table::new();
        let mut seats = table.drawn([1.0; 3]);
        seats.seats[1] = ChangingSeat::Always(table.pool);
        for rotate in [false, true] {
            seats.rotate = rotate;
            for replica in [0, 3] {
                let usher = table.usher(&seats, &Clocks::default(), replica).expect("no draw");
                let mut met = std::collections::BTreeMap::new();
                for lane in 0..20 {
                    let mut chairs = [NOBODY; 2];
                    usher.seat(lane, lane * 7, &mut chairs);
                    let ego = chairs.iter().position(|&chair| chair == 0).expect("ego plays");
                    if lane == 0 {
                        assert_eq!((ego, chairs[1]), (0, 2 + replica as u16 % 5));
                    }
                    *met.entry((chairs[1 - ego], ego)).or_insert(0) += 1;
                }
                // 20 lanes: with each of the five four times, or twice in each of two seats.
                let expected = if rotate { (10, 2) } else { (5, 4) };
                assert_eq!(met.len(), expected.0, "{met:?}");
                assert!(met.values().all(|&count| count == expected.1), "{met:?}");
            }
        }
    }

    #[test]
    fn a_draw_is_a_function_of_replica_lane_and_episode() {
        let table = Table::new();
        let seats = table.drawn([1.0; 3]);
        let of = |replica, order: &[u32]| {
            let usher = table.usher(&seats, &Clocks::default(), replica).expect("equal weights");
            let mut drawn: Vec<_> = order
                .iter()
                .map(|&lane| {
                    let mut chairs = [NOBODY; 2];
                    usher.seat(lane, 5, &mut chairs);
                    (lane, chairs)
                })
                .collect();
            drawn.sort_unstable();
            drawn
        };
        assert_eq!(of(2, &[0, 1, 2, 3, 4, 5]), of(2, &[5, 3, 1, 0, 2, 4]));
        assert_ne!(of(2, &[0, 1, 2, 3, 4, 5]), of(1, &[0, 1, 2, 3, 4, 5]));
    }
}
