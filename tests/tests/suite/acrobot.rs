//! Acrobot against gymnax.

use crate::classic_control::{Reference, check};
use starling_components::environments::acrobot::AcrobotSettings;
use starling_simulate::environments::acrobot::Acrobot;

pub(crate) const REFERENCE: Reference = Reference {
    state: &[
        ("joint_angle1", 3e-5),
        ("joint_angle2", 3e-5),
        ("velocity_1", 3.8e-4),
        ("velocity_2", 1.52e-3),
    ],
    // Sines and cosines differ by no more than their angles.
    observation: &[3e-5, 3e-5, 3e-5, 3e-5, 3.8e-4, 1.52e-3],
    reward: 0.0,
    starts: &[(-0.1, 0.1); 4],
};

#[test]
fn acrobot_classic_control_golden() {
    check(
        &REFERENCE,
        Acrobot::new(&AcrobotSettings::default()).expect("default settings"),
    );
}
