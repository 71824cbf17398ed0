//! A policy as a list of operations over flat parameters: what a device needs to act. Plain data; `starling-shaders` makes a kernel of it.

use crate::layers::Activation;

/// One operation on a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operation {
    /// `activation(x W + b)`, kernel `[inputs, outputs]`.
    Dense {
        /// Numbers that come in.
        inputs: usize,
        /// Numbers that come out.
        outputs: usize,
        /// What follows.
        activation: Activation,
    },
    /// A convolution over `[height, width, channels]` with SAME padding and stride 1, kernel `[side, side, channels, features]`; an even
    /// kernel reaches one cell further to the right and below.
    Conv {
        /// Rows of the grid.
        height: usize,
        /// Columns of the grid.
        width: usize,
        /// Channels that come in.
        channels: usize,
        /// Channels that come out.
        features: usize,
        /// Side of the kernel.
        side: usize,
        /// What follows.
        activation: Activation,
    },
    /// The last axis to mean 0 and variance 1, then scale and bias.
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
}

/// An operation in its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// What is done.
    pub operation: Operation,
    /// Place of the kernel or the scale in the parameters.
    pub weights: usize,
    /// Place of the bias.
    pub bias: usize,
    /// The step whose output it reads; `None`: the observation.
    pub from: Option<usize>,
    /// Numbers that come out.
    pub len: usize,
}

/// A policy that chooses one of several moves and estimates a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// In an order in which everything is computed before it is read.
    pub steps: Vec<Step>,
    /// The step that puts out logits.
    pub policy: usize,
    /// The step that puts out the value.
    pub value: usize,
    /// Numbers of an observation that it reads.
    pub inputs: usize,
    /// Moves to choose from.
    pub moves: usize,
    /// Parameters.
    pub parameters: usize,
}
