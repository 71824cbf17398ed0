//! One shard of a minibatch: forward, the loss and its slopes, backward.

use crate::batch::Batch;
use crate::distribution::{categorical, gaussian};
use crate::network::pass::Pass;
use crate::network::{Head, Network};
use crate::ppo_loss::{LossSettings, LossSums, Sample, sample_loss};
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
        } = space;
        self.batch.expand(units, samples);
        let observations = samples.iter().map(|&i| self.batch.observation(self.experience, i));
        self.network.gather(pass, observations);
        if self.network.carry() > 0 {
            let memories = &self.batch.memories;
            flags.clear();
            flags.extend(samples.iter().map(|&i| memories.flags(i)));
            carry.clear();
            units
                .iter()
                .for_each(|&column| carry.extend_from_slice(memories.carry(column)));
            pass.remember(flags, carry, units.len());
        }
        self.network.forward(self.parameters, pass)?;
        *sums = self.slopes(samples, pass);
        self.network.backward(self.parameters, pass)
    }

    /// The loss of every sample and its slopes by the network's outputs.
    fn slopes(&self, rows: &[u32], pass: &mut Pass) -> LossSums {
        let out = self.network.outputs(pass);
        let mut sums = LossSums::default();
        let width = self.network.head.outputs();
        let mut log_probs = [0.0_f32; 64];
        let mut spilled = Vec::new();
        let log_probs: &mut [f32] = if width <= log_probs.len() {
            &mut log_probs[..width]
        } else {
            spilled.resize(width, 0.0);
            &mut spilled
        };
        for (row, &index) in rows.iter().enumerate() {
            let i = index as usize;
            let at = row * width..(row + 1) * width;
            if self.batch.memories.waits(index) {
                out.policy_slope[at].fill(0.0);
                out.value_slope[row] = 0.0;
                continue;
            }
            let policy = &out.policy[at.clone()];
            let mut sample = Sample {
                log_prob: 0.0,
                entropy: 0.0,
                value: out.value[row],
                old_log_prob: self.batch.log_probs[i],
                old_value: self.batch.values[i],
                advantage: (self.batch.advantages[i] - self.advantage_mean) * self.advantage_scale,
                target: self.batch.targets[i],
            };
            let policy_slope = &mut out.policy_slope[at];
            match &self.network.head {
                // Refused when it was built.
                Head::ActionValues { .. } => policy_slope.fill(0.0),
                Head::Categorical { moves } => {
                    let action = self.batch.discrete_action(self.experience, index);
                    let legal = self.batch.legal(self.experience, index, *moves);
                    categorical::log_probs(policy, legal, log_probs);
                    sample.log_prob = log_probs[action];
                    sample.entropy = categorical::entropy(log_probs);
                    let slopes = sample_loss(&self.loss, &sample, &mut sums).0;
                    let (by_log_prob, by_entropy) = (slopes.log_prob * self.weight, slopes.entropy * self.weight);
                    categorical::gradient(log_probs, action, sample.entropy, by_log_prob, by_entropy, policy_slope);
                    out.value_slope[row] = slopes.value * self.weight;
                }
                Head::Gaussian { components, log_std } => {
                    let action = self.batch.box_action(self.experience, index, *components);
                    let log_std = &self.parameters[log_std.clone()];
                    sample.log_prob = gaussian::log_prob(policy, log_std, action);
                    sample.entropy = gaussian::entropy(log_std);
                    let slopes = sample_loss(&self.loss, &sample, &mut sums).0;
                    let (by_log_prob, by_entropy) = (slopes.log_prob * self.weight, slopes.entropy * self.weight);
                    gaussian::gradient(
                        policy,
                        log_std,
                        action,
                        by_log_prob,
                        by_entropy,
                        policy_slope,
                        out.log_std_slope,
                    );
                    out.value_slope[row] = slopes.value * self.weight;
                }
            }
        }
        sums
    }
}
