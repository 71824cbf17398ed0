//! The layer `scale`: every number of a row times a learnt factor, plus a learnt bias (LayerScale, Touvron et al. 2021, with a bias).
//!
//! It has no kernel over slices, so networks that use it act and learn through the Candle graph.

use candle_core::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use starling_components::Fault;
use starling_components::registry::KindSettings;
use starling_learn::network::layer::{Init, Layer, LayerContext, TensorSpec};

/// Every number times a learnt factor (from `start`), plus a learnt bias (from 0).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScaleSettings {
    /// The factor at the start; not zero, or nothing before this layer would learn.
    pub start: f64,
}

impl Default for ScaleSettings {
    fn default() -> Self {
        Self { start: 1.0 }
    }
}

impl KindSettings for ScaleSettings {
    const NAME: &'static str = "scale";
}

/// The layer for one input shape, which is also its output's.
#[derive(Debug)]
pub struct Scale {
    shape: Vec<usize>,
    start: f32,
}

impl Scale {
    /// A scaling of whatever comes in.
    ///
    /// # Errors
    /// A start that is zero or not finite.
    pub fn build(settings: &ScaleSettings, context: LayerContext<'_>) -> Result<Box<dyn Layer>, Fault> {
        let start = settings.start as f32;
        if start == 0.0 || !start.is_finite() {
            return Err(Fault::pipeline(format!(
                "`start` must be a number other than 0, this one is {}",
                settings.start
            ))
            .advise("0.1 for deep networks, 1.0 for shallow ones")
            .within(["start"]));
        }
        Ok(Box::new(Self {
            shape: context.input.to_vec(),
            start,
        }))
    }
}

impl Layer for Scale {
    fn output(&self) -> Vec<usize> {
        self.shape.clone()
    }

    fn tensors(&self) -> Vec<TensorSpec> {
        [("scale", self.start), ("bias", 0.0)]
            .map(|(name, start)| TensorSpec {
                name,
                shape: self.shape.clone(),
                init: Init::Constant(start),
            })
            .to_vec()
    }

    fn graph(&self, tensors: &[Tensor], x: &Tensor) -> candle_core::Result<Tensor> {
        x.broadcast_mul(&tensors[0])?.broadcast_add(&tensors[1])
    }
}
