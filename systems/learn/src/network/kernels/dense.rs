//! `activation(x W + b)`.

use super::product::{Matrix, Start, product, product_in_pieces};
use super::sparse::{self, Rows};
use super::transpose::transpose;
use super::{Scratch, activation, turned};
use starling_components::layers::Activation;

/// Rows that are summed in one chain for the slopes of the weights: few enough that their slopes stay in the nearest cache.
const CHAIN: usize = 128;

/// A dense layer over a batch.
#[derive(Debug, Clone, Copy)]
pub struct DenseSizes {
    /// Rows of the batch.
    pub rows: usize,
    /// Numbers of an input row.
    pub inputs: usize,
    /// Numbers of an output row.
    pub outputs: usize,
    /// What follows.
    pub activation: Activation,
}

/// From `x` `[rows, inputs]`, `weights` `[inputs, outputs]` and `bias` to `out` `[rows, outputs]`.
pub fn forward(sizes: DenseSizes, x: Rows<'_>, weights: &[f32], bias: &[f32], out: &mut [f32]) {
    let DenseSizes {
        rows,
        inputs,
        outputs,
        activation,
    } = sizes;
    match x {
        Rows::All(x) => {
            let relu = activation == Activation::Relu;
            let x = Matrix::rows_of(x, inputs);
            product([rows, inputs, outputs], x, weights, Start::Bias(bias), out, relu);
            if relu {
                return;
            }
        }
        Rows::Taps(taps) => sparse::product(taps, inputs, weights, bias, out),
    }
    activation::forward(activation, out);
}

/// From the slopes of `out` (overwritten by those before the activation) to those of the weights and the bias (added) and of the input (added
/// if the flag is set, else written).
#[allow(clippy::too_many_arguments)] // the operands of one step of the chain rule
pub fn backward(
    sizes: DenseSizes,
    x: Rows<'_>,
    weights: &[f32],
    out: &[f32],
    slopes: &mut [f32],
    (weights_slope, bias_slope): (&mut [f32], &mut [f32]),
    input_slope: Option<(&mut [f32], bool)>,
    scratch: &mut Scratch,
) {
    let DenseSizes {
        rows,
        inputs,
        outputs,
        activation,
    } = sizes;
    activation::backward(activation, out, slopes);
    activation::add_bias_slopes(slopes, bias_slope);
    match x {
        Rows::All(x) => {
            let x = Matrix::transposed(x, inputs);
            let start = Start::Out;
            product_in_pieces(CHAIN, [inputs, rows, outputs], x, slopes, start, weights_slope, false);
        }
        Rows::Taps(taps) => {
            sparse::add_weight_slopes(taps, inputs, outputs, slopes, weights_slope, &mut scratch.by_input);
        }
    }
    if let Some((input_slope, add)) = input_slope {
        let weights = turned(&mut scratch.turned, scratch.op, inputs * outputs, |to| {
            transpose(weights, inputs, outputs, to);
        });
        let start = if add { Start::Out } else { Start::Nothing };
        let slopes = Matrix::rows_of(slopes, outputs);
        product([rows, outputs, inputs], slopes, weights, start, input_slope, false);
    }
}
