//! What a pipeline is made of: plain data and the contracts between systems.
//!
//! Everything that two systems crates exchange is declared here, because systems crates never depend on
//! each other. The crate holds data (specs, parameters, rollouts, rows), contracts (traits without
//! implementations) and the two things that must be identical everywhere: the counter-based generator
//! ([`random`]) and the floating-point functions ([`maths`]). It runs nothing and knows no algorithm.

pub mod act;
pub mod clock;
pub mod demonstrations;
pub mod environments;
pub mod evolve;
pub mod fault;
pub mod imports;
pub mod layers;
pub mod learn;
pub mod learners;
pub mod maths;
pub mod memory;
pub mod normalize;
pub mod parameters;
pub mod persist;
pub mod picture;
pub mod profile;
pub mod program;
pub mod quantity;
pub mod random;
pub mod ranks;
pub mod registry;
pub mod rollout;
pub mod schedule;
pub mod seating;
pub mod simulate;
pub mod spaces;
pub mod specs;
pub mod stage;
pub mod strategies;
pub mod suggest;
pub mod table;
pub mod tables;
pub mod twin;

mod name;

pub use fault::{Fault, Faults};
pub use name::EntityName;
