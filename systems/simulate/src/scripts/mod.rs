//! Agents without parameters, one file each, named as in `script.<name>`.

pub mod greedy_cook;
pub mod random;
pub mod stay;
