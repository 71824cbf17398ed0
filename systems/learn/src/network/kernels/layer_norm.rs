//! Layer normalisation: rows to mean 0 and variance 1, then scale and bias.

use crate::real::wide;

/// Partial sums of a row, so that additions need not wait for each other. Part of what the bits depend on.
const LANES: usize = 16;

/// The sum of `f` over all indices: interleaved lanes, combined in order.
#[inline(always)]
fn sum(len: usize, f: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let whole = len - len % LANES;
    for from in (0..whole).step_by(LANES) {
        for (lane, total) in lanes.iter_mut().enumerate() {
            *total += f(from + lane);
        }
    }
    for i in whole..len {
        lanes[i - whole] += f(i);
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
    }
    lanes[0]
}

/// Mean and `1 / sqrt(variance + eps)` of one row.
#[inline(always)]
fn moments(x: &[f32], eps: f32) -> (f32, f32) {
    let n = x.len() as f32;
    let mean = sum(x.len(), |i| x[i]) / n;
    let variance = sum(x.len(), |i| (x[i] - mean) * (x[i] - mean)) / n;
    (mean, 1.0 / (variance + eps).sqrt())
}

/// From rows of `scale.len()` numbers to as many in `out`.
pub fn forward(x: &[f32], scale: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
    let axis = scale.len();
    wide(
        #[inline(always)]
        || {
            for (x, out) in x.chunks_exact(axis).zip(out.chunks_exact_mut(axis)) {
                let (mean, inverse) = moments(x, eps);
                for (((out, x), scale), bias) in out.iter_mut().zip(x).zip(scale).zip(bias) {
                    *out = (x - mean) * inverse * scale + bias;
                }
            }
        },
    );
}

/// From the slopes of the output to those of scale and bias (added) and of the input (added if the flag is set, else written).
pub fn backward(
    x: &[f32],
    scale: &[f32],
    eps: f32,
    slopes: &[f32],
    (scale_slope, bias_slope): (&mut [f32], &mut [f32]),
    mut input_slope: Option<(&mut [f32], bool)>,
) {
    let axis = scale.len();
    let (scale_slope, bias_slope) = (&mut scale_slope[..axis], &mut bias_slope[..axis]);
    wide(
        #[inline(always)]
        || {
            for (row, (x, dy)) in x.chunks_exact(axis).zip(slopes.chunks_exact(axis)).enumerate() {
                let (mean, inverse) = moments(x, eps);
                for i in 0..axis {
                    scale_slope[i] += dy[i] * ((x[i] - mean) * inverse);
                    bias_slope[i] += dy[i];
                }
                let Some((dx, add)) = &mut input_slope else { continue };
                let n = axis as f32;
                let mean_slope = sum(axis, |i| dy[i] * scale[i]) / n;
                let along = sum(axis, |i| dy[i] * scale[i] * ((x[i] - mean) * inverse)) / n;
                for (i, place) in dx[row * axis..][..axis].iter_mut().enumerate() {
                    let normal = (x[i] - mean) * inverse;
                    let slope = inverse * (dy[i] * scale[i] - mean_slope - normal * along);
                    *place = if *add { *place + slope } else { slope };
                }
            }
        },
    );
}
