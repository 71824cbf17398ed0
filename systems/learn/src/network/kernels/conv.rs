//! Convolution with SAME padding and stride 1, then an activation.
//!
//! All rows of the batch have the same window at the same cell. So a cell is a product of rows by the window's numbers, which lie in as many
//! contiguous runs as the window has rows inside the grid: nothing is padded or copied.

use super::lanes::{Lanes, Vectorised, vectorised};
use super::tile::{Base, Run, Tiles};
use super::{Rows, Scratch, activation, sparse_conv, turned};
use starling_components::layers::Activation;
use std::ops::Range;

/// Rows that go through all cells together, so that their grids stay in a near cache.
const ROWS: usize = 24;
/// Numbers of inputs and slopes that go through the slopes of the weights together, for the same reason.
const NUMBERS: usize = 8192;

/// A convolution over a batch.
#[derive(Debug, Clone, Copy)]
pub struct ConvSizes {
    /// Rows of the batch.
    pub rows: usize,
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
    /// What follows.
    pub activation: Activation,
}

impl ConvSizes {
    pub(super) fn cells(&self) -> usize {
        self.height * self.width
    }
    /// Cells of the window before its own; an even window reaches one further behind.
    pub(super) fn before(&self) -> usize {
        (self.side - 1) / 2
    }
}

/// Lines of a window around `at` that lie inside a grid of `len` lines.
#[inline(always)]
pub(super) fn inside(at: usize, len: usize, side: usize, before: usize) -> Range<usize> {
    before.saturating_sub(at)..side.min(len + before - at)
}

/// From `x` `[rows, height, width, channels]`, `weights` `[side, side, channels, features]` and `bias` to `out`
/// `[rows, height, width, features]`.
///
/// One element is the bias plus a chain of fused multiply-adds over the window's numbers inside the grid in the kernel's order, starting at 0.
pub fn forward(sizes: ConvSizes, x: Rows<'_>, weights: &[f32], bias: &[f32], out: &mut [f32], scratch: &mut Scratch) {
    let relu = sizes.activation == Activation::Relu;
    let (before, base, runs) = (sizes.before(), Base::Row(bias), &mut scratch.runs);
    match x {
        Rows::All(x) => windows(sizes, before, x, weights, base, out, relu, runs),
        Rows::Taps(taps) => sparse_conv::forward(sizes, taps, weights, bias, out, relu, &mut scratch.cell_ends),
    }
    if !relu {
        activation::forward(sizes.activation, out);
    }
}

/// From the slopes of `out` (overwritten by those before the activation) to those of the weights and the bias (added) and of the input (added
/// if the flag is set, else written).
#[allow(clippy::too_many_arguments)] // the operands of one step of the chain rule
pub fn backward(
    sizes: ConvSizes,
    x: Rows<'_>,
    weights: &[f32],
    out: &[f32],
    slopes: &mut [f32],
    (weights_slope, bias_slope): (&mut [f32], &mut [f32]),
    input_slope: Option<(&mut [f32], bool)>,
    scratch: &mut Scratch,
) {
    activation::backward(sizes.activation, out, slopes);
    activation::add_bias_slopes(slopes, bias_slope);
    match x {
        Rows::All(x) => add_weight_slopes(sizes, x, slopes, weights_slope, &mut scratch.runs),
        Rows::Taps(taps) => {
            sparse_conv::add_weight_slopes(sizes, taps, slopes, weights_slope, &mut scratch.by_input);
        }
    }
    let Some((input_slope, add)) = input_slope else { return };
    // The slope of an input is a convolution of the slopes of the outputs by the kernel turned round, channels and features exchanged.
    let turned = turned(&mut scratch.turned, scratch.op, weights.len(), |to| {
        turn(sizes, weights, to);
    });
    let runs = &mut scratch.runs;
    let back = ConvSizes {
        channels: sizes.features,
        features: sizes.channels,
        ..sizes
    };
    let base = if add { Base::Out } else { Base::Zero };
    windows(back, sizes.side / 2, slopes, turned, base, input_slope, false, runs);
}

/// `turned[-ky][-kx][f][c] = weights[ky][kx][c][f]`.
fn turn(sizes: ConvSizes, weights: &[f32], turned: &mut [f32]) {
    let ConvSizes {
        channels,
        features,
        side,
        ..
    } = sizes;
    let (taps, tap) = (side * side, channels * features);
    for at in 0..taps {
        let from = &weights[at * tap..][..tap];
        super::transpose::transpose(from, channels, features, &mut turned[(taps - 1 - at) * tap..][..tap]);
    }
}

/// Every output cell of every row: base plus the chain over its window. `before`: cells of the window before its own.
#[allow(clippy::too_many_arguments)] // the operands of one operation
fn windows(
    sizes: ConvSizes,
    before: usize,
    x: &[f32],
    weights: &[f32],
    base: Base<'_>,
    out: &mut [f32],
    relu: bool,
    runs: &mut Vec<Run>,
) {
    let (cells, terms) = (sizes.cells(), sizes.side * sizes.side * sizes.channels);
    assert!(x.len() >= sizes.rows * cells * sizes.channels && weights.len() >= terms * sizes.features);
    assert!(out.len() >= sizes.rows * cells * sizes.features);
    if let Base::Row(bias) = base {
        assert!(bias.len() >= sizes.features);
    }
    vectorised(Windows {
        sizes,
        before,
        x,
        weights,
        base,
        out,
        relu,
        runs,
    });
}

struct Windows<'a> {
    sizes: ConvSizes,
    before: usize,
    x: &'a [f32],
    weights: &'a [f32],
    base: Base<'a>,
    out: &'a mut [f32],
    relu: bool,
    runs: &'a mut Vec<Run>,
}

impl Vectorised for Windows<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let ConvSizes {
            rows,
            height,
            width,
            channels,
            features,
            side,
            ..
        } = self.sizes;
        let cells = height * width;
        if side == 1 {
            // Cells are rows.
            let run = [Run {
                a: 0,
                b: 0,
                len: channels,
            }];
            let tiles = Tiles {
                rows: rows * cells,
                columns: features,
                a: self.x,
                a_row: channels,
                a_step: 1,
                b: self.weights,
                b_step: features,
                runs: &run,
                base: self.base,
                out: self.out,
                out_at: 0,
                out_row: features,
                relu: self.relu,
            };
            // SAFETY: `windows` checked the operands' lengths.
            return unsafe { tiles.run::<V>() };
        }
        for first in (0..rows).step_by(ROWS) {
            for cell in 0..cells {
                let (row, column) = (cell / width, cell % width);
                let columns = inside(column, width, side, self.before);
                self.runs.clear();
                for ky in inside(row, height, side, self.before) {
                    let from = (row + ky - self.before) * width + column + columns.start - self.before;
                    self.runs.push(Run {
                        a: (first * cells + from) * channels,
                        b: (ky * side + columns.start) * channels * features,
                        len: columns.len() * channels,
                    });
                }
                let tiles = Tiles {
                    rows: ROWS.min(rows - first),
                    columns: features,
                    a: self.x,
                    a_row: cells * channels,
                    a_step: 1,
                    b: self.weights,
                    b_step: features,
                    runs: self.runs,
                    base: self.base,
                    out: self.out,
                    out_at: (first * cells + cell) * features,
                    out_row: cells * features,
                    relu: self.relu,
                };
                // SAFETY: `windows` checked the operands' lengths; the runs lie inside the grid and the kernel.
                unsafe { tiles.run::<V>() };
            }
        }
    }
}

/// Adds the slopes of the weights.
fn add_weight_slopes(sizes: ConvSizes, x: &[f32], slopes: &[f32], weights_slope: &mut [f32], runs: &mut Vec<Run>) {
    let (cells, terms) = (sizes.cells(), sizes.side * sizes.side * sizes.channels);
    assert!(x.len() >= sizes.rows * cells * sizes.channels && weights_slope.len() >= terms * sizes.features);
    assert!(slopes.len() >= sizes.rows * cells * sizes.features);
    vectorised(WeightSlopes {
        sizes,
        x,
        slopes,
        weights_slope,
        runs,
    });
}

struct WeightSlopes<'a> {
    sizes: ConvSizes,
    x: &'a [f32],
    slopes: &'a [f32],
    weights_slope: &'a mut [f32],
    runs: &'a mut Vec<Run>,
}

impl Vectorised for WeightSlopes<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let ConvSizes {
            rows,
            height,
            width,
            channels,
            features,
            side,
            ..
        } = self.sizes;
        let (cells, before) = (height * width, self.sizes.before());
        let block = (NUMBERS / (cells * (channels + features))).clamp(1, rows.max(1));
        for first in (0..rows).step_by(block) {
            let last = (first + block).min(rows);
            for tap in 0..side * side {
                let (ky, kx) = (tap / side, tap % side);
                // Output cells at which this tap of the kernel lies inside the grid.
                let lines = |k: usize, len: usize| before.saturating_sub(k)..len.min((len + before).saturating_sub(k));
                let (ys, xs) = (lines(ky, height), lines(kx, width));
                self.runs.clear();
                for row in first..last {
                    if side == 1 {
                        break;
                    }
                    for y in ys.clone() {
                        let from = (y + ky - before) * width + xs.start + kx - before;
                        self.runs.push(Run {
                            a: (row * cells + from) * channels,
                            b: (row * cells + y * width + xs.start) * features,
                            len: xs.len(),
                        });
                    }
                }
                if side == 1 {
                    self.runs.push(Run {
                        a: first * cells * channels,
                        b: first * cells * features,
                        len: (last - first) * cells,
                    });
                }
                let tiles = Tiles {
                    rows: channels,
                    columns: features,
                    a: self.x,
                    a_row: 1,
                    a_step: channels,
                    b: self.slopes,
                    b_step: features,
                    runs: self.runs,
                    base: Base::Out,
                    out: self.weights_slope,
                    out_at: tap * channels * features,
                    out_row: features,
                    relu: false,
                };
                // SAFETY: `add_weight_slopes` checked the operands' lengths; the runs lie inside the grid.
                unsafe { tiles.run::<V>() };
            }
        }
    }
}
