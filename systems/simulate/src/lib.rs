//! Environments: rules, vectorised stepping, collection and evaluation on the CPU.

pub mod environments;
pub mod lanes;
pub mod measure;
