//! A vector with independent normal components: mean from the network, one logarithm of the standard deviation per component that does not
//! depend on the state.

use crate::real::Real;
use starling_components::maths;
use starling_components::random::unit_f32;

const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;

/// Log-density of `action`.
#[inline(always)]
pub fn log_prob<T: Real>(mean: &[T], log_std: &[T], action: &[T]) -> T {
    let mut sum = T::ZERO;
    for ((&m, &s), &a) in mean.iter().zip(log_std).zip(action) {
        let z = (a - m) * (-s).exp();
        sum += -(T::of(0.5) * z * z) - s - T::of(HALF_LN_TAU);
    }
    sum
}

/// Differential entropy: `sum (ln std + 1/2 ln (2 pi e))`.
#[inline(always)]
pub fn entropy<T: Real>(log_std: &[T]) -> T {
    let mut sum = T::ZERO;
    for &s in log_std {
        sum += s + T::of(0.5 + HALF_LN_TAU);
    }
    sum
}

/// Log-density of tanh(`pre_tanh`) where `pre_tanh` is normal: the change of variables costs `ln(1 - tanh^2 u) = 2 (ln 2 - u - softplus(-2u))`
/// per component, which stays exact where tanh saturates.
#[inline(always)]
pub fn squashed_log_prob<T: Real>(mean: &[T], log_std: &[T], pre_tanh: &[T]) -> T {
    let mut sum = log_prob(mean, log_std, pre_tanh);
    for &u in pre_tanh {
        let x = -(u + u);
        let softplus = x.max(T::ZERO) + (T::ONE + (-x.abs()).exp()).ln();
        sum += -(T::of(2.0) * (T::of(std::f64::consts::LN_2) - u - softplus));
    }
    sum
}

/// Gradients with respect to the mean (written) and to `log_std` (added), as in [`super::categorical::gradient`]:
///
/// d ln p / dm = z / std, d ln p / d ln std = z^2 - 1, d H / d ln std = 1.
#[inline(always)]
pub fn gradient<T: Real>(
    mean: &[T],
    log_std: &[T],
    action: &[T],
    by_log_prob: T,
    by_entropy: T,
    mean_slope: &mut [T],
    log_std_slope: &mut [T],
) {
    for i in 0..mean.len() {
        let inverse = (-log_std[i]).exp();
        let z = (action[i] - mean[i]) * inverse;
        mean_slope[i] = by_log_prob * z * inverse;
        log_std_slope[i] += by_log_prob * (z * z - T::ONE) + by_entropy;
    }
}

/// Two independent standard normals from two words (Box-Muller).
#[inline(always)]
pub fn normals(words: [u32; 2]) -> [f32; 2] {
    // 1 - u lies in (0, 1], where the logarithm is finite.
    let radius = (-2.0 * maths::ln(1.0 - unit_f32(words[0]))).sqrt();
    let (sin, cos) = maths::sin_cos(std::f32::consts::TAU * unit_f32(words[1]));
    [radius * cos, radius * sin]
}
