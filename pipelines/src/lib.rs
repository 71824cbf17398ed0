//! Pipeline files, the engine that ticks them, and the command line.
//!
//! The program as a library: `Starling::new().add_plugins(MyGame).main()` is the whole of a user's `main`.

pub mod builtin;
pub mod crossplay;
pub mod engine;
pub mod exit;
pub mod file;
pub mod problem;
pub mod ranks;
pub mod statistics;

mod batch;
mod commands;
mod picture;
mod plot;
#[cfg(feature = "query")]
mod query;
mod sources;
mod sweep;
mod terminal;

pub use engine::Starling;
