//! Matrices turned over, in blocks that stay in registers.

use super::lanes::{Lanes, Vectorised, vectorised};

/// `to[j][i] = from[i][j]`; `from` is `[rows, columns]`.
///
/// # Panics
/// Slices that are too short.
pub(super) fn transpose(from: &[f32], rows: usize, columns: usize, to: &mut [f32]) {
    assert!(from.len() >= rows * columns && to.len() >= rows * columns);
    vectorised(Transpose {
        from,
        rows,
        columns,
        to,
    });
}

struct Transpose<'a> {
    from: &'a [f32],
    rows: usize,
    columns: usize,
    to: &'a mut [f32],
}

impl Vectorised for Transpose<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let Self {
            from,
            rows,
            columns,
            to,
        } = self;
        let whole = [rows / V::LEN * V::LEN, columns / V::LEN * V::LEN];
        for row in (0..whole[0]).step_by(V::LEN) {
            for column in (0..whole[1]).step_by(V::LEN) {
                // SAFETY: the block lies in both matrices, whose lengths `transpose` checked.
                unsafe {
                    V::turn(
                        from.as_ptr().add(row * columns + column),
                        columns,
                        to.as_mut_ptr().add(column * rows + row),
                        rows,
                    );
                }
            }
        }
        for i in 0..rows {
            let from_column = if i < whole[0] { whole[1] } else { 0 };
            for j in from_column..columns {
                to[j * rows + i] = from[i * columns + j];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::transpose;

    #[test]
    fn every_number_changes_its_indices() {
        for (rows, columns) in [
            (1, 1),
            (3, 20),
            (16, 16),
            (17, 33),
            (64, 64),
            (48, 5),
            (5, 48),
            (31, 32),
        ] {
            let from: Vec<f32> = (0..rows * columns).map(|i| i as f32).collect();
            let mut to = vec![-1.0; rows * columns];
            transpose(&from, rows, columns, &mut to);
            for i in 0..rows {
                for j in 0..columns {
                    assert_eq!(
                        to[j * rows + i],
                        from[i * columns + j],
                        "[{rows}, {columns}] at ({i}, {j})"
                    );
                }
            }
        }
    }
}
