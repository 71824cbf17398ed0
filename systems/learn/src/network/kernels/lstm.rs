//! Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000) over a whole sequence, and backward
//! through time:
//!
//! `i, f, o = sigmoid(x W + h U + b)`, `g = tanh(x Wg + h Ug + bg)`, `c' = f * c + i * g`, `h' = o * tanh(c')`.
//!
//! Organised as the gated recurrent unit: a row's gates `i, f, g, o` lie side by side, and their slopes take their places. A memory is
//! `c` and behind it `h`.

use super::sequence::{BLOCK, Sequence, Tape, View, add_column_sums, add_product, blocks, load, store};
use super::transpose::transpose;
use crate::real::wide;
use starling_components::maths::{sigmoid, tanh};

/// Sizes of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LstmSizes {
    /// Numbers of an input row.
    pub inputs: usize,
    /// Numbers of an output row; a memory has twice as many.
    pub units: usize,
}

/// A layer's tensors, one behind the other in its part of the flat buffer.
struct Tensors<T> {
    /// `[inputs, 4 units]`: i, f, g, o.
    input: T,
    /// `[units, 4 units]`.
    recurrent: T,
    /// `[4 units]`.
    bias: T,
}

impl LstmSizes {
    /// Numbers that the layer learns.
    pub fn parameters(self) -> usize {
        4 * self.units * (self.inputs + self.units + 1)
    }

    fn tensors(self, flat: &[f32]) -> Tensors<&[f32]> {
        let (input, rest) = flat.split_at(4 * self.units * self.inputs);
        let (recurrent, rest) = rest.split_at(4 * self.units * self.units);
        Tensors {
            input,
            recurrent,
            bias: &rest[..4 * self.units],
        }
    }

    fn tensors_mut(self, flat: &mut [f32]) -> Tensors<&mut [f32]> {
        let (input, rest) = flat.split_at_mut(4 * self.units * self.inputs);
        let (recurrent, rest) = rest.split_at_mut(4 * self.units * self.units);
        Tensors {
            input,
            recurrent,
            bias: &mut rest[..4 * self.units],
        }
    }

    /// Outputs `[steps, columns, units]` of inputs `x`, `[steps, columns, inputs]`, for memories `carry`, `[columns, 2 units]`, which
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
        for buffer in [&mut tape.before, &mut tape.cells_before, &mut tape.cells_shown] {
            buffer.resize(rows * units, 0.0);
        }
        for span in sequence.spans() {
            let (first, count) = (span.start * columns, span.len() * columns);
            for gates in tape.gates[first * width..][..count * width].chunks_exact_mut(width) {
                gates.copy_from_slice(tensors.bias);
            }
            let (x, weights) = (
                View::rows_of(x, first * inputs, inputs),
                View::rows_of(tensors.input, 0, width),
            );
            add_product(
                [count, inputs, width],
                x,
                weights,
                &mut tape.gates,
                (first * width, width),
            );
            for step in span {
                self.step(&tensors, sequence, step, carry, out, tape);
            }
        }
    }

    /// One step forward, after the products with its inputs; the memories go on.
    fn step(
        self,
        tensors: &Tensors<&[f32]>,
        sequence: Sequence<'_>,
        step: usize,
        carry: &mut [f32],
        out: &mut [f32],
        tape: &mut Tape,
    ) {
        let (units, width, columns) = (self.units, 4 * self.units, sequence.columns);
        let first = step * columns;
        let before = &mut tape.before[first * units..][..columns * units];
        let cells_before = &mut tape.cells_before[first * units..][..columns * units];
        let memories = before.chunks_exact_mut(units).zip(cells_before.chunks_exact_mut(units));
        for (column, ((h, c), carry)) in memories.zip(carry.chunks_exact(2 * units)).enumerate() {
            if sequence.resets(first + column) {
                h.fill(0.0);
                c.fill(0.0);
            } else {
                c.copy_from_slice(&carry[..units]);
                h.copy_from_slice(&carry[units..]);
            }
        }
        let gates = &mut tape.gates[first * width..][..columns * width];
        let (h, weights) = (
            View::rows_of(before, 0, units),
            View::rows_of(tensors.recurrent, 0, width),
        );
        add_product([columns, units, width], h, weights, gates, (0, width));
        let shown = &mut tape.cells_shown[first * units..][..columns * units];
        let out = &mut out[first * units..][..columns * units];
        wide(
            #[inline(always)]
            || {
                let memories = before.chunks_exact(units).zip(cells_before.chunks_exact(units));
                let after = carry.chunks_exact_mut(2 * units).zip(shown.chunks_exact_mut(units));
                let rows = gates.chunks_exact_mut(width).zip(out.chunks_exact_mut(units));
                for (column, (((h, c), (carry, shown)), (gates, out))) in memories.zip(after).zip(rows).enumerate() {
                    if sequence.holds(first + column) {
                        carry[..units].copy_from_slice(c);
                        out.copy_from_slice(h);
                    } else {
                        step_forward(gates, c, &mut carry[..units], shown, out);
                    }
                    carry[units..].copy_from_slice(out);
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
        tape.recurrent.resize(width * units, 0.0);
        transpose(tensors.recurrent, units, width, &mut tape.recurrent);
        if input_slope.is_some() {
            tape.input.resize(width * inputs, 0.0);
            transpose(tensors.input, inputs, width, &mut tape.input);
        }
        if let Some((input_slope, false)) = &mut input_slope {
            input_slope.fill(0.0);
        }
        tape.carried.resize(columns * units, 0.0);
        tape.cells_carried.clear();
        tape.cells_carried.resize(columns * units, 0.0);
        let gradient = self.tensors_mut(gradient);
        for span in sequence.spans().rev() {
            for step in span.clone().rev() {
                self.step_back(sequence, step, slopes, tape);
            }
            let (first, count) = (span.start * columns, span.len() * columns);
            let slopes = &tape.gates[..(first + count) * width];
            let by_gates = View::rows_of(slopes, first * width, width);
            let (x, before) = (
                View::columns_of(x, first * inputs, inputs),
                View::columns_of(&tape.before, first * units, units),
            );
            add_product([inputs, count, width], x, by_gates, gradient.input, (0, width));
            add_product([units, count, width], before, by_gates, gradient.recurrent, (0, width));
            add_column_sums(&slopes[first * width..], width, 0, gradient.bias);
            if let Some((input_slope, _)) = &mut input_slope {
                let weights = View::rows_of(&tape.input, 0, inputs);
                let place = (first * inputs, inputs);
                add_product([count, width, inputs], by_gates, weights, input_slope, place);
            }
        }
        if let Some(carry_slope) = carry_slope {
            let memories = tape
                .cells_carried
                .chunks_exact(units)
                .zip(tape.carried.chunks_exact(units));
            for (place, (c, h)) in carry_slope.chunks_exact_mut(2 * units).zip(memories) {
                place[..units].copy_from_slice(c);
                place[units..].copy_from_slice(h);
            }
        }
    }

    /// One step backward: slopes of its gates in their places, of the memory before it in those of the step before and of its cells.
    fn step_back(self, sequence: Sequence<'_>, step: usize, slopes: &mut [f32], tape: &mut Tape) {
        let (units, width, columns) = (self.units, 4 * self.units, sequence.columns);
        let first = step * columns;
        let (earlier, slopes) = slopes.split_at_mut(first * units);
        let gates = &mut tape.gates[first * width..][..columns * width];
        let part = first * units..(first + columns) * units;
        let (cells, shown) = (&tape.cells_before[part.clone()], &tape.cells_shown[part]);
        let (carried, cells_carried) = (&mut tape.carried, &mut tape.cells_carried);
        wide(
            #[inline(always)]
            || {
                let rows = gates.chunks_exact_mut(width).zip(slopes.chunks_exact(units));
                let cells = cells.chunks_exact(units).zip(shown.chunks_exact(units));
                let memories = carried
                    .chunks_exact_mut(units)
                    .zip(cells_carried.chunks_exact_mut(units));
                for (column, (((gates, slope), (c, shown)), (carried, cells_carried))) in
                    rows.zip(cells).zip(memories).enumerate()
                {
                    if sequence.holds(first + column) {
                        gates.fill(0.0);
                        carried.copy_from_slice(slope);
                    } else {
                        carried.fill(0.0);
                        step_backward(gates, c, shown, slope, cells_carried);
                    }
                }
            },
        );
        let (slopes, weights) = (View::rows_of(gates, 0, width), View::rows_of(&tape.recurrent, 0, units));
        add_product([columns, width, units], slopes, weights, carried, (0, units));
        let memories = carried
            .chunks_exact_mut(units)
            .zip(cells_carried.chunks_exact_mut(units));
        for (column, (carried, cells_carried)) in memories.enumerate() {
            if sequence.resets(first + column) {
                carried.fill(0.0);
                cells_carried.fill(0.0);
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
fn step_forward(gates: &mut [f32], c: &[f32], after: &mut [f32], shown: &mut [f32], out: &mut [f32]) {
    let units = c.len();
    for (at, len) in blocks(units) {
        let place = |gate: usize| gate * units + at;
        let [mut i, mut f, mut g, mut o] = [0, 1, 2, 3].map(|gate| load(gates, place(gate), len));
        let mut cell = load(c, at, len);
        let (mut shows, mut h) = ([0.0; BLOCK], [0.0; BLOCK]);
        for u in 0..BLOCK {
            i[u] = sigmoid(i[u]);
            f[u] = sigmoid(f[u]);
            g[u] = tanh(g[u]);
            o[u] = sigmoid(o[u]);
            cell[u] = f[u] * cell[u] + i[u] * g[u];
            shows[u] = tanh(cell[u]);
            h[u] = o[u] * shows[u];
        }
        for (gate, block) in [i, f, g, o].into_iter().enumerate() {
            store(gates, place(gate), len, block);
        }
        store(after, at, len, cell);
        store(shown, at, len, shows);
        store(out, at, len, h);
    }
}

/// Slopes of a row's gates in their places; those of the cells after the step become those before it.
#[inline(always)]
fn step_backward(gates: &mut [f32], c: &[f32], shown: &[f32], slope: &[f32], cells: &mut [f32]) {
    let units = c.len();
    for (at, len) in blocks(units) {
        let place = |gate: usize| gate * units + at;
        let [mut i, mut f, mut g, mut o] = [0, 1, 2, 3].map(|gate| load(gates, place(gate), len));
        let (c, shown) = (load(c, at, len), load(shown, at, len));
        let (slope, mut by_cell) = (load(slope, at, len), load(cells, at, len));
        for u in 0..BLOCK {
            let by = by_cell[u] + slope[u] * o[u] * (1.0 - shown[u] * shown[u]);
            by_cell[u] = by * f[u];
            o[u] = slope[u] * shown[u] * o[u] * (1.0 - o[u]);
            let (by_i, by_g) = (by * g[u], by * i[u]);
            i[u] = by_i * i[u] * (1.0 - i[u]);
            f[u] = by * c[u] * f[u] * (1.0 - f[u]);
            g[u] = by_g * (1.0 - g[u] * g[u]);
        }
        for (gate, block) in [i, f, g, o].into_iter().enumerate() {
            store(gates, place(gate), len, block);
        }
        store(cells, at, len, by_cell);
    }
}
