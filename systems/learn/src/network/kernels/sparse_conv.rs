//! Convolutions that read grids of mostly zeros: only what is not zero is multiplied. The bits of the outputs are those of
//! [`super::conv`].

use super::conv::ConvSizes;
use super::lanes::{Lanes, Vectorised, vectorised};
use super::sparse::{ByInput, Taps};
use std::ops::Range;

/// End of every cell's taps, `[rows, cells]`.
fn cell_ends(sizes: ConvSizes, taps: Taps<'_>, ends: &mut Vec<u32>) {
    ends.clear();
    let cells = sizes.height * sizes.width;
    let mut at = 0;
    for &row_end in taps.ends {
        for cell in 1..=cells {
            while at < row_end && (taps.indices[at] as usize) < cell * sizes.channels {
                at += 1;
            }
            ends.push(at as u32);
        }
    }
}

/// `out = bias + window W` for every cell; `relu`: what is negative becomes 0. `ends` is scratch.
pub(super) fn forward(
    sizes: ConvSizes,
    taps: Taps<'_>,
    weights: &[f32],
    bias: &[f32],
    out: &mut [f32],
    relu: bool,
    ends: &mut Vec<u32>,
) {
    let (cells, terms) = (sizes.cells(), sizes.side * sizes.side * sizes.channels);
    assert!(taps.ends.len() == sizes.rows && weights.len() >= terms * sizes.features && bias.len() == sizes.features);
    assert!(out.len() >= sizes.rows * cells * sizes.features && taps.indices.len() == taps.numbers.len());
    cell_ends(sizes, taps, ends);
    assert!(
        ends.last().is_none_or(|&end| end as usize == taps.indices.len()),
        "every tap lies in the grid"
    );
    vectorised(Windows {
        sizes,
        taps,
        ends,
        weights,
        bias,
        out,
        relu,
    });
}

struct Windows<'a> {
    sizes: ConvSizes,
    taps: Taps<'a>,
    ends: &'a [u32],
    weights: &'a [f32],
    bias: &'a [f32],
    out: &'a mut [f32],
    relu: bool,
}

impl Vectorised for Windows<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Lanes>(mut self) {
        let (cells, features) = (self.sizes.cells(), self.sizes.features);
        for row in 0..self.sizes.rows {
            for cell in 0..cells {
                let mut feature = 0;
                while feature < features {
                    let left = features - feature;
                    // SAFETY: `forward` checked lengths; features end with the kernel's.
                    unsafe {
                        if left > V::LEN {
                            self.cell::<V, 2>(row, cell, feature, left.min(2 * V::LEN));
                            feature += 2 * V::LEN;
                        } else {
                            self.cell::<V, 1>(row, cell, feature, left);
                            feature += V::LEN;
                        }
                    }
                }
            }
        }
    }
}

impl Windows<'_> {
    /// # Safety
    /// The processor has the instructions of `V`; operands hold row and cell; there are `feature + width` features.
    #[inline(always)]
    unsafe fn cell<V: Lanes, const N: usize>(&mut self, row: usize, cell: usize, feature: usize, width: usize) {
        let ConvSizes {
            height,
            width: columns,
            channels,
            features,
            side,
            ..
        } = self.sizes;
        let (y, x, before) = (cell / columns, cell % columns, self.sizes.before());
        let kx = super::conv::inside(x, columns, side, before);
        // SAFETY: as promised by the caller; the window lies inside the grid, so its taps' weights lie inside the kernel; the mask keeps the
        // last vector within the width.
        unsafe {
            let mask = V::mask(width - (N - 1) * V::LEN);
            let load = |from: *const f32, j: usize| {
                if j + 1 < N {
                    V::load(from.add(j * V::LEN))
                } else {
                    V::load_masked(from.add(j * V::LEN), mask)
                }
            };
            let mut sums = [V::splat(0.0); N];
            for ky in super::conv::inside(y, height, side, before) {
                let line = (y + ky - before) * columns + x;
                let first = row * height * columns + line + kx.start - before;
                let start = if first == 0 {
                    0
                } else {
                    *self.ends.get_unchecked(first - 1) as usize
                };
                let end = *self.ends.get_unchecked(first + kx.len() - 1) as usize;
                // From the index in the grid to that in the kernel; below zero where the window begins left of the grid.
                let shift = (ky * side * channels) as isize - (line as isize - before as isize) * channels as isize;
                let weights = self.weights.as_ptr().wrapping_add(feature);
                for at in start..end {
                    let input = *self.taps.indices.get_unchecked(at) as isize + shift;
                    let number = V::splat(*self.taps.numbers.get_unchecked(at));
                    let weights = weights.wrapping_add(input as usize * features);
                    for (j, sum) in sums.iter_mut().enumerate() {
                        *sum = sum.fma(number, load(weights, j));
                    }
                }
            }
            let bias = self.bias.as_ptr().add(feature);
            let out = self
                .out
                .as_mut_ptr()
                .add((row * height * columns + cell) * features + feature);
            for (j, sum) in sums.into_iter().enumerate() {
                let mut total = load(bias, j).plus(sum);
                if self.relu {
                    total = total.relu();
                }
                if j + 1 < N {
                    total.store(out.add(j * V::LEN));
                } else {
                    total.store_masked(out.add(j * V::LEN), mask);
                }
            }
        }
    }
}

/// Adds the slopes of the weights.
pub(super) fn add_weight_slopes(
    sizes: ConvSizes,
    taps: Taps<'_>,
    slopes: &[f32],
    weights_slope: &mut [f32],
    by_input: &mut ByInput,
) {
    let terms = sizes.side * sizes.side * sizes.channels;
    assert!(taps.ends.len() == sizes.rows && weights_slope.len() >= terms * sizes.features);
    assert!(slopes.len() >= sizes.rows * sizes.cells() * sizes.features);
    by_input.fill(taps, sizes.cells() * sizes.channels);
    vectorised(WeightSlopes {
        sizes,
        by_input,
        slopes,
        weights_slope,
    });
}

struct WeightSlopes<'a> {
    sizes: ConvSizes,
    by_input: &'a ByInput,
    slopes: &'a [f32],
    weights_slope: &'a mut [f32],
}

impl Vectorised for WeightSlopes<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Lanes>(mut self) {
        let ConvSizes {
            height,
            width,
            channels,
            features,
            side,
            ..
        } = self.sizes;
        let behind = side - 1 - self.sizes.before();
        for input in 0..height * width * channels {
            let taps = self.by_input.taps(input);
            if taps.is_empty() {
                continue;
            }
            let (cell, channel) = (input / channels, input % channels);
            let (y, x) = (cell / width, cell % width);
            // The outputs whose window holds this input: counted from the window's far side, so `behind` comes before.
            for up in super::conv::inside(y, height, side, behind) {
                for left in super::conv::inside(x, width, side, behind) {
                    let (to_y, to_x) = (y + up - behind, x + left - behind);
                    let tap = (side - 1 - up) * side + (side - 1 - left);
                    let (place, from) = (tap * channels + channel, to_y * width + to_x);
                    let mut feature = 0;
                    while feature < features {
                        let left = features - feature;
                        // SAFETY: `add_weight_slopes` checked lengths; features end with the kernel's.
                        unsafe {
                            if left > V::LEN {
                                self.weight::<V, 2>(place, from, taps.clone(), feature, left.min(2 * V::LEN));
                                feature += 2 * V::LEN;
                            } else {
                                self.weight::<V, 1>(place, from, taps.clone(), feature, left);
                                feature += V::LEN;
                            }
                        }
                    }
                }
            }
        }
    }
}

impl WeightSlopes<'_> {
    /// The weights `place` of one tap of the kernel and one channel get the slopes at the cell `from` of the taps' rows.
    ///
    /// # Safety
    /// The processor has the instructions of `V`; operands hold place, cell and the taps' rows; there are `feature + width` features.
    #[inline(always)]
    unsafe fn weight<V: Lanes, const N: usize>(
        &mut self,
        place: usize,
        from: usize,
        taps: Range<usize>,
        feature: usize,
        width: usize,
    ) {
        let features = self.sizes.features;
        // SAFETY: as promised by the caller; the mask keeps the last vector within the width.
        unsafe {
            let mask = V::mask(width - (N - 1) * V::LEN);
            let load = |from: *const f32, j: usize| {
                if j + 1 < N {
                    V::load(from.add(j * V::LEN))
                } else {
                    V::load_masked(from.add(j * V::LEN), mask)
                }
            };
            let mut sums = [V::splat(0.0); N];
            let slopes = self.slopes.as_ptr().add(from * features + feature);
            let stride = self.sizes.cells() * features;
            for at in taps {
                let (row, number) = self.by_input.tap(at);
                let slopes = slopes.add(row * stride);
                let number = V::splat(number);
                for (j, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.fma(number, load(slopes, j));
                }
            }
            let place = self.weights_slope.as_mut_ptr().add(place * features + feature);
            for (j, sum) in sums.into_iter().enumerate() {
                let total = load(place, j).plus(sum);
                if j + 1 < N {
                    total.store(place.add(j * V::LEN));
                } else {
                    total.store_masked(place.add(j * V::LEN), mask);
                }
            }
        }
    }
}
