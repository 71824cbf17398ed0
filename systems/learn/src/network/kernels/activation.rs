//! Activations over slices.

use crate::real::wide;
use starling_components::layers::Activation;
use starling_components::maths;

/// Applies the activation in place.
pub fn forward(activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::None => {}
        Activation::Relu => wide(
            #[inline(always)]
            || {
                for v in values {
                    *v = if *v > 0.0 { *v } else { 0.0 };
                }
            },
        ),
        Activation::Tanh => wide(
            #[inline(always)]
            || {
                for v in values {
                    *v = maths::tanh(*v);
                }
            },
        ),
    }
}

/// Slope before the activation from the slope behind it, in place; `outputs` are the activation's outputs.
pub fn backward(activation: Activation, outputs: &[f32], slopes: &mut [f32]) {
    match activation {
        Activation::None => {}
        Activation::Relu => wide(
            #[inline(always)]
            || {
                for (slope, &y) in slopes.iter_mut().zip(outputs) {
                    *slope = if y > 0.0 { *slope } else { 0.0 };
                }
            },
        ),
        Activation::Tanh => wide(
            #[inline(always)]
            || {
                for (slope, &y) in slopes.iter_mut().zip(outputs) {
                    *slope *= 1.0 - y * y;
                }
            },
        ),
    }
}

/// Adds the columns of `slopes`, `[rows, bias_slope.len()]`, to `bias_slope`, in row order.
pub fn add_bias_slopes(slopes: &[f32], bias_slope: &mut [f32]) {
    wide(
        #[inline(always)]
        || {
            for row in slopes.chunks_exact(bias_slope.len()) {
                for (sum, s) in bias_slope.iter_mut().zip(row) {
                    *sum += s;
                }
            }
        },
    );
}
