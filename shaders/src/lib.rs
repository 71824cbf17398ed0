//! WGSL kernels, and what composes, compiles and dispatches them: whole rollouts on a device, with the bits of the processor.
//!
//! [`sources`] holds the texts, one per subject. [`World`] composes one game's rules with the shared texts into kernels and opens a
//! [`Block`] of lanes on a [`Gpu`]; an [`Actor`] is a policy's kernel. Nothing here knows pipelines, and nothing panics: what a device
//! refuses comes back as a fault that says what to change.

mod actor;
mod adapters;
mod bandwidth;
mod block;
mod compose;
mod gpu;
mod play;
mod population;
mod run;
pub mod sources;
mod staging;
mod world;

pub use actor::{Actor, compose_policy};
pub use adapters::{AdapterReport, adapters};
pub use block::{Block, Setup};
pub use compose::{Draws, Packing, compose};
pub use gpu::Gpu;
pub use play::{Moves, Play, Taken, Wants};
pub use population::{Population, Score};
pub use world::World;
