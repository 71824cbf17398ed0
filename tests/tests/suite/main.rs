//! Every test that needs more than one crate, in one binary: one module per subject.

mod overcooked_v2;
