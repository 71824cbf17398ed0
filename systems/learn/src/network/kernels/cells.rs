//! From distinct cells to all cells and back.

use crate::real::wide;

/// A number for the bytes of a cell; equal cells have equal numbers.
#[inline(always)]
pub fn hash(cell: &[u8]) -> u64 {
    // An odd constant with bits everywhere: 2^64 divided by the golden ratio.
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(MIX).rotate_left(29);
    let (words, rest) = cell.as_chunks::<8>();
    let hash = words
        .iter()
        .fold(MIX, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let last = rest.iter().fold(0, |word, &byte| word << 8 | u64::from(byte));
    let hash = mix(hash, last);
    hash ^ (hash >> 32)
}

/// `out[cell] = x[ids[cell]]`, `features` numbers each.
pub fn expand(ids: &[u32], features: usize, x: &[f32], out: &mut [f32]) {
    for (&id, out) in ids.iter().zip(out.chunks_exact_mut(features)) {
        out.copy_from_slice(&x[id as usize * features..][..features]);
    }
}

/// Slopes of distinct cells from those of all cells: equal cells' are summed, in order.
pub fn collapse(ids: &[u32], features: usize, slopes: &[f32], distinct_slopes: &mut [f32]) {
    distinct_slopes.fill(0.0);
    wide(
        #[inline(always)]
        || {
            for (&id, slopes) in ids.iter().zip(slopes.chunks_exact(features)) {
                let sums = &mut distinct_slopes[id as usize * features..][..features];
                for (sum, slope) in sums.iter_mut().zip(slopes) {
                    *sum += slope;
                }
            }
        },
    );
}
