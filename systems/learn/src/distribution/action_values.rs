//! Action-values: the best legal move, and moves at random in its place.

use crate::real::Real;
use starling_components::maths;
use starling_components::random::{below, unit_f32};

/// The mask, unless it allows nothing: a row without any legal move counts as one where all are.
#[inline(always)]
fn some(legal: Option<&[u8]>) -> Option<&[u8]> {
    legal.filter(|mask| mask.iter().any(|&ok| ok != 0))
}

/// The legal move of the largest value, the first of equals, and that value.
#[inline(always)]
pub fn best<T: Real>(values: &[T], legal: Option<&[u8]>) -> (usize, T) {
    let legal = some(legal);
    let mut best: Option<(usize, T)> = None;
    for (move_, &value) in values.iter().enumerate() {
        let allowed = legal.is_none_or(|mask| mask[move_] != 0);
        if allowed && best.is_none_or(|(_, most)| value > most) {
            best = Some((move_, value));
        }
    }
    best.unwrap_or((0, T::ZERO))
}

/// With probability `explore` a uniformly random legal move. `words` are uniform; the second says whether, the first which.
#[inline(always)]
pub fn explore(explore: f32, words: [u32; 2], legal: Option<&[u8]>, moves: usize) -> Option<usize> {
    if unit_f32(words[1]) >= explore {
        return None;
    }
    let Some(legal) = some(legal) else {
        return Some(below(words[0], moves as u32) as usize);
    };
    let allowed = || legal.iter().enumerate().filter(|(_, ok)| **ok != 0);
    let chosen = below(words[0], allowed().count() as u32) as usize;
    allowed().nth(chosen).map(|(move_, _)| move_)
}

/// Log-probability of a legal move that the policy takes with log-probability `own` where it is followed, and that is explored else.
#[inline(always)]
pub fn mixed(explore: f32, own: f32, legal: Option<&[u8]>, moves: usize) -> f32 {
    if explore <= 0.0 {
        return own;
    }
    let count = some(legal).map_or(moves, |mask| mask.iter().filter(|ok| **ok != 0).count());
    maths::ln(explore / count as f32 + (1.0 - explore) * maths::exp(own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use starling_components::random::Key;

    #[test]
    fn the_best_legal_move_is_found() {
        let check = |values: &[f32], legal: Option<&[u8]>, expected| assert_eq!(best(values, legal), expected);
        check(&[1.0, 3.0, 3.0, 2.0], None, (1, 3.0));
        check(&[1.0, 3.0, 3.0, 2.0], Some(&[1, 0, 0, 1]), (3, 2.0));
        check(&[-5.0, -7.0, 0.0], Some(&[1, 1, 0]), (0, -5.0));
        check(&[-5.0, -7.0, 0.0], Some(&[0, 0, 0]), (2, 0.0));
    }

    #[test]
    fn exploration_is_uniform_over_legal_moves_and_as_likely_as_said() {
        let legal: &[u8] = &[1, 0, 1, 1, 0];
        let (mut counts, n) = ([0_usize; 5], 40_000);
        for time in 0..n {
            let words = Key::of_seed(3).block(7, time);
            if let Some(move_) = explore(0.3, words, Some(legal), 5) {
                counts[move_] += 1;
            }
        }
        for (move_, &count) in counts.iter().enumerate() {
            let expected = if legal[move_] == 0 { 0.0 } else { 0.1 };
            let share = count as f64 / f64::from(n);
            assert!((share - expected).abs() < 0.006, "move {move_}: {share}");
        }
        assert_eq!(explore(0.0, [0, 0], Some(legal), 5), None);
        assert!(explore(1.0, [u32::MAX, u32::MAX], Some(legal), 5).is_some());
    }

    #[test]
    fn probabilities_of_explored_moves_add_up() {
        let legal: &[u8] = &[1, 0, 1, 1];
        let own = [0.5_f32, 0.0, 0.5, 0.0];
        let total: f32 = (0..4)
            .filter(|&m| legal[m] != 0)
            .map(|m| maths::exp(mixed(0.2, maths::ln(own[m].max(1e-30)), Some(legal), 4)))
            .sum();
        assert!((total - 1.0).abs() < 1e-6, "{total}");
        assert_eq!(mixed(0.0, -1.25, Some(legal), 4), -1.25);
    }
}
