//! Products of a few rows with a matrix that is used again and again: a recurrent layer's at every step.
//!
//! The matrix is laid out once, in panels that are read in order. Every element is one sum over the inputs in their order, added to what
//! stands there, so that a row's bits depend neither on its neighbours nor on how many there are.

use pulp::{Arch, Simd, WithSimd};

/// Columns of a panel.
const PANEL: usize = 32;

/// Vectors of a panel that a block works on at once, and the most rows of a block, where the processor has 32 registers and where it has
/// fewer.
const MANY: [usize; 2] = [2, 12];
const FEW: [usize; 2] = [2, 4];

/// A matrix `[k, n]` in panels of [`PANEL`] columns, the last filled up with zeros.
#[derive(Debug, Default)]
pub struct Panels {
    k: usize,
    n: usize,
    /// `[panels, k, PANEL]`.
    data: Vec<f32>,
}

impl Panels {
    /// Takes in a row-major matrix `[k, n]`.
    pub fn pack(&mut self, matrix: &[f32], k: usize, n: usize) {
        assert!(matrix.len() >= k * n, "a matrix of [{k}, {n}]");
        self.resize(k, n);
        for (index, panel) in self.data.chunks_exact_mut(k.max(1) * PANEL).enumerate() {
            let from = index * PANEL;
            let width = PANEL.min(n - from);
            for (input, place) in panel.chunks_exact_mut(PANEL).enumerate() {
                place[..width].copy_from_slice(&matrix[input * n + from..][..width]);
                place[width..].fill(0.0);
            }
        }
    }

    /// Takes in the transpose `[k, n]` of a row-major matrix `[n, k]`.
    pub fn pack_transposed(&mut self, matrix: &[f32], k: usize, n: usize) {
        assert!(matrix.len() >= k * n, "a matrix of [{n}, {k}]");
        self.resize(k, n);
        for (index, panel) in self.data.chunks_exact_mut(k.max(1) * PANEL).enumerate() {
            let from = index * PANEL;
            let width = PANEL.min(n - from);
            for column in 0..width {
                let row = &matrix[(from + column) * k..][..k];
                for (place, &number) in panel[column..].iter_mut().step_by(PANEL).zip(row) {
                    *place = number;
                }
            }
            for place in panel.chunks_exact_mut(PANEL) {
                place[width..].fill(0.0);
            }
        }
    }

    fn resize(&mut self, k: usize, n: usize) {
        (self.k, self.n) = (k, n);
        self.data.resize(n.div_ceil(PANEL) * PANEL * k, 0.0);
    }

    /// `out[row] += x[row] W` for `rows` rows: row r of `x` starts at `r * x_stride` and has `k` numbers, row r of `out` starts at
    /// `r * out_stride` and has `n`.
    pub fn multiply(&self, rows: usize, x: &[f32], x_stride: usize, out: &mut [f32], out_stride: usize) {
        if rows == 0 || self.n == 0 || self.k == 0 {
            return;
        }
        assert!(
            x.len() >= (rows - 1) * x_stride + self.k && out.len() >= (rows - 1) * out_stride + self.n,
            "{rows} rows of [{}, {}]",
            self.k,
            self.n
        );
        Arch::new().dispatch(Product {
            panels: self,
            rows,
            x,
            x_stride,
            out,
            out_stride,
        });
    }
}

/// One call of [`Panels::multiply`].
struct Product<'a> {
    panels: &'a Panels,
    rows: usize,
    x: &'a [f32],
    x_stride: usize,
    out: &'a mut [f32],
    out_stride: usize,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let most = if S::REGISTER_COUNT >= 32 { MANY[1] } else { FEW[1] };
        let (k, n) = (self.panels.k, self.panels.n);
        for (index, panel) in self.panels.data.chunks_exact(k * PANEL).enumerate() {
            let column = index * PANEL;
            let width = PANEL.min(n - column);
            // As many rows as fit the registers, in blocks as even as possible.
            let blocks = self.rows.div_ceil(most);
            let mut row = 0;
            for block in 0..blocks {
                let count = (self.rows - row).div_ceil(blocks - block);
                self.block(simd, count, panel, row, column, width);
                row += count;
            }
        }
    }
}

impl Product<'_> {
    #[inline(always)]
    fn block<S: Simd>(&mut self, simd: S, count: usize, panel: &[f32], row: usize, column: usize, width: usize) {
        match count {
            1 => self.rows_of::<S, 1>(simd, panel, row, column, width),
            2 => self.rows_of::<S, 2>(simd, panel, row, column, width),
            3 => self.rows_of::<S, 3>(simd, panel, row, column, width),
            4 => self.rows_of::<S, 4>(simd, panel, row, column, width),
            5 => self.rows_of::<S, 5>(simd, panel, row, column, width),
            6 => self.rows_of::<S, 6>(simd, panel, row, column, width),
            7 => self.rows_of::<S, 7>(simd, panel, row, column, width),
            8 => self.rows_of::<S, 8>(simd, panel, row, column, width),
            9 => self.rows_of::<S, 9>(simd, panel, row, column, width),
            10 => self.rows_of::<S, 10>(simd, panel, row, column, width),
            11 => self.rows_of::<S, 11>(simd, panel, row, column, width),
            _ => self.rows_of::<S, 12>(simd, panel, row, column, width),
        }
    }

    /// `R` rows times one panel.
    #[inline(always)]
    fn rows_of<S: Simd, const R: usize>(&mut self, simd: S, panel: &[f32], row: usize, column: usize, width: usize) {
        const VECTORS: usize = MANY[0];
        let k = self.panels.k;
        let x: [&[f32]; R] = std::array::from_fn(|r| &self.x[(row + r) * self.x_stride..][..k]);
        let span = VECTORS * S::F32_LANES;
        for from in (0..width).step_by(span.min(PANEL)) {
            let mut sums = [[simd.splat_f32s(0.0); VECTORS]; R];
            for (input, weights) in panel.chunks_exact(PANEL).enumerate() {
                let (weights, _) = S::as_simd_f32s(&weights[from..from + span]);
                let weights = [weights[0], weights[1]];
                for r in 0..R {
                    let number = simd.splat_f32s(x[r][input]);
                    for v in 0..VECTORS {
                        sums[r][v] = simd.mul_add_e_f32s(number, weights[v], sums[r][v]);
                    }
                }
            }
            for (r, sums) in sums.iter().enumerate() {
                let place = &mut self.out[(row + r) * self.out_stride + column + from..];
                let place = &mut place[..span.min(width - from)];
                let (whole, rest) = S::as_mut_simd_f32s(place);
                for (out, sum) in whole.iter_mut().zip(sums) {
                    *out = simd.add_f32s(*out, *sum);
                }
                if !rest.is_empty() {
                    let last = simd.partial_load_f32s(rest);
                    simd.partial_store_f32s(rest, simd.add_f32s(last, sums[whole.len()]));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Panels;
    use crate::network::product::{Matrix, product};
    use crate::tests::draws;
    use crate::tests::speed::best_ms;
    use starling_components::random::Draw;

    fn numbers(len: usize, seed: u64) -> Vec<f32> {
        let mut draw = draws(seed);
        (0..len).map(|_| draw.uniform(-1.0, 1.0)).collect()
    }

    /// As `product` up to rounding, the transpose to the bit, and each row as if it were alone.
    fn check(rows: usize, k: usize, n: usize) {
        let (x_stride, out_stride) = (k + 3, n + 5);
        let (x, w) = (numbers(rows * x_stride, 1), numbers(k * n, 2));
        let start = numbers(rows * out_stride, 3);
        let transposed: Vec<f32> = (0..n)
            .flat_map(|j| (0..k).map(move |i| (i, j)))
            .map(|(i, j)| w[i * n + j])
            .collect();
        let (mut straight, mut turned) = (Panels::default(), Panels::default());
        straight.pack(&w, k, n);
        turned.pack_transposed(&transposed, k, n);
        let mut out = start.clone();
        straight.multiply(rows, &x, x_stride, &mut out, out_stride);
        let mut again = start.clone();
        turned.multiply(rows, &x, x_stride, &mut again, out_stride);
        assert_eq!(out, again);
        for row in 0..rows {
            let mut expected = start[row * out_stride..][..n].to_vec();
            let row_of = Matrix::rows_of(&x[row * x_stride..][..k], k);
            product([1, k, n], row_of, Matrix::rows_of(&w, n), &mut expected, true);
            let mut alone = start[row * out_stride..][..out_stride].to_vec();
            straight.multiply(1, &x[row * x_stride..], x_stride, &mut alone, out_stride);
            assert_eq!(
                alone,
                out[row * out_stride..][..out_stride],
                "row {row} of {rows}, [{k}, {n}]"
            );
            for (a, b) in alone.iter().zip(&expected) {
                assert!((a - b).abs() <= 1e-5 * (k as f32).sqrt(), "{a} and {b}");
            }
            assert_eq!(
                alone[n..],
                start[row * out_stride..][n..out_stride],
                "nothing behind the row is touched"
            );
        }
    }

    #[test]
    fn rows_are_products_and_do_not_know_each_other() {
        for (rows, k, n) in [
            (1, 1, 1),
            (3, 7, 5),
            (13, 64, 192),
            (25, 30, 33),
            (8, 128, 384),
            (40, 5, 100),
        ] {
            check(rows, k, n);
        }
    }

    #[test]
    #[ignore = "a measurement"]
    fn speed_of_panels_and_gemm() {
        for (rows, k, n) in [
            (4, 128, 384),
            (8, 128, 384),
            (64, 64, 192),
            (256, 128, 384),
            (4096, 128, 384),
        ] {
            let (x, w) = (numbers(rows * k, 1), numbers(k * n, 2));
            let mut out = vec![0.0; rows * n];
            let mut panels = Panels::default();
            panels.pack(&w, k, n);
            let repeats = (4_000_000_000 / (rows * k * n * 2)).max(1);
            let ours = best_ms(|| (0..repeats).for_each(|_| panels.multiply(rows, &x, k, &mut out, n)));
            let gemm = best_ms(|| {
                for _ in 0..repeats {
                    product(
                        [rows, k, n],
                        Matrix::rows_of(&x, k),
                        Matrix::rows_of(&w, n),
                        &mut out,
                        true,
                    );
                }
            });
            let gflop = (2 * repeats * rows * k * n) as f64 * 1e-6;
            println!(
                "[{rows}, {k}, {n}]: panels {:.0} GFLOP/s, gemm {:.0}",
                gflop / ours,
                gflop / gemm
            );
        }
    }
}
