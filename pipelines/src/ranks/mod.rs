//! The processes of one run: how they find each other, and how those that do not lead take part.
//!
//! Rank 0 does what one process does: reads the pipeline, records, commits, shows how far it is, and says what went wrong. The others get
//! pipeline and checkpoint from it, so they need no file of their own, keep step until it stops, and say nothing.

mod join;
#[cfg(feature = "mpi")]
mod mpi;
mod start;
pub mod threads;
pub(crate) mod traffic;

pub use join::{Choice, join, leave};
pub(crate) use join::{alone, on_this_machine};
pub(crate) use start::{follow, share_pipeline, share_state};
