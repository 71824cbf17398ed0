//! The formulas of Q-learning with a target network, one row at a time.

use crate::real::Real;
use starling_components::learners::dqn::TdLoss;

/// What the value of a move should be: the reward, and the discounted value of the next observation unless the episode ended.
#[inline(always)]
pub fn target<T: Real>(reward: T, gamma: T, ended: bool, next: T) -> T {
    if ended { reward } else { reward + gamma * next }
}

/// The cost of `difference` = value - target, and its slope by the value.
#[inline(always)]
pub fn cost<T: Real>(loss: TdLoss, difference: T) -> (T, T) {
    match loss {
        TdLoss::Mse => (difference * difference, difference + difference),
        TdLoss::Huber => {
            let size = difference.abs();
            let inside = size.min(T::ONE);
            let slope = difference.min(T::ONE).max(-T::ONE);
            (inside * (size - T::of(0.5) * inside), slope)
        }
    }
}

/// Polyak averaging: `target` becomes tau x online + (1 - tau) x target, both `[n]`.
pub fn follow<T: Real>(tau: T, online: &[T], target: &mut [T]) {
    for (target, &online) in target.iter_mut().zip(online) {
        *target = tau * online + (T::ONE - tau) * *target;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_and_slopes() {
        let check = |loss, difference: f64, expected: (f64, f64)| {
            assert_eq!(cost(loss, difference), expected, "{loss:?} of {difference}");
        };
        check(TdLoss::Mse, -3.0, (9.0, -6.0));
        check(TdLoss::Huber, 0.5, (0.125, 0.5));
        check(TdLoss::Huber, -0.5, (0.125, -0.5));
        check(TdLoss::Huber, 3.0, (2.5, 1.0));
        check(TdLoss::Huber, -3.0, (2.5, -1.0));
    }
}
