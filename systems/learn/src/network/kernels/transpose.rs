//! Matrices turned over, in blocks that stay in the nearest cache.

/// Side of a block.
const BLOCK: usize = 16;

/// `to[j][i] = from[i][j]`; `from` is `[rows, columns]`.
pub(super) fn transpose(from: &[f32], rows: usize, columns: usize, to: &mut [f32]) {
    assert!(from.len() >= rows * columns && to.len() >= rows * columns);
    for row in (0..rows).step_by(BLOCK) {
        for column in (0..columns).step_by(BLOCK) {
            for i in row..(row + BLOCK).min(rows) {
                let line = &from[i * columns..][..columns];
                for j in column..(column + BLOCK).min(columns) {
                    to[j * rows + i] = line[j];
                }
            }
        }
    }
}
