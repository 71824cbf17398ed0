//! Comparing methods over few runs: aggregates, performance profiles, probability of improvement, and their bootstrap intervals.
//!
//! The definitions are those of Agarwal et al., "... at the Edge of the Statistical Precipice" (NeurIPS 2021, arXiv 2108.13264), and of
//! its package `rliable`, with which they are compared number by number. Nothing here knows where scores come from.

mod aggregates;
mod bootstrap;
mod compare;
mod scores;
#[cfg(test)]
mod tests;

pub use aggregates::{iqm, mean, median, optimality_gap, trimmed_mean};
pub use bootstrap::{Bootstrap, Estimate, percentile};
pub use compare::{fraction_above, fraction_of_tasks_above, probability_of_improvement};
pub use scores::Scores;
