//! Blocks of lanes: chunks, parts and auto-reset; faults.

use super::game::{Game, GameSettings};
use crate::environments::cart_pole::CartPole;
use crate::lanes::Vectorised;
use starling_components::environments::cart_pole::CartPoleSettings;
use starling_components::random::{Counter, Key};
use starling_components::simulate::{Lanes, Outcome, Rules, Simulate, StepOutputs};
use starling_components::spaces::{ActionBuffer, Actions, ObservationBuffer};

/// Everything that one step writes, with no final observations where nothing ended.
#[derive(Debug, Clone, PartialEq)]
struct Written {
    observations: ObservationBuffer,
    finals: ObservationBuffer,
    rewards: Vec<f32>,
    shaped: Vec<f32>,
    terminated: Vec<u8>,
    truncated: Vec<u8>,
    legal: Vec<u8>,
    active: Vec<u8>,
}

fn step(environment: &dyn Simulate, block: &mut dyn Lanes, actions: Actions<'_>) -> Written {
    let (shape, lanes) = (environment.shape(), block.lanes());
    let (rows, width) = (
        lanes * shape.seats.len(),
        lanes * shape.seats.len() * shape.observation_width(),
    );
    let mut written = Written {
        observations: ObservationBuffer::zeros(shape, width),
        finals: ObservationBuffer::zeros(shape, width),
        rewards: vec![9.0; rows],
        shaped: vec![9.0; rows],
        terminated: vec![9; lanes],
        truncated: vec![9; lanes],
        legal: vec![9; rows * shape.moves()],
        active: vec![9; rows],
    };
    let mut outputs = StepOutputs {
        observations: written.observations.slice_mut(0..width),
        rewards: &mut written.rewards,
        shaped: &mut written.shaped,
        terminated: &mut written.terminated,
        truncated: &mut written.truncated,
        legal: shape.masks.then_some(&mut *written.legal),
        active: shape.turns.then_some(&mut *written.active),
        final_observations: Some(written.finals.slice_mut(0..width)),
        events: None,
    };
    block.step(actions, &mut outputs).expect("buffers of the right size");
    written
}

/// Legal moves of the test game and of CartPole both: 0 or 1.
fn actions(lanes: usize, seats: usize, time: u32) -> Vec<i32> {
    let key = Key::of_seed(5);
    (0..(lanes * seats) as u32)
        .map(|row| (key.block(row, time)[0] & 1) as i32)
        .collect()
}

#[test]
fn lanes_do_not_depend_on_their_block() {
    let game = Vectorised::new(Game::new(&GameSettings::default()));
    let poles = Vectorised::new(CartPole::new(&CartPoleSettings { max_steps: 30 }).expect("settings"));
    // 1300 lanes are three chunks; the parts are none of them.
    let (lanes, cuts) = (1300, [0, 1, 18, 700, 1300]);
    for environment in [&game as &dyn Simulate, &poles] {
        let seats = environment.shape().seats.len();
        let key = Key::of_seed(3);
        let mut whole = environment.open(key, lanes);
        let open = |cut: &[usize]| environment.open_from(key, cut[0] as u32, cut[1] - cut[0]);
        let mut parts: Vec<_> = cuts.windows(2).map(open).collect();
        whole.reset();
        parts.iter_mut().for_each(|part| part.reset());
        let mut ended = 0;
        for time in 0..60 {
            let moves = actions(lanes, seats, time);
            let all = step(environment, &mut *whole, Actions::Discrete(&moves));
            ended += all
                .terminated
                .iter()
                .zip(&all.truncated)
                .filter(|(a, b)| **a | **b != 0)
                .count();
            let mut states = Vec::new();
            let (mut rewards, mut active) = (Vec::new(), Vec::new());
            for (part, cut) in parts.iter_mut().zip(cuts.windows(2)) {
                let written = step(
                    environment,
                    &mut **part,
                    Actions::Discrete(&moves[cut[0] * seats..cut[1] * seats]),
                );
                states.extend_from_slice(part.states());
                rewards.extend(written.rewards);
                active.extend(written.active);
            }
            assert_eq!(states, whole.states());
            assert_eq!((rewards, active), (all.rewards, all.active));
        }
        assert!(ended > lanes, "episodes end: {ended}");
    }
}

#[test]
fn a_lane_that_ends_starts_its_next_episode() {
    let game = Game::new(&GameSettings::default());
    let shape = game.shape().clone();
    let environment = Vectorised::new(Game::new(&GameSettings::default()));
    let (key, lanes, seats) = (Key::of_seed(8), 5, 2);
    let mut block = environment.open(key, lanes);
    block.reset();
    // The plain way, lane by lane, straight from the rules.
    let mut states: Vec<[u32; 3]> = vec![[0; 3]; lanes];
    let (mut episodes, mut steps) = (vec![0; lanes], vec![0; lanes]);
    for (lane, state) in states.iter_mut().enumerate() {
        game.reset(state, &mut Counter::new(key, lane as u32, 0, 0));
    }
    let mut ended = 0;
    for time in 0..200 {
        let moves = actions(lanes, seats, time);
        let written = step(&environment, &mut *block, Actions::Discrete(&moves));
        for (lane, state) in states.iter_mut().enumerate() {
            let (mut rewards, mut shaped) = ([0.0; 2], [0.0; 2]);
            let mut outcome = Outcome {
                rewards: &mut rewards,
                shaped: &mut shaped,
                terminated: false,
                truncated: false,
            };
            let mut draw = Counter::new(key, lane as u32, episodes[lane], steps[lane] + 1);
            game.step(state, &moves[lane * 2..lane * 2 + 2], &mut draw, &mut outcome);
            let (terminated, truncated) = (outcome.terminated, outcome.truncated);
            steps[lane] += 1;
            let width = seats * shape.observation_width();
            let row = |buffer: &ObservationBuffer| match buffer {
                ObservationBuffer::Bytes(bytes) => bytes[lane * width..(lane + 1) * width].to_vec(),
                ObservationBuffer::Floats(_) => panic!("the game sees bytes"),
            };
            let mut seen = vec![0; width];
            if terminated || truncated {
                ended += 1;
                game.observe(state, &mut seen);
                assert_eq!(row(&written.finals), seen);
                episodes[lane] += 1;
                steps[lane] = 0;
                game.reset(state, &mut Counter::new(key, lane as u32, episodes[lane], 0));
            } else {
                assert_eq!(row(&written.finals), seen, "left as it was");
            }
            game.observe(state, &mut seen);
            assert_eq!(row(&written.observations), seen);
            assert_eq!(written.rewards[lane * 2..lane * 2 + 2], rewards);
            assert_eq!(written.shaped[lane * 2..lane * 2 + 2], shaped);
            assert_eq!(
                (written.terminated[lane], written.truncated[lane]),
                (terminated.into(), truncated.into())
            );
        }
        assert_eq!(block.states(), states.as_flattened());
        assert_eq!((block.episodes(), block.episode_steps()), (&*episodes, &*steps));
    }
    assert!(ended > 20);
}

#[test]
fn wrong_buffers_are_faults() {
    let environment = Vectorised::new(Game::new(&GameSettings::default()));
    let mut block = environment.open(Key::of_seed(1), 2);
    block.reset();
    let states = block.states().to_vec();
    let mut attempt = |actions: Actions<'_>, rewards: usize, floats: bool| {
        let kind = if floats {
            ObservationBuffer::Floats(vec![0.0; 12])
        } else {
            ObservationBuffer::Bytes(vec![0; 12])
        };
        let (mut observations, mut rewards) = (kind, vec![0.0; rewards]);
        let mut outputs = StepOutputs {
            observations: observations.slice_mut(0..12),
            rewards: &mut rewards,
            shaped: &mut [0.0; 4],
            terminated: &mut [0; 2],
            truncated: &mut [0; 2],
            legal: None,
            active: None,
            final_observations: None,
            events: None,
        };
        block.step(actions, &mut outputs).err().map(|fault| fault.message)
    };
    let good = ActionBuffer::Discrete(vec![0; 4]);
    assert_eq!(attempt(good.slice(0..4), 4, false), None);
    let check = |message: Option<String>, part: &str| assert!(message.is_some_and(|m| m.contains(part)), "{part}");
    check(
        attempt(good.slice(0..3), 4, false),
        "`actions` of a block of lanes has 3 elements instead of 4",
    );
    check(attempt(good.slice(0..4), 5, false), "`rewards`");
    check(
        attempt(good.slice(0..4), 4, true),
        "`observations` of a block of lanes has another element type",
    );
    check(
        attempt(Actions::Continuous(&[0.0; 4]), 4, false),
        "`actions` of a block of lanes has another element type",
    );
    assert!(block.restore(&states[1..], &[0, 0], &[0, 0]).is_err());
    assert!(block.restore(&states, &[0], &[0, 0]).is_err());
    assert!(block.restore(&states, &[4, 5], &[0, 0]).is_ok());
    assert_eq!(block.episodes(), [4, 5]);
}
