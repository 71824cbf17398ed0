//! One shard of an update: a part of the lanes that the pipeline file fixes, with its own samples, order and gradient. What a shard
//! computes depends on nothing outside it but sums over all shards, whoever holds them.

use crate::batch::Batch;
use crate::network::Network;
use crate::network::parts::Part;
use crate::optimizer::GradientParts;
use crate::optimizer::adam::squares;
use crate::ppo_graph::{Loaded, MinibatchLoss};
use crate::ppo_loss::{LossSettings, LossSums, advantage_squares, advantage_sum};
use crate::ppo_shard::{Shard, ShardSpace};
use starling_components::fault::Fault;
use starling_components::learn::Experience;
use starling_components::ranks::Leaf;
use std::ops::Range;

/// The samples of a shard and the buffers of its gradient.
#[derive(Debug, Default)]
pub(crate) struct LaneShard {
    pub(crate) batch: Batch,
    /// Samples, or whole columns of them, in the order of an epoch.
    pub(crate) order: Vec<u32>,
    /// Samples of one minibatch.
    samples: Vec<u32>,
    /// Of the blocks of rows that a minibatch is computed in.
    blocks: Vec<ShardSpace>,
}

/// What a minibatch needs to know of all its samples, in all shards.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moments {
    pub(crate) samples: usize,
    pub(crate) mean: f64,
    pub(crate) scale: f32,
}

/// What the shards of one minibatch share.
pub(crate) struct Minibatch<'a> {
    pub(crate) network: &'a Network,
    pub(crate) parameters: &'a [f32],
    pub(crate) experience: &'a [Experience<'a>],
    pub(crate) loss: &'a LossSettings<f64>,
    pub(crate) moments: Moments,
    /// Samples, or columns, of one block of rows.
    pub(crate) block_units: usize,
    /// What computes in place of the kernels.
    pub(crate) loaded: Option<&'a Loaded<'a>>,
}

impl LaneShard {
    /// Number and sum of the advantages of every minibatch of `share` units: appended to `out`.
    pub(crate) fn advantage_sums(&mut self, share: usize, minibatches: usize, out: &mut Vec<f64>) {
        for minibatch in 0..minibatches {
            let samples = self.learnt(share, minibatch);
            let (sum, count) = advantage_sum(samples);
            out.extend([count, sum]);
        }
    }

    /// Their summed squared distances from `means`, one per minibatch.
    pub(crate) fn advantage_squares(&mut self, share: usize, means: impl Iterator<Item = f64>, out: &mut Vec<f64>) {
        for (minibatch, mean) in means.enumerate() {
            let samples = self.learnt(share, minibatch);
            out.push(advantage_squares(samples, mean));
        }
    }

    /// The advantages of the samples of a minibatch that are learnt from.
    fn learnt(&mut self, share: usize, minibatch: usize) -> impl Iterator<Item = f32> {
        let units = &self.order[minibatch * share..(minibatch + 1) * share];
        self.batch.expand(units, &mut self.samples);
        let batch = &self.batch;
        let samples = self.samples.iter().filter(|&&i| !batch.memories.waits(i));
        samples.map(|&i| batch.advantages[i as usize])
    }

    /// Loss sums and gradient of the total loss over this shard's samples of a minibatch, `units` of its order: in `leaf`. Also the
    /// gradient's parts.
    pub(crate) fn gradient(
        &mut self,
        minibatch: &Minibatch<'_>,
        units: Range<usize>,
        leaf: &mut Leaf,
    ) -> Result<GradientParts, Fault> {
        let (batch, units) = (&self.batch, &self.order[units]);
        let (network, moments) = (minibatch.network, minibatch.moments);
        let weight = 1.0 / moments.samples as f32;
        let Leaf {
            singles: gradient,
            doubles,
        } = leaf;
        doubles.clear();
        gradient.resize(network.layout.len(), 0.0);
        if let Some(loaded) = minibatch.loaded {
            let loss = MinibatchLoss {
                settings: minibatch.loss,
                advantage_mean: moments.mean as f32,
                advantage_scale: moments.scale,
                weight,
            };
            let sums = loaded.gradient(minibatch.parameters, units, loss, gradient)?;
            doubles.extend(sums.numbers());
            return Ok(GradientParts::whole(gradient));
        }
        let loss = minibatch.loss;
        let job = Shard {
            network,
            parameters: minibatch.parameters,
            experience: minibatch.experience,
            batch,
            loss: LossSettings {
                clip: loss.clip as f32,
                value_weight: loss.value_weight as f32,
                entropy_weight: loss.entropy_weight as f32,
                clip_value: loss.clip_value,
            },
            advantage_mean: moments.mean as f32,
            advantage_scale: moments.scale,
            weight,
        };
        let (parts, each) = (network.parts(), minibatch.block_units);
        let count = units.len().div_ceil(each);
        let blocks = &mut self.blocks;
        blocks.resize_with((parts.len() * count).max(blocks.len()), Default::default);
        let (sums, parts) = match *parts {
            [first, second] => {
                let (first_blocks, second_blocks) = blocks.split_at_mut(count);
                let cut = network.parameters_of(second).start;
                let (first_gradient, second_gradient) = gradient.split_at_mut(cut);
                let part = |part: Part, blocks: &mut [ShardSpace], gradient: &mut [f32]| {
                    let sums = job.part(part, units, each, blocks, gradient)?;
                    Ok::<_, Fault>((sums, squares(gradient)))
                };
                let (first, second) = rayon::join(
                    || part(first, first_blocks, first_gradient),
                    || part(second, &mut second_blocks[..count], second_gradient),
                );
                let ((mut sums, before), (others, behind)) = (first?, second?);
                sums.add(&others);
                let squares = [before, behind];
                (sums, GradientParts { cut, squares })
            }
            _ => {
                let sums = job.part(Part::Whole, units, each, &mut blocks[..count], gradient)?;
                (sums, GradientParts::whole(gradient))
            }
        };
        doubles.extend(sums.numbers());
        Ok(parts)
    }
}

/// The parts of a gradient that was added up from several shards.
pub(crate) fn parts_of(network: &Network, gradient: &[f32]) -> GradientParts {
    match *network.parts() {
        [_, second] => {
            let cut = network.parameters_of(second).start;
            let (before, behind) = gradient.split_at(cut);
            let (before, behind) = rayon::join(|| squares(before), || squares(behind));
            GradientParts {
                cut,
                squares: [before, behind],
            }
        }
        _ => GradientParts::whole(gradient),
    }
}

/// The sums that [`LaneShard::gradient`] left in a leaf.
pub(crate) fn sums_of(leaf: &Leaf) -> LossSums {
    LossSums::of(&leaf.doubles)
}
