//! A gated recurrent unit (Cho et al. 2014, in the form of cuDNN and Flax) over a whole sequence, and backward through time:
//!
//! `r = sigmoid(x Wr + br + h Ur)`, `z = sigmoid(x Wz + bz + h Uz)`, `n = tanh(x Wn + bn + r * (h Un + b'))`, `h' = (1 - z) * n + z * h`.
//!
//! The products with the inputs of all steps are one product, those with the memory one per step, and the gradients of the weights one over
//! all steps. A row's four numbers per unit, `n, r, z, h Un + b'`, lie side by side: inputs add to the first three, the memory to the last
//! three, and their slopes take their places.

use super::sequence::{BLOCK, Sequence, Tape, View, add_column_sums, add_product, blocks, load, store};
use super::transpose::transpose;
use crate::real::wide;
use starling_components::maths::{sigmoid, tanh};

/// Sizes of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GruSizes {
    /// Numbers of an input row.
    pub inputs: usize,
    /// Numbers of an output row and of a memory.
    pub units: usize,
}

/// A layer's tensors, one behind the other in its part of the flat buffer.
struct Tensors<T> {
    /// `[inputs, 3 units]`: n, r, z.
    input: T,
    /// `[3 units]`: n, r, z.
    input_bias: T,
    /// `[units, 3 units]`: r, z, n.
    recurrent: T,
    /// `[units]`: b' of n.
    recurrent_bias: T,
}

impl GruSizes {
    /// Numbers that the layer learns.
    pub fn parameters(self) -> usize {
        3 * self.units * (self.inputs + self.units + 1) + self.units
    }

    fn tensors(self, flat: &[f32]) -> Tensors<&[f32]> {
        let (input, rest) = flat.split_at(3 * self.units * self.inputs);
        let (input_bias, rest) = rest.split_at(3 * self.units);
        let (recurrent, rest) = rest.split_at(3 * self.units * self.units);
        Tensors {
            input,
            input_bias,
            recurrent,
            recurrent_bias: &rest[..self.units],
        }
    }

    fn tensors_mut(self, flat: &mut [f32]) -> Tensors<&mut [f32]> {
        let (input, rest) = flat.split_at_mut(3 * self.units * self.inputs);
        let (input_bias, rest) = rest.split_at_mut(3 * self.units);
        let (recurrent, rest) = rest.split_at_mut(3 * self.units * self.units);
        Tensors {
            input,
            input_bias,
            recurrent,
            recurrent_bias: &mut rest[..self.units],
        }
    }

    /// Outputs `[steps, columns, units]` of inputs `x`, `[steps, columns, inputs]`, for memories `carry`, `[columns, units]`, which
    /// become those after the last step.
    pub fn forward(
        self,
        parameters: &[f32],
        sequence: Sequence<'_>,
        x: &[f32],
        carry: &mut [f32],
        out: &mut [f32],
        tape: &mut Tape,
    ) {
        let Self { inputs, units } = self;
        let (rows, columns, width) = (sequence.rows(), sequence.columns, 4 * units);
        let tensors = self.tensors(parameters);
        tape.gates.resize(rows * width, 0.0);
        tape.before.resize(rows * units, 0.0);
        for span in sequence.spans() {
            let (first, count) = (span.start * columns, span.len() * columns);
            for gates in tape.gates[first * width..][..count * width].chunks_exact_mut(width) {
                gates[..3 * units].copy_from_slice(tensors.input_bias);
                gates[3 * units..].copy_from_slice(tensors.recurrent_bias);
            }
            let (x, weights) = (
                View::rows_of(x, first * inputs, inputs),
                View::rows_of(tensors.input, 0, 3 * units),
            );
            let place = (first * width, width);
            add_product([count, inputs, 3 * units], x, weights, &mut tape.gates, place);
            for step in span {
                self.step(&tensors, sequence, step, carry, out, tape);
            }
        }
        if let Some(last) = rows.checked_sub(columns) {
            carry.copy_from_slice(&out[last * units..][..columns * units]);
        }
    }

    /// One step forward, after the products with its inputs.
    fn step(
        self,
        tensors: &Tensors<&[f32]>,
        sequence: Sequence<'_>,
        step: usize,
        carry: &[f32],
        out: &mut [f32],
        tape: &mut Tape,
    ) {
        let (units, width, columns) = (self.units, 4 * self.units, sequence.columns);
        let first = step * columns;
        let before = &mut tape.before[first * units..][..columns * units];
        before.copy_from_slice(match step {
            0 => carry,
            _ => &out[(first - columns) * units..][..columns * units],
        });
        for (column, h) in before.chunks_exact_mut(units).enumerate() {
            if sequence.resets(first + column) {
                h.fill(0.0);
            }
        }
        let gates = &mut tape.gates[first * width..][..columns * width];
        let (h, weights) = (
            View::rows_of(before, 0, units),
            View::rows_of(tensors.recurrent, 0, 3 * units),
        );
        add_product([columns, units, 3 * units], h, weights, gates, (units, width));
        let out = &mut out[first * units..][..columns * units];
        wide(
            #[inline(always)]
            || {
                let rows = before.chunks_exact(units).zip(gates.chunks_exact_mut(width));
                for (column, ((h, gates), out)) in rows.zip(out.chunks_exact_mut(units)).enumerate() {
                    if sequence.holds(first + column) {
                        out.copy_from_slice(h);
                    } else {
                        step_forward(gates, h, out);
                    }
                }
            },
        );
    }

    /// From the slopes of the outputs (which are overwritten) to those of the tensors (added to `gradient`), of the inputs (added if `adds`,
    /// else written) and of the memories at the start (written).
    #[allow(clippy::too_many_arguments)] // the operands of one step of the chain rule
    pub fn backward(
        self,
        parameters: &[f32],
        sequence: Sequence<'_>,
        x: &[f32],
        slopes: &mut [f32],
        tape: &mut Tape,
        gradient: &mut [f32],
        mut input_slope: Option<(&mut [f32], bool)>,
        carry_slope: Option<&mut [f32]>,
    ) {
        let Self { inputs, units } = self;
        let (columns, width) = (sequence.columns, 4 * units);
        let tensors = self.tensors(parameters);
        tape.recurrent.resize(3 * units * units, 0.0);
        transpose(tensors.recurrent, units, 3 * units, &mut tape.recurrent);
        if input_slope.is_some() {
            tape.input.resize(3 * units * inputs, 0.0);
            transpose(tensors.input, inputs, 3 * units, &mut tape.input);
        }
        if let Some((input_slope, false)) = &mut input_slope {
            input_slope.fill(0.0);
        }
        tape.carried.resize(columns * units, 0.0);
        let gradient = self.tensors_mut(gradient);
        for span in sequence.spans().rev() {
            for step in span.clone().rev() {
                self.step_back(sequence, step, slopes, tape);
            }
            let (first, count) = (span.start * columns, span.len() * columns);
            let slopes = &tape.gates[..(first + count) * width];
            let by_inputs = View::rows_of(slopes, first * width, width);
            let by_memory = View::rows_of(slopes, first * width + units, width);
            let (x, before) = (
                View::columns_of(x, first * inputs, inputs),
                View::columns_of(&tape.before, first * units, units),
            );
            add_product([inputs, count, 3 * units], x, by_inputs, gradient.input, (0, 3 * units));
            add_product(
                [units, count, 3 * units],
                before,
                by_memory,
                gradient.recurrent,
                (0, 3 * units),
            );
            let slopes = &slopes[first * width..];
            add_column_sums(slopes, width, 0, gradient.input_bias);
            add_column_sums(slopes, width, 3 * units, gradient.recurrent_bias);
            if let Some((input_slope, _)) = &mut input_slope {
                let weights = View::rows_of(&tape.input, 0, inputs);
                let place = (first * inputs, inputs);
                add_product([count, 3 * units, inputs], by_inputs, weights, input_slope, place);
            }
        }
        if let Some(carry_slope) = carry_slope {
            carry_slope.copy_from_slice(&tape.carried);
        }
    }

    /// One step backward: slopes of its gates in their places, and of the memory before it in those of the step before.
    fn step_back(self, sequence: Sequence<'_>, step: usize, slopes: &mut [f32], tape: &mut Tape) {
        let (units, width, columns) = (self.units, 4 * self.units, sequence.columns);
        let first = step * columns;
        let (earlier, slopes) = slopes.split_at_mut(first * units);
        let gates = &mut tape.gates[first * width..][..columns * width];
        let before = &tape.before[first * units..][..columns * units];
        let carried = &mut tape.carried;
        wide(
            #[inline(always)]
            || {
                let rows = gates.chunks_exact_mut(width).zip(before.chunks_exact(units));
                let slopes = slopes.chunks_exact(units).zip(carried.chunks_exact_mut(units));
                for (column, ((gates, h), (slope, carried))) in rows.zip(slopes).enumerate() {
                    if sequence.holds(first + column) {
                        gates.fill(0.0);
                        carried.copy_from_slice(slope);
                    } else {
                        step_backward(gates, h, slope, carried);
                    }
                }
            },
        );
        let (slopes, weights) = (
            View::rows_of(gates, units, width),
            View::rows_of(&tape.recurrent, 0, units),
        );
        add_product([columns, 3 * units, units], slopes, weights, carried, (0, units));
        for (column, carried) in carried.chunks_exact_mut(units).enumerate() {
            if sequence.resets(first + column) {
                carried.fill(0.0);
            }
        }
        if let Some(from) = first.checked_sub(columns) {
            for (sum, slope) in earlier[from * units..].iter_mut().zip(&*carried) {
                *sum += slope;
            }
        }
    }
}

/// One row's step; its gates become what backward needs.
#[inline(always)]
fn step_forward(gates: &mut [f32], h: &[f32], out: &mut [f32]) {
    let units = h.len();
    for (at, len) in blocks(units) {
        let place = |gate: usize| gate * units + at;
        let [mut n, mut r, mut z, hidden] = [0, 1, 2, 3].map(|gate| load(gates, place(gate), len));
        let h = load(h, at, len);
        let mut after = [0.0; BLOCK];
        for i in 0..BLOCK {
            r[i] = sigmoid(r[i]);
            z[i] = sigmoid(z[i]);
            n[i] = tanh(n[i] + r[i] * hidden[i]);
            after[i] = (1.0 - z[i]) * n[i] + z[i] * h[i];
        }
        for (gate, block) in [n, r, z].into_iter().enumerate() {
            store(gates, place(gate), len, block);
        }
        store(out, at, len, after);
    }
}

/// Slopes of a row's gates in their places, and in `carried` that of the memory, but for what comes through the gates.
#[inline(always)]
fn step_backward(gates: &mut [f32], h: &[f32], slope: &[f32], carried: &mut [f32]) {
    let units = h.len();
    for (at, len) in blocks(units) {
        let place = |gate: usize| gate * units + at;
        let [mut n, mut r, mut z, mut hidden] = [0, 1, 2, 3].map(|gate| load(gates, place(gate), len));
        let (h, slope, mut before) = (load(h, at, len), load(slope, at, len), [0.0; BLOCK]);
        for i in 0..BLOCK {
            let by_n = slope[i] * (1.0 - z[i]) * (1.0 - n[i] * n[i]);
            let by_z = slope[i] * (h[i] - n[i]) * z[i] * (1.0 - z[i]);
            let by_r = by_n * hidden[i] * r[i] * (1.0 - r[i]);
            before[i] = slope[i] * z[i];
            hidden[i] = by_n * r[i];
            (n[i], r[i], z[i]) = (by_n, by_r, by_z);
        }
        for (gate, block) in [n, r, z, hidden].into_iter().enumerate() {
            store(gates, place(gate), len, block);
        }
        store(carried, at, len, before);
    }
}
