//! One shard of a minibatch: forward, the loss and its slopes, backward, by blocks of rows whose numbers stay in a near cache.

use crate::batch::Batch;
use crate::distribution::categorical_rows::{CategoricalRows, LANES};
use crate::distribution::gaussian;
use crate::network::pass::{Outputs, Pass};
use crate::network::{Head, Network};
use crate::ppo_loss::{LossSettings, LossSums, Sample, sample_loss};
use crate::real::wide;
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
    /// Forward, loss, backward over the samples of these units: samples, or whole columns of an agent with a memory.
    pub(crate) fn run(&self, units: &[u32], space: &mut ShardSpace) -> Result<(), Fault> {
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
        self.network.begin(pass);
        if self.network.carry() > 0 {
            let memories = &self.batch.memories;
            flags.clear();
            flags.extend(samples.iter().map(|&i| memories.flags(i)));
            carry.clear();
            units
                .iter()
                .for_each(|&column| carry.extend_from_slice(memories.carry(column)));
        }
        let block = self.network.block_rows().unwrap_or(samples.len()).max(1);
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

    /// The loss of every sample, added to `sums`, and its slopes by the network's outputs.
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
        let value = out.value.chunks(LANES).zip(out.value_slope.chunks_mut(LANES));
        for (((samples, policy), policy_slope), (value, value_slope)) in
            samples.chunks(LANES).zip(policy).zip(slopes).zip(value)
        {
            distribution.fill(policy, moves, |row| {
                self.batch.legal(self.experience, samples[row], moves)
            });
            let mut actions = [0; LANES];
            let [mut by_log_prob, mut by_entropy] = [[0.0; LANES]; 2];
            for (row, &index) in samples.iter().enumerate() {
                if self.batch.memories.waits(index) {
                    // All its slopes are zero.
                    value_slope[row] = 0.0;
                    continue;
                }
                actions[row] = self.batch.discrete_action(self.experience, index);
                let mut sample = self.sample(index, value[row]);
                sample.log_prob = distribution.log_prob(row, actions[row]);
                sample.entropy = distribution.entropy[row];
                let slopes = sample_loss(&self.loss, &sample, sums).0;
                by_log_prob[row] = slopes.log_prob * self.weight;
                by_entropy[row] = slopes.entropy * self.weight;
                value_slope[row] = slopes.value * self.weight;
            }
            distribution.gradient(&actions, &by_log_prob, &by_entropy, policy_slope);
        }
    }

    #[inline(always)]
    fn gaussian(&self, samples: &[u32], components: usize, log_std: &[f32], out: Outputs<'_>, sums: &mut LossSums) {
        for (row, &index) in samples.iter().enumerate() {
            let at = row * components..(row + 1) * components;
            let (mean, mean_slope) = (&out.policy[at.clone()], &mut out.policy_slope[at]);
            if self.batch.memories.waits(index) {
                mean_slope.fill(0.0);
                out.value_slope[row] = 0.0;
                continue;
            }
            let action = self.batch.box_action(self.experience, index, components);
            let mut sample = self.sample(index, out.value[row]);
            sample.log_prob = gaussian::log_prob(mean, log_std, action);
            sample.entropy = gaussian::entropy(log_std);
            let slopes = sample_loss(&self.loss, &sample, sums).0;
            let (by_log_prob, by_entropy) = (slopes.log_prob * self.weight, slopes.entropy * self.weight);
            gaussian::gradient(
                mean,
                log_std,
                action,
                by_log_prob,
                by_entropy,
                mean_slope,
                out.log_std_slope,
            );
            out.value_slope[row] = slopes.value * self.weight;
        }
    }

    /// What the rollout holds of a sample, and its value now.
    #[inline(always)]
    fn sample(&self, index: u32, value: f32) -> Sample<f32> {
        let i = index as usize;
        Sample {
            log_prob: 0.0,
            entropy: 0.0,
            value,
            old_log_prob: self.batch.log_probs[i],
            old_value: self.batch.values[i],
            advantage: (self.batch.advantages[i] - self.advantage_mean) * self.advantage_scale,
            target: self.batch.targets[i],
        }
    }
}
