//! The observations of one shard. Bytes that are mostly zero are read as lists of what is not zero: the first layer then skips the rest,
//! forward and backward. Where the first layers see single cells, cells that are equal are held once.

use super::cells::Cells;
use super::kernels::{Rows, Taps, cells, gather};
use crate::real::wide;
use starling_components::spaces::{ElementKind, Observations};

/// Rows are taken sparse if fewer than one number in this many is not zero.
const SPARSE: usize = 4;

/// How rows of bytes may be read.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) enum Reading {
    /// As numbers.
    #[default]
    Whole,
    /// Zeros may be left out.
    Taps,
    /// Equal cells of this many channels may be held once.
    Cells {
        /// Bytes of a cell.
        channels: usize,
    },
}

/// Rows as numbers, as lists of their non-zero bytes, or by their distinct cells.
#[derive(Debug, Default)]
pub(super) struct InputRows {
    /// How the rows are held.
    held: Reading,
    cells: Cells,
    pub(super) rows: usize,
    inputs: usize,
    /// `[rows, inputs]`; empty while the rows are lists; distinct cells where they are held once.
    pub(super) dense: Vec<f32>,
    /// Bytes that are not zero: end of each row, input index, number.
    ends: Vec<usize>,
    indices: Vec<u32>,
    numbers: Vec<f32>,
}

impl InputRows {
    /// Takes in rows of `n` numbers: for every row its observations (a buffer of some rollout) and where it starts in them. `reading`:
    /// how bytes may be read.
    pub(super) fn gather<'a>(
        &mut self,
        n: usize,
        element: ElementKind,
        reading: Reading,
        rows: impl Iterator<Item = (Observations<'a>, usize)> + Clone,
    ) {
        (self.rows, self.inputs) = (0, n);
        self.dense.clear();
        self.ends.clear();
        self.indices.clear();
        self.numbers.clear();
        // The choice depends on the shard's rows only.
        let bytes = element != ElementKind::F32;
        if let (true, Reading::Cells { channels }) = (bytes, reading) {
            self.held = reading;
            self.cells.begin(channels);
            for (observations, start) in rows {
                self.rows += 1;
                if let Observations::Bytes(bytes) = observations {
                    self.cells.push(&bytes[start..start + n]);
                }
            }
            self.dense.extend(self.cells.distinct.iter().map(|&b| byte(element, b)));
            return;
        }
        let sparse = bytes && reading == Reading::Taps && {
            let (mut count, mut all) = (0, 0);
            for (observations, start) in rows.clone() {
                let Observations::Bytes(bytes) = observations else {
                    continue;
                };
                count += wide(
                    #[inline(always)]
                    || {
                        bytes[start..start + n]
                            .iter()
                            .map(|&b| usize::from(b != 0))
                            .sum::<usize>()
                    },
                );
                all += n;
            }
            count * SPARSE < all
        };
        self.held = if sparse { Reading::Taps } else { Reading::Whole };
        for (observations, start) in rows {
            self.rows += 1;
            match observations {
                Observations::Floats(floats) => self.dense.extend_from_slice(&floats[start..start + n]),
                Observations::Bytes(bytes) if sparse => {
                    let (row, signed) = (&bytes[start..start + n], element == ElementKind::I8);
                    gather::non_zero(row, signed, &mut self.indices, &mut self.numbers);
                    self.ends.push(self.numbers.len());
                }
                Observations::Bytes(bytes) => wide(
                    #[inline(always)]
                    || {
                        self.dense
                            .extend(bytes[start..start + n].iter().map(|&b| byte(element, b)))
                    },
                ),
            }
        }
    }
    /// The cells, where equal ones are held once.
    pub(super) fn cells(&self) -> Option<&Cells> {
        matches!(self.held, Reading::Cells { .. }).then_some(&self.cells)
    }
    /// What a first layer reads: rows, or distinct cells.
    pub(super) fn rows(&self) -> Rows<'_> {
        if self.held == Reading::Taps {
            Rows::Taps(Taps {
                ends: &self.ends,
                indices: &self.indices,
                numbers: &self.numbers,
            })
        } else {
            Rows::All(&self.dense)
        }
    }
    /// Turns whatever is held into `[rows, inputs]`.
    pub(super) fn densify(&mut self) {
        match std::mem::take(&mut self.held) {
            Reading::Whole => {}
            Reading::Taps => {
                self.dense.resize(self.rows * self.inputs, 0.0);
                for row in 0..self.rows {
                    let start = if row == 0 { 0 } else { self.ends[row - 1] };
                    for at in start..self.ends[row] {
                        self.dense[row * self.inputs + self.indices[at] as usize] = self.numbers[at];
                    }
                }
            }
            Reading::Cells { channels } => {
                let distinct = std::mem::take(&mut self.dense);
                self.dense.resize(self.rows * self.inputs, 0.0);
                cells::expand(&self.cells.ids, channels, &distinct, &mut self.dense);
            }
        }
    }
}

/// The number of a byte: unsigned, or signed by bit pattern.
#[inline(always)]
fn byte(element: ElementKind, value: u8) -> f32 {
    if element == ElementKind::I8 {
        f32::from(value.cast_signed())
    } else {
        f32::from(value)
    }
}
