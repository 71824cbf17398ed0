//! Pendulum against gymnax.

use crate::classic_control::{Reference, check};
use starling_components::environments::pendulum::PendulumSettings;
use starling_simulate::environments::pendulum::Pendulum;
use std::f32::consts::PI;

pub(crate) const REFERENCE: Reference = Reference {
    state: &[("theta", 7.6e-6), ("theta_dot", 9.6e-7), ("last_u", 0.0)],
    // Sine and cosine differ by no more than the angle.
    observation: &[7.6e-6, 7.6e-6, 9.6e-7],
    reward: 1.9e-6,
    starts: &[(-PI, PI), (-1.0, 1.0), (0.0, 0.0)],
};

#[test]
fn pendulum_classic_control_golden() {
    check(
        &REFERENCE,
        Pendulum::new(&PendulumSettings::default()).expect("default settings"),
    );
}
