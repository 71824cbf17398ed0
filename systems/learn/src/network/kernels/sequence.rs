//! Rows over time, for layers that remember.

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

impl Sequence<'_> {
    /// One step of so many memories.
    pub fn of_one_step(columns: usize) -> Self {
        Self {
            steps: 1,
            columns,
            flags: &[],
        }
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
    pub(super) input: super::panels::Panels,
    pub(super) recurrent: super::panels::Panels,
}

/// Adds the sums over rows of `width` numbers, of which the first `sums.len()` count, behind `from`.
#[inline(always)]
pub(super) fn add_column_sums(rows: &[f32], width: usize, from: usize, sums: &mut [f32]) {
    for row in rows.chunks_exact(width) {
        for (sum, x) in sums.iter_mut().zip(&row[from..]) {
            *sum += x;
        }
    }
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
