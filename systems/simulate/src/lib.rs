//! Environments: rules, vectorised stepping, collection and evaluation on the CPU.
//!
//! [`lanes`] turns the rules of one lane into blocks of many; [`collect`] fills rollouts with them, [`evaluate`] scores frozen agents,
//! [`normalize`] keeps the statistics of agents that normalise, [`replay`] simulates a recorded episode again, [`watch`] also asks its policies
//! what they think, [`measure`] says how fast an environment steps. Rules are plain types over slices and
//! know nothing of the world around them.

pub mod blocks;
pub mod buffer;
pub mod build;
pub mod clocks;
pub mod collect;
pub mod device;
pub mod environments;
pub mod evaluate;
pub mod evolve;
pub mod inner;
pub mod lanes;
pub mod measure;
pub mod normalize;
pub mod replay;
pub mod scripts;
pub mod stages;
pub mod watch;

mod cast;
mod episodes;
mod players;
mod plugin;
mod record;
mod seating;
mod shards;
mod trajectories;

#[cfg(test)]
mod tests;

pub use plugin::SimulatePlugin;
