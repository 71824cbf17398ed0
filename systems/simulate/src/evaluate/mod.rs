//! Tick / Evaluate: frozen agents play whole episodes and are scored by the task reward.
//!
//! Lane l of an evaluation plays one episode, number 0, whose draws are keyed by (seed, evaluation, replica, tick): so a recorded row's
//! tick, replica and lane say all that is needed to simulate it again ([`crate::replay`]). Training lanes are not touched.

mod play;

use crate::cast::{Agents, Cast};
use crate::clocks::Advanced;
use crate::episodes::seat_mean;
use crate::normalize::{eyes, seeing};
use bevy_ecs::prelude::*;
use play::{Match, play};
use rayon::prelude::*;
use starling_components::EntityName;
use starling_components::clock::{Clocks, Member};
use starling_components::fault::Fault;
use starling_components::normalize::Normalization;
use starling_components::random::{Key, Purpose};
use starling_components::schedule::RunSeed;
use starling_components::simulate::LiveEnvironment;
use starling_components::specs::{EvaluateAt, EvaluateSpec};
use starling_components::table::Outbox;
use starling_components::tables::episodes::Episodes;
use starling_components::tables::metrics::Metrics;

/// Whose rules an evaluation plays, and who plays: on the entity of `[evaluate.x]`. Derived.
#[derive(Component, Debug, Clone, PartialEq, Eq)]
pub struct EvaluateSeats {
    /// The environment.
    pub environment: Entity,
    /// The agent in each seat.
    pub agents: Vec<Entity>,
}

/// The key of what an evaluation's lanes draw in `tick`.
pub(crate) fn lanes_key(seed: RunSeed, evaluation: &EntityName, replica: u32, tick: u64) -> Key {
    let key = Key::of_seed(seed.0).entity(evaluation).replica(replica);
    of_tick(key.purpose(Purpose::Environment), tick)
}

fn of_tick(key: Key, tick: u64) -> Key {
    key.fold(tick as u32, (tick >> 32) as u32)
}

/// Runs the evaluations that are due.
///
/// # Errors
/// Whatever a policy or an environment refuses, of all evaluations.
pub fn evaluate(
    evaluations: Query<(&EntityName, &EvaluateSpec, &EvaluateSeats, &Member)>,
    environments: Query<&LiveEnvironment>,
    agents: Agents<'_, '_>,
    normalizations: Query<(&EntityName, &Normalization)>,
    groups: Query<(&Clocks, &Advanced)>,
    seed: Res<RunSeed>,
    mut outbox: ResMut<Outbox>,
) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    let statistics: Vec<_> = normalizations.iter().collect();
    let mut sorted: Vec<_> = evaluations.iter().collect();
    sorted.sort_by_key(|(name, ..)| *name);
    for (name, spec, seats, member) in sorted {
        let (Ok((clocks, advanced)), Ok(environment)) = (groups.get(member.0), environments.get(seats.environment))
        else {
            continue;
        };
        let tick = clocks.tick();
        let due = match spec.at {
            EvaluateAt::When(_) => clocks.finished,
            EvaluateAt::Every { every } => clocks.finished || tick.is_multiple_of(every.max(1)),
        };
        if !advanced.0 || !due {
            continue;
        }
        let path = [name.table.clone(), name.key.clone()];
        let cast = match Cast::of(&seats.agents, &agents, *seed) {
            Ok(cast) => cast,
            Err(fault) => {
                faults.push(fault.within(path));
                continue;
            }
        };
        let shape = environment.0.shape();
        let results: Vec<_> = (0..cast.replicas.len())
            .into_par_iter()
            .map(|index| {
                let replica = cast.replicas[index];
                let players = cast.players(index, |key| of_tick(key.entity(name), tick));
                let eyes = eyes(&players, &statistics, index);
                let game = Match {
                    environment: &*environment.0,
                    key: lanes_key(*seed, name, replica, tick),
                    players: &seeing(&players, &eyes),
                    carry: cast.carry(),
                    episodes: spec.episodes as usize,
                    greedy: spec.greedy,
                    recorded: spec.trajectories as usize,
                };
                play(&game)
            })
            .collect();
        let entity = name.to_string();
        let (mut episodes, mut metrics) = (Episodes::new(shape.seats.len()), Metrics::default());
        let mut trajectories = Vec::new();
        for (index, result) in results.into_iter().enumerate() {
            let replica = cast.replicas[index];
            let played = match result {
                Ok(played) => played,
                Err(mut fault) => {
                    fault.message = format!("{entity}, replica {replica}, tick {tick}: {}", fault.message);
                    faults.push(if fault.key.is_empty() {
                        fault.within(path.clone())
                    } else {
                        fault
                    });
                    continue;
                }
            };
            let finished = &played.finished;
            let seating = cast.seating(index, &[]);
            finished.write(&mut episodes, tick, &entity, replica, |_| seating.clone());
            let returns: Vec<f64> = finished.iter().map(|ended| seat_mean(ended.returns)).collect();
            let score = Score::of(&returns);
            let length = finished.means().map_or(0.0, |(_, length)| length);
            let numbers = [
                ("return_mean", score.mean),
                ("return_std", score.std),
                ("return_min", score.min),
                ("return_max", score.max),
                ("length_mean", length),
            ];
            for (metric, value) in numbers {
                metrics.push(tick, clocks.now.env_steps, &entity, replica, metric, value);
            }
            trajectories.push(played.trajectories(&entity, replica, tick, seating, shape).into_block());
        }
        let tables = [metrics.into_block(), episodes.into_block()];
        let blocks = tables.into_iter().chain(trajectories);
        outbox.0.extend(blocks.filter(|block| block.rows() > 0));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// Returns of a set of episodes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Score {
    mean: f64,
    /// Standard deviation of the episodes (divided by their number, not one less).
    std: f64,
    min: f64,
    max: f64,
}

impl Score {
    fn of(returns: &[f64]) -> Self {
        let count = returns.len().max(1) as f64;
        let mean = returns.iter().sum::<f64>() / count;
        let squares: f64 = returns.iter().map(|r| (r - mean) * (r - mean)).sum();
        Self {
            mean,
            std: (squares / count).sqrt(),
            min: returns.iter().copied().fold(f64::INFINITY, f64::min),
            max: returns.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn score_of_three_episodes() {
        let score = Score::of(&[0.0, 20.0, 40.0]);
        assert_eq!((score.mean, score.min, score.max), (20.0, 0.0, 40.0));
        assert!((score.std - (800.0_f64 / 3.0).sqrt()).abs() < 1e-12);
    }
}
