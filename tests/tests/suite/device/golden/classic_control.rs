//! The games of classic control, with the tolerances of the processor's comparison.

use super::transition::play;
use super::{Given, take};
use crate::classic_control::traces::{self, Action, Transition};
use crate::classic_control::{Reference, assert_near, assert_observed, assert_start};
use crate::{acrobot, cart_pole, mountain_car, mountain_car_continuous, pendulum};
use starling_components::environments::acrobot::AcrobotSettings;
use starling_components::environments::cart_pole::CartPoleSettings;
use starling_components::environments::mountain_car::MountainCarSettings;
use starling_components::environments::mountain_car_continuous::MountainCarContinuousSettings;
use starling_components::environments::pendulum::PendulumSettings;
use starling_components::random::{Counter, Key};
use starling_components::simulate::Rules;
use starling_simulate::environments as games;
use starling_simulate::lanes::Vectorised;
use starling_tests::golden;

/// How far the device's start values may be from those that the processor makes of the same draws: one rounding more, of values up to pi.
const NEAR_STARTS: f32 = 5e-7;

fn check<R: Rules<Observation = f32>>(name: &str, reference: &Reference, rules: R)
where
    R::Action: Action,
{
    if super::gpu().is_none() {
        return;
    }
    let files = traces::read_all::<R::Action>(reference.state);
    let given = |row: &Transition<R::Action>| {
        let draw = Counter::new(Key::of_seed(0), 0, 0, 1);
        let played = play(&rules, &row.words(), &[row.action], draw, None::<Counter>);
        (played.given, played.start)
    };
    let files: Vec<((Vec<Given>, Vec<_>), Vec<_>)> = files
        .into_iter()
        .map(|rows| (rows.iter().map(given).unzip(), rows))
        .collect();
    assert!(!files.is_empty(), "no golden trace was found");
    let environment = Vectorised::new(rules);
    for ((given, starts), rows) in &files {
        let (mut steps, mut ended) = (0, 0);
        let played = take(&environment, given, |lane, got| {
            let row = &rows[lane];
            let flag = u32::from(row.terminated) | u32::from(row.truncated) << 1;
            assert_eq!(got.flag, flag, "{row:?}");
            assert_near(row, "reward", got.rewards[0], row.reward, reference.reward);
            assert_eq!(got.shaped, [0.0], "{row:?}");
            let seen = if flag == 0 { got.seen_next } else { got.seen_last };
            let seen: Vec<f32> = seen.iter().map(|&word| f32::from_bits(word)).collect();
            assert_observed(reference, row, &seen);
            steps += 1;
            if flag != 0 {
                ended += 1;
                assert_start(reference, got.state);
                let start = starts[lane].as_ref().expect("it ended on the processor too");
                for (&got, &want) in got.state.iter().zip(start) {
                    assert_near(row, "start", f32::from_bits(got), f32::from_bits(want), NEAR_STARTS);
                }
                return;
            }
            let (&time, floats) = got.state.split_last().expect("a state has words");
            assert_eq!(time as i32, row.next_time, "{row:?}");
            for ((&word, &want), (field, tolerance)) in floats.iter().zip(&row.after).zip(reference.state) {
                assert_near(row, field, f32::from_bits(word), want, *tolerance);
            }
        });
        assert!(played && steps == rows.len(), "every transition was taken");
        golden::say(&format!(
            "compared {steps} steps of {name} on the device, {ended} with auto-resets"
        ));
    }
}

#[test]
fn device_golden_cart_pole() {
    let rules = games::cart_pole::CartPole::new(&CartPoleSettings::default());
    check("cart_pole", &cart_pole::REFERENCE, rules.expect("default settings"));
}

#[test]
fn device_golden_acrobot() {
    let rules = games::acrobot::Acrobot::new(&AcrobotSettings::default());
    check("acrobot", &acrobot::REFERENCE, rules.expect("default settings"));
}

#[test]
fn device_golden_mountain_car() {
    let rules = games::mountain_car::MountainCar::new(&MountainCarSettings::default());
    check(
        "mountain_car",
        &mountain_car::REFERENCE,
        rules.expect("default settings"),
    );
}

#[test]
fn device_golden_mountain_car_continuous() {
    let settings = MountainCarContinuousSettings::default();
    let rules = games::mountain_car_continuous::MountainCarContinuous::new(&settings);
    check(
        "mountain_car_continuous",
        &mountain_car_continuous::REFERENCE,
        rules.expect("default settings"),
    );
}

#[test]
fn device_golden_pendulum() {
    let rules = games::pendulum::Pendulum::new(&PendulumSettings::default());
    check("pendulum", &pendulum::REFERENCE, rules.expect("default settings"));
}
