//! Layers without parameters: `flatten`, `relu`, `tanh`.

use super::layer::{Kernel, Layer, LayerContext, TensorSpec, activate};
use candle_core::Tensor;
use starling_components::fault::Fault;
use starling_components::layers::Activation;

/// A grid becomes a vector.
#[derive(Debug, Clone, Copy)]
pub struct Flatten {
    len: usize,
}

impl Flatten {
    /// Flattens whatever comes in.
    ///
    /// # Errors
    /// Never.
    pub fn build(context: LayerContext<'_>) -> Result<Box<dyn Layer>, Fault> {
        let len = context.input.iter().product();
        Ok(Box::new(Self { len }))
    }
}

impl Layer for Flatten {
    fn output(&self) -> Vec<usize> {
        vec![self.len]
    }
    fn tensors(&self) -> Vec<TensorSpec> {
        Vec::new()
    }
    fn graph(&self, _: &[Tensor], x: &Tensor) -> candle_core::Result<Tensor> {
        x.flatten_from(1)
    }
    fn kernel(&self) -> Option<Kernel> {
        Some(Kernel::Reshape)
    }
}

/// An activation alone.
#[derive(Debug, Clone)]
pub struct Activate {
    shape: Vec<usize>,
    activation: Activation,
}

impl Activate {
    /// Applies `activation` to whatever comes in.
    ///
    /// # Errors
    /// Never.
    pub fn build(activation: Activation, context: LayerContext<'_>) -> Result<Box<dyn Layer>, Fault> {
        Ok(Box::new(Self {
            shape: context.input.to_vec(),
            activation,
        }))
    }
}

impl Layer for Activate {
    fn output(&self) -> Vec<usize> {
        self.shape.clone()
    }
    fn tensors(&self) -> Vec<TensorSpec> {
        Vec::new()
    }
    fn graph(&self, _: &[Tensor], x: &Tensor) -> candle_core::Result<Tensor> {
        activate(self.activation, x)
    }
    fn kernel(&self) -> Option<Kernel> {
        Some(Kernel::Activate {
            len: self.shape.iter().product(),
            activation: self.activation,
        })
    }
}
