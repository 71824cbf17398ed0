//! How fast an environment steps, and what one looks like in the middle of random play: what `starling bench` measures with, without the
//! printing.
//!
//! One thread steps one block of lanes through `Lanes`, with observations written, on random actions that were drawn beforehand. Several
//! rounds, because a shared machine only ever makes a round slower.

use starling_components::fault::Fault;
use starling_components::random::{Key, below};
use starling_components::rollout::ReplicaRollout;
use starling_components::simulate::{Simulate, StepOutputs};
use starling_components::spaces::{ActionBuffer, ActionSpace, ActionsMut, EnvironmentShape, ObservationBuffer};
use std::time::Instant;

/// Different action batches that are cycled through.
const ACTION_BATCHES: usize = 64;

/// One round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Round {
    /// Environment steps: lanes x steps.
    pub steps: u64,
    /// Wall time in seconds.
    pub wall_seconds: f64,
    /// Processor time of the stepping thread in seconds; the wall time where the system does not tell.
    pub cpu_seconds: f64,
}

impl Round {
    /// Environment steps per second of processor time.
    pub fn steps_per_cpu_second(&self) -> f64 {
        self.steps as f64 / self.cpu_seconds
    }
    /// Environment steps per second of wall time.
    pub fn steps_per_second(&self) -> f64 {
        self.steps as f64 / self.wall_seconds
    }
}

/// Steps `lanes` lanes of `environment` for `rounds` rounds of about `seconds` each, on one thread.
///
/// # Errors
/// An environment that cannot be stepped, e.g. one without lanes or with text actions.
pub fn measure(environment: &dyn Simulate, lanes: usize, rounds: usize, seconds: f64) -> Result<Vec<Round>, Fault> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.map_err(|error| Fault::run(format!("no thread to measure on: {error}")))?;
    pool.install(|| rounds_of(environment, lanes, rounds, seconds))
}

fn rounds_of(environment: &dyn Simulate, lanes: usize, rounds: usize, seconds: f64) -> Result<Vec<Round>, Fault> {
    let shape = environment.shape();
    let (seats, width) = (shape.seats.len(), shape.observation_width());
    let rows = lanes * seats;
    let batches: Vec<ActionBuffer> = (0..ACTION_BATCHES as u32)
        .map(|batch| random_actions(shape, lanes, Key::of_seed(1).fold(batch, 0)))
        .collect();
    let mut observations = ObservationBuffer::zeros(shape, rows * width);
    let (mut rewards, mut shaped) = (vec![0.0; rows], vec![0.0; rows]);
    let (mut terminated, mut truncated) = (vec![0; lanes], vec![0; lanes]);
    let mut legal = vec![0; if shape.masks { rows * shape.moves() } else { 0 }];
    let mut active = vec![0; if shape.turns { rows } else { 0 }];
    let mut block = environment.open(Key::of_seed(0), lanes);
    block.reset();
    let mut pass = || -> Result<(), Fault> {
        for batch in &batches {
            let mut outputs = StepOutputs {
                observations: observations.slice_mut(0..rows * width),
                rewards: &mut rewards,
                shaped: &mut shaped,
                terminated: &mut terminated,
                truncated: &mut truncated,
                legal: shape.masks.then_some(&mut legal),
                active: shape.turns.then_some(&mut active),
                final_observations: None,
                events: None,
            };
            block.step(batch.slice(0..rows * shape.action_components()), &mut outputs)?;
        }
        Ok(())
    };
    pass()?;
    let mut measured = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let (wall, cpu) = (Instant::now(), thread_cpu_seconds());
        let mut passes = 0;
        while passes == 0 || wall.elapsed().as_secs_f64() < seconds {
            pass()?;
            passes += 1;
        }
        let wall_seconds = wall.elapsed().as_secs_f64();
        let cpu_seconds = match (cpu, thread_cpu_seconds()) {
            (Some(before), Some(after)) if after > before => after - before,
            _ => wall_seconds,
        };
        measured.push(Round {
            steps: (lanes * ACTION_BATCHES) as u64 * passes,
            wall_seconds,
            cpu_seconds,
        });
    }
    Ok(measured)
}

/// A rollout of random play, `steps` steps after `before` that are not kept. Observations, actions, rewards and ends are filled; what a policy
/// notes is zero.
///
/// # Errors
/// As [`measure`].
pub fn random_play(
    environment: &dyn Simulate,
    lanes: usize,
    before: usize,
    steps: usize,
) -> Result<ReplicaRollout, Fault> {
    let shape = environment.shape();
    let mut rollout = ReplicaRollout::zeros(shape, steps, lanes, 0, false);
    let (rows, width, moves) = (lanes * rollout.seats, rollout.width, shape.moves());
    let mut next_active = vec![0; if shape.turns { rows } else { 0 }];
    let mut block = environment.open(Key::of_seed(0), lanes);
    block.reset();
    for time in 0..before + steps {
        // What comes before is written over.
        let step = time.saturating_sub(before);
        let cells = step * rows..(step + 1) * rows;
        let after = (step + 1) * rows..(step + 2) * rows;
        if time == before {
            block.observe(rollout.observations.slice_mut(0..rows * width));
            if shape.masks {
                block.legal(&mut rollout.legal[..rows * moves]);
            }
            if shape.turns {
                block.active(&mut next_active);
            }
        }
        if shape.turns {
            rollout.active[cells.clone()].copy_from_slice(&next_active);
        }
        let actions = random_actions(shape, lanes, Key::of_seed(2).fold(time as u32, 0));
        let mut outputs = StepOutputs {
            observations: rollout.observations.slice_mut(after.start * width..after.end * width),
            rewards: &mut rollout.rewards[cells.clone()],
            shaped: &mut rollout.shaped[cells.clone()],
            terminated: &mut rollout.terminated[step * lanes..(step + 1) * lanes],
            truncated: &mut rollout.truncated[step * lanes..(step + 1) * lanes],
            legal: shape
                .masks
                .then(|| &mut rollout.legal[after.start * moves..after.end * moves]),
            active: shape.turns.then_some(&mut next_active),
            final_observations: None,
            events: None,
        };
        block.step(actions.slice(0..actions.len()), &mut outputs)?;
        let components = shape.action_components();
        let place = cells.start * components..cells.end * components;
        match (rollout.actions.slice_mut(place), &actions) {
            (ActionsMut::Discrete(to), ActionBuffer::Discrete(from)) => to.copy_from_slice(from),
            (ActionsMut::Continuous(to), ActionBuffer::Continuous(from)) => to.copy_from_slice(from),
            _ => return Err(Fault::run("an environment has actions of two kinds")),
        }
    }
    Ok(rollout)
}

/// Uniform over all moves, or over the box.
fn random_actions(shape: &EnvironmentShape, lanes: usize, key: Key) -> ActionBuffer {
    let components = shape.action_components();
    let mut actions = ActionBuffer::zeros(shape, lanes * shape.seats.len() * components);
    for lane in 0..lanes {
        for (seat, space) in shape.seats.iter().enumerate() {
            let row = lane * shape.seats.len() + seat;
            for component in 0..space.action.components() {
                let [word, _] = key.block(row as u32, component as u32);
                let index = row * components + component;
                match (&mut actions, &space.action) {
                    (ActionBuffer::Discrete(a), ActionSpace::Discrete { names }) => {
                        a[index] = below(word, names.len() as u32) as i32;
                    }
                    (ActionBuffer::Discrete(a), ActionSpace::MultiDiscrete { counts }) => {
                        a[index] = below(word, counts[component] as u32) as i32;
                    }
                    (ActionBuffer::Continuous(a), ActionSpace::Box { low, high }) => {
                        let unit = starling_components::random::unit_f32(word);
                        a[index] = low[component] + unit * (high[component] - low[component]);
                    }
                    _ => {}
                }
            }
        }
    }
    actions
}

/// Processor time of this thread since it started. Linux tells it in nanoseconds; elsewhere `None`.
fn thread_cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds * 1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::cart_pole::CartPole;
    use crate::lanes::Vectorised;
    use starling_components::environments::cart_pole::CartPoleSettings;

    #[test]
    fn counts_every_step() {
        let rules = CartPole::new(&CartPoleSettings::default()).expect("default settings");
        let rounds = measure(&Vectorised::new(rules), 8, 2, 0.0).expect("cart_pole steps");
        assert_eq!(rounds.len(), 2);
        assert!(
            rounds
                .iter()
                .all(|r| r.steps == 8 * ACTION_BATCHES as u64 && r.cpu_seconds > 0.0)
        );
    }

    #[test]
    fn random_play_is_seen_where_it_is() {
        let rules = CartPole::new(&CartPoleSettings::default()).expect("default settings");
        let environment = Vectorised::new(rules);
        let whole = random_play(&environment, 4, 0, 50).expect("cart_pole steps");
        let late = random_play(&environment, 4, 20, 30).expect("cart_pole steps");
        assert_eq!(late.observations, tail(&whole.observations, 20 * 4 * 4));
        assert_eq!(late.rewards, whole.rewards[20 * 4..]);
        assert_eq!(late.terminated, whole.terminated[20 * 4..]);
        assert!(whole.terminated.contains(&1), "random play falls over");
    }

    fn tail(observations: &ObservationBuffer, from: usize) -> ObservationBuffer {
        match observations {
            ObservationBuffer::Bytes(bytes) => ObservationBuffer::Bytes(bytes[from..].to_vec()),
            ObservationBuffer::Floats(floats) => ObservationBuffer::Floats(floats[from..].to_vec()),
        }
    }

    /// `cargo test --release -p starling-simulate -- --ignored --nocapture speed`
    #[test]
    #[ignore = "a measurement, not a check"]
    fn speed_of_cart_pole() {
        let rules = CartPole::new(&CartPoleSettings::default()).expect("default settings");
        let environment = Vectorised::new(rules);
        for lanes in [4, 64, 1024, 4096] {
            let rounds = measure(&environment, lanes, 5, 0.2).expect("cart_pole steps");
            let best = rounds.iter().map(Round::steps_per_cpu_second).fold(0.0, f64::max);
            println!("cart_pole, {lanes} lanes: {:.1} M steps per CPU second", best / 1e6);
        }
    }
}
