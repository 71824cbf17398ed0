//! The innermost loop of all products: a tile of sums stays in registers while the terms go by.
//!
//! Every sum is a chain of fused multiply-adds over its terms in the order given, starting at 0; then it is added to what `base` says.
//! Which tile an element falls into changes no bit, so a row may be computed alone or among others.

use super::lanes::{Lanes, Vectorised, vectorised};

/// Consecutive terms: the first operand's number of term `i` lies at `a + i * a_step`, the second's row at `b + i * b_step`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) a: usize,
    pub(super) b: usize,
    pub(super) len: usize,
}

/// What a sum is added to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Base<'a> {
    /// Nothing.
    Zero,
    /// The same row for all rows.
    Row(&'a [f32]),
    /// What is there.
    Out,
}

/// `out[i][j] = base + sum over terms of a[i][term] * b[term][j]` for `rows` x `columns`.
#[derive(Debug)]
pub(super) struct Tiles<'a> {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) a: &'a [f32],
    /// From one row of `a` to the next, from one term to the next.
    pub(super) a_row: usize,
    pub(super) a_step: usize,
    pub(super) b: &'a [f32],
    pub(super) b_step: usize,
    pub(super) runs: &'a [Run],
    pub(super) base: Base<'a>,
    pub(super) out: &'a mut [f32],
    /// Where the first element lies, and from one row of it to the next.
    pub(super) out_at: usize,
    pub(super) out_row: usize,
    /// Negative results become 0.
    pub(super) relu: bool,
}

impl Tiles<'_> {
    /// Computes all elements.
    ///
    /// # Panics
    /// Operands that are too short.
    pub(super) fn compute(self) {
        if self.rows == 0 || self.columns == 0 {
            return;
        }
        let last_row = self.rows - 1;
        for run in self.runs.iter().filter(|run| run.len > 0) {
            assert!(run.a + last_row * self.a_row + (run.len - 1) * self.a_step < self.a.len());
            assert!(run.b + (run.len - 1) * self.b_step + self.columns <= self.b.len());
        }
        assert!(self.out_at + last_row * self.out_row + self.columns <= self.out.len());
        if let Base::Row(row) = self.base {
            assert!(row.len() >= self.columns);
        }
        vectorised(self);
    }
}

impl Vectorised for Tiles<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Lanes>(mut self) {
        let mut column = 0;
        while column < self.columns {
            let left = self.columns - column;
            // SAFETY: `compute` checked the operands' lengths; `column + width <= columns`, where the last vector is masked to it.
            unsafe {
                if V::WIDE >= 4 && left > 3 * V::LEN {
                    self.panel::<V, 4, 6>(column, left.min(4 * V::LEN));
                    column += 4 * V::LEN;
                } else if left > V::LEN {
                    self.panel::<V, 2, 6>(column, left.min(2 * V::LEN));
                    column += 2 * V::LEN;
                } else if left <= V::Half::LEN {
                    self.panel::<V::Half, 1, 8>(column, left);
                    column += left;
                } else {
                    self.panel::<V, 1, 8>(column, left);
                    column += V::LEN;
                }
            }
        }
    }
}

impl Tiles<'_> {
    /// All rows of the columns `column..column + width`, which are more than `N - 1` vectors and at most `N`.
    ///
    /// # Safety
    /// As [`Tiles::tile`], for all rows.
    #[inline(always)]
    unsafe fn panel<V: Lanes, const N: usize, const M: usize>(&mut self, column: usize, width: usize) {
        let mut row = 0;
        // SAFETY: `row + count <= rows`.
        unsafe {
            while row + M <= self.rows {
                self.tile::<V, M, N>(row, column, width);
                row += M;
            }
            if row + 4 <= self.rows {
                self.tile::<V, 4, N>(row, column, width);
                row += 4;
            }
            if row + 2 <= self.rows {
                self.tile::<V, 2, N>(row, column, width);
                row += 2;
            }
            while row < self.rows {
                self.tile::<V, 1, N>(row, column, width);
                row += 1;
            }
        }
    }

    /// `M` rows, up to `N` vectors of columns.
    ///
    /// # Safety
    /// The processor has the instructions of `V`; all operands hold the rows `row..row + M` and the columns `column..column + width` of
    /// every run.
    #[inline(always)]
    unsafe fn tile<V: Lanes, const M: usize, const N: usize>(&mut self, row: usize, column: usize, width: usize) {
        // SAFETY: as promised by the caller; the mask keeps the last vector within the width.
        unsafe {
            let mask = V::mask(width - (N - 1) * V::LEN);
            let mut sums = [[V::splat(0.0); N]; M];
            for run in self.runs {
                let a = self.a.as_ptr().add(run.a + row * self.a_row);
                let mut rows = [a; M];
                for (i, row) in rows.iter_mut().enumerate() {
                    *row = a.wrapping_add(i * self.a_row);
                }
                let mut b = self.b.as_ptr().wrapping_add(run.b + column);
                let mut at = 0;
                for _ in 0..run.len {
                    let mut weights = [V::splat(0.0); N];
                    for (j, weight) in weights.iter_mut().enumerate() {
                        *weight = if j + 1 < N {
                            V::load(b.add(j * V::LEN))
                        } else {
                            V::load_masked(b.add(j * V::LEN), mask)
                        };
                    }
                    for (sums, row) in sums.iter_mut().zip(rows) {
                        let x = V::splat(*row.add(at));
                        for (sum, weight) in sums.iter_mut().zip(weights) {
                            *sum = sum.fma(x, weight);
                        }
                    }
                    at += self.a_step;
                    b = b.wrapping_add(self.b_step);
                }
            }
            let out = self.out.as_mut_ptr().add(self.out_at + row * self.out_row + column);
            for (i, sums) in sums.into_iter().enumerate() {
                for (j, mut sum) in sums.into_iter().enumerate() {
                    let place = out.add(i * self.out_row + j * V::LEN);
                    let base = match self.base {
                        Base::Zero => None,
                        Base::Row(base) => Some(base.as_ptr().add(column + j * V::LEN)),
                        Base::Out => Some(place.cast_const()),
                    };
                    if j + 1 < N {
                        sum = base.map_or(sum, |base| V::load(base).plus(sum));
                    } else {
                        sum = base.map_or(sum, |base| V::load_masked(base, mask).plus(sum));
                    }
                    if self.relu {
                        sum = sum.relu();
                    }
                    if j + 1 < N {
                        sum.store(place);
                    } else {
                        sum.store_masked(place, mask);
                    }
                }
            }
        }
    }
}
