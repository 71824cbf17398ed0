//! Every test that needs more than one crate, in one binary: one module per subject.

mod cart_pole;
mod exactness;
mod faults;
mod guides;
mod learning;
mod outside;
mod overcooked_v2;
mod pipeline_file;
mod record;
mod rows;
mod terminal;
