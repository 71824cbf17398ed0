//! CartPole against gymnax.

use crate::classic_control::{Reference, check};
use starling_components::environments::cart_pole::CartPoleSettings;
use starling_simulate::environments::cart_pole::CartPole;

pub(crate) const REFERENCE: Reference = Reference {
    state: &[("x", 4.8e-7), ("x_dot", 4.8e-7), ("theta", 6e-8), ("theta_dot", 9.6e-7)],
    observation: &[4.8e-7, 4.8e-7, 6e-8, 9.6e-7],
    reward: 0.0,
    starts: &[(-0.05, 0.05); 4],
};

#[test]
fn cart_pole_classic_control_golden() {
    check(
        &REFERENCE,
        CartPole::new(&CartPoleSettings::default()).expect("default settings"),
    );
}
