//! PPO's minibatches through Candle's graph, on the processor or on a CUDA device, where the kernels over slices do not exist.
//!
//! Only the gradient is computed there. Advantages, targets and orders come from the processor, and so do the optimiser's steps: every
//! optimiser, diagnostic and checkpoint works as ever. Once per update the samples go to the device; per minibatch its order and the
//! parameters go there, and the gradient and five sums come back.

mod loss;
mod open;
mod rows;

pub(crate) use open::open;

use crate::batch::Batch;
use crate::network::{Head, Network};
use crate::ppo_loss::{LossSettings, LossSums};
use candle_core::{DType, Device, Tensor, Var};
use rows::Rows;
use starling_components::fault::Fault;
use starling_components::learn::Experience;
use starling_components::spaces::ElementKind;

/// Rows that go through the graph together, which keeps the outputs of all its layers until it has gone back: enough to fill a device, and few
/// enough for its memory. Part of what the bits of a gradient depend on.
const CHUNK: usize = 4096;

/// Where minibatches are computed.
#[derive(Debug)]
pub(crate) struct GraphPpo {
    device: Device,
    chunk: usize,
}

/// The samples of one update on a device.
pub(crate) struct Loaded<'a> {
    place: &'a GraphPpo,
    network: &'a Network,
    rows: Rows,
}

/// What of a minibatch's loss is known before its rows are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MinibatchLoss<'a> {
    pub(crate) settings: &'a LossSettings<f64>,
    pub(crate) advantage_mean: f32,
    pub(crate) advantage_scale: f32,
    /// 1 / samples of the minibatch: losses are means.
    pub(crate) weight: f32,
}

fn told(error: &candle_core::Error) -> Fault {
    Fault::run(format!("a minibatch failed as a Candle graph: {error}"))
        .advise("if the device's memory is full, ask for fewer lanes or more minibatches")
}

impl GraphPpo {
    /// Minibatches of this network on this device.
    ///
    /// # Errors
    /// A network with a memory; actions that are vectors.
    pub(crate) fn new(device: Device, network: &Network) -> Result<Self, Fault> {
        let refused = |what: &str| {
            let fault = Fault::pipeline(format!("{what} learns by the kernels on the processor only"));
            Err(fault.advise("leave `device` out").within(["device"]))
        };
        match network.head {
            _ if network.carry() > 0 => refused("a network with a memory"),
            Head::Gaussian { .. } => refused("a policy over vectors"),
            Head::ActionValues { .. } => refused("a network of action-values"),
            Head::Categorical { .. } => Ok(Self { device, chunk: CHUNK }),
        }
    }

    /// With chunks of so many rows.
    #[cfg(test)]
    pub(crate) fn with_chunk(mut self, chunk: usize) -> Self {
        self.chunk = chunk;
        self
    }

    /// Bytes in the processor's memory, for an update of `rows` samples in minibatches of `minibatch`.
    pub(crate) fn bytes(&self, network: &Network, rows: usize, minibatch: usize) -> usize {
        let graph = match self.device {
            // Values and their slopes, and those of what the layers do on the way.
            Device::Cpu => 4 * network.pass_bytes(minibatch.min(self.chunk)),
            _ => 0,
        };
        let element = if network.element() == ElementKind::F32 { 4 } else { 1 };
        rows * (network.inputs() * element + network.head.outputs() + 4) + graph
    }

    /// Takes the samples of an update to the device.
    ///
    /// # Errors
    /// What Candle says, e.g. that the device's memory is full.
    pub(crate) fn load<'a>(
        &'a self,
        network: &'a Network,
        batch: &Batch,
        experience: &[Experience<'_>],
    ) -> Result<Loaded<'a>, Fault> {
        let rows = Rows::load(network, batch, experience, &self.device).map_err(|error| told(&error))?;
        Ok(Loaded {
            place: self,
            network,
            rows,
        })
    }
}

impl Loaded<'_> {
    /// Loss sums and, in `gradient` `[n]`, the gradient of the total loss over the minibatch of these samples.
    ///
    /// # Errors
    /// What Candle says.
    pub(crate) fn gradient(
        &self,
        parameters: &[f32],
        samples: &[u32],
        loss: MinibatchLoss<'_>,
        gradient: &mut [f32],
    ) -> Result<LossSums, Fault> {
        self.run(parameters, samples, loss, gradient)
            .map_err(|error| told(&error))
    }

    fn run(
        &self,
        parameters: &[f32],
        samples: &[u32],
        loss: MinibatchLoss<'_>,
        gradient: &mut [f32],
    ) -> candle_core::Result<LossSums> {
        let variables = self.network.variables(parameters, &self.place.device)?;
        let mut total: Option<[Tensor; 2]> = None;
        for samples in samples.chunks(self.place.chunk) {
            let [slopes, sums] = self.chunk(&variables, samples, loss)?;
            total = Some(match total {
                None => [slopes, sums],
                Some([so_far, summed]) => [(so_far + slopes)?, (summed + sums)?],
            });
        }
        let Some([slopes, sums]) = total else {
            gradient.fill(0.0);
            return Ok(LossSums::default());
        };
        gradient.copy_from_slice(&slopes.to_vec1::<f32>()?);
        loss::sums(&sums.to_vec1::<f64>()?)
    }

    /// Flat gradient `[n]` and loss sums of some rows, still on the device.
    fn chunk(&self, variables: &[Var], samples: &[u32], loss: MinibatchLoss<'_>) -> candle_core::Result<[Tensor; 2]> {
        let rows = self.rows.take(samples)?;
        let (policy, value) = self.network.feed_forward(variables, &rows.observations)?;
        let (total, sums) = loss::loss(loss, &rows, &policy, &value.squeeze(1)?)?;
        let slopes = total.backward()?;
        let flat: candle_core::Result<Vec<Tensor>> = variables
            .iter()
            .map(|variable| match slopes.get(variable.as_tensor()) {
                Some(slope) => slope.flatten_all(),
                // Nothing depends on it.
                None => Tensor::zeros(variable.elem_count(), DType::F32, &self.place.device),
            })
            .collect();
        Ok([Tensor::cat(&flat?, 0)?, sums])
    }
}
