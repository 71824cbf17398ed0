//! Environments: rules, vectorised stepping, collection and evaluation on the CPU.

pub mod lanes;
