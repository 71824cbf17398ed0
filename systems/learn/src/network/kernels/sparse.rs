//! Products with rows of mostly zeros: only what is not zero is multiplied. The bits are those of the whole product.

use super::lanes::{Lanes, Vectorised, vectorised};
use super::product::piece;

/// Rows as lists of (input, number), zeros left out.
#[derive(Debug, Clone, Copy)]
pub struct Taps<'a> {
    /// End of each row in the lists.
    pub ends: &'a [usize],
    /// Inputs, rising within a row.
    pub indices: &'a [u32],
    /// Their numbers.
    pub numbers: &'a [f32],
}

/// What a first layer reads.
#[derive(Debug, Clone, Copy)]
pub enum Rows<'a> {
    /// `[rows, inputs]`.
    All(&'a [f32]),
    /// What is not zero.
    Taps(Taps<'a>),
}

impl<'a> Rows<'a> {
    /// `[rows, inputs]`.
    ///
    /// # Panics
    /// Lists of what is not zero: kept only where every first layer reads them.
    pub fn all(self) -> &'a [f32] {
        match self {
            Self::All(x) => x,
            Self::Taps(_) => panic!("lists of non-zero numbers are kept for layers that read them"),
        }
    }
}

impl Taps<'_> {
    fn row(&self, row: usize) -> std::ops::Range<usize> {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        start..self.ends[row]
    }
}

/// `out = bias + x W`, as [`super::product::product`] computes it.
pub(super) fn product(taps: Taps<'_>, inputs: usize, weights: &[f32], bias: &[f32], out: &mut [f32]) {
    let outputs = bias.len();
    assert!(weights.len() >= inputs * outputs && out.len() >= taps.ends.len() * outputs);
    assert!(taps.indices.iter().all(|&i| (i as usize) < inputs) && taps.indices.len() == taps.numbers.len());
    vectorised(Product {
        taps,
        inputs,
        weights,
        bias,
        out,
    });
}

struct Product<'a> {
    taps: Taps<'a>,
    inputs: usize,
    weights: &'a [f32],
    bias: &'a [f32],
    out: &'a mut [f32],
}

impl Vectorised for Product<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Lanes>(mut self) {
        let outputs = self.bias.len();
        for row in 0..self.taps.ends.len() {
            let mut column = 0;
            while column < outputs {
                let left = outputs - column;
                // SAFETY: `product` checked lengths and indices; columns end with `outputs`.
                unsafe {
                    if V::WIDE >= 4 && left > 3 * V::LEN {
                        self.columns::<V, 4>(row, column, left.min(4 * V::LEN));
                        column += 4 * V::LEN;
                    } else if left > V::LEN {
                        self.columns::<V, 2>(row, column, left.min(2 * V::LEN));
                        column += 2 * V::LEN;
                    } else {
                        self.columns::<V, 1>(row, column, left);
                        column += V::LEN;
                    }
                }
            }
        }
    }
}

impl Product<'_> {
    /// # Safety
    /// The processor has the instructions of `V`; every tap's input has a row of weights, which like `bias` and the row of `out` has
    /// `column + width` columns.
    #[inline(always)]
    unsafe fn columns<V: Lanes, const N: usize>(&mut self, row: usize, column: usize, width: usize) {
        let outputs = self.bias.len();
        let place = self.taps.row(row);
        let (mut taps, mut end) = (place.start, 0);
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
            let bias = self.bias.as_ptr().add(column);
            // No `array::from_fn` in here: its closure would not have the instructions, and each of them would be a call.
            let mut totals = [V::splat(0.0); N];
            for (j, total) in totals.iter_mut().enumerate() {
                *total = load(bias, j);
            }
            while end < self.inputs {
                end += piece(self.inputs);
                let mut sums = [V::splat(0.0); N];
                while taps < place.end && (*self.taps.indices.get_unchecked(taps) as usize) < end {
                    let input = *self.taps.indices.get_unchecked(taps) as usize;
                    let x = V::splat(*self.taps.numbers.get_unchecked(taps));
                    let weights = self.weights.as_ptr().add(input * outputs + column);
                    for (j, sum) in sums.iter_mut().enumerate() {
                        *sum = sum.fma(x, load(weights, j));
                    }
                    taps += 1;
                }
                for (total, sum) in totals.iter_mut().zip(sums) {
                    *total = total.plus(sum);
                }
            }
            let out = self.out.as_mut_ptr().add(row * outputs + column);
            for (j, total) in totals.into_iter().enumerate() {
                if j + 1 < N {
                    total.store(out.add(j * V::LEN));
                } else {
                    total.store_masked(out.add(j * V::LEN), mask);
                }
            }
        }
    }
}

/// Taps sorted by input.
#[derive(Debug, Default)]
pub(super) struct ByInput {
    /// Where the next tap of an input goes; afterwards the end of its taps.
    ends: Vec<u32>,
    rows: Vec<u32>,
    numbers: Vec<f32>,
}

impl ByInput {
    /// Sorts by input, rows rising.
    pub(super) fn fill(&mut self, taps: Taps<'_>, inputs: usize) {
        self.ends.clear();
        self.ends.resize(inputs + 1, 0);
        for &input in taps.indices {
            self.ends[input as usize + 1] += 1;
        }
        for input in 0..inputs {
            self.ends[input + 1] += self.ends[input];
        }
        self.rows.resize(taps.indices.len(), 0);
        self.numbers.resize(taps.indices.len(), 0.0);
        for row in 0..taps.ends.len() {
            for at in taps.row(row) {
                let next = &mut self.ends[taps.indices[at] as usize];
                self.rows[*next as usize] = row as u32;
                self.numbers[*next as usize] = taps.numbers[at];
                *next += 1;
            }
        }
    }

    /// Places of an input's taps.
    #[inline(always)]
    pub(super) fn taps(&self, input: usize) -> std::ops::Range<usize> {
        let start = if input == 0 { 0 } else { self.ends[input - 1] };
        start as usize..self.ends[input] as usize
    }

    /// Row and number of the tap at a place.
    ///
    /// # Safety
    /// The place lies in some input's range of [`ByInput::taps`].
    #[inline(always)]
    pub(super) unsafe fn tap(&self, place: usize) -> (usize, f32) {
        // SAFETY: as promised by the caller.
        unsafe {
            (
                *self.rows.get_unchecked(place) as usize,
                *self.numbers.get_unchecked(place),
            )
        }
    }
}

/// Adds the slopes of the weights, `x^T slopes`, to `weights_slope`, `[inputs, outputs]`.
pub(super) fn add_weight_slopes(
    taps: Taps<'_>,
    inputs: usize,
    outputs: usize,
    slopes: &[f32],
    weights_slope: &mut [f32],
    by_input: &mut ByInput,
) {
    assert!(slopes.len() >= taps.ends.len() * outputs && weights_slope.len() >= inputs * outputs);
    by_input.fill(taps, inputs);
    vectorised(WeightSlopes {
        by_input,
        inputs,
        outputs,
        slopes,
        weights_slope,
    });
}

struct WeightSlopes<'a> {
    by_input: &'a ByInput,
    inputs: usize,
    outputs: usize,
    slopes: &'a [f32],
    weights_slope: &'a mut [f32],
}

impl Vectorised for WeightSlopes<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Lanes>(mut self) {
        for input in 0..self.inputs {
            let taps = self.by_input.taps(input);
            if taps.is_empty() {
                continue;
            }
            let mut column = 0;
            while column < self.outputs {
                let left = self.outputs - column;
                // SAFETY: `add_weight_slopes` checked lengths; taps have the rows and inputs that they were made from.
                unsafe {
                    if V::WIDE >= 4 && left > 3 * V::LEN {
                        self.columns::<V, 4>(input, taps.clone(), column, left.min(4 * V::LEN));
                        column += 4 * V::LEN;
                    } else if left > V::LEN {
                        self.columns::<V, 2>(input, taps.clone(), column, left.min(2 * V::LEN));
                        column += 2 * V::LEN;
                    } else {
                        self.columns::<V, 1>(input, taps.clone(), column, left);
                        column += V::LEN;
                    }
                }
            }
        }
    }
}

impl WeightSlopes<'_> {
    /// # Safety
    /// The processor has the instructions of `V`; `slopes` has every tap's row and `weights_slope` the input's, with `column + width` columns.
    #[inline(always)]
    unsafe fn columns<V: Lanes, const N: usize>(
        &mut self,
        input: usize,
        taps: std::ops::Range<usize>,
        column: usize,
        width: usize,
    ) {
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
            for at in taps {
                let (row, number) = self.by_input.tap(at);
                let x = V::splat(number);
                let slopes = self.slopes.as_ptr().add(row * self.outputs + column);
                for (j, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.fma(x, load(slopes, j));
                }
            }
            let place = self.weights_slope.as_mut_ptr().add(input * self.outputs + column);
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
