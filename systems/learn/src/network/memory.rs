//! The memories of a pass: which of its rows follow one another, what each column remembers, and what the layers keep for going back.

use super::kernels::recurrent::Recurrent;
use super::kernels::sequence::{Sequence, Tape};
use std::ops::Range;

/// The memories of the rows of a pass, which are `[steps, columns]`.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) columns: usize,
    /// As in [`Sequence`].
    pub(super) flags: Vec<u8>,
    /// Of the whole network, `[columns, carry]`: at the start, and after a forward pass at the end.
    pub(super) carry: Vec<f32>,
    /// One per op.
    tapes: Vec<Tape>,
    /// One layer's part of `carry`.
    part: Vec<f32>,
}

/// A layer with a memory in its network.
#[derive(Debug, Clone)]
pub(super) struct Remembering {
    pub(super) layer: Recurrent,
    /// Number of its op.
    pub(super) op: usize,
    /// Its part of a column's memory.
    pub(super) place: Range<usize>,
}

impl Memory {
    /// Every row is a column of its own, one step long, that remembers nothing yet.
    pub(super) fn begin(&mut self, rows: usize, numbers: usize) {
        self.columns = rows;
        self.flags.clear();
        self.carry.clear();
        self.carry.resize(rows * numbers, 0.0);
    }

    fn numbers(&self) -> usize {
        self.carry.len() / self.columns.max(1)
    }

    /// One layer's outputs for `rows` rows; its part of the memories becomes that after the last step.
    pub(super) fn forward(&mut self, of: &Remembering, parameters: &[f32], rows: usize, x: &[f32], out: &mut [f32]) {
        let numbers = self.numbers();
        self.tapes.resize_with(self.tapes.len().max(of.op + 1), Tape::default);
        self.part.clear();
        for column in self.carry.chunks_exact(numbers) {
            self.part.extend_from_slice(&column[of.place.clone()]);
        }
        let sequence = Sequence {
            steps: rows / self.columns.max(1),
            columns: self.columns,
            flags: &self.flags,
        };
        let tape = &mut self.tapes[of.op];
        of.layer.forward(parameters, sequence, x, &mut self.part, out, tape);
        for (column, part) in self
            .carry
            .chunks_exact_mut(numbers)
            .zip(self.part.chunks_exact(of.place.len()))
        {
            column[of.place.clone()].copy_from_slice(part);
        }
    }

    /// From one layer's slopes, which are overwritten, to those of its tensors (added) and inputs.
    #[allow(clippy::too_many_arguments)] // the operands of one step of the chain rule
    pub(super) fn backward(
        &mut self,
        of: &Remembering,
        parameters: &[f32],
        rows: usize,
        x: &[f32],
        slopes: &mut [f32],
        gradient: &mut [f32],
        input_slope: Option<(&mut [f32], bool)>,
    ) {
        let sequence = Sequence {
            steps: rows / self.columns.max(1),
            columns: self.columns,
            flags: &self.flags,
        };
        let tape = &mut self.tapes[of.op];
        let layer = of.layer;
        layer.backward(parameters, sequence, x, slopes, tape, gradient, input_slope, None);
    }
}
