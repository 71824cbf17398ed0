//! What the episodes of cells come to: rows of `matches`, and numbers per replica for `metrics`.

use super::cells::Cell;
use crate::episodes::{Finished, seat_mean};
use starling_components::tables::matches::{CellRow, Matches};
use std::collections::BTreeMap;

/// Returns of a set of episodes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Score {
    pub mean: f64,
    /// Standard deviation of the episodes (divided by their number, not one less).
    pub std: f64,
    pub min: f64,
    pub max: f64,
    /// Mean length.
    pub length: f64,
}

impl Score {
    /// Of episodes (return, length).
    pub(super) fn of(episodes: &[(f64, f64)]) -> Self {
        let count = episodes.len().max(1) as f64;
        let mean = episodes.iter().map(|(r, _)| r).sum::<f64>() / count;
        let squares: f64 = episodes.iter().map(|(r, _)| (r - mean) * (r - mean)).sum();
        let returns = || episodes.iter().map(|(r, _)| *r);
        Self {
            mean,
            std: (squares / count).sqrt(),
            min: returns().fold(f64::INFINITY, f64::min),
            max: returns().fold(f64::NEG_INFINITY, f64::max),
            length: episodes.iter().map(|(_, length)| length).sum::<f64>() / count,
        }
    }
}

/// Return and length of every episode.
pub(super) fn episodes(finished: &Finished) -> Vec<(f64, f64)> {
    let ended = finished.iter();
    ended.map(|e| (seat_mean(e.returns), f64::from(e.length))).collect()
}

/// Appends the row of one cell; `seats` is the environment's.
pub(super) fn push_match(table: &mut Matches, tick: u64, entity: &str, cell: &Cell, finished: &Finished) -> Score {
    let score = Score::of(&episodes(finished));
    let seats = cell.replicas.len();
    let (mut returns, mut shaped) = (vec![0.0_f64; seats], vec![0.0_f64; seats]);
    for ended in finished.iter() {
        for seat in 0..seats {
            returns[seat] += f64::from(ended.returns[seat]);
            shaped[seat] += f64::from(ended.shaped_returns[seat]);
        }
    }
    let means = |sums: &[f64]| -> Vec<f32> { sums.iter().map(|s| (s / finished.len() as f64) as f32).collect() };
    table.push(&CellRow {
        tick,
        entity,
        seating: &cell.seating,
        replicas: &cell.replicas,
        episodes: finished.len() as u32,
        return_mean: score.mean,
        return_std: score.std,
        return_min: score.min,
        return_max: score.max,
        length_mean: score.length,
        seat_returns: &means(&returns),
        seat_shaped: &means(&shaped),
    });
    score
}

/// Self-play and cross-play of one replica.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct CrossPlay {
    /// With itself in every seat.
    pub own: f64,
    /// Mean over the cells where it meets others; absent where there are none.
    pub others: Option<f64>,
}

/// By number of the replica, from the mean returns of the cells of one agent in every seat: (replicas by seat, mean return).
pub(super) fn cross_play<'a>(cells: impl Iterator<Item = (&'a [u32], f64)>) -> BTreeMap<u32, CrossPlay> {
    let mut own: BTreeMap<u32, f64> = BTreeMap::new();
    let mut others: BTreeMap<u32, (f64, u32)> = BTreeMap::new();
    for (replicas, mean) in cells {
        let first = replicas[0];
        if replicas.iter().all(|&replica| replica == first) {
            own.insert(first, mean);
            continue;
        }
        for (seat, replica) in replicas.iter().enumerate() {
            // A cell counts once for each who sits in it, in however many seats.
            if !replicas[..seat].contains(replica) {
                let (sum, count) = others.entry(*replica).or_default();
                *sum += mean;
                *count += 1;
            }
        }
    }
    let of = |(replica, own)| {
        let others = others.get(&replica).map(|(sum, count)| sum / f64::from(*count));
        (replica, CrossPlay { own, others })
    };
    own.into_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn score_of_three_episodes() {
        let score = Score::of(&[(0.0, 10.0), (20.0, 20.0), (40.0, 60.0)]);
        assert_eq!(
            (score.mean, score.min, score.max, score.length),
            (20.0, 0.0, 40.0, 30.0)
        );
        assert!((score.std - (800.0_f64 / 3.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn cross_play_of_three_replicas() {
        let matrix = [[9.0, 1.0, 2.0], [3.0, 8.0, 4.0], [5.0, 6.0, 7.0]];
        let numbers = [4, 5, 6];
        let cells: Vec<([u32; 2], f64)> = (0..9)
            .map(|i| ([numbers[i / 3], numbers[i % 3]], matrix[i / 3][i % 3]))
            .collect();
        let found = cross_play(cells.iter().map(|(replicas, mean)| (&replicas[..], *mean)));
        let check = |replica: u32, own: f64, others: f64| {
            let expected = CrossPlay {
                own,
                others: Some(others),
            };
            assert_eq!(found[&replica], expected);
        };
        check(4, 9.0, (1.0 + 2.0 + 3.0 + 5.0) / 4.0);
        check(5, 8.0, (3.0 + 4.0 + 1.0 + 6.0) / 4.0);
        check(6, 7.0, (5.0 + 6.0 + 2.0 + 4.0) / 4.0);
        let alone = cross_play([(&[2, 2][..], 1.5)].into_iter());
        assert_eq!(alone[&2], CrossPlay { own: 1.5, others: None });
    }
}
