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
    /// Weights in another order.
    weights: Vec<f32>,
    by_input: sparse::ByInput,
    runs: Vec<tile::Run>,
    cell_ends: Vec<u32>,
}
