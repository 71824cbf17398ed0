//! The loops under the layers. Bits of a row never depend on other rows: [`dense_row`] and [`conv_row`] add products in input order.

pub mod gru;
pub mod lstm;
pub mod panels;
pub mod recurrent;
pub mod sequence;

use starling_components::layers::Activation;
use starling_components::maths;

/// Width of the widest block of outputs whose sums stay in registers.
const BLOCK: usize = 64;

/// `out = bias + x W` for one row. `x` gives (input, number) in rising order, zeros left out or not: they add nothing. `weights` is
/// `[inputs, out.len()]`.
#[inline(always)]
pub fn dense_row(x: impl Iterator<Item = (usize, f32)> + Clone, weights: &[f32], bias: &[f32], out: &mut [f32]) {
    let outputs = out.len();
    let mut at = 0;
    while at + BLOCK <= outputs {
        block::<BLOCK>(x.clone(), weights, outputs, at, bias, out);
        at += BLOCK;
    }
    while at + 16 <= outputs {
        block::<16>(x.clone(), weights, outputs, at, bias, out);
        at += 16;
    }
    while at + 4 <= outputs {
        block::<4>(x.clone(), weights, outputs, at, bias, out);
        at += 4;
    }
    while at < outputs {
        out[at] = single(x.clone(), weights, outputs, at, bias[at]);
        at += 1;
    }
}

/// One output alone: a single sum would wait for every addition, so there are four, by input index, added at the end.
#[inline(always)]
fn single(x: impl Iterator<Item = (usize, f32)>, weights: &[f32], outputs: usize, at: usize, bias: f32) -> f32 {
    let mut sums = [0.0_f32; 4];
    for (input, number) in x {
        sums[input % 4] += number * weights[input * outputs + at];
    }
    bias + ((sums[0] + sums[1]) + (sums[2] + sums[3]))
}

#[inline(always)]
fn block<const N: usize>(
    x: impl Iterator<Item = (usize, f32)>,
    weights: &[f32],
    outputs: usize,
    at: usize,
    bias: &[f32],
    out: &mut [f32],
) {
    let mut sums = [0.0_f32; N];
    sums.copy_from_slice(&bias[at..at + N]);
    for (input, number) in x {
        let row = &weights[input * outputs + at..][..N];
        for (sum, weight) in sums.iter_mut().zip(row) {
            *sum += number * weight;
        }
    }
    out[at..at + N].copy_from_slice(&sums);
}

/// Sizes of a convolution with SAME padding and stride 1.
#[derive(Debug, Clone, Copy)]
pub struct ConvSizes {
    /// Rows of the grid.
    pub height: usize,
    /// Columns of the grid.
    pub width: usize,
    /// Input channels.
    pub channels: usize,
    /// Output channels.
    pub features: usize,
    /// Side of the kernel.
    pub side: usize,
}

/// The convolution of one row: `x` is `[height, width, channels]`, `weights` `[side, side, channels, features]`, `out`
/// `[height, width, features]`. `taps` is scratch.
#[inline(always)]
pub fn conv_row(
    sizes: ConvSizes,
    x: &[f32],
    weights: &[f32],
    bias: &[f32],
    out: &mut [f32],
    taps: &mut Vec<(usize, f32)>,
) {
    let ConvSizes {
        height,
        width,
        channels,
        features,
        side,
    } = sizes;
    let before = (side - 1) / 2;
    for row in 0..height {
        for column in 0..width {
            // The window's non-zero numbers with the index that each has in the kernel.
            taps.clear();
            for ky in 0..side {
                let Some(y) = (row + ky).checked_sub(before).filter(|&y| y < height) else {
                    continue;
                };
                for kx in 0..side {
                    let Some(x_at) = (column + kx).checked_sub(before).filter(|&c| c < width) else {
                        continue;
                    };
                    let cell = &x[(y * width + x_at) * channels..][..channels];
                    let first = (ky * side + kx) * channels;
                    taps.extend(
                        cell.iter()
                            .enumerate()
                            .filter(|(_, v)| **v != 0.0)
                            .map(|(c, &v)| (first + c, v)),
                    );
                }
            }
            let out = &mut out[(row * width + column) * features..][..features];
            dense_row(taps.iter().copied(), weights, bias, out);
        }
    }
}

/// Applies the activation in place.
#[inline(always)]
pub fn activate(activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::None => {}
        Activation::Relu => {
            for v in values {
                *v = v.max(0.0);
            }
        }
        Activation::Tanh => {
            for v in values {
                *v = maths::tanh(*v);
            }
        }
    }
}

/// Slope before the activation from the slope behind it, in place; `outputs` are the activation's outputs.
#[inline(always)]
pub fn activate_backward(activation: Activation, outputs: &[f32], slopes: &mut [f32]) {
    match activation {
        Activation::None => {}
        Activation::Relu => {
            for (slope, &y) in slopes.iter_mut().zip(outputs) {
                *slope = if y > 0.0 { *slope } else { 0.0 };
            }
        }
        Activation::Tanh => {
            for (slope, &y) in slopes.iter_mut().zip(outputs) {
                *slope *= 1.0 - y * y;
            }
        }
    }
}

/// Mean and `1 / sqrt(variance + eps)` of one axis.
#[inline(always)]
fn moments(x: &[f32], eps: f32) -> (f32, f32) {
    let n = x.len() as f32;
    let mean = x.iter().sum::<f32>() / n;
    let variance = x.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / n;
    (mean, 1.0 / (variance + eps).sqrt())
}

/// Layer normalisation of rows of `scale.len()` numbers.
#[inline(always)]
pub fn layer_norm(x: &[f32], scale: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
    let axis = scale.len();
    for (x, out) in x.chunks_exact(axis).zip(out.chunks_exact_mut(axis)) {
        let (mean, inverse) = moments(x, eps);
        for i in 0..axis {
            out[i] = (x[i] - mean) * inverse * scale[i] + bias[i];
        }
    }
}

/// Gradients of [`layer_norm`]: of scale and bias (added), of the input (added if `add`, else written).
#[inline(always)]
#[allow(clippy::too_many_arguments)] // the operands of one formula
pub fn layer_norm_backward(
    x: &[f32],
    scale: &[f32],
    eps: f32,
    slopes: &[f32],
    scale_slope: &mut [f32],
    bias_slope: &mut [f32],
    mut input_slope: Option<&mut [f32]>,
    add: bool,
) {
    let axis = scale.len();
    for (row, (x, dy)) in x.chunks_exact(axis).zip(slopes.chunks_exact(axis)).enumerate() {
        let (mean, inverse) = moments(x, eps);
        let (mut sum, mut dot) = (0.0_f32, 0.0_f32);
        for i in 0..axis {
            let normal = (x[i] - mean) * inverse;
            scale_slope[i] += dy[i] * normal;
            bias_slope[i] += dy[i];
            sum += dy[i] * scale[i];
            dot += dy[i] * scale[i] * normal;
        }
        let Some(dx) = input_slope.as_deref_mut() else { continue };
        let n = axis as f32;
        for i in 0..axis {
            let normal = (x[i] - mean) * inverse;
            let slope = inverse * (dy[i] * scale[i] - sum / n - normal * (dot / n));
            let place = &mut dx[row * axis + i];
            *place = if add { *place + slope } else { slope };
        }
    }
}
