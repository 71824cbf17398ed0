//! Buffers of visited states: filled by playing apart from the training lanes, and drawn from by every episode that starts.
//!
//! Before a tick collects, a buffer that is due plays whole episodes from the rules' own start states with the parameters of that moment; what
//! it draws is keyed by (seed, buffer, replicas that meet, tick). Everyone who starts from it is handed the new states.

mod play;

use crate::blocks::LaneBlocks;
use crate::cast::Agents;
use bevy_ecs::prelude::*;
use play::{Game, Seat, play};
use rayon::prelude::*;
use starling_components::EntityName;
use starling_components::clock::{Clocks, Member};
use starling_components::fault::Fault;
use starling_components::normalize::Normalization;
use starling_components::persist::{Persist, Section, SectionReader, TensorData};
use starling_components::schedule::RunSeed;
use starling_components::seating::Seating;
use starling_components::simulate::LiveEnvironment;
use starling_components::specs::{BufferSpec, Pair, Refresh, Scope};
use starling_components::table::Outbox;
use starling_components::tables::metrics::Metrics;
use std::sync::Arc;

/// The states of a buffer: on the entity of `[buffer.x]`. Saved.
#[derive(Component, Debug, Clone, PartialEq, Eq)]
pub struct StateBuffer {
    /// The environment whose states these are.
    pub environment: Entity,
    /// Words of one state.
    pub words: usize,
    /// `[entries, state_words]` per replica, or one for everybody; none before the first filling.
    pub states: Vec<Arc<[u32]>>,
}

/// Where the episodes of an environment start: on its entity. Derived.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartsFrom(pub Entity);

impl StateBuffer {
    /// The states that the replica at `index` starts from.
    fn of(&self, index: usize) -> Option<&Arc<[u32]>> {
        self.states.get(index).or(self.states.first())
    }
}

impl Persist for StateBuffer {
    const SECTION: &'static str = "states";

    fn save(&self, section: &mut Section<'_>) {
        let parts = self.states.len();
        section.put("parts", &[1], TensorData::U32(vec![parts as u32]));
        if parts == 0 {
            return;
        }
        let words: Vec<u32> = self.states.iter().flat_map(|part| part.iter().copied()).collect();
        let entries = self.states.iter().map(|part| (part.len() / self.words) as u32);
        section.put("entries", &[parts], TensorData::U32(entries.collect()));
        section.put("words", &[words.len() / self.words, self.words], TensorData::U32(words));
    }

    fn restore(&mut self, section: &SectionReader<'_>) -> Result<(), Fault> {
        let parts = section.u32("parts", &[1])?[0] as usize;
        self.states.clear();
        if parts == 0 {
            return Ok(());
        }
        let entries = section.u32("entries", &[parts])?;
        let total = entries.iter().map(|&n| n as usize).sum();
        let words = section.u32("words", &[total, self.words])?;
        let mut rest = &words[..];
        for count in entries {
            let (part, after) = rest.split_at(count as usize * self.words);
            self.states.push(part.into());
            rest = after;
        }
        Ok(())
    }
}

type Buffers<'w, 's> = Query<
    'w,
    's,
    (
        Entity,
        &'static EntityName,
        &'static BufferSpec,
        &'static mut StateBuffer,
    ),
>;
type Environments<'w, 's> = Query<
    'w,
    's,
    (
        &'static EntityName,
        &'static StartsFrom,
        &'static Member,
        &'static mut LaneBlocks,
    ),
>;

/// Fills the buffers that are due, and hands their states to the environments that start from them.
///
/// # Errors
/// Whatever a policy or an environment refuses.
#[allow(clippy::too_many_arguments)] // what a system reads
pub fn fill(
    mut buffers: Buffers<'_, '_>,
    mut environments: Environments<'_, '_>,
    seated: Query<(&LiveEnvironment, &Seating)>,
    agents: Agents<'_, '_>,
    normalizations: Query<&Normalization>,
    groups: Query<&Clocks>,
    seed: Res<RunSeed>,
    mut outbox: ResMut<Outbox>,
) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    let mut metrics = Metrics::default();
    let mut sorted: Vec<_> = buffers.iter_mut().collect();
    sorted.sort_by_key(|(_, name, ..)| *name);
    for (entity, name, spec, mut buffer) in sorted {
        let mut users: Vec<_> = environments
            .iter_mut()
            .filter(|(_, starts, ..)| starts.0 == entity)
            .collect();
        users.sort_by_key(|(name, ..)| *name);
        let running = |member: &Member| groups.get(member.0).ok().filter(|clocks| clocks.running()).copied();
        let mut clocks = users.iter().filter_map(|(_, _, member, _)| running(member));
        let due = clocks.find(|clocks| is_due(spec, clocks));
        let first = users.iter().find_map(|(_, _, member, _)| running(member));
        if let Some(clocks) = due.or(first.filter(|_| buffer.states.is_empty())) {
            match filled(
                name,
                spec,
                &buffer,
                &seated,
                &agents,
                &normalizations,
                *seed,
                clocks.tick(),
            ) {
                Ok(states) => {
                    for (replica, part) in &states {
                        let count = (part.len() / buffer.words) as f64;
                        let entity = name.to_string();
                        metrics.push(
                            clocks.tick() + 1,
                            clocks.now.env_steps,
                            &entity,
                            *replica,
                            "states",
                            count,
                        );
                    }
                    buffer.states = states.into_iter().map(|(_, part)| part).collect();
                }
                Err(fault) => {
                    faults.push(fault.within([name.table.clone(), name.key.clone()]));
                    continue;
                }
            }
        }
        for (name, _, member, mut blocks) in users {
            if running(member).is_none() {
                continue;
            }
            if let Err(fault) = blocks.start_from(|index| buffer.of(index).cloned()) {
                faults.push(fault.within([name.table.clone(), name.key.clone(), "starts".to_owned()]));
            }
        }
    }
    let block = metrics.into_block();
    outbox.0.extend((block.rows() > 0).then_some(block));
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// The number of a replica and the states that it collected, `[entries, words]`.
type Part = (u32, Arc<[u32]>);

fn is_due(spec: &BufferSpec, clocks: &Clocks) -> bool {
    match spec.refresh {
        Refresh::Named(_) => clocks.begins_round(),
        Refresh::Every { every } => clocks.now.ticks.is_multiple_of(every.max(1)),
    }
}

/// Plays all pairings; the states of each part, with the number of the replica that it belongs to (the first where it is everybody's).
#[allow(clippy::too_many_arguments)] // what the system reads
fn filled(
    name: &EntityName,
    spec: &BufferSpec,
    buffer: &StateBuffer,
    seated: &Query<(&LiveEnvironment, &Seating)>,
    agents: &Agents<'_, '_>,
    normalizations: &Query<&Normalization>,
    seed: RunSeed,
    tick: u64,
) -> Result<Vec<Part>, Fault> {
    let Ok((environment, Seating::Fixed(seating))) = seated.get(buffer.environment) else {
        return Err(Fault::run("a buffer is filled by seats that do not change"));
    };
    let seats = seating.iter().map(|&agent| {
        let found = agents.get(agent);
        let found = found.map_err(|_| Fault::run("the agent of a seat has no policy to act by"));
        found.map(|(name, policy, parameters, replicas, _)| {
            let item = (name, policy, parameters, replicas);
            Seat::new(agent, item, normalizations.get(agent).ok(), seed)
        })
    });
    let game = Game {
        environment: &*environment.0,
        buffer: name,
        seats: seats.collect::<Result<_, _>>()?,
        seed,
        tick,
        episodes: spec.episodes as usize,
        every: spec.every.max(1),
    };
    let Some(numbers) = game.seats.first().map(|seat| seat.numbers) else {
        return Ok(Vec::new());
    };
    let pairings = pairings(numbers.len(), game.seats.len(), spec.pair);
    let played: Vec<Result<Vec<u32>, Fault>> = pairings.par_iter().map(|indices| play(&game, indices)).collect();
    let mut parts: Vec<Vec<u32>> = vec![Vec::new(); if spec.scope == Scope::Replica { numbers.len() } else { 1 }];
    for (indices, states) in pairings.iter().zip(played) {
        let part = if spec.scope == Scope::Replica { indices[0] } else { 0 };
        parts[part].extend(states?);
    }
    let parts = parts.into_iter().map(Arc::from);
    Ok(numbers.iter().copied().zip(parts).collect())
}

/// The replica's index in every seat, for every pairing: the last seat changes fastest.
fn pairings(replicas: usize, seats: usize, pair: Pair) -> Vec<Vec<usize>> {
    match pair {
        Pair::Index => (0..replicas).map(|index| vec![index; seats]).collect(),
        Pair::Product => (0..seats).fold(vec![Vec::new()], |tuples, _| {
            let longer = |tuple: &Vec<usize>| -> Vec<Vec<usize>> {
                (0..replicas).map(|index| [&tuple[..], &[index]].concat()).collect()
            };
            tuples.iter().flat_map(longer).collect()
        }),
    }
}

/// The most states that a buffer holds, of all its parts together.
pub(crate) fn most_states(spec: &BufferSpec, replicas: usize, seats: usize, max_steps: u32) -> usize {
    let pairings = match spec.pair {
        Pair::Index => replicas,
        Pair::Product => replicas.saturating_pow(seats as u32),
    };
    let kept = max_steps.div_ceil(spec.every.max(1)) as usize;
    pairings.saturating_mul(spec.episodes as usize).saturating_mul(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairings_of_replicas() {
        assert_eq!(pairings(2, 2, Pair::Index), [[0, 0], [1, 1]]);
        assert_eq!(pairings(2, 2, Pair::Product), [[0, 0], [0, 1], [1, 0], [1, 1]]);
        assert_eq!(pairings(3, 1, Pair::Product), [[0], [1], [2]]);
    }
}
