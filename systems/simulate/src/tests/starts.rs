//! Lanes that start from given states, and events.

use super::game::{Game, GameSettings};
use crate::environments::cart_pole::CartPole;
use crate::lanes::Vectorised;
use starling_components::environments::cart_pole::CartPoleSettings;
use starling_components::random::Key;
use starling_components::simulate::{Lanes, Simulate, StepOutputs};
use starling_components::spaces::{Actions, ObservationBuffer};
use std::sync::Arc;

/// One step of the test game; the events, if it counts any.
fn step(environment: &dyn Simulate, block: &mut dyn Lanes, actions: &[i32], count: bool) -> Vec<u32> {
    let (shape, lanes) = (environment.shape(), block.lanes());
    let rows = lanes * shape.seats.len();
    let width = rows * shape.observation_width();
    let mut observations = ObservationBuffer::zeros(shape, width);
    let mut events = vec![77; rows * shape.events.len()];
    let (mut rewards, mut shaped) = (vec![0.0; rows], vec![0.0; rows]);
    let (mut terminated, mut truncated) = (vec![0; lanes], vec![0; lanes]);
    let mut outputs = StepOutputs {
        observations: observations.slice_mut(0..width),
        rewards: &mut rewards,
        shaped: &mut shaped,
        terminated: &mut terminated,
        truncated: &mut truncated,
        legal: None,
        active: None,
        final_observations: None,
        events: count.then_some(&mut events),
    };
    block
        .step(Actions::Discrete(actions), &mut outputs)
        .expect("buffers of the right size");
    events
}

fn moves(lanes: usize, first: usize, time: u32) -> Vec<i32> {
    let key = Key::of_seed(5);
    let rows = 2 * first..2 * (first + lanes);
    rows.map(|row| (key.block(row as u32, time)[0] & 1) as i32).collect()
}

/// Starts of the test game (score, seat, clock) that no reset gives, at different clocks.
fn starts() -> Arc<[u32]> {
    (0..6).flat_map(|entry| [5 + entry, entry % 2, 3 * entry]).collect()
}

#[test]
fn lanes_start_from_given_states_uniformly() {
    let environment = Vectorised::new(Game::new(&GameSettings::default()));
    let lanes = 6000;
    let mut block = environment.open(Key::of_seed(2), lanes);
    block.set_starts(Some(starts())).expect("states of the game");
    block.reset();
    let mut counts = [0_u32; 6];
    for state in block.states().chunks_exact(3) {
        let entry = state[0] - 5;
        assert_eq!(state[1..], [entry % 2, 0], "kept, but for the clock");
        counts[entry as usize] += 1;
    }
    // Six standard deviations of 6000 draws at 1/6.
    assert!(counts.iter().all(|count| count.abs_diff(1000) < 174), "{counts:?}");
    block.set_starts(None).expect("always possible");
    block.reset();
    assert!(block.states().chunks_exact(3).all(|state| state[0] < 4));
}

#[test]
fn given_starts_are_drawn_per_lane_and_episode() {
    let environment = Vectorised::new(Game::new(&GameSettings::default()));
    let (lanes, key) = (1300, Key::of_seed(3));
    let mut whole = environment.open(key, lanes);
    let mut parts: Vec<_> = [(0, 1), (1, 699), (700, 600)]
        .map(|(first, count)| environment.open_from(key, first, count))
        .into();
    for block in std::iter::once(&mut whole).chain(&mut parts) {
        block.set_starts(Some(starts())).expect("states of the game");
        block.reset();
    }
    for time in 0..40 {
        step(&environment, &mut *whole, &moves(lanes, 0, time), false);
        let mut states = Vec::new();
        let mut first = 0;
        for part in &mut parts {
            let count = part.lanes();
            step(&environment, &mut **part, &moves(count, first, time), false);
            states.extend_from_slice(part.states());
            first += count;
        }
        assert_eq!(states, whole.states(), "step {time}");
    }
    assert!(
        whole.episodes().iter().all(|&episode| episode > 0),
        "lanes reset themselves"
    );
    // A replayed episode starts where it did.
    let (lane, episode) = (911, 2);
    whole.begin(lane, episode);
    let mut again = environment.open_from(key, lane as u32, 1);
    again.set_starts(Some(starts())).expect("states of the game");
    again.begin(0, episode);
    assert_eq!(again.states(), &whole.states()[lane * 3..lane * 3 + 3]);
    assert!(again.states()[0] >= 5, "a given start");
}

#[test]
fn wrong_starts_are_faults() {
    let environment = Vectorised::new(Game::new(&GameSettings::default()));
    let mut block = environment.open(Key::of_seed(1), 2);
    let mut check = |starts: &[u32], says: &str| {
        let fault = block.set_starts(Some(starts.into())).expect_err("refused");
        assert!(fault.message.contains(says), "{fault}");
    };
    check(&[], "0 words are no states");
    check(
        &[5, 0, 0, 5],
        "4 words are no states to start from; a state of these rules has 3",
    );
    check(&[5, 0, 0, 50, 0, 0], "start state 1 of 2: the game is over");
    block.reset();
    assert!(block.states().chunks_exact(3).all(|state| state[0] < 4), "as before");
}

#[test]
fn events_are_counted_before_lanes_start_anew() {
    let environment = Vectorised::new(Game::new(&GameSettings::default()));
    let lanes = 700;
    let mut block = environment.open(Key::of_seed(2), lanes);
    block.reset();
    let (mut ends, mut points) = (0, 0);
    for time in 0..50 {
        let (states, episodes) = (block.states().to_vec(), block.episodes().to_vec());
        let moves = moves(lanes, 0, time);
        let events = step(&environment, &mut *block, &moves, true);
        for (lane, events) in events.chunks_exact(4).enumerate() {
            // Points and ends by the seat whose turn it was: `[seats, events]`.
            let (score, seat) = (states[lane * 3], states[lane * 3 + 1] as usize);
            let point = moves[lane * 2 + seat] as u32;
            let end = u32::from(score + point >= 12);
            let mut expected = [0; 4];
            (expected[seat * 2], expected[seat * 2 + 1]) = (point, end);
            assert_eq!(events, expected, "lane {lane}");
            assert!(end == 0 || block.episodes()[lane] > episodes[lane]);
            ends += end;
            points += point;
        }
    }
    assert!(ends > 0 && points > ends);
}

#[test]
fn cart_pole_starts_over_where_it_was() {
    let rules = CartPole::new(&CartPoleSettings { max_steps: 5 }).expect("settings");
    let environment = Vectorised::new(rules);
    let mut block = environment.open(Key::of_seed(1), 1);
    let place = [0.5_f32, -0.1, 0.05, 0.2].map(f32::to_bits);
    let start = [&place[..], &[4]].concat();
    block.set_starts(Some(start.into())).expect("a state");
    block.reset();
    assert_eq!(block.states()[..4], place);
    assert_eq!(block.states()[4], 0, "with all its time");
}
