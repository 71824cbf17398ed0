//! OvercookedV2: golden traces of the reference, and properties that hold in any kitchen.

pub(crate) mod conformance;
mod events;
mod kitchens;
mod oddities;
mod plain;
mod plain_features;
mod properties;
mod resets;
mod settings;
pub(crate) mod traces;
mod views;

pub(crate) use properties::{rules_of, settings as random_settings};
