//! `lstm`: long short-term memory (Hochreiter and Schmidhuber 1997), in the form that Flax has. The memory is the cells, and behind them
//! the output of the step before.

use super::graph_sequence::{GraphSequence, sigmoid};
use super::kernels::lstm::LstmSizes;
use super::kernels::recurrent::Recurrent;
use super::layer::{Init, Kernel, Layer, LayerContext, TensorSpec, vector_input};
use candle_core::Tensor;
use starling_components::fault::Fault;
use starling_components::layers::lstm::LstmSettings;

/// A layer of long short-term memory.
#[derive(Debug, Clone, Copy)]
pub struct Lstm(LstmSizes);

impl Lstm {
    /// A layer of long short-term memory over vectors.
    ///
    /// # Errors
    /// No units, or a grid that is not the observation itself.
    pub fn build(settings: &LstmSettings, context: LayerContext<'_>) -> Result<Box<dyn Layer>, Fault> {
        Ok(Box::new(Self(LstmSizes {
            inputs: vector_input("lstm", settings.units, context)?,
            units: settings.units,
        })))
    }
}

impl Layer for Lstm {
    fn output(&self) -> Vec<usize> {
        vec![self.0.units]
    }
    fn tensors(&self) -> Vec<TensorSpec> {
        let LstmSizes { inputs, units } = self.0;
        // The kernel relies on this order.
        [
            ("input", vec![inputs, 4 * units], Init::LecunNormal),
            ("recurrent", vec![units, 4 * units], Init::OrthogonalBlocks(4)),
            ("bias", vec![4 * units], Init::Constant(0.0)),
        ]
        .map(|(name, shape, init)| TensorSpec { name, shape, init })
        .to_vec()
    }
    fn carry(&self) -> usize {
        2 * self.0.units
    }
    fn graph(&self, tensors: &[Tensor], x: &Tensor) -> candle_core::Result<Tensor> {
        let rows = x.dim(0)?;
        let carry = Tensor::zeros((rows, 2 * self.0.units), x.dtype(), x.device())?;
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
        let [input, recurrent, bias] = tensors else {
            candle_core::bail!("an lstm has three tensors, not {}", tensors.len());
        };
        let x = x.flatten_from(1)?.matmul(input)?.broadcast_add(bias)?;
        let part = |tensor: &Tensor, index: usize| tensor.narrow(1, index * units, units);
        let (memories, last) = sequence.unroll(&x, carry, |x, carry| {
            let (c, h) = (part(carry, 0)?, part(carry, 1)?);
            let gates = (x + h.contiguous()?.matmul(recurrent)?)?;
            let [i, f, o] = [0, 1, 3].map(|index| sigmoid(&part(&gates, index)?));
            let c = ((f? * c)? + (i? * part(&gates, 2)?.tanh()?)?)?;
            let h = (o? * c.tanh()?)?;
            Tensor::cat(&[c, h], 1)
        })?;
        Ok((part(&memories, 1)?.contiguous()?, last))
    }
    fn kernel(&self) -> Option<Kernel> {
        Some(Kernel::Recurrent(Recurrent::Lstm(self.0)))
    }
}
