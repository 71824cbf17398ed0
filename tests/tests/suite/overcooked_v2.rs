//! OvercookedV2: golden traces of the reference, and properties that hold in any kitchen.

mod conformance;
mod traces;
