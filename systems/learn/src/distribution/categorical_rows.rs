//! [`super::categorical`] for several rows side by side, so that the functions under it run over vectors. The bits are those of one row
//! alone.

use crate::real::Real;

/// Rows side by side.
pub const LANES: usize = 16;

/// Up to [`LANES`] choices among n moves.
#[derive(Debug, Default)]
pub struct CategoricalRows {
    /// `[moves, LANES]`.
    log_probs: Vec<[f32; LANES]>,
    /// `[moves, LANES]`.
    probabilities: Vec<[f32; LANES]>,
    /// `-sum p ln p` of each row.
    pub entropy: [f32; LANES],
}

impl CategoricalRows {
    /// Takes in rows of `moves` logits; `legal(row)` as in [`super::categorical::log_probs`].
    #[inline(always)]
    pub fn fill<'a>(&mut self, logits: &[f32], moves: usize, legal: impl Fn(usize) -> Option<&'a [u8]>) {
        self.log_probs.clear();
        self.log_probs.resize(moves, [0.0; LANES]);
        self.probabilities.resize(moves, [0.0; LANES]);
        for (lane, logits) in logits.chunks_exact(moves).take(LANES).enumerate() {
            let legal = legal(lane).filter(|mask| mask.iter().any(|&ok| ok != 0));
            for (move_, (&logit, lanes)) in logits.iter().zip(&mut self.log_probs).enumerate() {
                let allowed = legal.is_none_or(|mask| mask[move_] != 0);
                lanes[lane] = if allowed { logit } else { f32::NEG_INFINITY };
            }
        }
        let mut largest = [f32::NEG_INFINITY; LANES];
        for logits in &self.log_probs {
            for lane in 0..LANES {
                largest[lane] = largest[lane].max(logits[lane]);
            }
        }
        let mut sums = [0.0_f32; LANES];
        for logits in &self.log_probs {
            for lane in 0..LANES {
                // An illegal move adds zero.
                sums[lane] += Real::exp(logits[lane] - largest[lane]);
            }
        }
        let mut normaliser = [0.0_f32; LANES];
        for lane in 0..LANES {
            normaliser[lane] = largest[lane] + Real::ln(sums[lane]);
        }
        self.entropy = [0.0; LANES];
        for (log_probs, probabilities) in self.log_probs.iter_mut().zip(&mut self.probabilities) {
            for lane in 0..LANES {
                let log_p = log_probs[lane] - normaliser[lane];
                let p = Real::exp(log_p);
                (log_probs[lane], probabilities[lane]) = (log_p, p);
                let term = -(p * log_p);
                self.entropy[lane] += if log_p > f32::NEG_INFINITY { term } else { 0.0 };
            }
        }
    }

    /// Log-probability of a row's move.
    #[inline(always)]
    pub fn log_prob(&self, row: usize, move_: usize) -> f32 {
        self.log_probs[move_][row]
    }

    /// As [`super::categorical::gradient`] for every row, into `out` `[rows, moves]`.
    #[inline(always)]
    pub fn gradient(
        &self,
        actions: &[usize; LANES],
        by_log_prob: &[f32; LANES],
        by_entropy: &[f32; LANES],
        out: &mut [f32],
    ) {
        let moves = self.log_probs.len();
        for (move_, (log_probs, probabilities)) in self.log_probs.iter().zip(&self.probabilities).enumerate() {
            let mut slopes = [0.0_f32; LANES];
            for lane in 0..LANES {
                let (log_p, p) = (log_probs[lane], probabilities[lane]);
                let chosen = if actions[lane] == move_ { 1.0 } else { 0.0 };
                let slope = by_log_prob[lane] * (chosen - p) - by_entropy[lane] * (p * (log_p + self.entropy[lane]));
                slopes[lane] = if log_p > f32::NEG_INFINITY { slope } else { 0.0 };
            }
            for (row, slope) in out.chunks_exact_mut(moves).zip(slopes) {
                row[move_] = slope;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CategoricalRows, LANES};
    use crate::distribution::categorical;
    use crate::tests::draws;
    use starling_components::random::Draw;

    fn check(moves: usize, rows: usize, masked: bool) {
        let mut draw = draws((moves * rows) as u64);
        let logits: Vec<f32> = (0..rows * moves).map(|_| draw.uniform(-5.0, 5.0)).collect();
        let legal: Vec<u8> = (0..rows * moves).map(|_| draw.below(3).min(1) as u8).collect();
        let mask = |row: usize| masked.then(|| &legal[row * moves..][..moves]);
        let actions: [usize; LANES] = std::array::from_fn(|row| row % moves);
        let [by_log_prob, by_entropy]: [[f32; LANES]; 2] =
            std::array::from_fn(|_| std::array::from_fn(|_| draw.uniform(-1.0, 1.0)));
        let (mut ours, mut slopes) = (CategoricalRows::default(), vec![0.0; rows * moves]);
        ours.fill(&logits, moves, mask);
        ours.gradient(&actions, &by_log_prob, &by_entropy, &mut slopes);
        for row in 0..rows {
            let (mut log_probs, mut slope) = (vec![0.0; moves], vec![0.0; moves]);
            categorical::log_probs(&logits[row * moves..][..moves], mask(row), &mut log_probs);
            let entropy = categorical::entropy(&log_probs);
            categorical::gradient(
                &log_probs,
                actions[row],
                entropy,
                by_log_prob[row],
                by_entropy[row],
                &mut slope,
            );
            assert_eq!(ours.entropy[row].to_bits(), entropy.to_bits());
            for move_ in 0..moves {
                assert_eq!(ours.log_prob(row, move_).to_bits(), log_probs[move_].to_bits());
                assert_eq!(slopes[row * moves + move_].to_bits(), slope[move_].to_bits());
            }
        }
    }

    #[test]
    fn a_row_side_by_side_with_others_has_the_bits_of_one_alone() {
        for (moves, rows) in [(1, 3), (2, 16), (6, 16), (7, 5), (90, 11)] {
            check(moves, rows, false);
            check(moves, rows, true);
        }
    }
}
