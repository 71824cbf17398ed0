//! Adam, and what Adam-Rel (arXiv 2412.17113) changes about it: one line in [`Adam::begin_update`].

use super::{GradientParts, Optimizer, StepNorms};
use crate::network::AgentContext;
use crate::real::{Real, wide};
use starling_components::EntityName;
use starling_components::clock::Clocks;
use starling_components::fault::Fault;
use starling_components::learn::ReplicaState;
use starling_components::learners::adam::{AdamSettings, Reset};
use starling_components::random::Key;
use std::sync::{Arc, LazyLock};

/// What a drawn rate is keyed by: as `field_key` does, but asked for in every step, so that the name is made once.
static RATE: LazyLock<EntityName> = LazyLock::new(|| EntityName::new("field", "optimizer.rate"));

/// Adam with clipping by the global norm.
#[derive(Debug, Clone)]
pub struct Adam(AdamSettings);

impl Adam {
    /// An Adam with these settings, unchecked.
    pub fn new(settings: AdamSettings) -> Self {
        Self(settings)
    }

    /// Checks the settings for an agent: the builder of the kinds `adam`, `adam_rel`, `adam_mr` and `adam_equal_betas`.
    ///
    /// # Errors
    /// Decays outside [0, 1), a norm that is not positive, a rate that does not fit the replicas.
    pub fn build(settings: AdamSettings, agent: &AgentContext) -> Result<Arc<dyn Optimizer>, Fault> {
        for (name, decay) in [("b1", settings.b1), ("b2", settings.b2)] {
            if !(0.0..1.0).contains(&decay) {
                return Err(
                    Fault::pipeline(format!("a decay must be at least 0 and below 1, this one is {decay}"))
                        .within([name]),
                );
            }
        }
        if settings.eps < 0.0 {
            return Err(Fault::pipeline("`eps` must not be negative").within(["eps"]));
        }
        if settings.max_grad_norm.is_some_and(|norm| norm <= 0.0) {
            return Err(Fault::pipeline("`max_grad_norm` must be positive")
                .advise("leave it out for no clipping")
                .within(["max_grad_norm"]));
        }
        if let Some(problem) = settings.rate.problem(agent.first_replica, agent.replicas) {
            return Err(Fault::pipeline(problem).within(["rate"]));
        }
        Ok(Arc::new(Self(settings)))
    }
}

impl Optimizer for Adam {
    fn rate(&self, clocks: &Clocks, replica: u32, key: Key) -> f64 {
        self.0.rate.at(clocks, replica, key.entity(&RATE))
    }

    fn begin_update(&self, state: &mut ReplicaState<'_>) {
        match self.0.reset {
            Reset::None => {}
            // Adam-Rel: time is local to the objective; the moments keep their history.
            Reset::Count => *state.local_steps = 0,
            Reset::All => {
                *state.local_steps = 0;
                state.first.fill(0.0);
                state.second.fill(0.0);
            }
        }
        // `state.steps`, which schedules count by, is never reset.
    }

    fn step(
        &self,
        state: &mut ReplicaState<'_>,
        gradient: &[f32],
        rate: f64,
        update: &mut [f32],
    ) -> Result<StepNorms, Fault> {
        self.step_parts(state, gradient, GradientParts::whole(gradient), rate, update)
    }

    fn step_parts(
        &self,
        state: &mut ReplicaState<'_>,
        gradient: &[f32],
        parts: GradientParts,
        rate: f64,
        update: &mut [f32],
    ) -> Result<StepNorms, Fault> {
        let cut = parts.cut;
        let (two, gradients) = (cut < gradient.len(), gradient.split_at(cut));
        let norm = (parts.squares[0] + parts.squares[1]).sqrt();
        if !norm.is_finite() {
            return Err(Fault::run(format!("the gradient is not finite: its norm is {norm}")));
        }
        *state.local_steps += 1;
        *state.steps += 1;
        let constants = AdamConstants::<f32>::new(&self.0, *state.local_steps, rate, norm);
        let parameters = state.parameters.split_at_mut(cut);
        let (first, second) = (state.first.split_at_mut(cut), state.second.split_at_mut(cut));
        let updates = update.split_at_mut(cut);
        let apply =
            |parameters: &mut [f32], first: &mut [f32], second: &mut [f32], gradient: &[f32], update: &mut [f32]| {
                constants.apply(parameters, first, second, gradient, update);
                squares(update)
            };
        let (before, behind) = both(
            two,
            || apply(parameters.0, first.0, second.0, gradients.0, updates.0),
            || apply(parameters.1, first.1, second.1, gradients.1, updates.1),
        );
        Ok(StepNorms {
            gradient: norm,
            update: (before + behind).sqrt(),
        })
    }
}

/// Two sums, the second of them zero if there are not `two`; by two threads if one is idle.
fn both(two: bool, one: impl FnOnce() -> f64 + Send, other: impl FnOnce() -> f64 + Send) -> (f64, f64) {
    if two { rayon::join(one, other) } else { (one(), 0.0) }
}

/// The constants of one step.
#[derive(Debug, Clone, Copy)]
pub struct AdamConstants<T> {
    b1: T,
    b2: T,
    one_minus_b1: T,
    one_minus_b2: T,
    /// `1 / (1 - b1^t)`.
    unbias_first: T,
    /// `1 / (1 - b2^t)`.
    unbias_second: T,
    eps: T,
    rate: T,
    /// `min(1, max_grad_norm / norm)`.
    scale: T,
}

impl<T: Real> AdamConstants<T> {
    /// For step `t` (from 1, as counted by the bias correction) of a gradient with this global norm.
    pub fn new(settings: &AdamSettings, t: u64, rate: f64, norm: f64) -> Self {
        let (b1, b2) = (settings.b1, settings.b2);
        let scale = match settings.max_grad_norm {
            Some(max) if norm > max => max / norm,
            _ => 1.0,
        };
        Self {
            b1: T::of(b1),
            b2: T::of(b2),
            one_minus_b1: T::of(1.0 - b1),
            one_minus_b2: T::of(1.0 - b2),
            unbias_first: T::of(1.0 / (1.0 - power(b1, t))),
            unbias_second: T::of(1.0 / (1.0 - power(b2, t))),
            eps: T::of(settings.eps),
            rate: T::of(rate),
            scale: T::of(scale),
        }
    }

    /// One pass over the flat buffers, all `[n]`.
    pub fn apply(&self, parameters: &mut [T], first: &mut [T], second: &mut [T], gradient: &[T], update: &mut [T]) {
        let c = *self;
        let n = parameters.len();
        let (first, second) = (&mut first[..n], &mut second[..n]);
        let (gradient, update) = (&gradient[..n], &mut update[..n]);
        wide(
            #[inline(always)]
            || {
                for i in 0..n {
                    let g = gradient[i] * c.scale;
                    let m = c.b1 * first[i] + c.one_minus_b1 * g;
                    let v = c.b2 * second[i] + c.one_minus_b2 * g * g;
                    let step = -(c.rate * (m * c.unbias_first) / ((v * c.unbias_second).sqrt() + c.eps));
                    (first[i], second[i], update[i]) = (m, v, step);
                    parameters[i] += step;
                }
            },
        );
    }
}

/// `base^exponent` by repeated squaring: the same bits everywhere.
fn power(base: f64, mut exponent: u64) -> f64 {
    let (mut result, mut square) = (1.0, base);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= square;
        }
        square *= square;
        exponent >>= 1;
    }
    result
}

/// Euclidean norm; see `squares`.
pub fn norm<T: Real>(values: &[T]) -> f64 {
    squares(values).sqrt()
}

/// Squares summed in `f64` over 32 interleaved lanes, combined in index order.
pub(crate) fn squares<T: Real>(values: &[T]) -> f64 {
    let mut lanes = [0.0_f64; 32];
    wide(
        #[inline(always)]
        || {
            let chunks = values.chunks_exact(32);
            let rest = chunks.remainder();
            for chunk in chunks {
                for (lane, x) in lanes.iter_mut().zip(chunk) {
                    *lane += x.wide() * x.wide();
                }
            }
            for (lane, x) in lanes.iter_mut().zip(rest) {
                *lane += x.wide() * x.wide();
            }
        },
    );
    lanes.iter().sum::<f64>()
}
