//! Tick / Collect: environments x seating x agents -> rollouts, episode rows, trajectory rows, metrics.
//!
//! Replicas are collected in parallel; what they return is written in the order of the pipeline: entities by name, then replica. Where
//! several processes share the lanes, rank 0 writes for all of them, and everyone gets the metrics, by which stages and agents decide.

mod ranks;
mod replica;

use crate::blocks::LaneBlocks;
use crate::cast::{Agents, Cast};
use crate::episodes::Finished;
use crate::normalize;
use crate::record::RecordPlan;
use crate::trajectories::{Origin, rows_of};
use bevy_ecs::prelude::*;
use rayon::prelude::*;
pub(crate) use replica::{StepLaps, collect_replica};
use starling_components::EntityName;
use starling_components::clock::{Clocks, Member};
use starling_components::fault::Fault;
use starling_components::normalize::Normalization;
use starling_components::profile::Profile;
use starling_components::ranks::Ranks;
use starling_components::rollout::{ReplicaRollout, Rollout};
use starling_components::schedule::RunSeed;
use starling_components::seating::Seating;
use starling_components::simulate::LiveEnvironment;
use starling_components::specs::RecordSpec;
use starling_components::table::{Block, Outbox};
use starling_components::tables::episodes::Episodes;
use starling_components::tables::metrics::Metrics;

/// How an environment is collected: on the entity of `[environment.x]`. Derived.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq)]
pub struct CollectPlan {
    /// Steps of a rollout.
    pub steps: usize,
    /// A learner reads observations before auto-reset.
    pub final_observations: bool,
    /// A learner reads the value estimates of the last observations; else they are zeros.
    pub last_values: bool,
}

/// What one replica hands back.
struct Collected {
    finished: Finished,
    /// Return of each lane's last finished episode, `[lanes]`.
    last_returns: Vec<f32>,
    trajectories: Option<Recorded>,
    /// None of what several processes collected.
    laps: Option<StepLaps>,
}

/// Rows of `trajectories`, and how many each step of the rollout has.
struct Recorded {
    rows: Block,
    by_step: Vec<u32>,
}

/// Environments to collect from.
type Environments<'w, 's> = Query<
    'w,
    's,
    (
        &'static EntityName,
        &'static LiveEnvironment,
        &'static Seating,
        &'static Member,
        &'static CollectPlan,
        &'static mut LaneBlocks,
        &'static mut Rollout,
    ),
>;

/// Fills the rollout of every environment whose group has not finished.
///
/// # Errors
/// Whatever a policy or an environment refuses, of all environments.
#[allow(clippy::too_many_arguments)] // what a system reads
pub fn collect(
    mut environments: Environments<'_, '_>,
    agents: Agents<'_, '_>,
    mut normalizations: Query<&mut Normalization>,
    mut groups: Query<&mut Clocks>,
    record: Query<&RecordSpec>,
    seed: Res<RunSeed>,
    ranks: Option<Res<Ranks>>,
    mut outbox: ResMut<Outbox>,
    mut profile: Option<ResMut<Profile>>,
) -> Result<(), Vec<Fault>> {
    let ranks = ranks.as_deref().cloned().unwrap_or_default();
    let timed = profile.as_ref().is_some_and(|profile| profile.on);
    let plan = RecordPlan::of(record.iter().next());
    let mut faults = Vec::new();
    let mut parts: Vec<_> = environments.iter_mut().collect();
    parts.sort_by_key(|(name, ..)| *name);
    for (name, environment, seating, member, collect, mut blocks, mut rollout) in parts {
        let Ok(mut clocks) = groups.get_mut(member.0) else {
            continue;
        };
        if !clocks.running() {
            continue;
        }
        let cast = match Cast::of_seating(seating, &agents, *seed) {
            Ok(cast) => cast,
            Err(fault) => {
                faults.push(fault.within(path(name)));
                continue;
            }
        };
        let (begun, tick) = (*clocks, clocks.tick() + 1);
        let entity = name.to_string();
        let shape = environment.0.shape();
        blocks.ensure_started();
        if rollout.replicas.is_empty() {
            let (lanes, carry) = (blocks.lanes, blocks.carry);
            let changing = blocks.changing;
            let new = |_: &u32| {
                let zeros = ReplicaRollout::zeros(shape, collect.steps, lanes, carry, collect.final_observations);
                if changing { zeros.with_chairs() } else { zeros }
            };
            rollout.replicas = cast.replicas.iter().map(new).collect();
        }
        // An agent that normalises fills every seat.
        let first = match seating {
            Seating::Fixed(seats) => seats.first(),
            Seating::Changing(_) => None,
        };
        let mut normalization = first.and_then(|&agent| normalizations.get_mut(agent).ok());
        let statistics = normalize::live(normalization.as_deref_mut(), cast.replicas.len());
        let work = blocks
            .replicas
            .par_iter_mut()
            .zip(&mut rollout.replicas)
            .zip(statistics)
            .enumerate();
        let results: Vec<Result<Collected, Fault>> = work
            .map(|(index, ((lanes, rollout), statistics))| {
                let players = cast.players(index, &begun, |key| key.entity(name));
                let usher = cast.usher(index, name, *seed, &begun);
                let usher = usher.map_err(|fault| fault.within(path(name)))?;
                let before = plan.trajectories.is_some().then(|| {
                    let block = &lanes.block;
                    (block.episodes().to_vec(), block.episode_steps().to_vec())
                });
                let mut laps = StepLaps::new(timed);
                let finished = collect_replica(
                    shape,
                    &players,
                    usher.as_ref(),
                    lanes,
                    rollout,
                    statistics,
                    collect.last_values,
                    &mut laps,
                )?;
                let seating = |chairs: &[u16]| cast.seating(index, chairs);
                let origin = Origin {
                    tick,
                    entity: &entity,
                    replica: cast.replicas[index],
                    first_lane: lanes.first,
                    seating: &seating,
                };
                let trajectories = plan.trajectories.zip(before).map(|(spec, (episodes, steps))| {
                    let (rows, by_step) = rows_of(rollout, origin, spec, &episodes, &steps);
                    let rows = rows.into_block();
                    Recorded { rows, by_step }
                });
                Ok(Collected {
                    finished,
                    last_returns: lanes.last_returns.clone(),
                    trajectories,
                    laps: Some(laps),
                })
            })
            .collect();
        clocks.now.env_steps += (blocks.all * collect.steps) as u64;
        let mut results = results.into_iter().zip(cast.replicas).map(|(result, number)| {
            result.map_err(|mut fault| {
                fault.message = format!("{entity}, replica {number}, tick {tick}: {}", fault.message);
                fault
            })
        });
        let collected = if ranks.several() {
            results.collect::<Result<Vec<_>, _>>().map_err(|fault| vec![fault])
        } else {
            let (mut well, mut found) = (Vec::new(), Vec::new());
            results.by_ref().for_each(|result| match result {
                Ok(collected) => well.push(collected),
                Err(fault) => found.push(fault),
            });
            if found.is_empty() { Ok(well) } else { Err(found) }
        };
        if let (Some(profile), Ok(collected)) = (profile.as_mut().filter(|_| timed), &collected) {
            for laps in collected.iter().filter_map(|one| one.laps.as_ref()) {
                let times = replica::STAGES.into_iter().zip(laps.times());
                times.for_each(|(stage, time)| profile.add(stage, time));
            }
        }
        let metrics_due = plan.metrics_due(tick, clocks.ticks_before + clocks.total.ticks);
        let rows = Rows {
            entity: &entity,
            tick,
            env_steps: clocks.now.env_steps,
            metrics_due,
            seats: shape.seats.len(),
            cast: &cast,
        };
        let blocks = if ranks.several() {
            let own = collected.map_err(|mut found| found.swap_remove(0));
            let all = ranks::gathered(&ranks, own);
            ranks.rows(|| Ok(rows.blocks(all?))).map_err(|fault| vec![fault])
        } else {
            collected.map(|collected| rows.blocks(collected))
        };
        match blocks {
            Ok(blocks) => outbox.0.extend(blocks),
            Err(found) => faults.extend(found),
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// What the rows of one environment have in common.
struct Rows<'a> {
    entity: &'a str,
    tick: u64,
    env_steps: u64,
    metrics_due: bool,
    seats: usize,
    cast: &'a Cast<'a>,
}

impl Rows<'_> {
    /// Metrics, episodes and trajectories of all replicas; no block without rows.
    fn blocks(&self, collected: Vec<Collected>) -> Vec<Block> {
        let (mut episodes, mut metrics) = (Episodes::new(self.seats), Metrics::default());
        let mut trajectories = Vec::new();
        for (index, (collected, &number)) in collected.into_iter().zip(self.cast.replicas).enumerate() {
            let finished = &collected.finished;
            let seating = |chairs: &[u16]| self.cast.seating(index, chairs);
            finished.write(&mut episodes, self.tick, self.entity, number, seating);
            trajectories.extend(collected.trajectories.map(|recorded| recorded.rows));
            if self.metrics_due {
                let mut push = |name, value| metrics.push(self.tick, self.env_steps, self.entity, number, name, value);
                if let Some((returns, lengths)) = finished.means() {
                    push("episode_return", returns);
                    push("episode_length", lengths);
                }
                let last: f64 = collected.last_returns.iter().map(|&r| f64::from(r)).sum();
                push("episode_return_carried", last / collected.last_returns.len() as f64);
                push("episodes", finished.len() as f64);
            }
        }
        let tables = [metrics.into_block(), episodes.into_block()];
        let blocks = tables.into_iter().chain(trajectories);
        blocks.filter(|block| block.rows() > 0).collect()
    }
}

fn path(name: &EntityName) -> [String; 2] {
    [name.table.clone(), name.key.clone()]
}
