//! What the tests share: where the golden traces are, and a door to the command line.

pub mod cli;
pub mod golden;
pub mod unplug;
