//! Products of matrices in an order of additions that depends on the length of the sums only.

use super::tile::{Base, Run, Tiles};

/// Most terms that are summed in one chain: a longer sum is cut into pieces, each summed by itself and then added.
pub(super) const DEPTH: usize = 512;

/// Most columns of a narrow product.
const NARROW: usize = 4;

/// Least rows of a narrow product, and most of one block of it.
const FEW: usize = 16;
const MANY: usize = 256;

/// A matrix as a slice with strides: element (i, j) is `data[i * row + j * column]`.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    data: &'a [f32],
    row: usize,
    column: usize,
}

impl<'a> Matrix<'a> {
    /// Row-major with `columns` columns.
    pub fn rows_of(data: &'a [f32], columns: usize) -> Self {
        Self {
            data,
            row: columns,
            column: 1,
        }
    }
    /// The transpose of a row-major matrix with `columns` columns.
    pub fn transposed(data: &'a [f32], columns: usize) -> Self {
        Self {
            data,
            row: 1,
            column: columns,
        }
    }
}

/// What the product is added to, and what follows.
#[derive(Debug, Clone, Copy)]
pub enum Start<'a> {
    /// `out = a b`.
    Nothing,
    /// `out += a b`.
    Out,
    /// `out = bias + a b`.
    Bias(&'a [f32]),
}

/// Length of the pieces that a sum of `k` terms is cut into (the last may be shorter): as few and as even as possible.
pub(super) fn piece(k: usize) -> usize {
    k.div_ceil(k.div_ceil(DEPTH).max(1)).max(1)
}

/// The product of `a`, `[m, k]`, and the row-major `b`, `[k, n]`, into the row-major `out`, `[m, n]`; `relu`: what is negative becomes 0.
///
/// One element is `start`, plus each piece of at most 512 terms in index order; a piece is a chain of fused multiply-adds that starts at 0.
/// So its bits depend on its own row of `a` and column of `b` only, not on `m`, `n` or the machine.
///
/// # Panics
/// Operands shorter than their sizes.
pub fn product([m, k, n]: [usize; 3], a: Matrix<'_>, b: &[f32], start: Start<'_>, out: &mut [f32], relu: bool) {
    product_in_pieces(piece(k), [m, k, n], a, b, start, out, relu);
}

/// [`product`] with pieces of `depth` terms.
pub fn product_in_pieces(
    depth: usize,
    [m, k, n]: [usize; 3],
    a: Matrix<'_>,
    b: &[f32],
    start: Start<'_>,
    out: &mut [f32],
    relu: bool,
) {
    if n == 1 && m > 1 && (a.row, a.column) == (1, m) && !matches!(start, Start::Bias(_)) {
        // One column: the same sums as one row, whose terms lie side by side.
        return product_in_pieces(depth, [1, k, m], Matrix::rows_of(b, k), a.data, start, out, relu);
    }
    if n <= NARROW && m >= FEW && a.row == 1 && !matches!(start, Start::Bias(_)) {
        return narrow(depth, [m, k, n], a, b, matches!(start, Start::Out), out, relu);
    }
    let mut base = match start {
        Start::Nothing => Base::Zero,
        Start::Out => Base::Out,
        Start::Bias(bias) => Base::Row(bias),
    };
    let mut from = 0;
    // A product without terms still writes its start.
    while from < k || k == 0 {
        let len = depth.min(k - from);
        let run = [Run {
            a: from * a.column,
            b: from * n,
            len,
        }];
        from += len;
        Tiles {
            rows: m,
            columns: n,
            a: a.data,
            a_row: a.row,
            a_step: a.column,
            b,
            b_step: n,
            runs: &run,
            base,
            out,
            out_at: 0,
            out_row: n,
            relu: relu && from == k,
        }
        .compute();
        base = Base::Out;
        if k == 0 {
            return;
        }
    }
}

/// [`product_in_pieces`] of few columns, whose `a` is transposed: the columns of the product are computed as rows, so that vectors are full.
fn narrow(depth: usize, [m, k, n]: [usize; 3], a: Matrix<'_>, b: &[f32], add: bool, out: &mut [f32], relu: bool) {
    let mut sums = [0.0; NARROW * MANY];
    for first in (0..m).step_by(MANY) {
        let rows = MANY.min(m - first);
        let mut from = 0;
        while from < k || k == 0 {
            let len = depth.min(k - from);
            let run = [Run {
                a: from * n,
                b: from * a.column + first,
                len,
            }];
            Tiles {
                rows: n,
                columns: rows,
                a: b,
                a_row: 1,
                a_step: n,
                b: a.data,
                b_step: a.column,
                runs: &run,
                base: Base::Zero,
                out: &mut sums,
                out_at: 0,
                out_row: rows,
                relu: false,
            }
            .compute();
            let fresh = from == 0 && !add;
            from += len;
            for (i, out) in out[first * n..][..rows * n].chunks_exact_mut(n).enumerate() {
                for (j, out) in out.iter_mut().enumerate() {
                    let sum = sums[j * rows + i];
                    let x = if fresh { sum } else { *out + sum };
                    *out = if !relu || from < k || x > 0.0 { x } else { 0.0 };
                }
            }
            if k == 0 {
                break;
            }
        }
    }
}
