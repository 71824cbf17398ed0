//! `gru`: a gated recurrent unit (Cho et al. 2014), in the form that Flax and cuDNN have. The memory is the output of the step before.

use super::graph_sequence::{GraphSequence, sigmoid};
use super::kernels::gru::GruSizes;
use super::kernels::recurrent::Recurrent;
use super::layer::{Init, Kernel, Layer, LayerContext, TensorSpec, vector_input};
use candle_core::Tensor;
use starling_components::fault::Fault;
use starling_components::layers::gru::GruSettings;

/// A gated recurrent unit.
#[derive(Debug, Clone, Copy)]
pub struct Gru(GruSizes);

impl Gru {
    /// A gated recurrent unit over vectors.
    ///
    /// # Errors
    /// No units, or a grid that is not the observation itself.
    pub fn build(settings: &GruSettings, context: LayerContext<'_>) -> Result<Box<dyn Layer>, Fault> {
        Ok(Box::new(Self(GruSizes {
            inputs: vector_input("gru", settings.units, context)?,
            units: settings.units,
        })))
    }
}

impl Layer for Gru {
    fn output(&self) -> Vec<usize> {
        vec![self.0.units]
    }
    fn tensors(&self) -> Vec<TensorSpec> {
        let GruSizes { inputs, units } = self.0;
        // The kernel relies on this order.
        [
            ("input", vec![inputs, 3 * units], Init::LecunNormal),
            ("input_bias", vec![3 * units], Init::Constant(0.0)),
            ("recurrent", vec![units, 3 * units], Init::OrthogonalBlocks(3)),
            ("recurrent_bias", vec![units], Init::Constant(0.0)),
        ]
        .map(|(name, shape, init)| TensorSpec { name, shape, init })
        .to_vec()
    }
    fn carry(&self) -> usize {
        self.0.units
    }
    fn graph(&self, tensors: &[Tensor], x: &Tensor) -> candle_core::Result<Tensor> {
        let rows = x.dim(0)?;
        let carry = Tensor::zeros((rows, self.0.units), x.dtype(), x.device())?;
        Ok(self
            .graph_sequence(tensors, x, &GraphSequence::of_one_step(rows), &carry)?
            .0)
    }
    fn graph_sequence(
        &self,
        tensors: &[Tensor],
        x: &Tensor,
        sequence: &GraphSequence,
        carry: &Tensor,
    ) -> candle_core::Result<(Tensor, Tensor)> {
        let units = self.0.units;
        let [input, input_bias, recurrent, recurrent_bias] = tensors else {
            candle_core::bail!("a gru has four tensors, not {}", tensors.len());
        };
        let x = x.flatten_from(1)?.matmul(input)?.broadcast_add(input_bias)?;
        sequence.unroll(&x, carry, |x, h| {
            // Columns of x are n, r, z; those of the memory r, z, n.
            let part = |tensor: &Tensor, index: usize| tensor.narrow(1, index * units, units);
            let hidden = h.matmul(recurrent)?;
            let r = sigmoid(&(part(x, 1)? + part(&hidden, 0)?)?)?;
            let z = sigmoid(&(part(x, 2)? + part(&hidden, 1)?)?)?;
            let n = (part(x, 0)? + (r * part(&hidden, 2)?.broadcast_add(recurrent_bias)?)?)?.tanh()?;
            (z.affine(-1.0, 1.0)? * n)? + (z * h)?
        })
    }
    fn kernel(&self) -> Option<Kernel> {
        Some(Kernel::Recurrent(Recurrent::Gru(self.0)))
    }
}
