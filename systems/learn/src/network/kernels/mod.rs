//! The loops under the layers: plain functions over slices, with buffers passed in, so that nothing is allocated once those have grown.
//!
//! Every kernel promises that the bits of a row depend neither on its neighbours nor on how many rows come together. So acting may cut a
//! batch anywhere, and a row acts as it learns.

pub mod activation;
pub mod cells;
pub mod conv;
pub mod dense;
pub mod gather;
pub mod gru;
mod lanes;
pub mod layer_norm;
pub mod lstm;
pub mod product;
pub mod recurrent;
pub mod sequence;
mod sparse;
mod sparse_conv;
#[cfg(test)]
mod tests;
mod tile;
mod transpose;

pub use sparse::{Rows, Taps};

/// Buffers of the kernels; they grow with use and stay.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The op that is going backward.
    pub(crate) op: usize,
    /// Weights in the order in which slopes go back through them, per op, and whether they are the current ones.
    turned: Vec<(bool, Vec<f32>)>,
    by_input: sparse::ByInput,
    runs: Vec<tile::Run>,
    cell_ends: Vec<u32>,
}

impl Scratch {
    /// The parameters may have changed.
    pub(crate) fn forget(&mut self) {
        self.turned.iter_mut().for_each(|(current, _)| *current = false);
    }
}

/// The current op's weights turned round by `turn`, `len` numbers.
fn turned(all: &mut Vec<(bool, Vec<f32>)>, op: usize, len: usize, turn: impl FnOnce(&mut [f32])) -> &[f32] {
    if all.len() <= op {
        all.resize_with(op + 1, Default::default);
    }
    let (current, weights) = &mut all[op];
    if !*current || weights.len() != len {
        weights.resize(len, 0.0);
        turn(weights);
        *current = true;
    }
    weights
}
