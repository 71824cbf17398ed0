//! MountainCarContinuous against gymnax; and the wall of Gymnasium.

use crate::classic_control::{Reference, check};
use starling_components::environments::mountain_car_continuous::{MountainCarContinuousSettings, Wall};
use starling_components::random::{Counter, Key};
use starling_components::simulate::{Outcome, Rules};
use starling_simulate::environments::mountain_car_continuous::MountainCarContinuous;

pub(crate) const REFERENCE: Reference = Reference {
    state: &[("position", 2.4e-7), ("velocity", 1.5e-8)],
    observation: &[2.4e-7, 1.5e-8],
    reward: 6e-8,
    starts: &[(-0.6, -0.4), (0.0, 0.0)],
};

fn rules(wall: Wall) -> MountainCarContinuous {
    let settings = MountainCarContinuousSettings {
        wall,
        ..MountainCarContinuousSettings::default()
    };
    MountainCarContinuous::new(&settings).expect("valid settings")
}

#[test]
fn mountain_car_continuous_classic_control_golden() {
    check(&REFERENCE, rules(Wall::default()));
}

/// What becomes of a car that a full push to the left, or none, meets at `position` with `velocity`.
fn after(wall: Wall, position: f32, velocity: f32, action: f32) -> (f32, f32, bool) {
    let mut state = [position.to_bits(), velocity.to_bits(), 7];
    let mut outcome = Outcome {
        rewards: &mut [0.0],
        shaped: &mut [0.0],
        terminated: false,
        truncated: false,
    };
    let mut draw = Counter::new(Key::of_seed(0), 0, 0, 1);
    rules(wall).step(&mut state, &[action], &mut draw, &mut outcome);
    (f32::from_bits(state[0]), f32::from_bits(state[1]), outcome.terminated)
}

#[test]
fn mountain_car_continuous_walls_stop_the_car_in_different_places() {
    // Into the left end: only Gymnasium's stops it.
    let (position, velocity, _) = after(Wall::Gymnasium, -1.19, -0.05, -1.0);
    assert_eq!((position, velocity), (-1.2, 0.0));
    let (position, velocity, _) = after(Wall::Gymnax, -1.19, -0.05, -1.0);
    assert!(position == -1.2 && velocity < -0.04, "{position}, {velocity}");
    // Rolling back beyond the goal: only gymnax's stops it, and it has arrived.
    let (position, velocity, arrived) = after(Wall::Gymnasium, 0.58, -0.01, 0.0);
    assert!(position > 0.45 && velocity < 0.0 && !arrived, "{position}, {velocity}");
    let (position, velocity, arrived) = after(Wall::Gymnax, 0.58, -0.01, 0.0);
    assert!(position > 0.45 && velocity == 0.0 && arrived, "{position}, {velocity}");
    // Elsewhere they are one game.
    assert_eq!(
        after(Wall::Gymnax, -0.3, 0.02, 0.4),
        after(Wall::Gymnasium, -0.3, 0.02, 0.4)
    );
}
