//! Self-play, cross-play and their gap from a matrix of mean returns, with intervals over replicas.
//!
//! The cells of a matrix share agents: a replica that plays badly lowers its whole row and its whole column. So what is drawn again in the
//! bootstrap are replicas, not cells: a resample is a list of replicas with repetition, and its matrix is the one that they induce, without the
//! pairings of a replica with a copy of itself off the diagonal. Intervals are the 2.5th and the 97.5th percentile. With few replicas they are
//! too narrow, as every bootstrap of few is; with fewer than three there is none.

use crate::statistics::percentile;
use starling_components::random::{Key, below};

/// Resamples of [`Matrix::summary`].
pub const RESAMPLES: u32 = 10_000;

/// Fewest replicas that can be drawn again.
const FEWEST: usize = 3;

/// Mean returns of two seats' pairings.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Replicas in the first seat.
    pub rows: usize,
    /// Replicas in the second seat.
    pub columns: usize,
    /// `[rows, columns]`.
    pub values: Vec<f64>,
}

/// A number with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Its bounds, if there are replicas enough.
    pub interval: Option<(f64, f64)>,
}

/// What one agent's replicas come to among themselves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Mean of the diagonal.
    pub self_play: Estimate,
    /// Mean off the diagonal.
    pub cross_play: Estimate,
    /// Self-play less cross-play.
    pub gap: Estimate,
}

impl Matrix {
    /// Self-play, cross-play and gap of a square matrix whose rows and columns are the same replicas; `None` with fewer than two.
    pub fn summary(&self, resamples: u32) -> Option<Summary> {
        let once = vec![1.0; self.rows];
        if self.rows != self.columns || self.rows < 2 {
            return None;
        }
        let (own, others) = (self.diagonal(&once), self.off_diagonal(&once)?);
        let (mut owns, mut crosses, mut gaps) = (Vec::new(), Vec::new(), Vec::new());
        let mut weights = Weights::new("replicas", self.rows);
        for resample in 0..if self.rows < FEWEST { 0 } else { resamples } {
            let drawn = weights.draw(resample);
            let own = self.diagonal(drawn);
            owns.push(own);
            // One replica drawn every time has nobody to play with.
            if let Some(others) = self.off_diagonal(drawn) {
                crosses.push(others);
                gaps.push(own - others);
            }
        }
        let estimate = |value, resampled| Estimate {
            value,
            interval: interval(resampled),
        };
        Some(Summary {
            self_play: estimate(own, owns),
            cross_play: estimate(others, crosses),
            gap: estimate(own - others, gaps),
        })
    }

    /// Mean of a matrix whose rows and columns are replicas of different agents: each side is drawn again on its own.
    pub fn mean(&self, resamples: u32) -> Estimate {
        let few = self.rows.min(self.columns) < FEWEST;
        let (mut rows, mut columns) = (Weights::new("rows", self.rows), Weights::new("columns", self.columns));
        let resamples = 0..if few { 0 } else { resamples };
        let resampled = resamples.map(|resample| self.weighted(rows.draw(resample), columns.draw(resample)));
        Estimate {
            value: self.weighted(&vec![1.0; self.rows], &vec![1.0; self.columns]),
            interval: interval(resampled.collect()),
        }
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// Mean of the diagonal where replica i occurs `weights[i]` times.
    fn diagonal(&self, weights: &[f64]) -> f64 {
        let sum: f64 = weights.iter().enumerate().map(|(i, w)| w * self.row(i)[i]).sum();
        sum / weights.iter().sum::<f64>()
    }

    fn off_diagonal(&self, weights: &[f64]) -> Option<f64> {
        let (mut sum, mut pairs) = (0.0, 0.0);
        for (i, w) in weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
            for (j, v) in weights.iter().enumerate().filter(|(j, _)| *j != i) {
                sum += w * v * self.row(i)[j];
                pairs += w * v;
            }
        }
        (pairs > 0.0).then_some(sum / pairs)
    }

    fn weighted(&self, rows: &[f64], columns: &[f64]) -> f64 {
        let row = |i: usize| -> f64 { self.row(i).iter().zip(columns).map(|(value, w)| value * w).sum() };
        let sum: f64 = rows.iter().enumerate().map(|(i, w)| w * row(i)).sum();
        sum / (rows.iter().sum::<f64>() * columns.iter().sum::<f64>())
    }
}

/// How often each of a set of replicas occurs in a resample, a function of the resample's number.
struct Weights {
    key: Key,
    weights: Vec<f64>,
}

impl Weights {
    fn new(what: &str, count: usize) -> Self {
        let name = starling_components::EntityName::new("bootstrap", what);
        Self {
            key: Key::of_seed(0).entity(&name),
            weights: vec![0.0; count],
        }
    }

    fn draw(&mut self, resample: u32) -> &[f64] {
        self.weights.fill(0.0);
        let count = self.weights.len() as u32;
        for draw in 0..count {
            let [word, _] = self.key.block(resample, draw);
            self.weights[below(word, count) as usize] += 1.0;
        }
        &self.weights
    }
}

fn interval(mut values: Vec<f64>) -> Option<(f64, f64)> {
    values.sort_by(f64::total_cmp);
    Some((percentile(&values, 0.025)?, percentile(&values, 0.975)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(rows: usize, value: impl Fn(usize, usize) -> f64) -> Matrix {
        let values = (0..rows * rows).map(|i| value(i / rows, i % rows)).collect();
        Matrix {
            rows,
            columns: rows,
            values,
        }
    }

    #[test]
    fn means_of_a_small_matrix() {
        let matrix = square(3, |i, j| [[9.0, 1.0, 2.0], [3.0, 8.0, 4.0], [5.0, 6.0, 7.0]][i][j]);
        let found = matrix.summary(RESAMPLES).expect("three replicas");
        assert_eq!(
            (found.self_play.value, found.cross_play.value, found.gap.value),
            (8.0, 3.5, 4.5)
        );
        // Three draws of three: the diagonal's mean lies between 7 and 9, and its extremes are drawn once in 27 times.
        assert_eq!(found.self_play.interval, Some((7.0, 9.0)));
        assert_eq!(matrix.mean(10).value, 5.0);
        assert_eq!(square(1, |_, _| 1.0).summary(10), None);
        let two = square(2, |i, j| (i + j) as f64).summary(10).expect("two replicas");
        assert_eq!((two.gap.value, two.gap.interval), (0.0, None));
    }

    #[test]
    fn what_does_not_vary_has_no_width() {
        let constant = square(6, |i, j| if i == j { 20.0 } else { 5.0 })
            .summary(500)
            .expect("six replicas");
        assert_eq!(
            constant.gap.interval,
            Some((15.0, 15.0)),
            "copies of one replica are no cross-play"
        );
        let few = Matrix {
            rows: 2,
            columns: 5,
            values: vec![1.0; 10],
        };
        assert_eq!(few.mean(100).interval, None);
    }

    /// Nearly normal, with variance 1.
    fn noise(key: Key, a: u32, b: u32) -> f64 {
        let words = (0..6).flat_map(|k| key.fold(a, b).block(k, 0));
        words.map(|word| f64::from(word) / 4_294_967_296.0).sum::<f64>() - 6.0
    }

    /// Replica i is worth a_i in the first seat and b_i in the second, and 5 more with itself; cells have noise of their own.
    #[test]
    fn intervals_cover_the_truth_of_additive_matrices() {
        let (studies, replicas) = (400_u32, 12);
        let mut covered = [0_u32; 3];
        for study in 0..studies {
            let key = Key::of_seed(77).fold(study, 0);
            let matrix = square(replicas, |i, j| {
                let worth = 10.0 + 3.0 * noise(key, i as u32, 1) + 2.0 * noise(key, j as u32, 2);
                let own = if i == j {
                    5.0 + 2.0 * noise(key, i as u32, 3)
                } else {
                    0.0
                };
                worth + own + noise(key, (i * replicas + j) as u32, 4)
            });
            let found = matrix.summary(400).expect("replicas enough");
            let estimates = [(found.self_play, 15.0), (found.cross_play, 10.0), (found.gap, 5.0)];
            for (covered, (estimate, truth)) in covered.iter_mut().zip(estimates) {
                let (low, high) = estimate.interval.expect("replicas enough");
                assert!(low <= estimate.value && estimate.value <= high);
                *covered += u32::from(low <= truth && truth <= high);
            }
        }
        // 95 % are meant; a bootstrap of twelve replicas gives a little less.
        for part in covered {
            assert!(
                (0.86..=0.98).contains(&(f64::from(part) / f64::from(studies))),
                "{covered:?} of {studies}"
            );
        }
    }
}
