//! Networks, optimisers and learners.
//!
//! Everything is a plain type over slices, callable without a world: [`network::Network`] acts and differentiates, [`ppo::Ppo`] learns,
//! [`optimizer::adam::Adam`] steps. [`LearnPlugin`] brings them to a pipeline: it registers the kinds of the slots `layer`, `learner` and
//! `optimizer`, builds agents, and learns once per tick.

mod awake;
mod batch;
pub mod behaviour_cloning;
mod build;
mod columns;
pub mod distribution;
pub mod dqn;
pub mod dqn_loss;
mod dqn_report;
mod evolve;
mod fresh;
pub mod gae;
mod lane_shard;
pub mod learner;
pub mod measure;
mod memories;
pub mod network;
pub mod optimizer;
mod plugin;
pub mod ppo;
mod ppo_graph;
pub mod ppo_loss;
mod ppo_shard;
mod real;
mod replay;
mod report;
mod snapshots;
pub mod strategies;
mod train;

pub use plugin::{LearnPlugin, register};
pub use real::Real;

#[cfg(test)]
mod tests;
