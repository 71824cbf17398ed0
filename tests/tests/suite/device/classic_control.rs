//! The float worlds: put on the processor's state before every step, so that differences do not grow; the largest per variable is bounded, and
//! flags may differ only where a value lies within the bound of its threshold.

use super::lockstep::{ALL, Length, Written, observed, open, random_actions};
use starling_components::environments::acrobot::AcrobotSettings;
use starling_components::environments::cart_pole::CartPoleSettings;
use starling_components::environments::mountain_car::MountainCarSettings;
use starling_components::environments::mountain_car_continuous::{MountainCarContinuousSettings, Wall};
use starling_components::environments::pendulum::PendulumSettings;
use starling_components::maths;
use starling_components::random::{Counter, Draw, Key};
use starling_components::simulate::{Rules, Simulate};
use starling_components::spaces::Actions;
use starling_shaders::{Moves, Packing, Play};
use starling_simulate::environments::{acrobot, cart_pole, mountain_car, mountain_car_continuous, pendulum};
use starling_simulate::lanes::Vectorised;
use starling_tests::golden;

/// What may differ, and by how much.
struct Bounds {
    name: &'static str,
    /// Of the float words of a state, in order.
    state: &'static [f32],
    observation: &'static [f32],
    reward: f32,
    /// Random play seldom gets to where episodes end: every second step starts in states drawn from these ranges.
    scattered: &'static [(f32, f32)],
    /// So many of the state's first floats are angles, equal by whole turns.
    angles: usize,
    /// How far a state after a step is from where the rules would end the episode the other way.
    margin: fn(&[f32]) -> f32,
}

/// The largest difference of each variable so far.
struct Largest(Vec<f32>);

impl Largest {
    fn see(&mut self, at: usize, got: f32, want: f32, angle: bool) {
        let mut difference = if got.to_bits() == want.to_bits() {
            0.0
        } else {
            (got - want).abs()
        };
        if angle && difference > std::f32::consts::PI {
            difference = (difference - std::f32::consts::TAU).abs();
        }
        assert!(difference.is_finite(), "{got} instead of {want}");
        self.0[at] = self.0[at].max(difference);
    }
    fn check(&self, what: &str, bounds: &[f32]) {
        for (at, (largest, bound)) in self.0.iter().zip(bounds).enumerate() {
            assert!(largest <= bound, "{what} {at}: {largest:e} is more than {bound:e}");
        }
    }
}

fn check<R: Rules>(bounds: &Bounds, rules: R) {
    let environment = Vectorised::new(rules);
    let shape = environment.shape().clone();
    let length = Length {
        lanes: 2000,
        steps: 1,
        dispatches: 500,
    };
    let key = Key::of_seed(2);
    let Some(mut block) = open(&environment, key, length, Packing::Bytes) else {
        return;
    };
    let mut lanes = environment.open(key, length.lanes);
    lanes.reset();
    let width = shape.observation_width();
    let words = shape.state_words;
    let floats = bounds.state.len();
    let mut draw = Counter::new(Key::of_seed(9), 0, 0, 0);
    let mut written = Written::new(&shape, length.lanes);
    let mut state = Largest(vec![0.0; floats]);
    let mut seen = Largest(vec![0.0; width]);
    let mut reward = Largest(vec![0.0]);
    let (mut ended, mut apart) = (0, 0);
    for dispatch in 0..length.dispatches {
        if dispatch % 2 == 1 {
            let mut states = lanes.states().to_vec();
            for state in states.chunks_exact_mut(words) {
                for (word, &(low, high)) in state.iter_mut().zip(bounds.scattered) {
                    *word = draw.uniform(low, high).to_bits();
                }
            }
            let (episodes, steps) = (lanes.episodes().to_vec(), lanes.episode_steps().to_vec());
            lanes.restore(&states, &episodes, &steps).expect("states of the game");
        }
        block.write_lanes(lanes.states(), lanes.episodes(), lanes.episode_steps());
        let given = random_actions(&shape, length.lanes, &mut draw);
        if shape.float_actions() {
            let actions: Vec<f32> = given.iter().map(|&word| f32::from_bits(word)).collect();
            written.step(&mut *lanes, Actions::Continuous(&actions));
        } else {
            let actions: Vec<i32> = given.iter().map(|&word| word as i32).collect();
            written.step(&mut *lanes, Actions::Discrete(&actions));
        }
        let want_seen = observed(&*lanes, width);
        let play = Play {
            steps: 1,
            time: 0,
            moves: Moves::Given(&given),
            greedy: false,
            wants: ALL,
        };
        block
            .play(&play, |taken| {
                let observations = &taken.observations[length.lanes * width..];
                for lane in 0..length.lanes {
                    let (got, want) = (
                        &taken.states[lane * words..][..words],
                        &lanes.states()[lane * words..][..words],
                    );
                    if taken.flags[lane] != written.flag(lane) {
                        // One of the two went on: the one that did shows how near it was.
                        let on = if taken.flags[lane] == 0 { got } else { want };
                        let on: Vec<f32> = on[..floats].iter().map(|&word| f32::from_bits(word)).collect();
                        let margin = (bounds.margin)(&on);
                        let allowed = bounds.state.iter().fold(0.0_f32, |most, bound| most.max(*bound));
                        assert!(margin <= allowed, "flags differ {margin} from the threshold");
                        apart += 1;
                        continue;
                    }
                    ended += usize::from(written.flag(lane) != 0);
                    for at in 0..floats {
                        state.see(
                            at,
                            f32::from_bits(got[at]),
                            f32::from_bits(want[at]),
                            at < bounds.angles,
                        );
                    }
                    assert_eq!(got[floats..], want[floats..], "whole numbers of the state");
                    for at in 0..width {
                        let number = lane * width + at;
                        seen.see(at, f32::from_bits(observations[number]), want_seen[number], false);
                    }
                    reward.see(0, taken.rewards[lane], written.rewards[lane], false);
                }
            })
            .expect("the device plays");
    }
    assert!(ended > 0, "{}: no episode ended", bounds.name);
    golden::say(&format!(
        "{}: {} steps with {ended} auto-resets; largest differences {:?} of the state, {:?} of what is seen, {:?} of rewards; flags differ in {apart}",
        bounds.name,
        length.lanes * length.dispatches,
        state.0,
        seen.0,
        reward.0
    ));
    state.check("state", bounds.state);
    seen.check("observation", bounds.observation);
    reward.check("reward", &[bounds.reward]);
}

#[test]
fn device_lockstep_cart_pole() {
    let bounds = Bounds {
        name: "cart_pole",
        state: &[1e-6, 2e-6, 1e-6, 2e-6],
        observation: &[1e-6, 2e-6, 1e-6, 2e-6],
        reward: 0.0,
        scattered: &[(-2.5, 2.5), (-2.0, 2.0), (-0.22, 0.22), (-2.0, 2.0)],
        angles: 0,
        margin: |state| (state[0].abs() - 2.4).abs().min((state[2].abs() - 0.209_439_5).abs()),
    };
    check(
        &bounds,
        cart_pole::CartPole::new(&CartPoleSettings::default()).expect("settings"),
    );
}

#[test]
fn device_lockstep_acrobot() {
    let bounds = Bounds {
        name: "acrobot",
        state: &[1e-5, 1e-5, 5e-5, 5e-5],
        observation: &[1e-5, 1e-5, 1e-5, 1e-5, 5e-5, 5e-5],
        reward: 0.0,
        scattered: &[(-3.1, 3.1), (-3.1, 3.1), (-6.0, 6.0), (-9.0, 9.0)],
        angles: 2,
        margin: |state| {
            let height = -maths::cos(state[0]) - maths::cos(state[0] + state[1]);
            (height - 1.0).abs()
        },
    };
    let settings = AcrobotSettings { max_steps: 200 };
    check(&bounds, acrobot::Acrobot::new(&settings).expect("settings"));
}

#[test]
fn device_lockstep_mountain_car() {
    let bounds = Bounds {
        name: "mountain_car",
        state: &[1e-6, 5e-8],
        observation: &[1e-6, 5e-8],
        reward: 0.0,
        scattered: &[(-1.2, 0.55), (-0.07, 0.07)],
        angles: 0,
        margin: |state| (state[0] - 0.5).abs(),
    };
    let settings = MountainCarSettings { max_steps: 200 };
    check(&bounds, mountain_car::MountainCar::new(&settings).expect("settings"));
}

#[test]
fn device_lockstep_mountain_car_continuous() {
    for wall in [Wall::Gymnax, Wall::Gymnasium] {
        let bounds = Bounds {
            name: "mountain_car_continuous",
            state: &[1e-6, 5e-8],
            observation: &[1e-6, 5e-8],
            // The goal pays 100.
            reward: 1e-5,
            scattered: &[(-1.2, 0.55), (-0.07, 0.07)],
            angles: 0,
            margin: |state| (state[0] - 0.45).abs(),
        };
        let settings = MountainCarContinuousSettings { max_steps: 300, wall };
        let rules = mountain_car_continuous::MountainCarContinuous::new(&settings).expect("settings");
        check(&bounds, rules);
    }
}

#[test]
fn device_lockstep_pendulum() {
    let bounds = Bounds {
        name: "pendulum",
        state: &[1e-5, 1e-5, 0.0],
        observation: &[1e-5, 1e-5, 1e-5],
        reward: 1e-5,
        scattered: &[(-9.0, 9.0), (-8.0, 8.0)],
        angles: 0,
        margin: |_| f32::INFINITY,
    };
    check(
        &bounds,
        pendulum::Pendulum::new(&PendulumSettings::default()).expect("settings"),
    );
}
