//! PPO's loss of one sample and its slopes, written out (no autograd): what the policy head and the value head each have to know.

use crate::real::Real;

/// Constants of the loss.
#[derive(Debug, Clone, Copy)]
pub struct LossSettings<T> {
    /// Width of the clip.
    pub clip: T,
    /// Weight of the value loss.
    pub value_weight: T,
    /// Weight of the entropy bonus.
    pub entropy_weight: T,
    /// Clip the value's change too.
    pub clip_value: bool,
}

/// What is known of one sample: the network's answers now, and what the rollout holds (constants).
#[derive(Debug, Clone, Copy)]
pub struct Sample<T> {
    /// Log-probability of the action now.
    pub log_prob: T,
    /// Entropy of the policy now.
    pub entropy: T,
    /// Value now.
    pub value: T,
    /// Log-probability when acting.
    pub old_log_prob: T,
    /// Value when acting.
    pub old_value: T,
    /// Advantage, normalised if asked for.
    pub advantage: T,
    /// What the value should be.
    pub target: T,
}

/// Derivatives of one sample's total loss.
#[derive(Debug, Clone, Copy)]
pub struct Slopes<T> {
    /// With respect to the log-probability of the action.
    pub log_prob: T,
    /// With respect to the entropy.
    pub entropy: T,
    /// With respect to the value.
    pub value: T,
}

/// Sums over samples, in `f64`, added in sample order.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LossSums {
    /// `-min(ratio A, clip(ratio) A)`.
    pub policy: f64,
    /// `1/2 max((V - T)^2, (V clipped - T)^2)`.
    pub value: f64,
    /// Entropy.
    pub entropy: f64,
    /// `(ratio - 1) - ln ratio`, an estimate of the KL divergence from old to new.
    pub approx_kl: f64,
    /// Samples whose ratio lies outside the clip.
    pub clipped: f64,
}

impl LossSums {
    /// Adds another shard's sums.
    pub fn add(&mut self, other: &Self) {
        self.policy += other.policy;
        self.value += other.value;
        self.entropy += other.entropy;
        self.approx_kl += other.approx_kl;
        self.clipped += other.clipped;
    }
    /// The sums as numbers, to be added elsewhere.
    pub(crate) fn numbers(&self) -> [f64; 5] {
        [self.policy, self.value, self.entropy, self.approx_kl, self.clipped]
    }
    /// What [`LossSums::numbers`] gave; zeros where there are too few.
    pub(crate) fn of(numbers: &[f64]) -> Self {
        let at = |index: usize| numbers.get(index).copied().unwrap_or(0.0);
        Self {
            policy: at(0),
            value: at(1),
            entropy: at(2),
            approx_kl: at(3),
            clipped: at(4),
        }
    }
    /// The total loss, given sums over `n` samples.
    pub fn total(&self, settings: &LossSettings<f64>, n: f64) -> f64 {
        (self.policy + settings.value_weight * self.value - settings.entropy_weight * self.entropy) / n
    }
}

/// Adds the sample's losses to `sums` and returns the slopes of its total loss. The ratio is also returned.
#[inline(always)]
pub fn sample_loss<T: Real>(settings: &LossSettings<T>, s: &Sample<T>, sums: &mut LossSums) -> (Slopes<T>, T) {
    let (log_prob, ratio) = policy_loss(settings, s, sums);
    let slopes = Slopes {
        log_prob,
        entropy: -settings.entropy_weight,
        value: value_loss(settings, s, sums),
    };
    (slopes, ratio)
}

/// What the policy head has to know: adds the sample's loss and entropy to `sums` and returns the slope by its log-probability, and the ratio.
#[inline(always)]
pub fn policy_loss<T: Real>(settings: &LossSettings<T>, s: &Sample<T>, sums: &mut LossSums) -> (T, T) {
    let clip = settings.clip;
    let log_ratio = s.log_prob - s.old_log_prob;
    let ratio = log_ratio.exp();
    let clipped_ratio = ratio.max(T::ONE - clip).min(T::ONE + clip);
    let plain = ratio * s.advantage;
    let clipped = clipped_ratio * s.advantage;
    sums.policy += (-plain.min(clipped)).wide();
    // The minimum is the plain term where the ratio is inside the clip or would make the loss worse; there d ratio / d log_prob = ratio.
    let by_log_prob = if plain <= clipped { -plain } else { T::ZERO };
    sums.entropy += s.entropy.wide();
    sums.approx_kl += ((ratio - T::ONE) - log_ratio).wide();
    sums.clipped += f64::from((ratio - T::ONE).abs() > clip);
    (by_log_prob, ratio)
}

/// What the value head has to know: adds the sample's value loss to `sums` and returns the slope by its value.
#[inline(always)]
pub fn value_loss<T: Real>(settings: &LossSettings<T>, s: &Sample<T>, sums: &mut LossSums) -> T {
    let clip = settings.clip;
    let error = s.value - s.target;
    let (mut value_loss, mut by_value) = (error * error, error);
    if settings.clip_value {
        let step = (s.value - s.old_value).max(-clip).min(clip);
        let clipped_error = s.old_value + step - s.target;
        if clipped_error * clipped_error > value_loss {
            value_loss = clipped_error * clipped_error;
            // Constant in V once the step is cut off.
            let inside = (s.value - s.old_value).abs() < clip;
            by_value = if inside { clipped_error } else { T::ZERO };
        }
    }
    sums.value += (T::of(0.5) * value_loss).wide();
    settings.value_weight * by_value
}

/// Mean and the factor that brings the population standard deviation to 1: `1 / (std + 1e-8)`. Summed in `f64` in the order given.
pub fn normaliser<T: Real>(advantages: impl Iterator<Item = T> + Clone) -> (T, T) {
    let (sum, n) = advantage_sum(advantages.clone());
    if n == 0.0 {
        return (T::ZERO, T::ONE);
    }
    let mean = sum / n;
    (T::of(mean), scale(advantage_squares(advantages, mean), n))
}

/// Sum and number of some advantages.
pub(crate) fn advantage_sum<T: Real>(advantages: impl Iterator<Item = T>) -> (f64, f64) {
    advantages.fold((0.0, 0.0), |(sum, n), a| (sum + a.wide(), n + 1.0))
}

/// Sum of their squared distances from `mean`.
pub(crate) fn advantage_squares<T: Real>(advantages: impl Iterator<Item = T>, mean: f64) -> f64 {
    advantages.fold(0.0, |sum, a| {
        let d = a.wide() - mean;
        sum + d * d
    })
}

/// `1 / (std + 1e-8)` of `n` numbers with these summed squares.
pub(crate) fn scale<T: Real>(squares: f64, n: f64) -> T {
    T::of(1.0 / ((squares / n).sqrt() + 1e-8))
}
