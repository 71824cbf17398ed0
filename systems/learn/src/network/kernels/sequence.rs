//! Rows over time, for layers that remember.

use super::product::piece;
use super::tile::{Base, Run, Tiles};
use crate::real::wide;

/// Before this row's step the memory is emptied: the step before ended an episode.
pub const RESET: u8 = 1;
/// Nothing happens in this row: the memory passes through unchanged, and is the output.
pub const HOLD: u8 = 2;

/// What the rows of a recurrent layer are: `[steps, columns]`, each column one memory that goes from step to step.
#[derive(Debug, Clone, Copy)]
pub struct Sequence<'a> {
    /// Steps.
    pub steps: usize,
    /// Columns: who remembers.
    pub columns: usize,
    /// [`RESET`] and [`HOLD`], `[steps, columns]`; empty where neither occurs.
    pub flags: &'a [u8],
}

/// Rows that are worked on together, so that what one part of a kernel writes is still in a near cache when the next reads it.
const SPAN: usize = 512;

impl Sequence<'_> {
    /// One step of so many memories.
    pub fn of_one_step(columns: usize) -> Self {
        Self {
            steps: 1,
            columns,
            flags: &[],
        }
    }

    /// The steps in spans that are worked on together; their length depends on the number of columns only.
    pub(super) fn spans(&self) -> impl DoubleEndedIterator<Item = std::ops::Range<usize>> + use<> {
        let (steps, len) = (self.steps, (SPAN / self.columns.max(1)).max(1));
        (0..steps).step_by(len).map(move |from| from..(from + len).min(steps))
    }

    /// Steps x columns.
    pub fn rows(&self) -> usize {
        self.steps * self.columns
    }

    /// The memory is emptied before this row's step.
    #[inline(always)]
    pub fn resets(&self, row: usize) -> bool {
        self.flags.get(row).is_some_and(|flags| flags & RESET != 0)
    }

    /// Nothing happens in this row.
    #[inline(always)]
    pub fn holds(&self, row: usize) -> bool {
        self.flags.get(row).is_some_and(|flags| flags & HOLD != 0)
    }
}

/// What a recurrent layer's forward pass keeps for its backward pass, and what both work in. Grows with use and stays.
#[derive(Debug, Default)]
pub struct Tape {
    /// Per row its gates, in the layer's order; the backward pass puts their slopes in their places.
    pub(super) gates: Vec<f32>,
    /// Per row the memory that its step began with, after a reset.
    pub(super) before: Vec<f32>,
    /// As `before`, of cells, and what the cells show after the step.
    pub(super) cells_before: Vec<f32>,
    pub(super) cells_shown: Vec<f32>,
    /// Slopes of the memory between two steps.
    pub(super) carried: Vec<f32>,
    pub(super) cells_carried: Vec<f32>,
    /// Weights turned over, of the inputs and of the memory.
    pub(super) input: Vec<f32>,
    pub(super) recurrent: Vec<f32>,
}

/// A matrix somewhere in a buffer: element (i, j) is `data[at + i * row + j * step]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) data: &'a [f32],
    pub(super) at: usize,
    pub(super) row: usize,
    pub(super) step: usize,
}

impl<'a> View<'a> {
    /// Rows of `row` numbers each, of which those behind `at` are looked at.
    pub(super) fn rows_of(data: &'a [f32], at: usize, row: usize) -> Self {
        Self { data, at, row, step: 1 }
    }
    /// The columns of such rows, `at` behind the first.
    pub(super) fn columns_of(data: &'a [f32], at: usize, row: usize) -> Self {
        Self {
            data,
            at,
            row: 1,
            step: row,
        }
    }
}

/// Adds the product of `a`, `[m, k]`, and `b`, `[k, n]` with a step of 1, to the rows of `out`, which begin at `out_at` and are `out_row` apart. A
/// row's bits depend neither on its neighbours nor on how many there are.
pub(super) fn add_product(
    [m, k, n]: [usize; 3],
    a: View<'_>,
    b: View<'_>,
    out: &mut [f32],
    (out_at, out_row): (usize, usize),
) {
    let depth = piece(k);
    for from in (0..k).step_by(depth) {
        let runs = [Run {
            a: a.at + from * a.step,
            b: b.at + from * b.row,
            len: depth.min(k - from),
        }];
        Tiles {
            rows: m,
            columns: n,
            a: a.data,
            a_row: a.row,
            a_step: a.step,
            b: b.data,
            b_step: b.row,
            runs: &runs,
            base: Base::Out,
            out,
            out_at,
            out_row,
            relu: false,
        }
        .compute();
    }
}

/// Adds the columns `from..from + sums.len()` of rows of `width` numbers to `sums`, in row order.
pub(super) fn add_column_sums(rows: &[f32], width: usize, from: usize, sums: &mut [f32]) {
    wide(
        #[inline(always)]
        || {
            for row in rows.chunks_exact(width) {
                for (sum, x) in sums.iter_mut().zip(&row[from..]) {
                    *sum += x;
                }
            }
        },
    );
}

/// Numbers that gates are computed on together: in local arrays, of which the compiler knows that they do not overlap.
pub(super) const BLOCK: usize = 16;

/// The numbers `at..at + len` of a row, at most [`BLOCK`], filled up with zeros.
#[inline(always)]
pub(super) fn load(row: &[f32], at: usize, len: usize) -> [f32; BLOCK] {
    let mut block = [0.0; BLOCK];
    if len == BLOCK {
        block.copy_from_slice(&row[at..at + BLOCK]);
    } else {
        block[..len].copy_from_slice(&row[at..at + len]);
    }
    block
}

/// The opposite of [`load`].
#[inline(always)]
pub(super) fn store(row: &mut [f32], at: usize, len: usize, block: [f32; BLOCK]) {
    if len == BLOCK {
        row[at..at + BLOCK].copy_from_slice(&block);
    } else {
        row[at..at + len].copy_from_slice(&block[..len]);
    }
}

/// The blocks of a row of `units` numbers: where each begins, and how long it is.
#[inline(always)]
pub(super) fn blocks(units: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..units).step_by(BLOCK).map(move |at| (at, BLOCK.min(units - at)))
}
