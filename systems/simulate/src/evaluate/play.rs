//! One evaluation of one replica: every lane plays its first episode. Callable without a world.
//!
//! Lanes are played in fixed parts, each until its last first episode has ended; a lane's draws depend on its number, not on its part.

use crate::episodes::{Ended, Finished};
use crate::players::{Moment, Moves, Player, Table};
use rayon::prelude::*;
use starling_components::fault::Fault;
use starling_components::random::Key;
use starling_components::simulate::{Simulate, StepOutputs};
use starling_components::spaces::{ActionBuffer, Actions, EnvironmentShape, ObservationBuffer};
use starling_components::tables::trajectories::Trajectories;

/// Lanes that are played together.
const PART_LANES: usize = 64;

/// What is played.
pub(crate) struct Match<'a> {
    pub environment: &'a dyn Simulate,
    pub key: Key,
    pub players: &'a [Player<'a>],
    /// Floats of recurrent state per row.
    pub carry: usize,
    /// Lanes, one episode each.
    pub episodes: usize,
    pub greedy: bool,
    /// The steps of the first so many lanes are kept.
    pub recorded: usize,
}

/// What came of it.
pub(crate) struct Played {
    /// In order of end step and lane.
    pub finished: Finished,
    /// How often each event happened to each seat, in all episodes: `[seats, events]`.
    pub events: Vec<u64>,
    /// Of the first lanes, in order.
    recorded: Vec<Recording>,
}

/// The steps of one lane's episode.
#[derive(Default)]
struct Recording {
    /// `[steps, seats x components]`, floats by bit pattern.
    actions: Vec<i32>,
    /// `[steps, seats]`.
    rewards: Vec<f32>,
    shaped: Vec<f32>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
}

/// Plays all lanes.
///
/// # Errors
/// A policy that refuses its rows; an episode longer than the environment promises.
pub(crate) fn play(game: &Match<'_>) -> Result<Played, Fault> {
    let parts: Vec<Result<Played, Fault>> = (0..game.episodes.div_ceil(PART_LANES))
        .into_par_iter()
        .map(|part| {
            let first = part * PART_LANES;
            play_part(game, first, PART_LANES.min(game.episodes - first))
        })
        .collect();
    let parts: Vec<Played> = parts.into_iter().collect::<Result<_, _>>()?;
    let mut ended: Vec<Ended<'_>> = parts.iter().flat_map(|part| part.finished.iter()).collect();
    ended.sort_by_key(|e| (e.length, e.lane));
    let mut finished = Finished::default();
    for episode in ended {
        finished.push(episode);
    }
    let shape = game.environment.shape();
    let mut events = vec![0; shape.seats.len() * shape.events.len()];
    for part in &parts {
        events.iter_mut().zip(&part.events).for_each(|(all, own)| *all += own);
    }
    let recorded = parts.into_iter().flat_map(|part| part.recorded).collect();
    Ok(Played {
        finished,
        events,
        recorded,
    })
}

fn play_part(game: &Match<'_>, first: usize, lanes: usize) -> Result<Played, Fault> {
    let shape = game.environment.shape();
    let seats = shape.seats.len();
    let rows = lanes * seats;
    let (components, moves) = (shape.action_components(), rows * shape.moves());
    let mut block = game.environment.open_from(game.key, first as u32, lanes);
    block.reset();
    let mut table = Table::new(shape, first as u32, lanes, game.carry);
    let width = rows * shape.observation_width();
    let mut observations = ObservationBuffer::zeros(shape, width);
    block.observe(observations.slice_mut(0..width));
    let mut legal = vec![0; if shape.masks { moves } else { 0 }];
    if shape.masks {
        block.legal(&mut legal);
    }
    let mut active = vec![0; if shape.turns { rows } else { 0 }];
    if shape.turns {
        block.active(&mut active);
    }
    let mut actions = ActionBuffer::zeros(shape, rows * components);
    let (mut log_probs, mut values) = (vec![0.0; rows], vec![0.0; rows]);
    let mut carry = vec![0.0; rows * game.carry];
    let (mut rewards, mut shaped) = (vec![0.0; rows], vec![0.0; rows]);
    let (mut terminated, mut truncated) = (vec![0; lanes], vec![0; lanes]);
    let (mut returns, mut shaped_returns) = (vec![0.0; rows], vec![0.0; rows]);
    let mut playing = vec![true; lanes];
    let counted = seats * shape.events.len();
    let mut events = vec![0; lanes * counted];
    let kept = game.recorded.saturating_sub(first).min(lanes);
    let mut played = Played {
        finished: Finished::default(),
        events: vec![0; counted],
        recorded: (0..kept).map(|_| Recording::default()).collect(),
    };
    let bound = shape.max_steps.unwrap_or(u32::MAX);
    for time in 0..bound {
        let moment = Moment {
            observations: observations.slice(0..width),
            legal: shape.masks.then_some(&*legal),
            active: shape.turns.then_some(&*active),
            time,
            greedy: game.greedy,
        };
        let mut answers = Moves {
            actions: actions.slice_mut(0..rows * components),
            log_probs: &mut log_probs,
            values: &mut values,
            carry: &mut carry,
        };
        table.act(game.players, moment, &mut answers)?;
        let mut outputs = StepOutputs {
            observations: observations.slice_mut(0..width),
            rewards: &mut rewards,
            shaped: &mut shaped,
            terminated: &mut terminated,
            truncated: &mut truncated,
            legal: shape.masks.then_some(&mut *legal),
            active: shape.turns.then_some(&mut *active),
            final_observations: None,
            events: (counted > 0).then_some(&mut events),
        };
        block.step(actions.slice(0..rows * components), &mut outputs)?;
        for lane in 0..lanes {
            let own = lane * seats..(lane + 1) * seats;
            let (ended, cut) = (terminated[lane] != 0, truncated[lane] != 0);
            if !playing[lane] {
                continue;
            }
            for row in own.clone() {
                returns[row] += rewards[row];
                shaped_returns[row] += shaped[row];
            }
            let own_events = &events[lane * counted..(lane + 1) * counted];
            played
                .events
                .iter_mut()
                .zip(own_events)
                .for_each(|(all, own)| *all += u64::from(*own));
            if let Some(recording) = played.recorded.get_mut(lane) {
                match actions.slice(own.start * components..own.end * components) {
                    Actions::Discrete(moves) => recording.actions.extend_from_slice(moves),
                    Actions::Continuous(moves) => recording.actions.extend_from_slice(bytemuck::cast_slice(moves)),
                }
                recording.rewards.extend_from_slice(&rewards[own.clone()]);
                recording.shaped.extend_from_slice(&shaped[own.clone()]);
                recording.terminated.push(ended);
                recording.truncated.push(cut);
            }
            if ended || cut {
                playing[lane] = false;
                played.finished.push(Ended {
                    lane: (first + lane) as u32,
                    episode: 0,
                    length: time + 1,
                    truncated: !ended,
                    returns: &returns[own.clone()],
                    shaped_returns: &shaped_returns[own],
                    chairs: &[],
                });
            }
        }
        if !playing.contains(&true) {
            return Ok(played);
        }
    }
    Err(Fault::run(format!(
        "an episode did not end within the {bound} steps that its environment promises"
    )))
}

impl Played {
    /// Rows of the recorded lanes, by step and then lane.
    pub(super) fn trajectories(
        &self,
        entity: &str,
        replica: u32,
        tick: u64,
        seating: String,
        shape: &EnvironmentShape,
    ) -> Trajectories {
        let seats = shape.seats.len();
        let action_width = seats * shape.action_components();
        let mut rows = Trajectories {
            seats,
            action_width,
            entity: entity.to_owned(),
            seatings: vec![seating],
            ..Trajectories::default()
        };
        let longest = self.recorded.iter().map(|r| r.terminated.len()).max().unwrap_or(0);
        for step in 0..longest {
            for (lane, recording) in self.recorded.iter().enumerate() {
                if step >= recording.terminated.len() {
                    continue;
                }
                rows.tick.push(tick);
                rows.replica.push(replica);
                rows.lane.push(lane as u32);
                rows.episode.push(0);
                rows.step.push(step as u32);
                let moves = step * action_width..(step + 1) * action_width;
                rows.actions.extend_from_slice(&recording.actions[moves]);
                let own = step * seats..(step + 1) * seats;
                rows.rewards.extend_from_slice(&recording.rewards[own.clone()]);
                rows.shaped.extend_from_slice(&recording.shaped[own]);
                rows.terminated.push(recording.terminated[step]);
                rows.truncated.push(recording.truncated[step]);
            }
        }
        rows
    }
}
