//! Tick / Collect of evolutions: every member of a generation plays whole episodes and is scored by the task reward.
//!
//! A member's score is a function of (seed, evolution, replica, generation, member), whoever computes it: processes share the members out, and
//! tell each other the scores.

use crate::cast::{Agents, Cast};
use crate::episodes::Finished;
use crate::evaluate::{Match, of_tick, play};
use bevy_ecs::prelude::*;
use rayon::prelude::*;
use starling_components::EntityName;
use starling_components::clock::{Clocks, Member};
use starling_components::evolve::{EvolveSeats, Generation, LiveStrategy, Scores};
use starling_components::fault::Fault;
use starling_components::parameters::Parameters;
use starling_components::random::{Key, Purpose};
use starling_components::ranks::{Ranks, Reader, Writer};
use starling_components::schedule::RunSeed;
use starling_components::simulate::{LiveEnvironment, Simulate};
use starling_components::specs::EvolveSpec;

type Evolutions<'w, 's> = Query<
    'w,
    's,
    (
        &'static EntityName,
        &'static EvolveSpec,
        &'static EvolveSeats,
        &'static Member,
        &'static LiveStrategy,
        &'static mut Scores,
    ),
>;

/// Scores a generation of every evolution that runs.
///
/// # Errors
/// Whatever a policy or an environment refuses.
#[allow(clippy::too_many_arguments)] // what a system reads
pub fn score(
    mut evolutions: Evolutions<'_, '_>,
    environments: Query<&LiveEnvironment>,
    agents: Agents<'_, '_>,
    varied: Query<(&EntityName, &Parameters)>,
    groups: Query<&Clocks>,
    seed: Res<RunSeed>,
    ranks: Option<Res<Ranks>>,
) -> Result<(), Vec<Fault>> {
    let ranks = ranks.as_deref().cloned().unwrap_or_default();
    let mut faults = Vec::new();
    let mut sorted: Vec<_> = evolutions.iter_mut().collect();
    sorted.sort_by_key(|(name, ..)| *name);
    for (name, spec, seats, member, strategy, mut scores) in sorted {
        let clocks = groups.get(member.0).ok().filter(|clocks| clocks.running());
        let (Some(clocks), Ok(environment)) = (clocks, environments.get(seats.environment)) else {
            continue;
        };
        let Ok((agent, parameters)) = varied.get(seats.agent) else {
            continue;
        };
        let scored = Cast::of(&seats.seats, &agents, *seed).and_then(|cast| {
            let trial = Trial {
                name,
                spec,
                agent,
                parameters,
                strategy,
                environment: &*environment.0,
                cast,
                clocks: *clocks,
                seed: *seed,
                tick: clocks.tick() + 1,
            };
            trial.scores(&ranks)
        });
        match scored {
            Ok(found) => *scores = found,
            Err(fault) => faults.push(fault.within([name.table.clone(), name.key.clone()])),
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// A generation of one evolution.
struct Trial<'a> {
    name: &'a EntityName,
    spec: &'a EvolveSpec,
    agent: &'a EntityName,
    parameters: &'a Parameters,
    strategy: &'a LiveStrategy,
    environment: &'a dyn Simulate,
    cast: Cast<'a>,
    clocks: Clocks,
    seed: RunSeed,
    /// Number of the generation.
    tick: u64,
}

impl Trial<'_> {
    fn scores(&self, ranks: &Ranks) -> Result<Scores, Fault> {
        let (replicas, population) = (self.cast.replicas.len(), self.strategy.0.population());
        let own = ranks.share(population);
        let members = own.len();
        let played: Result<Vec<(f64, u64)>, Fault> = (0..replicas * members)
            .into_par_iter()
            .map(|task| self.play(task / members, own.start + task % members))
            .collect();
        if !ranks.several() {
            return Ok(Scores::of(&played?, replicas));
        }
        let all = ranks.gather(played.map(|played| encode(&played)));
        let told = ranks.broadcast(|| {
            let parts: Vec<Vec<(f64, u64)>> = all?.iter().map(|message| decode(message)).collect::<Result<_, _>>()?;
            let mut whole = Vec::with_capacity(replicas * population);
            for replica in 0..replicas {
                for part in &parts {
                    let members = part.len() / replicas;
                    whole.extend_from_slice(&part[replica * members..(replica + 1) * members]);
                }
            }
            Ok(encode(&whole))
        })?;
        Ok(Scores::of(&decode(&told)?, replicas))
    }

    /// Mean return of the episodes of a member, and how many steps they took.
    fn play(&self, index: usize, member: usize) -> Result<(f64, u64), Fault> {
        let replica = self.cast.replicas[index];
        let key = Key::of_seed(self.seed.0).entity(self.name).replica(replica);
        let generation = Generation {
            clocks: self.clocks,
            number: self.tick,
            replica,
            key: key.purpose(Purpose::Learn),
        };
        let parameters = self.parameters.replica(index);
        let mut own = vec![0.0; parameters.len()];
        self.strategy.0.member(parameters, &generation, member, &mut own);
        let moment = |key: Key| {
            let key = of_tick(key, self.tick);
            match self.spec.shared_draws {
                true => key,
                false => key.fold(member as u32, 0x4D45_4D42),
            }
        };
        let mut players = self
            .cast
            .players(index, &self.clocks, |key| moment(key.entity(self.name)));
        let mut seated: &[usize] = &[];
        for player in players.iter_mut().filter(|player| player.name == self.agent.key) {
            (player.parameters, seated) = (&own, player.seats);
        }
        let carry = players.iter().map(|player| player.policy.carry_len()).max();
        let played = play(&Match {
            environment: self.environment,
            key: moment(key.purpose(Purpose::Environment)),
            players: &players,
            carry: carry.unwrap_or(0),
            episodes: self.spec.episodes as usize,
            greedy: self.spec.greedy,
            recorded: 0,
        });
        let played = played.map_err(|mut fault| {
            let (name, tick) = (self.name, self.tick);
            fault.message = format!(
                "{name}, replica {replica}, generation {tick}, member {member}: {}",
                fault.message
            );
            fault
        })?;
        Ok(mean_return(&played.finished, seated))
    }
}

/// Mean over episodes, by lane, of the mean return of these seats; steps of all.
fn mean_return(finished: &Finished, seats: &[usize]) -> (f64, u64) {
    let mut episodes: Vec<_> = finished.iter().collect();
    episodes.sort_by_key(|ended| ended.lane);
    let of = |returns: &[f32]| seats.iter().map(|&seat| f64::from(returns[seat])).sum::<f64>() / seats.len() as f64;
    let sum: f64 = episodes.iter().map(|ended| of(ended.returns)).sum();
    let steps = episodes.iter().map(|ended| u64::from(ended.length)).sum();
    (sum / episodes.len() as f64, steps)
}

fn encode(played: &[(f64, u64)]) -> Vec<u8> {
    let (scores, steps): (Vec<f64>, Vec<u64>) = played.iter().copied().unzip();
    let mut message = Writer::default();
    message.list(&scores).list(&steps);
    message.finish()
}

fn decode(message: &[u8]) -> Result<Vec<(f64, u64)>, Fault> {
    let mut message = Reader::new(message);
    let (scores, steps) = (message.list()?, message.list()?);
    Ok(scores.into_iter().zip(steps).collect())
}
