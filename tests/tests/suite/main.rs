//! Every test that needs more than one crate, in one binary: one module per subject.

mod cart_pole;
mod learning;
mod overcooked_v2;
mod record;
mod pipeline_file;
