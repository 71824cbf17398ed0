//! OvercookedV2: golden traces of the reference, and properties that hold in any kitchen.

mod conformance;
mod plain;
mod properties;
mod resets;
mod settings;
mod traces;
