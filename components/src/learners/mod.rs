//! Settings of the learners and optimisers, one file each.

pub mod adam;
pub mod ppo;
