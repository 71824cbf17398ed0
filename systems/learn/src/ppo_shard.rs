//! One shard of a minibatch: forward, the loss and its slopes, backward, by blocks of rows whose numbers stay in a near cache.

use crate::batch::Batch;
use crate::distribution::categorical_rows::{CategoricalRows, LANES};
use crate::distribution::gaussian;
use crate::network::parts::Part;
use crate::network::pass::{Outputs, Pass};
use crate::network::{Head, Network};
use crate::ppo_loss::{LossSettings, LossSums, Sample, policy_loss, value_loss};
use crate::real::wide;
use rayon::prelude::*;
use starling_components::fault::Fault;
use starling_components::learn::Experience;

/// The buffers of one shard, and what came out.
#[derive(Debug, Default)]
pub(crate) struct ShardSpace {
    pub(crate) pass: Pass,
    pub(crate) sums: LossSums,
    /// Samples in the order of the pass's rows.
    samples: Vec<u32>,
    flags: Vec<u8>,
    carry: Vec<f32>,
    distribution: CategoricalRows,
}

/// What the shards of one minibatch share.
pub(crate) struct Shard<'a> {
    pub(crate) network: &'a Network,
    pub(crate) parameters: &'a [f32],
    pub(crate) experience: &'a [Experience<'a>],
    pub(crate) batch: &'a Batch,
    pub(crate) loss: LossSettings<f32>,
    pub(crate) advantage_mean: f32,
    pub(crate) advantage_scale: f32,
    /// 1 / samples of the minibatch: losses are means.
    pub(crate) weight: f32,
}

impl Shard<'_> {
    /// A part of the network over all units, `each` of them per shard: loss sums and, in `gradient`, the gradient of the part's parameters.
    pub(crate) fn part(
        &self,
        part: Part,
        units: &[u32],
        each: usize,
        shards: &mut [ShardSpace],
        gradient: &mut [f32],
    ) -> Result<LossSums, Fault> {
        if let [space] = shards {
            self.run(part, units, space)?;
        } else {
            shards
                .par_iter_mut()
                .zip(units.par_chunks(each))
                .try_for_each(|(space, units)| self.run(part, units, space))?;
        }
        // In shard order, whoever computed them.
        let mut sums = LossSums::default();
        for (index, shard) in shards.iter().enumerate() {
            sums.add(&shard.sums);
            let own = &shard.pass.gradient()[self.network.parameters_of(part)];
            if index == 0 {
                gradient.copy_from_slice(own);
            } else {
                gradient.iter_mut().zip(own).for_each(|(total, x)| *total += x);
            }
        }
        Ok(sums)
    }

    /// Forward, loss, backward of a part of the network over the samples of these units: samples, or whole columns of an agent with a memory.
    pub(crate) fn run(&self, part: Part, units: &[u32], space: &mut ShardSpace) -> Result<(), Fault> {
        let ShardSpace {
            pass,
            sums,
            samples,
            flags,
            carry,
            distribution,
        } = space;
        self.batch.expand(units, samples);
        *sums = LossSums::default();
        self.network.begin_part(pass, part);
        if self.network.carry() > 0 {
            let memories = &self.batch.memories;
            flags.clear();
            flags.extend(samples.iter().map(|&i| memories.flags(i)));
            carry.clear();
            units
                .iter()
                .for_each(|&column| carry.extend_from_slice(memories.carry(column)));
        }
        let block = self.network.block_rows(part).unwrap_or(samples.len()).max(1);
        for samples in samples.chunks(block) {
            let observations = samples.iter().map(|&i| self.batch.observation(self.experience, i));
            self.network.gather(pass, observations);
            if self.network.carry() > 0 {
                pass.remember(flags, carry, units.len());
            }
            self.network.forward_more(self.parameters, pass)?;
            self.slopes(samples, pass, distribution, sums);
            self.network.backward(self.parameters, pass)?;
        }
        Ok(())
    }

    /// The loss of every sample, as far as the pass's outputs go, added to `sums`, and its slopes by these outputs.
    fn slopes(&self, samples: &[u32], pass: &mut Pass, distribution: &mut CategoricalRows, sums: &mut LossSums) {
        let out = self.network.outputs(pass);
        wide(
            #[inline(always)]
            || match &self.network.head {
                // Refused when it was built.
                Head::ActionValues { .. } => out.policy_slope.fill(0.0),
                Head::Categorical { moves } => self.categorical(samples, *moves, out, distribution, sums),
                Head::Gaussian { components, log_std } => {
                    self.gaussian(samples, *components, &self.parameters[log_std.clone()], out, sums);
                }
            },
        );
    }

    #[inline(always)]
    fn categorical(
        &self,
        samples: &[u32],
        moves: usize,
        out: Outputs<'_>,
        distribution: &mut CategoricalRows,
        sums: &mut LossSums,
    ) {
        let policy = out.policy.chunks(LANES * moves);
        let slopes = out.policy_slope.chunks_mut(LANES * moves);
        for ((samples, policy), policy_slope) in samples.chunks(LANES).zip(policy).zip(slopes) {
            distribution.fill(policy, moves, |row| {
                self.batch.legal(self.experience, samples[row], moves)
            });
            let mut actions = [0; LANES];
            let [mut by_log_prob, mut by_entropy] = [[0.0; LANES]; 2];
            for (row, &index) in samples.iter().enumerate() {
                if self.batch.memories.waits(index) {
                    // All its slopes are zero.
                    continue;
                }
                actions[row] = self.batch.discrete_action(self.experience, index);
                let mut sample = self.sample(index);
                sample.log_prob = distribution.log_prob(row, actions[row]);
                sample.entropy = distribution.entropy[row];
                by_log_prob[row] = policy_loss(&self.loss, &sample, sums).0 * self.weight;
                by_entropy[row] = -self.loss.entropy_weight * self.weight;
            }
            distribution.gradient(&actions, &by_log_prob, &by_entropy, policy_slope);
        }
        self.values(samples, out.value, out.value_slope, sums);
    }

    #[inline(always)]
    fn gaussian(&self, samples: &[u32], components: usize, log_std: &[f32], out: Outputs<'_>, sums: &mut LossSums) {
        let means = out.policy.chunks_exact(components);
        let slopes = out.policy_slope.chunks_exact_mut(components);
        for ((&index, mean), mean_slope) in samples.iter().zip(means).zip(slopes) {
            if self.batch.memories.waits(index) {
                mean_slope.fill(0.0);
                continue;
            }
            let action = self.batch.box_action(self.experience, index, components);
            let mut sample = self.sample(index);
            sample.log_prob = gaussian::log_prob(mean, log_std, action);
            sample.entropy = gaussian::entropy(log_std);
            let by_log_prob = policy_loss(&self.loss, &sample, sums).0 * self.weight;
            let by_entropy = -self.loss.entropy_weight * self.weight;
            gaussian::gradient(
                mean,
                log_std,
                action,
                by_log_prob,
                by_entropy,
                mean_slope,
                out.log_std_slope,
            );
        }
        self.values(samples, out.value, out.value_slope, sums);
    }

    /// The value loss of every sample and its slope.
    #[inline(always)]
    fn values(&self, samples: &[u32], values: &[f32], slopes: &mut [f32], sums: &mut LossSums) {
        for ((&index, &value), slope) in samples.iter().zip(values).zip(slopes) {
            if self.batch.memories.waits(index) {
                *slope = 0.0;
                continue;
            }
            let mut sample = self.sample(index);
            sample.value = value;
            *slope = value_loss(&self.loss, &sample, sums) * self.weight;
        }
    }

    /// What the rollout holds of a sample.
    #[inline(always)]
    fn sample(&self, index: u32) -> Sample<f32> {
        let i = index as usize;
        Sample {
            log_prob: 0.0,
            entropy: 0.0,
            value: 0.0,
            old_log_prob: self.batch.log_probs[i],
            old_value: self.batch.values[i],
            advantage: (self.batch.advantages[i] - self.advantage_mean) * self.advantage_scale,
            target: self.batch.targets[i],
        }
    }
}
