//! Generalised advantage estimation (Schulman et al. 2016), over `[steps, columns]`.

use crate::real::Real;

/// Discounts.
#[derive(Debug, Clone, Copy)]
pub struct GaeSettings<T> {
    /// Discount of rewards.
    pub gamma: T,
    /// Decay of the mixture over horizons.
    pub lambda: T,
}

/// Advantages and value targets, backwards from `g = 0` and the value of the last observation:
///
/// `delta = r + gamma V' (1 - done) - V`, `g = delta + gamma lambda (1 - done) g'`, target `g + V`.
///
/// `rewards`, `values`, `done` (0/1, of the transition) and the outputs are `[steps, columns]`, `last_values` is `[columns]`.
///
/// `active`, if not empty, says which rows are decisions (games where seats take turns). Rewards of the rows in between belong to the
/// decision before them, time passes from decision to decision, and the outputs of those rows are zero.
#[allow(clippy::too_many_arguments)] // the operands of one formula
pub fn gae<T: Real>(
    settings: GaeSettings<T>,
    rewards: &[T],
    values: &[T],
    done: &[u8],
    active: &[u8],
    last_values: &[T],
    advantages: &mut [T],
    targets: &mut [T],
) {
    let columns = last_values.len();
    let steps = rewards.len().checked_div(columns).unwrap_or(0);
    for (column, &last) in last_values.iter().enumerate() {
        let (mut g, mut next_value, mut waiting) = (T::ZERO, last, T::ZERO);
        for step in (0..steps).rev() {
            let i = step * columns + column;
            if done[i] != 0 {
                (g, next_value, waiting) = (T::ZERO, T::ZERO, T::ZERO);
            }
            if active.get(i) == Some(&0) {
                waiting += rewards[i];
                (advantages[i], targets[i]) = (T::ZERO, T::ZERO);
                continue;
            }
            let delta = rewards[i] + waiting + settings.gamma * next_value - values[i];
            g = delta + settings.gamma * settings.lambda * g;
            (next_value, waiting) = (values[i], T::ZERO);
            advantages[i] = g;
            targets[i] = g + values[i];
        }
    }
}
