//! One of n moves, from logits; illegal moves have probability zero.

use crate::real::Real;

/// Log-probabilities of all moves: `logits - ln sum exp logits` over the legal ones, minus infinity for the others.
///
/// `legal` is 0/1 per move; a row without any legal move counts as one where all are.
#[inline(always)]
pub fn log_probs<T: Real>(logits: &[T], legal: Option<&[u8]>, out: &mut [T]) {
    let legal = legal.filter(|mask| mask.iter().any(|&ok| ok != 0));
    let allowed = |move_: usize| legal.is_none_or(|mask| mask[move_] != 0);
    let mut largest = T::NEG_INFINITY;
    for (move_, &logit) in logits.iter().enumerate() {
        if allowed(move_) {
            largest = largest.max(logit);
        }
    }
    let mut sum = T::ZERO;
    for (move_, &logit) in logits.iter().enumerate() {
        if allowed(move_) {
            sum += (logit - largest).exp();
        }
    }
    let normaliser = largest + sum.ln();
    for (move_, (slot, &logit)) in out.iter_mut().zip(logits).enumerate() {
        *slot = if allowed(move_) {
            logit - normaliser
        } else {
            T::NEG_INFINITY
        };
    }
}

/// Probabilities in place of log-probabilities.
#[inline(always)]
pub fn probabilities<T: Real>(log_probs: &[T], out: &mut [T]) {
    for (p, &log_p) in out.iter_mut().zip(log_probs) {
        *p = log_p.exp();
    }
}

/// `-sum p ln p`; impossible moves add nothing.
#[inline(always)]
pub fn entropy<T: Real>(log_probs: &[T]) -> T {
    let mut sum = T::ZERO;
    for &log_p in log_probs {
        if log_p > T::NEG_INFINITY {
            sum += -(log_p.exp() * log_p);
        }
    }
    sum
}

/// The move at which the cumulative probability first exceeds `unit`, a uniform in [0, 1).
#[inline(always)]
pub fn sample(log_probs: &[f32], unit: f32) -> usize {
    let (mut cumulative, mut last) = (0.0_f32, 0);
    for (move_, &log_p) in log_probs.iter().enumerate() {
        if log_p == f32::NEG_INFINITY {
            continue;
        }
        cumulative += Real::exp(log_p);
        last = move_;
        if unit < cumulative {
            break;
        }
    }
    last
}

/// The most probable move; the first of equals.
#[inline(always)]
pub fn mode<T: Real>(log_probs: &[T]) -> usize {
    let mut best = 0;
    for (move_, &log_p) in log_probs.iter().enumerate() {
        if log_p > log_probs[best] {
            best = move_;
        }
    }
    best
}

/// Gradient with respect to the logits of a function that depends on them through the log-probability of `action` (slope `by_log_prob`)
/// and the entropy (slope `by_entropy`):
///
/// d ln p_a / dz_j = [j = a] - p_j and d H / dz_j = -p_j (ln p_j + H).
#[inline(always)]
pub fn gradient<T: Real>(log_probs: &[T], action: usize, entropy: T, by_log_prob: T, by_entropy: T, out: &mut [T]) {
    for (move_, (slope, &log_p)) in out.iter_mut().zip(log_probs).enumerate() {
        if log_p > T::NEG_INFINITY {
            let p = log_p.exp();
            let chosen = if move_ == action { T::ONE } else { T::ZERO };
            *slope = by_log_prob * (chosen - p) - by_entropy * (p * (log_p + entropy));
        } else {
            *slope = T::ZERO;
        }
    }
}
