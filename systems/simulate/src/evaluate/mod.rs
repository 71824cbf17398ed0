//! Tick / Evaluate: frozen agents play whole episodes and are scored by the task reward.
//!
//! An evaluation is a list of cells: the same replicas in the same seats. Lane l of a cell plays one episode, number 0, whose draws are keyed by
//! (seed, evaluation, seating, tick): so a recorded row's tick, seating and lane say all that is needed to simulate it again
//! ([`crate::replay`]). Training lanes are not touched.

mod cells;
mod due;
mod play;
mod score;

use crate::cast::Agents;
use crate::episodes::Finished;
use crate::normalize::Normalised;
use bevy_ecs::prelude::*;
pub(crate) use cells::of_seating;
use cells::{Cell, Role, cells};
use due::Due;
pub use due::Evaluated;
use play::Played;
pub(crate) use play::{Match, play};
use rayon::prelude::*;
use score::{Score, cross_play, episodes, push_match};
use starling_components::EntityName;
use starling_components::clock::Member;
use starling_components::fault::Fault;
use starling_components::normalize::Normalization;
use starling_components::random::{Key, Purpose};
use starling_components::ranks::Ranks;
use starling_components::schedule::RunSeed;
use starling_components::simulate::{LiveEnvironment, Simulate};
use starling_components::specs::{EvaluateSpec, Pair};
use starling_components::table::{Block, Outbox};
use starling_components::tables::episodes::Episodes;
use starling_components::tables::events::Events;
use starling_components::tables::matches::Matches;
use starling_components::tables::metrics::Metrics;
use std::collections::BTreeMap;

/// Whose rules an evaluation plays, and who plays: on the entity of `[evaluate.x]`. Derived.
#[derive(Component, Debug, Clone, PartialEq, Eq)]
pub struct EvaluateSeats {
    /// The environment.
    pub environment: Entity,
    /// The agent in each seat.
    pub agents: Vec<Entity>,
}

/// The key of what the lanes of a cell draw in `tick`; `replica` sits in the first seat.
pub(crate) fn lanes_key(seed: RunSeed, evaluation: &EntityName, replica: u32, seating: &str, tick: u64) -> Key {
    let key = Key::of_seed(seed.0).entity(evaluation).replica(replica);
    of_seating(of_tick(key.purpose(Purpose::Environment), tick), seating)
}

pub(crate) fn of_tick(key: Key, tick: u64) -> Key {
    key.fold(tick as u32, (tick >> 32) as u32)
}

/// Runs the evaluations that are due.
///
/// # Errors
/// Whatever a policy or an environment refuses, of all evaluations.
#[allow(clippy::too_many_arguments)] // what a system reads
pub fn evaluate(
    mut evaluations: Query<(&EntityName, &EvaluateSpec, &EvaluateSeats, &Member, &mut Evaluated)>,
    environments: Query<&LiveEnvironment>,
    agents: Agents<'_, '_>,
    normalizations: Query<&Normalization>,
    due: Due<'_, '_>,
    seed: Res<RunSeed>,
    ranks: Option<Res<Ranks>>,
    mut outbox: ResMut<Outbox>,
) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    let mut sorted: Vec<_> = evaluations.iter_mut().collect();
    sorted.sort_by_key(|(name, ..)| *name);
    for (name, spec, seats, member, mut last) in sorted {
        let Some(clocks) = due.clocks(spec.at, *member, &seats.agents, *last) else {
            continue;
        };
        let Ok(environment) = environments.get(seats.environment) else {
            continue;
        };
        let tick = clocks.tick();
        *last = Evaluated(tick);
        let play = || {
            let (roles, seats) = roles(&seats.agents, &agents, &normalizations, *seed).map_err(|fault| vec![fault])?;
            let evaluation = Evaluation {
                name,
                spec,
                environment: &*environment.0,
                cells: cells(&roles, &seats, spec.pair, spec.rotate),
                roles,
                one_agent: seats.iter().all(|role| *role == seats[0]),
                seed: *seed,
                tick,
                env_steps: clocks.now.env_steps,
            };
            evaluation.blocks()
        };
        // Rank 0 plays for all.
        let result = match ranks.as_ref().filter(|ranks| ranks.several()) {
            Some(ranks) => {
                let rows = ranks.rows(|| play().map_err(|mut found| found.swap_remove(0)));
                rows.map_err(|fault| vec![fault])
            }
            None => play(),
        };
        match result {
            Ok(blocks) => outbox.0.extend(blocks.into_iter().filter(|block| block.rows() > 0)),
            Err(found) => faults.extend(found.into_iter().map(|fault| {
                if fault.key.is_empty() {
                    fault.within([name.table.clone(), name.key.clone()])
                } else {
                    fault
                }
            })),
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// Every agent of `seating` once, and the index of each seat's.
fn roles<'a>(
    seating: &[Entity],
    agents: &'a Agents<'_, '_>,
    normalizations: &'a Query<'_, '_, &Normalization>,
    seed: RunSeed,
) -> Result<(Vec<Role<'a>>, Vec<usize>), Fault> {
    let mut entities: Vec<Entity> = Vec::new();
    let mut roles = Vec::new();
    let mut seats = Vec::new();
    for &entity in seating {
        if let Some(role) = entities.iter().position(|known| *known == entity) {
            seats.push(role);
            continue;
        }
        let Ok((name, policy, parameters, replicas, _)) = agents.get(entity) else {
            return Err(Fault::run("the agent of a seat has no policy to act by"));
        };
        seats.push(roles.len());
        entities.push(entity);
        let normalization = normalizations.get(entity).ok();
        let eyes = (0..replicas.0.len()).map(|index| Normalised::of(&*policy.0, normalization, index));
        roles.push(Role {
            name,
            eyes: eyes.collect(),
            policy: &*policy.0,
            parameters,
            replicas: &replicas.0,
            key: Key::of_seed(seed.0).entity(name),
        });
    }
    Ok((roles, seats))
}

/// One evaluation at one moment.
struct Evaluation<'a> {
    name: &'a EntityName,
    spec: &'a EvaluateSpec,
    environment: &'a dyn Simulate,
    roles: Vec<Role<'a>>,
    cells: Vec<Cell>,
    /// One agent has every seat.
    one_agent: bool,
    seed: RunSeed,
    tick: u64,
    env_steps: u64,
}

impl Evaluation<'_> {
    /// Plays all cells and gives the rows.
    fn blocks(&self) -> Result<Vec<Block>, Vec<Fault>> {
        let results: Vec<_> = self.cells.par_iter().map(|cell| self.play(cell)).collect();
        let (entity, tick) = (self.name.to_string(), self.tick);
        let shape = self.environment.shape();
        let (seats, mut events) = (shape.seats.len(), Events::default());
        let (mut table, mut matches) = (Episodes::new(seats), Matches::new(seats));
        let mut trajectories = Vec::new();
        let mut scored: Vec<(&Cell, Score, Finished)> = Vec::new();
        let mut faults = Vec::new();
        for (cell, result) in self.cells.iter().zip(results) {
            let played = match result {
                Ok(played) => played,
                Err(mut fault) => {
                    fault.message = format!("{entity}, {}, tick {tick}: {}", cell.seating, fault.message);
                    faults.push(fault);
                    continue;
                }
            };
            let replica = cell.replicas[0];
            let seating = cell.seating.clone();
            trajectories.push(played.trajectories(&entity, replica, tick, seating, shape));
            played
                .finished
                .write(&mut table, tick, &entity, replica, |_| cell.seating.clone());
            events.push(
                tick,
                &entity,
                &cell.seating,
                &shape.events,
                &played.events,
                played.finished.len(),
            );
            let score = push_match(&mut matches, tick, &entity, cell, &played.finished);
            scored.push((cell, score, played.finished));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let tables = [
            self.metrics(&entity, &scored),
            table.into_block(),
            matches.into_block(),
            events.into_block(),
        ];
        let trajectories = trajectories.into_iter().map(|rows| rows.into_block());
        Ok(tables.into_iter().chain(trajectories).collect())
    }

    fn play(&self, cell: &Cell) -> Result<Played, Fault> {
        let place = |key: Key| of_tick(key.entity(self.name), self.tick);
        let carry = self.roles.iter().map(|role| role.policy.carry_len()).max();
        play(&Match {
            environment: self.environment,
            key: lanes_key(self.seed, self.name, cell.replicas[0], &cell.seating, self.tick),
            players: &cell.players(&self.roles, self.spec.explore, place),
            carry: carry.unwrap_or(0),
            episodes: self.spec.episodes as usize,
            greedy: self.spec.greedy,
            recorded: self.spec.trajectories as usize,
        })
    }

    /// By index: the score of every replica, over all rotations. Product of one agent with itself: how each replica plays with itself and
    /// with others. What several agents score together belongs to no replica; it is in `matches` alone.
    fn metrics(&self, entity: &str, scored: &[(&Cell, Score, Finished)]) -> Block {
        let mut metrics = Metrics::default();
        let mut push = |replica: u32, numbers: &[(&str, f64)]| {
            for (metric, value) in numbers {
                metrics.push(self.tick, self.env_steps, entity, replica, metric, *value);
            }
        };
        match self.spec.pair {
            Pair::Index => {
                let mut replicas: BTreeMap<u32, Vec<(f64, f64)>> = BTreeMap::new();
                for (cell, _, finished) in scored {
                    replicas.entry(cell.replicas[0]).or_default().extend(episodes(finished));
                }
                for (replica, episodes) in replicas {
                    let score = Score::of(&episodes);
                    let numbers = [
                        ("return_mean", score.mean),
                        ("return_std", score.std),
                        ("return_min", score.min),
                        ("return_max", score.max),
                        ("length_mean", score.length),
                    ];
                    push(replica, &numbers);
                }
            }
            Pair::Product if self.one_agent && self.environment.shape().seats.len() > 1 => {
                let cells = scored.iter().map(|(cell, score, _)| (&cell.replicas[..], score.mean));
                for (replica, score) in cross_play(cells) {
                    push(replica, &[("self_play_mean", score.own)]);
                    if let Some(others) = score.others {
                        push(replica, &[("cross_play_mean", others), ("gap", score.own - others)]);
                    }
                }
            }
            Pair::Product => {}
        }
        metrics.into_block()
    }
}
