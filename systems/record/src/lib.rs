//! Parquet streams, commits, checkpoints and resume.
//!
//! The one idea: **readers trust commits only**. Rows stream into small immutable Parquet parts, a checkpoint is written
//! beside them, and then one exclusively created commit file names both with their hashes. Whatever no commit names does
//! not exist, so a run may be killed at any instant. Read the modules in this order: [`run`] (a directory), `store` (of which
//! kind), [`commit`] (what it trusts), `part` and `writer` (how rows get there), [`checkpoint`], then [`verify`],
//! [`diff`], [`read`] and [`steps`], and [`plugin`], which ties all of it to the schedule.

mod block;
pub mod checkpoint;
pub mod commit;
pub mod diff;
pub mod imports;
pub mod join;
mod newest;
mod part;
pub mod plugin;
pub mod read;
pub mod run;
mod schema;
pub mod steps;
mod store;
#[cfg(test)]
mod tests;
pub mod verify;
mod writer;

pub use newest::newest_commit;
pub use plugin::{RecordPlugin, finish, start};
pub use run::{ResumeOptions, Run};
pub use store::Place;
pub use store::disk::{create_folder, sha256, write_whole};
pub use writer::{CommitRequest, Recorder};
