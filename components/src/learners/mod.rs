//! Settings of the learners and optimisers, one file each.

pub mod adam;
pub mod behaviour_cloning;
pub mod dqn;
pub mod ppo;
