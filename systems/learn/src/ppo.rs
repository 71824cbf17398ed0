//! Proximal policy optimisation (Schulman et al. 2017), in the order of PureJaxRL's update.
//!
//! [`Ppo::learn`] is the algorithm; the parts below it say what is computed, [`crate::network::pass`] how it is made fast. Minibatches are
//! cut into shards of [`SHARD`] rows whose losses and gradients are added in shard order, so that several threads may work on one minibatch
//! without changing a bit.

use crate::batch::{Batch, permutation};
use crate::distribution::{categorical, gaussian};
use crate::learner::LearnerContext;
use crate::network::pass::Pass;
use crate::network::{Head, Network, field_key};
use crate::optimizer::Optimizer;
use crate::ppo_loss::{LossSettings, LossSums, Sample, normaliser, sample_loss};
use crate::report::{Detail, Reporter};
use rayon::prelude::*;
use starling_components::fault::Fault;
use starling_components::learn::{Experience, Learn, LearnContext, LearnReport, ReplicaState};
use starling_components::learners::ppo::PpoSettings;
use starling_components::random::Purpose;
use std::sync::{Arc, Mutex};

/// Rows of one shard of a minibatch. Part of what a run's bits depend on.
pub const SHARD: usize = 512;

/// Metric: rows that an update learnt from, where their number varies with who sits where.
const SAMPLES: &str = "samples";

/// PPO for one agent.
pub struct Ppo {
    pub(crate) settings: PpoSettings,
    network: Arc<Network>,
    optimizer: Arc<dyn Optimizer>,
    diagnostics: bool,
    /// Buffers that no update is using.
    spare: Mutex<Vec<Workspace>>,
}

/// The buffers of one update.
#[derive(Debug, Default)]
struct Workspace {
    batch: Batch,
    order: Vec<u32>,
    shards: Vec<(Pass, LossSums)>,
    gradient: Vec<f32>,
    update: Vec<f32>,
}

impl Learn for Ppo {
    fn learn(
        &self,
        state: &mut ReplicaState<'_>,
        experience: &[Experience<'_>],
        context: &LearnContext,
    ) -> Result<LearnReport, Fault> {
        let mut workspace = self
            .spare
            .lock()
            .map_or_else(|_| None, |mut s| s.pop())
            .unwrap_or_default();
        let key = context.key.replica(context.replica).purpose(Purpose::Minibatch);
        // Counted through all stages of the agent, so that no order of samples comes twice.
        let update = (context.clocks.ticks_before + context.clocks.now.updates) as u32;
        let order = |epoch: usize, order: &mut Vec<u32>| permutation(key.fold(update, epoch as u32), order);
        let result = self.update(state, experience, context, &mut workspace, order);
        if let Ok(mut spare) = self.spare.lock() {
            spare.push(workspace);
        }
        result.map_err(|mut fault| {
            fault.message = format!(
                "{} (tick {}, replica {})",
                fault.message,
                context.clocks.tick() + 1,
                context.replica
            );
            fault
        })
    }

    fn rollout_steps(&self) -> usize {
        self.settings.steps
    }
    fn gradient_steps(&self) -> usize {
        self.settings.epochs * self.settings.minibatches
    }
    fn wants_final_observations(&self) -> bool {
        self.settings.bootstrap_truncation
    }
    fn bytes(&self, rows: usize) -> usize {
        let minibatch = rows.div_ceil(self.settings.minibatches);
        let n = self.network.layout.len();
        Batch::bytes(rows) + minibatch.div_ceil(SHARD) * self.network.pass_bytes(SHARD.min(minibatch)) + 4 * 2 * n
    }
}

impl Ppo {
    /// The builder of the kind `ppo`.
    ///
    /// # Errors
    /// Values out of range; samples that the minibatches do not divide.
    pub fn build(settings: &PpoSettings, context: LearnerContext) -> Result<Self, Fault> {
        let agent = &context.agent;
        check(settings)?;
        context.needs_distribution("ppo")?;
        if let Some(problem) = settings.entropy.problem(agent.first_replica, agent.replicas) {
            return Err(Fault::pipeline(problem).within(["entropy"]));
        }
        let samples = settings.steps * agent.rows_per_step;
        // Where seats take turns or are drawn the number of decisions differs from rollout to rollout, and a remainder is left out of each
        // epoch.
        if !agent.rows_vary && !samples.is_multiple_of(settings.minibatches) {
            return Err(Fault::pipeline(format!(
                "{} minibatches do not divide {samples} samples ({} steps x {} rows per step)",
                settings.minibatches, settings.steps, agent.rows_per_step
            ))
            .advise(format!(
                "choose a divisor, e.g. {}",
                nearest_divisor(samples, settings.minibatches)
            ))
            .within(["minibatches"]));
        }
        Ok(Self::new(
            settings.clone(),
            agent.network.clone(),
            context.optimizer,
            agent.diagnostics,
        ))
    }

    /// PPO with these settings, unchecked.
    pub fn new(settings: PpoSettings, network: Arc<Network>, optimizer: Arc<dyn Optimizer>, diagnostics: bool) -> Self {
        Self {
            settings,
            network,
            optimizer,
            diagnostics,
            spare: Mutex::default(),
        }
    }

    /// [`Learn::learn`] with given orders of samples: `order(epoch, o)` permutes `o`, which holds 0..samples. Row `(step, lane, own seat)` of
    /// the first environment has the index `(step * lanes + lane) * own seats + own seat`.
    ///
    /// # Errors
    /// As [`Learn::learn`].
    pub fn learn_with_orders(
        &self,
        state: &mut ReplicaState<'_>,
        experience: &[Experience<'_>],
        context: &LearnContext,
        order: impl Fn(usize, &mut Vec<u32>),
    ) -> Result<LearnReport, Fault> {
        self.update(state, experience, context, &mut Workspace::default(), order)
    }

    /// One update, after the rollout (1): values and log-probabilities of acting are in it.
    fn update(
        &self,
        state: &mut ReplicaState<'_>,
        experience: &[Experience<'_>],
        context: &LearnContext,
        workspace: &mut Workspace,
        order: impl Fn(usize, &mut Vec<u32>),
    ) -> Result<LearnReport, Fault> {
        let s = &self.settings;
        // (2) Advantages and value targets.
        workspace
            .batch
            .fill(s, &self.network, state.parameters, experience, context)?;
        let samples = workspace.batch.samples();
        let rows = samples / s.minibatches;
        if rows == 0 {
            // It hardly played: too few rows for one optimiser step each minibatch. Nothing changes, and the report says so.
            return Ok(LearnReport {
                metrics: vec![(SAMPLES.to_owned(), samples as f64), ("update_skipped".to_owned(), 1.0)],
                diagnostics: Vec::new(),
            });
        }

        // The objective changes here: Adam-Rel and Adam-MR reset.
        self.optimizer.begin_update(state);
        let entropy_key = field_key(context.key, "learner.entropy");
        let entropy_weight = s.entropy.at(&context.clocks, context.replica, entropy_key);
        let loss = LossSettings {
            clip: s.clip,
            value_weight: s.value_weight,
            entropy_weight,
            clip_value: s.clip_value,
        };
        let mut reporter = Reporter::new(self.detail(), loss);
        let mut clocks = context.clocks;

        // (3) Epochs of minibatches in a fresh order.
        for epoch in 0..s.epochs {
            workspace.order.clear();
            workspace.order.extend(0..samples as u32);
            order(epoch, &mut workspace.order);
            for minibatch in 0..s.minibatches {
                let from = minibatch * rows;
                // (4) Loss and gradient.
                let sums = self.gradient(state.parameters, experience, &loss, workspace, from..from + rows)?;
                let total = sums.total(&loss, rows as f64);
                let place = |what: &str| {
                    Fault::run(format!("{what} in epoch {}, minibatch {}", epoch + 1, minibatch + 1))
                        .advise("a smaller learning rate, a gradient norm limit or smaller rewards help")
                };
                if !total.is_finite() {
                    return Err(place(&format!("the loss is {total}")));
                }
                // (5) Clip and step, (6) at the rate of this optimiser step.
                reporter.before_step(&workspace.gradient, state.first, state.second);
                let rate = self.optimizer.rate(&clocks, context.replica, context.key);
                let norms = self
                    .optimizer
                    .step(state, &workspace.gradient, rate, &mut workspace.update)
                    .map_err(|fault| place(&fault.message))?;
                if !norms.update.is_finite() {
                    return Err(place(&format!(
                        "the step of the parameters has the norm {}",
                        norms.update
                    )));
                }
                reporter.after_step(&sums, rows, rate, norms, &workspace.gradient, &workspace.update);
                clocks.now.gradient_steps += 1;
            }
        }
        let mut report = reporter.finish(workspace.batch.explained_variance());
        if experience.iter().any(|one| one.chair.is_some()) {
            report.metrics.push((SAMPLES.to_owned(), samples as f64));
        }
        Ok(report)
    }

    fn detail(&self) -> Detail<'_> {
        match (self.diagnostics, self.settings.histograms) {
            (false, _) => Detail::Nothing,
            (true, false) => Detail::Numbers,
            (true, true) => Detail::Histograms(&self.network.layout),
        }
    }

    /// Loss sums and, in `workspace.gradient`, the gradient of the total loss over one minibatch.
    fn gradient(
        &self,
        parameters: &[f32],
        experience: &[Experience<'_>],
        loss: &LossSettings<f64>,
        workspace: &mut Workspace,
        minibatch: std::ops::Range<usize>,
    ) -> Result<LossSums, Fault> {
        let Workspace {
            batch,
            order,
            shards,
            gradient,
            update,
        } = workspace;
        let (batch, order) = (&*batch, &order[minibatch]);
        let (mean, scale) = if self.settings.normalize_advantage {
            normaliser(order.iter().map(|&i| batch.advantages[i as usize]))
        } else {
            (0.0, 1.0)
        };
        let job = Shard {
            network: &self.network,
            parameters,
            experience,
            batch,
            loss: LossSettings {
                clip: loss.clip as f32,
                value_weight: loss.value_weight as f32,
                entropy_weight: loss.entropy_weight as f32,
                clip_value: loss.clip_value,
            },
            advantage_mean: mean,
            advantage_scale: scale,
            weight: 1.0 / order.len() as f32,
        };
        let count = order.len().div_ceil(SHARD);
        shards.resize_with(count.max(shards.len()), Default::default);
        let shards = &mut shards[..count];
        if count == 1 {
            shards[0].1 = job.run(order, &mut shards[0].0)?;
        } else {
            shards
                .par_iter_mut()
                .zip(order.par_chunks(SHARD))
                .try_for_each(|((pass, sums), rows)| job.run(rows, pass).map(|result| *sums = result))?;
        }
        // In shard order, whoever computed them.
        let mut sums = LossSums::default();
        gradient.clear();
        gradient.extend_from_slice(shards[0].0.gradient());
        update.resize(gradient.len(), 0.0);
        for (index, (pass, shard)) in shards.iter().enumerate() {
            sums.add(shard);
            if index > 0 {
                for (total, part) in gradient.iter_mut().zip(pass.gradient()) {
                    *total += part;
                }
            }
        }
        Ok(sums)
    }
}

/// What the shards of one minibatch share.
struct Shard<'a> {
    network: &'a Network,
    parameters: &'a [f32],
    experience: &'a [Experience<'a>],
    batch: &'a Batch,
    loss: LossSettings<f32>,
    advantage_mean: f32,
    advantage_scale: f32,
    /// 1 / rows of the minibatch: losses are means.
    weight: f32,
}

impl Shard<'_> {
    /// Forward, loss, backward over the samples `rows`.
    fn run(&self, rows: &[u32], pass: &mut Pass) -> Result<LossSums, Fault> {
        let observations = rows.iter().map(|&i| self.batch.observation(self.experience, i));
        self.network.gather(pass, observations);
        self.network.forward(self.parameters, pass)?;
        let sums = self.slopes(rows, pass);
        self.network.backward(self.parameters, pass)?;
        Ok(sums)
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

fn check(s: &PpoSettings) -> Result<(), Fault> {
    for (name, count) in [("steps", s.steps), ("epochs", s.epochs), ("minibatches", s.minibatches)] {
        if count == 0 {
            return Err(Fault::pipeline(format!("`{name}` must be at least 1")).within([name]));
        }
    }
    for (name, x) in [("gamma", s.gamma), ("gae_lambda", s.gae_lambda)] {
        if !(0.0..=1.0).contains(&x) {
            return Err(Fault::pipeline(format!("`{name}` lies between 0 and 1, this one is {x}")).within([name]));
        }
    }
    if s.clip.is_nan() || s.clip <= 0.0 {
        return Err(Fault::pipeline(format!("`clip` must be positive, this one is {}", s.clip)).within(["clip"]));
    }
    Ok(())
}

/// The divisor of `samples` that is closest to `wanted`.
fn nearest_divisor(samples: usize, wanted: usize) -> usize {
    (1..=samples.min(4 * wanted))
        .filter(|&d| samples.is_multiple_of(d))
        .min_by_key(|&d| d.abs_diff(wanted))
        .unwrap_or(1)
}
