//! Games whose lanes are stepped in vector registers: the bits are those of the plain way.

use crate::environments::acrobot::Acrobot;
use crate::environments::cart_pole::CartPole;
use crate::environments::mountain_car::MountainCar;
use crate::environments::mountain_car_continuous::MountainCarContinuous;
use crate::environments::pendulum::Pendulum;
use starling_components::environments::acrobot::AcrobotSettings;
use starling_components::environments::cart_pole::CartPoleSettings;
use starling_components::environments::mountain_car::MountainCarSettings;
use starling_components::environments::mountain_car_continuous::{MountainCarContinuousSettings, Wall};
use starling_components::environments::pendulum::PendulumSettings;
use starling_components::random::{Counter, Draw, Key};
use starling_components::simulate::{LaneOutcomes, Outcome, Rules};

/// Numbers that are none are equal, whatever their bits.
fn number(value: f32) -> Option<u32> {
    (!value.is_nan()).then_some(value.to_bits())
}

fn numbers(words: &[u32]) -> Vec<Option<u32>> {
    words.iter().map(|&word| number(f32::from_bits(word))).collect()
}

/// Steps states within `limits`, and far beyond them, both ways. `action` makes one of a drawn move and a drawn float.
fn check<R: Rules>(rules: &R, limits: &[f32], action: impl Fn(u32, f32) -> R::Action) {
    let words = limits.len() + 1;
    assert_eq!(rules.shape().state_words, words);
    for lanes in [1, 15, 16, 17, 100, 1000] {
        let mut draw = Counter::new(Key::of_seed(lanes as u64), 0, 0, 0);
        let mut states: Vec<u32> = Vec::new();
        let mut actions = Vec::new();
        for lane in 0..lanes {
            // Numbers that are none, too.
            let wide = if lane % 3 == 0 { 100.0 } else { 1.0 };
            let wide = if lane == 7 { f32::NAN } else { wide };
            states.extend(
                limits
                    .iter()
                    .map(|limit| draw.uniform(-limit * wide, limit * wide).to_bits()),
            );
            states.push(draw.below(45));
            actions.push(action(draw.below(3), draw.uniform(-3.0, 3.0)));
        }
        let mut vector = states.clone();
        let (mut rewards, mut shaped) = (vec![9.0; lanes], vec![9.0; lanes]);
        let (mut terminated, mut truncated) = (vec![9; lanes], vec![9; lanes]);
        let mut outcomes = LaneOutcomes {
            rewards: &mut rewards,
            shaped: &mut shaped,
            terminated: &mut terminated,
            truncated: &mut truncated,
        };
        assert!(rules.step_lanes(&mut vector, &actions, &mut outcomes));
        for (lane, state) in states.chunks_exact_mut(words).enumerate() {
            let mut plain = Outcome {
                rewards: &mut [0.0],
                shaped: &mut [0.0],
                terminated: false,
                truncated: false,
            };
            rules.step(state, &actions[lane..=lane], &mut draw, &mut plain);
            assert_eq!(number(rewards[lane]), number(plain.rewards[0]));
            assert_eq!(shaped[lane], 0.0);
            assert_eq!(
                (terminated[lane], truncated[lane]),
                (plain.terminated.into(), plain.truncated.into())
            );
            let ours = &vector[lane * words..(lane + 1) * words];
            assert_eq!(numbers(ours), numbers(state), "lane {lane} of {lanes}");
        }
        assert!(lanes < 100 || truncated.contains(&1), "some episodes are cut off");
    }
}

#[test]
fn games_in_vector_registers_are_the_games() {
    let cart_pole = CartPole::new(&CartPoleSettings { max_steps: 40 }).expect("settings");
    check(&cart_pole, &[2.6, 3.0, 0.3, 4.0], |choice, _| choice.min(1) as i32);
    let acrobot = Acrobot::new(&AcrobotSettings { max_steps: 40 }).expect("settings");
    check(&acrobot, &[3.2, 3.2, 13.0, 29.0], |choice, _| choice as i32);
    let car = MountainCar::new(&MountainCarSettings { max_steps: 40 }).expect("settings");
    check(&car, &[1.2, 0.07], |choice, _| choice as i32);
    for wall in [Wall::Gymnax, Wall::Gymnasium] {
        let settings = MountainCarContinuousSettings { max_steps: 40, wall };
        let car = MountainCarContinuous::new(&settings).expect("settings");
        check(&car, &[1.2, 0.07], |_, force| force);
    }
    let pendulum = Pendulum::new(&PendulumSettings { max_steps: 40 }).expect("settings");
    check(&pendulum, &[9.0, 8.0, 2.0], |_, torque| torque);
}

#[test]
fn games_without_steps_are_refused() {
    let refused = [
        Acrobot::new(&AcrobotSettings { max_steps: 0 }).err(),
        CartPole::new(&CartPoleSettings { max_steps: 0 }).err(),
        MountainCar::new(&MountainCarSettings { max_steps: 0 }).err(),
        Pendulum::new(&PendulumSettings { max_steps: 0 }).err(),
    ];
    for fault in refused {
        assert_eq!(fault.map(|fault| fault.key), Some(vec!["max_steps".to_owned()]));
    }
}
