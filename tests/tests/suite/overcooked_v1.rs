//! Overcooked V1: golden traces of the reference, starts, and what differs from OvercookedV2.

pub(crate) mod conformance;
mod differences;
mod resets;
mod settings;
pub(crate) mod traces;

use starling_components::environments::overcooked_v1::OvercookedV1Settings;
use starling_components::environments::overcooked_v2::KitchenChoice;
use starling_components::registry::RulesContext;
use starling_simulate::environments::overcooked_v1::OvercookedV1;

/// The rules of a classic kitchen.
pub(crate) fn rules(layout: &str, change: impl FnOnce(&mut OvercookedV1Settings)) -> OvercookedV1 {
    let mut settings = OvercookedV1Settings {
        layout: KitchenChoice::Name(layout.into()),
        ..OvercookedV1Settings::default()
    };
    change(&mut settings);
    let context = RulesContext { seats: 2, folder: None };
    OvercookedV1::new(&settings, context).unwrap_or_else(|fault| panic!("{layout}: {fault}"))
}
