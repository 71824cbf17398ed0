//! PPO's loss as a Candle expression: [`crate::ppo_loss`] for all rows at once, differentiated by autograd.
//!
//! Where a clipped term is chosen it is a constant: minima and maxima choose between whole terms by masks, so that the slope at a tie is that of
//! [`crate::ppo_loss`] and not what Candle makes of a minimum.

use super::MinibatchLoss;
use super::rows::Minibatch;
use crate::ppo_loss::{LossSettings, LossSums};
use candle_core::{DType, Result, Tensor, bail};

/// Logit of an illegal move: its probability is zero, and zero times its logarithm is too.
const ILLEGAL: f32 = -1e30;

/// The total loss over the rows, to be differentiated, and the sums of [`LossSums`], `[5]` in `f64`. `policy` are logits `[rows, moves]`, `value` is
/// `[rows]`.
pub(super) fn loss(
    known: MinibatchLoss<'_>,
    rows: &Minibatch,
    policy: &Tensor,
    value: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let settings = known.settings;
    let log_probs = log_probs(policy, rows.legal.as_ref())?;
    let entropy = (log_probs.exp()? * &log_probs)?.sum(1)?.neg()?;
    let log_ratio = (log_probs.gather(&rows.actions, 1)?.squeeze(1)? - &rows.log_probs)?;
    let ratio = log_ratio.exp()?;
    let advantage = ((&rows.advantages - f64::from(known.advantage_mean))? * f64::from(known.advantage_scale))?;
    let policy = policy_terms(settings, &ratio, &advantage)?;
    let value = value_terms(settings, value, rows)?;

    let total = (policy.sum_all()? + (value.sum_all()? * settings.value_weight)?)?;
    let total = (total - (entropy.sum_all()? * settings.entropy_weight)?)?;
    let total = (total * f64::from(known.weight))?;

    let ratio = ratio.detach();
    let away = (&ratio - 1.0)?;
    let approx_kl = (&away - log_ratio.detach())?;
    let clipped = away.abs()?.gt(settings.clip)?.to_dtype(DType::F32)?;
    let terms = [policy.detach(), value.detach(), entropy.detach(), approx_kl, clipped];
    let sums = Tensor::stack(&terms, 0)?.to_dtype(DType::F64)?.sum(1)?;
    Ok((total, sums))
}

/// The sums that [`loss`] left on the device.
pub(super) fn sums(numbers: &[f64]) -> Result<LossSums> {
    let &[policy, value, entropy, approx_kl, clipped] = numbers else {
        bail!("{} sums of a loss that has five", numbers.len());
    };
    Ok(LossSums {
        policy,
        value,
        entropy,
        approx_kl,
        clipped,
    })
}

/// Log-probabilities of all moves, `[rows, moves]`.
fn log_probs(logits: &Tensor, legal: Option<&Tensor>) -> Result<Tensor> {
    let logits = match legal {
        Some(legal) => legal.where_cond(logits, &Tensor::full(ILLEGAL, logits.shape(), logits.device())?)?,
        None => logits.clone(),
    };
    let shifted = logits.broadcast_sub(&logits.max_keepdim(1)?.detach())?;
    shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(1)?.log()?)
}

/// `-min(ratio A, clip(ratio) A)`, `[rows]`.
fn policy_terms(settings: &LossSettings<f64>, ratio: &Tensor, advantage: &Tensor) -> Result<Tensor> {
    let clip = settings.clip;
    let plain = (ratio * advantage)?;
    let clipped = (ratio.detach().clamp(1.0 - clip, 1.0 + clip)? * advantage)?;
    plain.le(&clipped)?.where_cond(&plain, &clipped)?.neg()
}

/// `1/2 max((V - T)^2, (V clipped - T)^2)`, `[rows]`.
fn value_terms(settings: &LossSettings<f64>, value: &Tensor, rows: &Minibatch) -> Result<Tensor> {
    let mut squares = (value - &rows.targets)?.sqr()?;
    if settings.clip_value {
        let clip = settings.clip;
        let step = (value.detach() - &rows.values)?;
        let clipped = ((&rows.values + step.clamp(-clip, clip)?)? - &rows.targets)?.sqr()?;
        // Within the clip both are the same number, apart from rounding, and the slope is that of the first.
        let outside = step.abs()?.ge(clip)?.where_cond(&clipped, &squares)?;
        squares = clipped.gt(&squares.detach())?.where_cond(&outside, &squares)?;
    }
    squares * 0.5
}
