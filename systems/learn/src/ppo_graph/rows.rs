//! The samples of an update on a device: observations as they are stored, one byte a number where the environment has bytes, and what acting
//! and the estimate of advantages noted.

use crate::batch::Batch;
use crate::network::Network;
use candle_core::{DType, Device, Result, Tensor};
use starling_components::learn::Experience;
use starling_components::spaces::{ElementKind, Observations};

/// All samples.
pub(super) struct Rows {
    /// `[samples, inputs]`, bytes or floats.
    observations: Tensor,
    /// The bytes are bit patterns of signed numbers.
    signed: bool,
    /// Shape of one observation.
    shape: Vec<usize>,
    noted: Noted,
}

/// What else is known of samples.
struct Noted {
    /// `[samples, 1]`.
    actions: Tensor,
    /// 0/1, `[samples, moves]`; every row has a legal move.
    legal: Option<Tensor>,
    /// All `[samples]`.
    log_probs: Tensor,
    values: Tensor,
    advantages: Tensor,
    targets: Tensor,
}

/// Some samples, in order.
pub(super) struct Minibatch {
    /// Floats, `[rows, observation...]`.
    pub(super) observations: Tensor,
    /// `[rows, 1]`.
    pub(super) actions: Tensor,
    /// 0/1, `[rows, moves]`; `None` where all moves are legal.
    pub(super) legal: Option<Tensor>,
    /// All `[rows]`, as when acting.
    pub(super) log_probs: Tensor,
    pub(super) values: Tensor,
    /// Not normalised, `[rows]`.
    pub(super) advantages: Tensor,
    pub(super) targets: Tensor,
}

impl Rows {
    /// Copies all samples of a batch to a device.
    pub(super) fn load(
        network: &Network,
        batch: &Batch,
        experience: &[Experience<'_>],
        device: &Device,
    ) -> Result<Self> {
        let (count, moves) = (batch.samples(), network.head.outputs());
        let samples = || 0..count as u32;
        let actions = samples().map(|i| batch.discrete_action(experience, i) as u32).collect();
        let vector = |numbers: &[f32]| Tensor::from_slice(numbers, count, device);
        Ok(Self {
            observations: observations(network, batch, experience, device)?,
            signed: network.element() == ElementKind::I8,
            shape: network.seat.observation.shape.clone(),
            noted: Noted {
                actions: Tensor::from_vec::<_, u32>(actions, (count, 1), device)?,
                legal: legal(batch, experience, moves)
                    .map(|masks| Tensor::from_vec(masks, (count, moves), device))
                    .transpose()?,
                log_probs: vector(&batch.log_probs)?,
                values: vector(&batch.values)?,
                advantages: vector(&batch.advantages)?,
                targets: vector(&batch.targets)?,
            },
        })
    }

    /// The samples with these numbers. Bytes become floats on the device.
    pub(super) fn take(&self, samples: &[u32]) -> Result<Minibatch> {
        let places = Tensor::from_slice(samples, samples.len(), self.observations.device())?;
        let rows = |all: &Tensor| all.index_select(&places, 0);
        let mut numbers = rows(&self.observations)?.to_dtype(DType::F32)?;
        if self.signed {
            let negative = numbers.ge(128.0)?.to_dtype(DType::F32)?;
            numbers = (numbers - (negative * 256.0)?)?;
        }
        let mut shape = vec![samples.len()];
        shape.extend(&self.shape);
        let noted = &self.noted;
        Ok(Minibatch {
            observations: numbers.reshape(shape)?,
            actions: rows(&noted.actions)?,
            legal: noted.legal.as_ref().map(rows).transpose()?,
            log_probs: rows(&noted.log_probs)?,
            values: rows(&noted.values)?,
            advantages: rows(&noted.advantages)?,
            targets: rows(&noted.targets)?,
        })
    }
}

/// What the agent saw, `[samples, inputs]`, as it is stored.
fn observations(network: &Network, batch: &Batch, experience: &[Experience<'_>], device: &Device) -> Result<Tensor> {
    let (count, inputs) = (batch.samples(), network.inputs());
    let rows = (0..count as u32).map(|i| batch.observation(experience, i));
    if network.element() == ElementKind::F32 {
        let mut floats = Vec::with_capacity(count * inputs);
        for (seen, start) in rows {
            if let Observations::Floats(all) = seen {
                floats.extend_from_slice(&all[start..start + inputs]);
            }
        }
        return Tensor::from_vec(floats, (count, inputs), device);
    }
    let mut bytes = Vec::with_capacity(count * inputs);
    for (seen, start) in rows {
        if let Observations::Bytes(all) = seen {
            bytes.extend_from_slice(&all[start..start + inputs]);
        }
    }
    Tensor::from_vec(bytes, (count, inputs), device)
}

/// Masks of legal moves, `[samples, moves]`; `None` where no environment writes any. A row without a legal move counts as one where all are.
fn legal(batch: &Batch, experience: &[Experience<'_>], moves: usize) -> Option<Vec<u8>> {
    let samples = 0..batch.samples() as u32;
    let mask = |i: u32| batch.legal(experience, i, moves);
    if samples.clone().all(|i| mask(i).is_none()) {
        return None;
    }
    let mut masks = Vec::with_capacity(samples.len() * moves);
    for i in samples {
        match mask(i).filter(|mask| mask.iter().any(|&ok| ok != 0)) {
            Some(mask) => masks.extend_from_slice(mask),
            None => masks.resize(masks.len() + moves, 1),
        }
    }
    Some(masks)
}
