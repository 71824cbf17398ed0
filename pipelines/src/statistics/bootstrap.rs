//! Percentile intervals by a stratified bootstrap: the runs of every task are drawn again, with repetition, each task by itself.
//!
//! Draws are a function of seed, method, resample, task and run, so that an interval has the same bits every time and on any number of threads.

use super::Scores;
use rayon::prelude::*;
use starling_components::EntityName;
use starling_components::random::{Key, below};

/// A number with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// How to draw, and how wide intervals are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bootstrap {
    /// Seed of the draws.
    pub seed: u64,
    /// Resamples.
    pub resamples: u32,
    /// How much of the resamples an interval holds, e.g. 0.95.
    pub confidence: f64,
}

impl Default for Bootstrap {
    /// As many resamples as `rliable` draws, and 95 % intervals.
    fn default() -> Self {
        Self {
            seed: 0,
            resamples: 50_000,
            confidence: 0.95,
        }
    }
}

impl Bootstrap {
    /// Several statistics of the scores of the method `name`, all on the same resamples.
    pub fn estimate(&self, name: &str, scores: &Scores, of: &(dyn Fn(&Scores) -> Vec<f64> + Sync)) -> Vec<Estimate> {
        let key = self.key(name);
        self.intervals(of(scores), |resample| {
            let mut drawn = scores.clone();
            redraw(scores, &mut drawn, key, resample);
            of(&drawn)
        })
    }

    /// A statistic of two methods, each drawn again by itself.
    pub fn compare(
        &self,
        names: [&str; 2],
        scores: [&Scores; 2],
        of: &(dyn Fn(&Scores, &Scores) -> f64 + Sync),
    ) -> Estimate {
        // A method beside itself is still two independent samples.
        let keys = [self.key(names[0]).fold(0, 0), self.key(names[1]).fold(0, 1)];
        let estimates = self.intervals(vec![of(scores[0], scores[1])], |resample| {
            let mut drawn = scores.map(Scores::clone);
            for ((own, drawn), key) in scores.iter().zip(&mut drawn).zip(keys) {
                redraw(own, drawn, key, resample);
            }
            vec![of(&drawn[0], &drawn[1])]
        });
        estimates[0]
    }

    fn key(&self, name: &str) -> Key {
        Key::of_seed(self.seed).entity(&EntityName::new("bootstrap", name))
    }

    fn intervals(&self, values: Vec<f64>, resampled: impl Fn(u32) -> Vec<f64> + Send + Sync) -> Vec<Estimate> {
        let rows: Vec<Vec<f64>> = (0..self.resamples).into_par_iter().map(resampled).collect();
        let tail = (1.0 - self.confidence) / 2.0;
        let one = |(place, value): (usize, f64)| {
            let mut column: Vec<f64> = rows.iter().map(|row| row[place]).collect();
            column.sort_by(f64::total_cmp);
            let bound = |part| percentile(&column, part).unwrap_or(f64::NAN);
            Estimate {
                value,
                low: bound(tail),
                high: bound(1.0 - tail),
            }
        };
        values.into_iter().enumerate().map(one).collect()
    }
}

/// Fills `drawn` with runs of `scores`, task by task.
fn redraw(scores: &Scores, drawn: &mut Scores, key: Key, resample: u32) {
    let tasks = scores.tasks();
    let mut stratum = (usize::MAX, key);
    drawn.refill(|task, run| {
        if stratum.0 != task {
            stratum = (task, key.fold(resample, task as u32));
        }
        let runs = &tasks[task];
        let [word, _] = stratum.1.block(run as u32, 0);
        runs[below(word, runs.len() as u32) as usize]
    });
}

/// Of sorted values, between neighbours by their distance; `None` where there are none.
pub fn percentile(sorted: &[f64], part: f64) -> Option<f64> {
    let place = part * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(below + (above - below) * place.fract())
}
