//! One pairing plays its episodes, and every n-th state is kept. Callable without a world.

use crate::normalize::Normalised;
use crate::players::{Moment, Moves, Player, Table};
use bevy_ecs::prelude::Entity;
use starling_components::EntityName;
use starling_components::act::{Act, Policy};
use starling_components::fault::Fault;
use starling_components::normalize::Normalization;
use starling_components::parameters::{Parameters, Replicas};
use starling_components::random::{Key, Purpose};
use starling_components::schedule::RunSeed;
use starling_components::simulate::{Simulate, StepOutputs};
use starling_components::spaces::{ActionBuffer, ObservationBuffer};

/// Keeps the keys of a pairing's later seats apart from others that are folded in.
const PAIRING: u32 = 0x5041_4952;

/// What every pairing has in common.
pub(super) struct Game<'a> {
    pub environment: &'a dyn Simulate,
    /// Name of the buffer.
    pub buffer: &'a EntityName,
    pub seats: Vec<Seat<'a>>,
    pub seed: RunSeed,
    /// Completed ticks.
    pub tick: u64,
    /// Per pairing.
    pub episodes: usize,
    /// States 0, n, 2n, ... of an episode are kept.
    pub every: u32,
}

/// Who sits in a seat.
pub(super) struct Seat<'a> {
    agent: Entity,
    name: &'a EntityName,
    policy: &'a dyn Act,
    parameters: &'a Parameters,
    /// How it looks at observations.
    normalization: Option<&'a Normalization>,
    /// Numbers of the replicas.
    pub numbers: &'a [u32],
    key: Key,
}

impl<'a> Seat<'a> {
    pub(super) fn new(
        agent: Entity,
        (name, policy, parameters, replicas): (&'a EntityName, &'a Policy, &'a Parameters, &'a Replicas),
        normalization: Option<&'a Normalization>,
        seed: RunSeed,
    ) -> Self {
        Self {
            normalization,
            agent,
            name,
            policy: &*policy.0,
            parameters,
            numbers: &replicas.0,
            key: Key::of_seed(seed.0).entity(name),
        }
    }
}

impl Game<'_> {
    /// Folds the moment and the seats after the first into a key of the first seat's replica.
    fn at(&self, key: Key, indices: &[usize]) -> Key {
        let key = key.fold(self.tick as u32, (self.tick >> 32) as u32);
        let others = self.seats.iter().zip(indices).skip(1);
        others.fold(key, |key, (seat, &index)| key.fold(seat.numbers[index], PAIRING))
    }
}

/// The kept states, `[states, state_words]`, by lane and then step: one episode per lane, `indices` say which replica sits in each seat.
///
/// # Errors
/// A policy that refuses its rows; an episode longer than the environment promises.
pub(super) fn play(game: &Game<'_>, indices: &[usize]) -> Result<Vec<u32>, Fault> {
    let shape = game.environment.shape();
    let (lanes, seats) = (game.episodes, shape.seats.len());
    let rows = lanes * seats;
    let mut places: Vec<(usize, Vec<usize>)> = Vec::new();
    for seat in 0..seats {
        let same = |&(first, _): &(usize, _)| {
            game.seats[first].agent == game.seats[seat].agent && indices[first] == indices[seat]
        };
        match places.iter().position(same) {
            Some(place) => places[place].1.push(seat),
            None => places.push((seat, vec![seat])),
        }
    }
    let eyes = places.iter().map(|&(first, _)| {
        let seat = &game.seats[first];
        Normalised::of(seat.policy, seat.normalization, indices[first])
    });
    let eyes: Vec<Option<Normalised<'_>>> = eyes.collect();
    let mut players = Vec::with_capacity(places.len());
    for ((first, own), eyes) in places.iter().zip(&eyes) {
        let (seat, index) = (&game.seats[*first], indices[*first]);
        let key = seat.key.replica(seat.numbers[index]).purpose(Purpose::Act);
        players.push(Player {
            policy: eyes.as_ref().map_or(seat.policy, |eyes| eyes as &dyn Act),
            parameters: seat.parameters.replica(index),
            key: game.at(key.entity(game.buffer), indices),
            seats: own,
            name: &seat.name.key,
            explore: 0.0,
        });
    }
    let carry_len = players
        .iter()
        .map(|player| player.policy.carry_len())
        .max()
        .unwrap_or(0);

    let key = Key::of_seed(game.seed.0).entity(game.buffer);
    let key = key
        .replica(game.seats[0].numbers[indices[0]])
        .purpose(Purpose::Environment);
    let mut block = game.environment.open(game.at(key, indices), lanes);
    block.reset();
    let mut table = Table::new(shape, 0, lanes, carry_len);
    let (width, components) = (rows * shape.observation_width(), rows * shape.action_components());
    let mut observations = ObservationBuffer::zeros(shape, width);
    block.observe(observations.slice_mut(0..width));
    let mut legal = vec![0; if shape.masks { rows * shape.moves() } else { 0 }];
    let mut active = vec![0; if shape.turns { rows } else { 0 }];
    if shape.masks {
        block.legal(&mut legal);
    }
    if shape.turns {
        block.active(&mut active);
    }
    let mut actions = ActionBuffer::zeros(shape, components);
    let (mut log_probs, mut values) = (vec![0.0; rows], vec![0.0; rows]);
    let mut carry = vec![0.0; rows * carry_len];
    let (mut rewards, mut shaped) = (vec![0.0; rows], vec![0.0; rows]);
    let (mut terminated, mut truncated) = (vec![0; lanes], vec![0; lanes]);
    let mut playing = vec![true; lanes];
    let mut kept: Vec<Vec<u32>> = vec![Vec::new(); lanes];
    let bound = shape.max_steps.unwrap_or(u32::MAX);
    for time in 0..bound {
        if time.is_multiple_of(game.every) {
            let states = block.states().chunks_exact(shape.state_words);
            for ((kept, state), _) in kept
                .iter_mut()
                .zip(states)
                .zip(&playing)
                .filter(|(_, playing)| **playing)
            {
                kept.extend_from_slice(state);
            }
        }
        let moment = Moment {
            observations: observations.slice(0..width),
            legal: shape.masks.then_some(&*legal),
            active: shape.turns.then_some(&*active),
            time,
            greedy: false,
        };
        let mut answers = Moves {
            actions: actions.slice_mut(0..components),
            log_probs: &mut log_probs,
            values: &mut values,
            carry: &mut carry,
        };
        table.act(&players, moment, &mut answers)?;
        let mut outputs = StepOutputs {
            observations: observations.slice_mut(0..width),
            rewards: &mut rewards,
            shaped: &mut shaped,
            terminated: &mut terminated,
            truncated: &mut truncated,
            legal: shape.masks.then_some(&mut *legal),
            active: shape.turns.then_some(&mut *active),
            final_observations: None,
            events: None,
        };
        block.step(actions.slice(0..components), &mut outputs)?;
        for (playing, (ended, cut)) in playing.iter_mut().zip(terminated.iter().zip(&truncated)) {
            *playing &= ended | cut == 0;
        }
        if !playing.contains(&true) {
            return Ok(kept.concat());
        }
    }
    Err(Fault::run(format!(
        "an episode did not end within the {bound} steps that its environment promises"
    )))
}
