//! `ignored_dense`: holds the tensors of a dense layer and passes its input on. Their gradient is zero.

use super::dense::Dense;
use super::layer::{Kernel, Layer, LayerContext, TensorSpec};
use candle_core::Tensor;
use starling_components::fault::Fault;
use starling_components::layers::dense::DenseSettings;
use starling_components::layers::ignored_dense::IgnoredDenseSettings;

/// A layer that a saved network has and does not use.
pub struct IgnoredDense {
    input: Vec<usize>,
    layer: Box<dyn Layer>,
}

impl IgnoredDense {
    /// Holds what `dense` would hold here.
    ///
    /// # Errors
    /// As those of `dense`.
    pub fn build(settings: &IgnoredDenseSettings, context: LayerContext<'_>) -> Result<Box<dyn Layer>, Fault> {
        let dense = DenseSettings::of_units(settings.units);
        let layer = Dense::build(&dense, context).map_err(|mut fault| {
            // The number is the whole setting: there is no key below.
            fault.key.clear();
            fault
        })?;
        let input = context.input.to_vec();
        Ok(Box::new(Self { input, layer }))
    }
}

impl Layer for IgnoredDense {
    fn output(&self) -> Vec<usize> {
        self.input.clone()
    }
    fn tensors(&self) -> Vec<TensorSpec> {
        self.layer.tensors()
    }
    fn graph(&self, _: &[Tensor], x: &Tensor) -> candle_core::Result<Tensor> {
        Ok(x.clone())
    }
    fn kernel(&self) -> Option<Kernel> {
        Some(Kernel::Reshape)
    }
}
