//! Environments: rules, vectorised stepping, collection and evaluation on the CPU.
