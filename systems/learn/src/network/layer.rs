//! What a layer is: an open slot whose kinds say their shapes, their tensors, and how they compute.

use super::graph_sequence::GraphSequence;
use super::kernels::recurrent::Recurrent;
use candle_core::Tensor;
use starling_components::fault::Fault;
use starling_components::layers::Activation;
use starling_components::registry::Slot;
use starling_components::specs::WeightInit;

/// `layer`: one step of a network.
#[derive(Debug)]
pub struct LayerSlot;

/// What a layer's builder gets.
#[derive(Debug, Clone, Copy)]
pub struct LayerContext<'a> {
    /// Shape of one input row: `[height, width, channels]` or `[n]`.
    pub input: &'a [usize],
    /// The policy's activation, for layers that do not name their own.
    pub activation: Activation,
    /// How the policy's weights start.
    pub init: WeightInit,
    /// The input is the observation itself: nothing comes before.
    pub first: bool,
}

impl Slot for LayerSlot {
    const NAME: &'static str = "layer";
    const DOC: &'static str = "One step of a network.";
    const EXAMPLE: &'static str = r#"
name  = "example/layer"
until = { ticks = 1 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "cramped_room" }
lanes = 4
seats = ["chef", "chef"]

[agent.chef]
learner.ppo    = { steps = 16 }
optimizer.adam = { rate = 1e-3 }

[agent.chef.policy]
# KIND
heads  = { actor = [], critic = [] }
"#;
    type Context<'a> = LayerContext<'a>;
    type Built = Box<dyn Layer>;
}

/// How a tensor starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// A random orthogonal matrix times a gain; all axes but the last count as inputs.
    Orthogonal(f64),
    /// So many random orthogonal matrices side by side on the last axis.
    OrthogonalBlocks(usize),
    /// Independent normals with variance 1 / inputs, cut off at two standard deviations; all axes but the last count as inputs.
    LecunNormal,
    /// The same number everywhere.
    Constant(f32),
}

impl Init {
    /// How a weight of a layer with this gain starts where the policy says `init`.
    pub fn of_weights(init: WeightInit, gain: f64) -> Self {
        match init {
            WeightInit::Orthogonal => Self::Orthogonal(gain),
            WeightInit::LecunNormal => Self::LecunNormal,
        }
    }
}

/// A tensor that a layer owns.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorSpec {
    /// E.g. `kernel`.
    pub name: &'static str,
    /// Row-major.
    pub shape: Vec<usize>,
    /// How it starts.
    pub init: Init,
}

/// One layer of a network, for a known input shape.
pub trait Layer: Send + Sync {
    /// Shape of one output row.
    fn output(&self) -> Vec<usize>;
    /// What it learns, in the order of the flat buffer.
    fn tensors(&self) -> Vec<TensorSpec>;
    /// The reference: `x` is `[rows, input...]`, the result `[rows, output...]`. Autograd gives its gradient.
    ///
    /// # Errors
    /// What Candle says.
    fn graph(&self, tensors: &[Tensor], x: &Tensor) -> candle_core::Result<Tensor>;
    /// Numbers of the memory that each column of a sequence carries from step to step; 0 for a layer that remembers nothing.
    fn carry(&self) -> usize {
        0
    }
    /// [`Layer::graph`] of a layer with a memory: `x` is `[steps x columns, input...]`, `carry` `[columns, carry]`; outputs
    /// `[steps x columns, output...]` and the memories after the last step.
    ///
    /// # Errors
    /// What Candle says.
    fn graph_sequence(
        &self,
        tensors: &[Tensor],
        x: &Tensor,
        _sequence: &GraphSequence,
        carry: &Tensor,
    ) -> candle_core::Result<(Tensor, Tensor)> {
        Ok((self.graph(tensors, x)?, carry.clone()))
    }
    /// The same function as a kernel over slices; `None` if there is none, then the graph computes.
    fn kernel(&self) -> Option<Kernel> {
        None
    }
}

/// Layers that are also written over slices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kernel {
    /// `activation(x W + b)`; tensors: kernel `[inputs, outputs]`, bias.
    Dense {
        /// Numbers of an input row.
        inputs: usize,
        /// Numbers of an output row.
        outputs: usize,
        /// What follows.
        activation: Activation,
    },
    /// Convolution with SAME padding and stride 1; tensors: kernel `[side, side, channels, features]`, bias.
    Conv {
        /// Rows of the grid.
        height: usize,
        /// Columns of the grid.
        width: usize,
        /// Input channels.
        channels: usize,
        /// Output channels.
        features: usize,
        /// Side of the kernel.
        side: usize,
        /// What follows.
        activation: Activation,
    },
    /// Normalisation of the last axis; tensors: scale, bias.
    LayerNorm {
        /// Length of the last axis.
        axis: usize,
        /// Numbers of a row.
        len: usize,
        /// Added to the variance.
        eps: f32,
    },
    /// An activation alone.
    Activate {
        /// Numbers of a row.
        len: usize,
        /// Which.
        activation: Activation,
    },
    /// A layer with a memory; its tensors lie one behind the other.
    Recurrent(Recurrent),
    /// The same numbers under another shape.
    Reshape,
}

/// An activation on a Candle tensor.
pub(crate) fn activate(activation: Activation, x: &Tensor) -> candle_core::Result<Tensor> {
    match activation {
        Activation::Relu => x.relu(),
        Activation::Tanh => x.tanh(),
        Activation::None => Ok(x.clone()),
    }
}

/// `gain` is finite and positive, or a fault says so.
pub(crate) fn check_gain(gain: f64) -> Result<(), Fault> {
    if gain > 0.0 && gain.is_finite() {
        return Ok(());
    }
    Err(Fault::pipeline(format!("a gain must be positive, this one is {gain}")).within(["gain"]))
}

/// The inputs of a layer of `units` over vectors; a grid that is the observation itself counts as one.
pub(crate) fn vector_input(kind: &str, units: usize, context: LayerContext<'_>) -> Result<usize, Fault> {
    if units == 0 {
        return Err(Fault::pipeline(format!("a layer `{kind}` needs at least one unit")).within(["units"]));
    }
    if context.input.len() != 1 && !context.first {
        return Err(Fault::pipeline(format!(
            "a layer `{kind}` takes a vector, but the layer before gives a grid {:?}",
            context.input
        ))
        .advise("put \"flatten\" before it"));
    }
    Ok(context.input.iter().product())
}
