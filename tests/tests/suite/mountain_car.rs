//! MountainCar against gymnax.

use crate::classic_control::{Reference, check};
use starling_components::environments::mountain_car::MountainCarSettings;
use starling_simulate::environments::mountain_car::MountainCar;

pub(crate) const REFERENCE: Reference = Reference {
    state: &[("position", 2.4e-7), ("velocity", 1.5e-8)],
    observation: &[2.4e-7, 1.5e-8],
    reward: 0.0,
    starts: &[(-0.6, -0.4), (0.0, 0.0)],
};

#[test]
fn mountain_car_classic_control_golden() {
    check(
        &REFERENCE,
        MountainCar::new(&MountainCarSettings::default()).expect("default settings"),
    );
}
