//! `layer_norm`: the last axis to mean 0 and variance 1, then scale and bias.

use super::layer::{Init, Kernel, Layer, LayerContext, TensorSpec};
use candle_core::{D, Tensor};
use starling_components::fault::Fault;
use starling_components::layers::layer_norm::LayerNormSettings;

/// A normalisation layer.
#[derive(Debug, Clone)]
pub struct LayerNorm {
    shape: Vec<usize>,
    eps: f64,
}

impl LayerNorm {
    /// A normalisation of whatever comes in.
    ///
    /// # Errors
    /// A negative `eps`.
    pub fn build(settings: &LayerNormSettings, context: LayerContext<'_>) -> Result<Box<dyn Layer>, Fault> {
        if !(settings.eps >= 0.0 && settings.eps.is_finite()) {
            return Err(Fault::pipeline("`eps` must not be negative").within(["eps"]));
        }
        Ok(Box::new(Self {
            shape: context.input.to_vec(),
            eps: settings.eps,
        }))
    }
    fn axis(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }
}

impl Layer for LayerNorm {
    fn output(&self) -> Vec<usize> {
        self.shape.clone()
    }
    fn tensors(&self) -> Vec<TensorSpec> {
        [("scale", 1.0), ("bias", 0.0)]
            .map(|(name, start)| TensorSpec {
                name,
                shape: vec![self.axis()],
                init: Init::Constant(start),
            })
            .to_vec()
    }
    fn graph(&self, tensors: &[Tensor], x: &Tensor) -> candle_core::Result<Tensor> {
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        let normal = centred.broadcast_div(&(variance + self.eps)?.sqrt()?)?;
        normal.broadcast_mul(&tensors[0])?.broadcast_add(&tensors[1])
    }
    fn kernel(&self) -> Option<Kernel> {
        Some(Kernel::LayerNorm {
            axis: self.axis(),
            len: self.shape.iter().product(),
            eps: self.eps as f32,
        })
    }
}
