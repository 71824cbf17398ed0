//! The meaning of a sum, on every path.

use super::dense::{self, DenseSizes};
use super::product::{DEPTH, Matrix, Start, piece, product};
use super::{Rows, Taps};
use crate::tests::draws;
use crate::tests::speed::best_ms;
use proptest::prelude::*;
use starling_components::layers::Activation;
use starling_components::random::Draw;

fn numbers(draw: &mut impl Draw, count: usize) -> Vec<f32> {
    (0..count).map(|_| draw.uniform(-1.0, 1.0)).collect()
}

/// One element by the documented order.
#[allow(clippy::disallowed_methods)] // fused on purpose: it is what the kernels do
fn element(terms: impl Iterator<Item = (f32, f32)>, length: usize, start: f32) -> f32 {
    let terms: Vec<(f32, f32)> = terms.collect();
    terms.chunks(length).fold(start, |sum, terms| {
        sum + terms.iter().fold(0.0, |part, &(x, w)| x.mul_add(w, part))
    })
}

fn check([m, k, n]: [usize; 3], transposed: bool, start: usize) {
    let mut draw = draws((m * k * n) as u64);
    let (a, b) = (numbers(&mut draw, m * k), numbers(&mut draw, k * n));
    let (before, bias) = (numbers(&mut draw, m * n), numbers(&mut draw, n));
    let matrix = if transposed {
        Matrix::transposed(&a, m)
    } else {
        Matrix::rows_of(&a, k)
    };
    let mut out = before.clone();
    let starts = [Start::Nothing, Start::Out, Start::Bias(&bias)];
    product([m, k, n], matrix, &b, starts[start], &mut out, false);
    for i in 0..m {
        for j in 0..n {
            let terms = (0..k).map(|t| (if transposed { a[t * m + i] } else { a[i * k + t] }, b[t * n + j]));
            let expected = element(terms, piece(k), [0.0, before[i * n + j], bias[j]][start]);
            assert_eq!(
                out[i * n + j].to_bits(),
                expected.to_bits(),
                "[{m}, {k}, {n}] at ({i}, {j}), transposed {transposed}, start {start}"
            );
        }
    }
}

#[test]
fn sums_are_cut_by_their_length_alone() {
    for k in [1, 3, 64, 511, 512, 513, 600, 1025] {
        for [m, n] in [[1, 1], [1, 64], [13, 33], [40, 70], [17, 6], [64, 1], [300, 3], [16, 4]] {
            check([m, k, n], k % 2 == 0, k % 3);
            check([m, k, n], k % 2 == 1, (k + 1) % 3);
        }
    }
}

#[test]
fn pieces_are_even_and_short() {
    for k in 1..5000 {
        let length = piece(k);
        assert!(length <= DEPTH && length * k.div_ceil(length) - k < k.div_ceil(length));
    }
}

/// What is not zero.
fn taps(x: &[f32], inputs: usize) -> (Vec<usize>, Vec<u32>, Vec<f32>) {
    let (mut ends, mut indices, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    for row in x.chunks_exact(inputs) {
        for (i, &x) in row.iter().enumerate().filter(|(_, x)| **x != 0.0) {
            indices.push(i as u32);
            numbers.push(x);
        }
        ends.push(indices.len());
    }
    (ends, indices, numbers)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_row_has_the_same_bits_alone_among_others_and_without_its_zeros(
        (inputs, outputs, rows) in (1_usize..1100, 1_usize..150, 1_usize..30),
        (seed, zeros, which) in (0_u64..1000, 0_u32..6, 0_usize..3),
    ) {
        let mut draw = draws(seed);
        let (weights, bias) = (numbers(&mut draw, inputs * outputs), numbers(&mut draw, outputs));
        let x: Vec<f32> = (0..rows * inputs).map(|_| if draw.below(6) < zeros { 0.0 } else { draw.below(5) as f32 - 2.0 }).collect();
        let activation = [Activation::None, Activation::Relu, Activation::Tanh][which];
        let run = |x: Rows<'_>, rows: usize| {
            let mut out = vec![f32::NAN; rows * outputs];
            dense::forward(DenseSizes { rows, inputs, outputs, activation }, x, &weights, &bias, &mut out);
            out.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        let all = run(Rows::All(&x), rows);
        let (ends, indices, numbers) = taps(&x, inputs);
        prop_assert_eq!(&all, &run(Rows::Taps(Taps { ends: &ends, indices: &indices, numbers: &numbers }), rows));
        for (row, x) in x.chunks_exact(inputs).enumerate() {
            prop_assert_eq!(&all[row * outputs..][..outputs], &run(Rows::All(x), 1));
        }
    }
}

#[test]
#[ignore = "a measurement"]
fn speed_of_products() {
    for [m, k, n] in [
        [512, 750, 64],
        [512, 64, 64],
        [128, 64, 64],
        [512, 64, 6],
        [512, 64, 1],
        [512, 288, 32],
        [512, 512, 512],
    ] {
        let mut draw = draws(1);
        let (a, b, mut out) = (numbers(&mut draw, m * k), numbers(&mut draw, k * n), vec![0.0; m * n]);
        let turns = 200_000_000 / (m * k * n) + 1;
        let gflop = (2 * m * k * n * turns) as f64 * 1e-9;
        let ours = best_ms(|| {
            (0..turns).for_each(|_| product([m, k, n], Matrix::rows_of(&a, k), &b, Start::Nothing, &mut out, false))
        });
        let x = numbers(&mut draw, m * n);
        let mut slopes = vec![0.0; k * n];
        let turned = best_ms(|| {
            (0..turns).for_each(|_| {
                super::product::product_in_pieces(
                    128,
                    [k, m, n],
                    Matrix::transposed(&a, k),
                    &x,
                    Start::Out,
                    &mut slopes,
                    false,
                )
            })
        });
        let gemm = best_ms(|| {
            (0..turns).for_each(|_| {
                // SAFETY: row-major operands of these sizes.
                unsafe {
                    gemm::gemm(
                        m,
                        n,
                        k,
                        out.as_mut_ptr(),
                        1,
                        n as isize,
                        false,
                        a.as_ptr(),
                        1,
                        k as isize,
                        b.as_ptr(),
                        1,
                        n as isize,
                        1.0_f32,
                        1.0_f32,
                        false,
                        false,
                        false,
                        gemm::Parallelism::None,
                    );
                }
            })
        });
        println!(
            "[{m}, {k}, {n}] GFLOP/s: {:.0}, transposed {:.0}, gemm {:.0}",
            gflop / ours * 1e3,
            gflop / turned * 1e3,
            gflop / gemm * 1e3
        );
    }
}
