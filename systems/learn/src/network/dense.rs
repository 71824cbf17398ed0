//! `dense`: `activation(x W + b)`.

use super::layer::{Init, Kernel, Layer, LayerContext, TensorSpec, activate, check_gain};
use candle_core::Tensor;
use starling_components::fault::Fault;
use starling_components::layers::Activation;
use starling_components::layers::dense::DenseSettings;

/// A fully connected layer.
#[derive(Debug, Clone, Copy)]
pub struct Dense {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) activation: Activation,
    pub(crate) init: Init,
}

impl Dense {
    /// A dense layer; a grid that is the observation itself counts as a vector, a grid made by a layer has to be flattened first.
    ///
    /// # Errors
    /// A grid in the middle of a network, no units, a bad gain.
    pub fn build(settings: &DenseSettings, context: LayerContext<'_>) -> Result<Box<dyn Layer>, Fault> {
        if settings.units == 0 {
            return Err(Fault::pipeline("a dense layer needs at least one unit").within(["units"]));
        }
        check_gain(settings.gain)?;
        if context.input.len() != 1 && !context.first {
            return Err(Fault::pipeline(format!(
                "a dense layer takes a vector, but the layer before gives a grid {:?}",
                context.input
            ))
            .advise("put \"flatten\" before it"));
        }
        Ok(Box::new(Self {
            inputs: context.input.iter().product(),
            outputs: settings.units,
            activation: settings.activation.unwrap_or(context.activation),
            init: Init::of_weights(context.init, settings.gain),
        }))
    }
}

impl Layer for Dense {
    fn output(&self) -> Vec<usize> {
        vec![self.outputs]
    }
    fn tensors(&self) -> Vec<TensorSpec> {
        vec![
            TensorSpec {
                name: "kernel",
                shape: vec![self.inputs, self.outputs],
                init: self.init,
            },
            TensorSpec {
                name: "bias",
                shape: vec![self.outputs],
                init: Init::Constant(0.0),
            },
        ]
    }
    fn graph(&self, tensors: &[Tensor], x: &Tensor) -> candle_core::Result<Tensor> {
        let y = x.flatten_from(1)?.matmul(&tensors[0])?.broadcast_add(&tensors[1])?;
        activate(self.activation, &y)
    }
    fn kernel(&self) -> Option<Kernel> {
        Some(Kernel::Dense {
            inputs: self.inputs,
            outputs: self.outputs,
            activation: self.activation,
        })
    }
}
