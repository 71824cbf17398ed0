//! Products of matrices by `gemm`, in an order of additions that depends on their sizes only.

use gemm::Parallelism;

/// Most terms that are summed in one go. `gemm` 0.19 cuts a longer sum into blocks whose length it takes from the sizes of the processor's
/// caches (`kernel_params` in gemm-common: at least 512, and exactly 512 for small outputs), so that two machines with the same
/// instructions would round differently. Sums of up to 512 terms it never cuts; longer ones are cut here, by their length alone.
const DEPTH: usize = 512;

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
    fn behind_rows(self, rows: usize) -> Self {
        Self {
            data: &self.data[rows * self.row..],
            ..self
        }
    }
    fn behind_columns(self, columns: usize) -> Self {
        Self {
            data: &self.data[columns * self.column..],
            ..self
        }
    }
    fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0 || columns == 0 || (rows - 1) * self.row + (columns - 1) * self.column < self.data.len()
    }
}

/// Length of the pieces that a sum of `k` terms is cut into (the last may be shorter): as few and as even as possible.
fn piece(k: usize) -> usize {
    k.div_ceil(k.div_ceil(DEPTH).max(1))
}

/// `out = a b`, or `out += a b` if `add`; `a` is `[m, k]`, `b` `[k, n]`, `out` row-major `[m, n]`. One thread.
///
/// Every element is the sum over `piece`s in index order, each summed by itself and then added, whatever the machine's caches.
pub fn product([m, k, n]: [usize; 3], a: Matrix<'_>, b: Matrix<'_>, out: &mut [f32], add: bool) {
    assert!(
        a.holds(m, k) && b.holds(k, n) && out.len() >= m * n,
        "operands hold [{m}, {k}, {n}]"
    );
    if k <= DEPTH || m == 0 || n == 0 {
        return product_of_piece([m, k, n], a, b, out, add);
    }
    for from in (0..k).step_by(piece(k)) {
        let depth = piece(k).min(k - from);
        let (a, b) = (a.behind_columns(from), b.behind_rows(from));
        product_of_piece([m, depth, n], a, b, out, add || from > 0);
    }
}

/// [`product`] for up to [`DEPTH`] terms.
fn product_of_piece([m, k, n]: [usize; 3], a: Matrix<'_>, b: Matrix<'_>, out: &mut [f32], add: bool) {
    assert!(
        a.holds(m, k) && b.holds(k, n) && out.len() >= m * n,
        "operands hold [{m}, {k}, {n}]"
    );
    // SAFETY: the assertion above bounds the largest offset of every operand by its slice's length, and `out` is borrowed mutably, so it
    // overlaps neither input.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            add,
            a.data.as_ptr(),
            a.column as isize,
            a.row as isize,
            b.data.as_ptr(),
            b.column as isize,
            b.row as isize,
            1.0_f32,
            1.0_f32,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::{Matrix, piece, product};
    use crate::tests::draws;
    use crate::tests::speed::best_ms;
    use starling_components::random::Draw;

    /// One element by the documented order. The kernels fuse product and sum where the processor can.
    #[allow(clippy::disallowed_methods)] // fused on purpose: it is what the kernels' instruction does
    fn element(row: &[f32], column: &[f32], mut sum: Option<f32>) -> f32 {
        #[cfg(target_arch = "x86_64")]
        let fused = std::arch::is_x86_feature_detected!("fma");
        #[cfg(not(target_arch = "x86_64"))]
        let fused = cfg!(target_arch = "aarch64");
        let length = piece(row.len());
        for (row, column) in row.chunks(length).zip(column.chunks(length)) {
            let mut part = 0.0_f32;
            for (&x, &w) in row.iter().zip(column) {
                part = if fused { x.mul_add(w, part) } else { part + x * w };
            }
            sum = Some(sum.map_or(part, |sum| sum + part));
        }
        sum.unwrap_or(0.0)
    }

    fn check([m, k, n]: [usize; 3], transposed: bool, add: bool) {
        let mut draw = draws((m * k * n) as u64);
        let a: Vec<f32> = (0..m * k).map(|_| draw.uniform(-1.0, 1.0)).collect();
        let b: Vec<f32> = (0..k * n).map(|_| draw.uniform(-1.0, 1.0)).collect();
        let start: Vec<f32> = (0..m * n).map(|_| draw.uniform(-1.0, 1.0)).collect();
        let at = |i: usize, j: usize| if transposed { a[j * m + i] } else { a[i * k + j] };
        let matrix = if transposed {
            Matrix::transposed(&a, m)
        } else {
            Matrix::rows_of(&a, k)
        };
        let mut out = start.clone();
        product([m, k, n], matrix, Matrix::rows_of(&b, n), &mut out, add);
        for i in 0..m {
            let row: Vec<f32> = (0..k).map(|j| at(i, j)).collect();
            for j in 0..n {
                let column: Vec<f32> = (0..k).map(|i| b[i * n + j]).collect();
                let expected = element(&row, &column, add.then_some(start[i * n + j]));
                assert_eq!(
                    out[i * n + j].to_bits(),
                    expected.to_bits(),
                    "[{m}, {k}, {n}] at ({i}, {j}), transposed {transposed}, add {add}"
                );
            }
        }
    }

    #[test]
    fn sums_are_cut_by_their_length_alone() {
        for k in [3, 64, 511, 512, 513, 600, 1024, 1025, 2000] {
            for [m, n] in [[40, 64], [64, 33], [300, 70], [17, 6]] {
                for (transposed, add) in [(false, false), (false, true), (true, false), (true, true)] {
                    check([m, k, n], transposed, add);
                }
            }
        }
    }

    /// What [`product`] protects from: a sum of 600 terms left to `gemm` is cut elsewhere (512 and 88 for small outputs).
    #[test]
    fn left_alone_the_order_is_another() {
        let mut draw = draws(1);
        let (a, b) = (vec![0.0_f32; 40 * 600], vec![0.0_f32; 600 * 64]);
        let [a, b] = [a, b].map(|x| x.iter().map(|_| draw.uniform(-1.0, 1.0)).collect::<Vec<f32>>());
        let (a, b) = (Matrix::rows_of(&a, 600), Matrix::rows_of(&b, 64));
        let (mut ours, mut alone) = (vec![0.0; 40 * 64], vec![0.0; 40 * 64]);
        product([40, 600, 64], a, b, &mut ours, false);
        super::product_of_piece([40, 600, 64], a, b, &mut alone, false);
        assert_ne!(ours, alone);
    }

    #[test]
    #[ignore = "a measurement"]
    fn speed_of_products_cut_and_whole() {
        let (a, b) = (vec![0.5_f32; 512 * 600], vec![0.5_f32; 600 * 64]);
        let (a, b) = (Matrix::rows_of(&a, 600), Matrix::rows_of(&b, 64));
        let mut out = vec![0.0; 512 * 64];
        for _ in 0..3 {
            let cut = best_ms(|| (0..100).for_each(|_| product([512, 600, 64], a, b, &mut out, true)));
            let whole =
                best_ms(|| (0..100).for_each(|_| super::product_of_piece([512, 600, 64], a, b, &mut out, true)));
            println!("[512, 600, 64]: cut {:.1} us, whole {:.1} us", cut * 10.0, whole * 10.0);
        }
    }

    #[test]
    fn pieces_are_even_and_short() {
        for k in 1..5000 {
            let length = piece(k);
            assert!(length <= super::DEPTH && length * k.div_ceil(length) - k < k.div_ceil(length));
        }
    }
}
