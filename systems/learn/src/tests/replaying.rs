//! The replay buffer: what went in comes out, uniformly, and no transition leads from one episode into another.

use super::draws;
use crate::replay::{Replay, ReplayShape, Transition};
use starling_components::clock::Clocks;
use starling_components::learn::{Experience, LearnContext};
use starling_components::memory::Memory;
use starling_components::random::{Draw, Key};
use starling_components::rollout::ReplicaRollout;
use starling_components::spaces::{
    ActionBuffer, ActionSpace, ElementKind, EnvironmentShape, ObservationBuffer, ObservationSpace, Observations,
    SeatShape,
};
use std::collections::BTreeMap;

const LANES: usize = 3;
const SEATS: [usize; 2] = [0, 2];
const STREAMS: usize = LANES * SEATS.len();
/// Numbers of an observation: stream, episode, step of the episode; then a number that is not read.
const WIDTH: usize = 4;
/// The episode of a final observation counts from here.
const FINAL: u8 = 100;

fn shape() -> EnvironmentShape {
    let seat = SeatShape {
        observation: ObservationSpace {
            shape: vec![WIDTH],
            element: ElementKind::U8,
        },
        action: ActionSpace::Discrete {
            names: vec!["a".into(), "b".into()],
        },
    };
    EnvironmentShape {
        seats: vec![seat; 3],
        state_words: 1,
        max_steps: None,
        global_len: 0,
        masks: true,
        turns: false,
        events: Vec::new(),
    }
}

/// Lanes whose episodes end by chance.
struct Game {
    draw: starling_components::random::Counter,
    episode: [u8; LANES],
    step: [u8; LANES],
}

impl Game {
    fn rollout(&mut self, steps: usize) -> ReplicaRollout {
        let mut rollout = ReplicaRollout::zeros(&shape(), steps, LANES, 0, true);
        let mut finals = Vec::new();
        for step in 0..=steps {
            for lane in 0..LANES {
                for seat in 0..3 {
                    let row = (step * LANES + lane) * 3 + seat;
                    let ObservationBuffer::Bytes(seen) = &mut rollout.observations else {
                        panic!()
                    };
                    let stream = (lane * 3 + seat) as u8;
                    seen[row * WIDTH..][..WIDTH].copy_from_slice(&[stream, self.episode[lane], self.step[lane], 9]);
                    // The first move is legal where the step is even.
                    rollout.legal[row * 2..][..2].copy_from_slice(&[1 - self.step[lane] % 2, 1]);
                    if step < steps {
                        let ActionBuffer::Discrete(actions) = &mut rollout.actions else {
                            panic!()
                        };
                        actions[row] = i32::from((self.step[lane] + stream) % 2);
                        rollout.rewards[row] = f32::from(self.step[lane]) + 0.5;
                        finals.push([stream, self.episode[lane] + FINAL, self.step[lane] + 1, 9]);
                    }
                }
                if step == steps {
                    continue;
                }
                self.step[lane] += 1;
                let end = self.draw.below(8);
                if end < 2 {
                    let cell = step * LANES + lane;
                    if end == 0 {
                        rollout.terminated[cell] = 1;
                    } else {
                        rollout.truncated[cell] = 1;
                    }
                    (self.episode[lane], self.step[lane]) = (self.episode[lane] + 1, 0);
                }
            }
        }
        rollout.final_observations = Some(ObservationBuffer::Bytes(finals.concat()));
        rollout
    }
}

fn context() -> LearnContext {
    LearnContext {
        clocks: Clocks::default(),
        replica: 0,
        key: Key::of_seed(1),
        task_weight: 2.0,
        shaped_weight: 0.0,
    }
}

fn seen((observations, at): (Observations<'_>, usize)) -> [u8; WIDTH] {
    let Observations::Bytes(bytes) = observations else {
        panic!()
    };
    bytes[at..at + WIDTH].try_into().expect("as wide as said")
}

/// What is known of a transition from its first observation alone; `beyond` as in [`Replay::append`].
fn check_transition(replay: &Replay<'_>, transition: Transition, beyond: bool) {
    let [stream, episode, step, _] = seen(replay.before(transition));
    assert_eq!(replay.action(transition), usize::from((step + stream) % 2));
    assert_eq!(replay.reward(transition), 2.0 * (f32::from(step) + 0.5));
    let after = seen(replay.after(transition));
    if replay.ends(transition) {
        return;
    }
    assert_eq!(
        [after[0], after[2]],
        [stream, step + 1],
        "a step further in the same stream"
    );
    let cut_off = after[1] == episode + FINAL;
    assert!(
        after[1] == episode || beyond && cut_off,
        "from episode {episode} into {}",
        after[1]
    );
    let legal = replay.legal_after(transition).expect("masks");
    // Of a final observation nobody knows, and none at all counts as all.
    let expected = if cut_off { [0, 0] } else { [1 - after[2] % 2, 1] };
    assert_eq!(legal, expected);
}

fn check(slots: usize, steps: usize, ticks: usize, beyond: bool) {
    let shape = ReplayShape {
        streams: STREAMS,
        slots,
        width: WIDTH,
        floats: false,
        moves: 2,
    };
    let mut memory = Memory::zeros(&shape.buffers());
    let mut game = Game {
        draw: draws(5),
        episode: [0; LANES],
        step: [0; LANES],
    };
    let mut taken = 0;
    for _ in 0..ticks {
        let rollout = game.rollout(steps);
        let experience = [Experience {
            rollout: &rollout,
            seats: &SEATS,
            chair: None,
        }];
        let (_, mut replay) = Replay::of::<0>(shape, &mut memory).expect("its own memory");
        replay.append(&experience, &context(), beyond).expect("rows that fit");
        taken += steps * STREAMS;
    }
    let (_, replay) = Replay::of::<0>(shape, &mut memory).expect("its own memory");
    let held = replay.len();
    let most = (slots - 1) * STREAMS;
    if beyond {
        assert!(
            held <= most.min(taken) && held > most.min(taken) / 2,
            "{held} of {taken}"
        );
    } else {
        assert_eq!(held, most.min(taken));
    }
    let (mut counts, mut drawn, per_key) = (BTreeMap::<[u8; WIDTH], usize>::new(), Vec::new(), 500);
    for key in 0..(held * 200 / per_key) as u32 {
        replay.sample(Key::of_seed(8).fold(key, 0), per_key, &mut drawn);
        for &transition in &drawn {
            check_transition(&replay, transition, beyond);
            *counts.entry(seen(replay.before(transition))).or_default() += 1;
        }
    }
    assert_eq!(counts.len(), held, "every transition is drawn");
    // Counts of 200 each: their variance over transitions is that of uniform draws.
    let total: usize = counts.values().sum();
    let mean = total as f64 / held as f64;
    let spread = counts.values().map(|&count| (count as f64 - mean).powi(2)).sum::<f64>() / held as f64 / mean;
    let deviation = (2.0 / held as f64).sqrt();
    assert!(
        (spread - 1.0).abs() < 4.0 * deviation,
        "chi-square per transition: {spread}"
    );
}

#[test]
fn samples_are_uniform_and_stay_in_their_episode() {
    check(40, 1, 25, false);
    check(40, 1, 90, false);
    check(40, 7, 13, false);
    check(40, 7, 13, true);
    check(11, 30, 2, true);
}

#[test]
fn another_environment_begins_another_run_of_entries() {
    let shape = ReplayShape {
        streams: STREAMS,
        slots: 50,
        width: WIDTH,
        floats: false,
        moves: 2,
    };
    let mut memory = Memory::zeros(&shape.buffers());
    let game = |episode: u8| Game {
        draw: draws(u64::from(episode)),
        episode: [episode; LANES],
        step: [0; LANES],
    };
    for first_episode in [0, 30] {
        let rollout = game(first_episode).rollout(10);
        let experience = [Experience {
            rollout: &rollout,
            seats: &SEATS,
            chair: None,
        }];
        let (_, mut replay) = Replay::of::<0>(shape, &mut memory).expect("its own memory");
        replay.append(&experience, &context(), false).expect("rows that fit");
    }
    let (_, replay) = Replay::of::<0>(shape, &mut memory).expect("its own memory");
    assert_eq!(replay.len(), 2 * 10 * STREAMS);
    let mut drawn = Vec::new();
    replay.sample(Key::of_seed(8), 5000, &mut drawn);
    drawn
        .iter()
        .for_each(|&transition| check_transition(&replay, transition, false));
}

#[test]
fn nothing_is_drawn_from_nothing() {
    let shape = ReplayShape {
        streams: STREAMS,
        slots: 5,
        width: WIDTH,
        floats: true,
        moves: 0,
    };
    let mut memory = Memory::zeros(&shape.buffers());
    let (_, replay) = Replay::of::<0>(shape, &mut memory).expect("its own memory");
    let mut drawn = Vec::new();
    replay.sample(Key::of_seed(8), 32, &mut drawn);
    assert!(drawn.is_empty() && replay.len() == 0);
    assert!(Replay::of::<1>(shape, &mut memory).is_err());
}
