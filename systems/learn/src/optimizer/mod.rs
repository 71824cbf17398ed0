//! Optimisers over flat buffers: gradient in, better parameters out. The state is a component, so that it can be reset, recorded and saved.

pub mod adam;
mod diagnose;
mod histogram;

pub(crate) use diagnose::spread;
pub use diagnose::{StepDiagnostics, diagnose};
pub use histogram::{BINS, Histogram};

use crate::network::AgentContext;
use starling_components::clock::Clocks;
use starling_components::fault::Fault;
use starling_components::learn::ReplicaState;
use starling_components::random::Key;
use starling_components::registry::Slot;
use std::sync::Arc;

/// `optimizer`: how gradients become steps.
#[derive(Debug)]
pub struct OptimizerSlot;

impl Slot for OptimizerSlot {
    const NAME: &'static str = "optimizer";
    const DOC: &'static str = "How gradients become steps.";
    const EXAMPLE: &'static str = r#"
name  = "example/optimizer"
until = { ticks = 1 }

[environment.pole]
rules.cart_pole = {}
lanes = 4
seats = ["balancer"]

[agent.balancer]
policy      = { activation = "tanh", heads = { actor = [{ dense = 16 }], critic = [{ dense = 16 }] } }
learner.ppo = { steps = 16 }
# KIND
"#;
    type Context<'a> = &'a AgentContext;
    type Built = Arc<dyn Optimizer>;
}

/// Norms of one step.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct StepNorms {
    /// Euclidean norm of the gradient over all parameters, before clipping.
    pub gradient: f64,
    /// Euclidean norm of the change of the parameters.
    pub update: f64,
}

/// An optimiser; plain function of its arguments.
pub trait Optimizer: Send + Sync {
    /// The learning rate at the time `clocks` shows; `key` is that of (run seed, agent).
    fn rate(&self, clocks: &Clocks, replica: u32, key: Key) -> f64;
    /// The objective is about to change: a new rollout has arrived.
    fn begin_update(&self, state: &mut ReplicaState<'_>);
    /// One step. `update`, `[n]`, receives what was added to the parameters.
    ///
    /// # Errors
    /// A gradient that is not finite; the state is then unchanged.
    fn step(
        &self,
        state: &mut ReplicaState<'_>,
        gradient: &[f32],
        rate: f64,
        update: &mut [f32],
    ) -> Result<StepNorms, Fault>;
    /// [`Optimizer::step`] of a gradient whose two parts were computed by different threads, and whose squares are known; the step may use two
    /// threads too. The bits depend on `parts.cut`, never on the threads.
    ///
    /// # Errors
    /// As [`Optimizer::step`].
    fn step_parts(
        &self,
        state: &mut ReplicaState<'_>,
        gradient: &[f32],
        _parts: GradientParts,
        rate: f64,
        update: &mut [f32],
    ) -> Result<StepNorms, Fault> {
        self.step(state, gradient, rate, update)
    }
}

/// A gradient in two parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GradientParts {
    /// Where the second part begins: the gradient's length, if there is only one.
    pub cut: usize,
    /// Sum of squares of each part.
    pub squares: [f64; 2],
}

impl GradientParts {
    /// All of a gradient as the first part.
    pub fn whole(gradient: &[f32]) -> Self {
        Self {
            cut: gradient.len(),
            squares: [adam::squares(gradient), 0.0],
        }
    }
}
