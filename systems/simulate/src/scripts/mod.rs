//! Agents without parameters, one file each, named as in `script.<name>`.

pub mod random;
