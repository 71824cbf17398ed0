//! `conv`: a convolution over a grid, SAME padding, stride 1, channels last.

use super::layer::{Init, Kernel, Layer, LayerContext, TensorSpec, activate, check_gain};
use candle_core::Tensor;
use starling_components::fault::Fault;
use starling_components::layers::Activation;
use starling_components::layers::conv::ConvSettings;

/// A convolution layer.
#[derive(Debug, Clone, Copy)]
pub struct Conv {
    grid: [usize; 3],
    features: usize,
    side: usize,
    activation: Activation,
    init: Init,
}

impl Conv {
    /// A convolution over the grid that comes in.
    ///
    /// # Errors
    /// A vector instead of a grid, zero sizes, a bad gain.
    pub fn build(settings: &ConvSettings, context: LayerContext<'_>) -> Result<Box<dyn Layer>, Fault> {
        if settings.features == 0 || settings.kernel == 0 {
            return Err(Fault::pipeline(
                "a convolution needs at least one feature and a kernel of at least 1",
            ));
        }
        check_gain(settings.gain)?;
        let &[height, width, channels] = context.input else {
            return Err(Fault::pipeline(format!(
                "a convolution takes a grid [height, width, channels], but its input has the shape {:?}",
                context.input
            ))
            .advise("put convolutions before \"flatten\" and dense layers"));
        };
        Ok(Box::new(Self {
            grid: [height, width, channels],
            features: settings.features,
            side: settings.kernel,
            activation: settings.activation.unwrap_or(context.activation),
            init: Init::of_weights(context.init, settings.gain),
        }))
    }
}

impl Layer for Conv {
    fn output(&self) -> Vec<usize> {
        vec![self.grid[0], self.grid[1], self.features]
    }
    fn tensors(&self) -> Vec<TensorSpec> {
        vec![
            TensorSpec {
                name: "kernel",
                shape: vec![self.side, self.side, self.grid[2], self.features],
                init: self.init,
            },
            TensorSpec {
                name: "bias",
                shape: vec![self.features],
                init: Init::Constant(0.0),
            },
        ]
    }
    fn graph(&self, tensors: &[Tensor], x: &Tensor) -> candle_core::Result<Tensor> {
        // SAME: an even kernel reaches one cell further to the right and below.
        let (before, after) = ((self.side - 1) / 2, self.side / 2);
        let x = x.permute((0, 3, 1, 2))?;
        let x = x
            .pad_with_zeros(2, before, after)?
            .pad_with_zeros(3, before, after)?
            .contiguous()?;
        let kernel = tensors[0].permute((3, 2, 0, 1))?.contiguous()?;
        let y = x.conv2d(&kernel, 0, 1, 1, 1)?.permute((0, 2, 3, 1))?.contiguous()?;
        activate(self.activation, &y.broadcast_add(&tensors[1])?)
    }
    fn kernel(&self) -> Option<Kernel> {
        Some(Kernel::Conv {
            height: self.grid[0],
            width: self.grid[1],
            channels: self.grid[2],
            features: self.features,
            side: self.side,
            activation: self.activation,
        })
    }
}
