//! Proximal policy optimisation (Schulman et al. 2017), in the order of PureJaxRL's update.
//!
//! [`Ppo::learn`] is the algorithm; the parts below it say what is computed, [`crate::network::pass`] how it is made fast. Minibatches are
//! cut into shards of [`SHARD`] rows whose losses and gradients are added in shard order, so that several threads may work on one minibatch
//! without changing a bit. Where actor and critic share nothing, each of them learns by itself, and two threads share not even a gradient.
//!
//! Where the pipeline asks for it, Candle's graph computes the minibatches instead: `ppo_graph`.
//!
//! An agent with a memory learns from whole columns, a lane and a seat through all steps of the rollout: its minibatches and shards are sets
//! of columns, and gradients go back through time to the rollout's start, where the memory is what it was when acting.

use crate::batch::{Batch, permutation};
use crate::learner::LearnerContext;
use crate::network::parts::Part;
use crate::network::{Network, field_key};
use crate::optimizer::adam::squares;
use crate::optimizer::{GradientParts, Optimizer};
use crate::ppo_graph::{self, GraphPpo, Loaded, MinibatchLoss};
use crate::ppo_loss::{LossSettings, LossSums, normaliser};
use crate::ppo_shard::{Shard, ShardSpace};
use crate::report::{Detail, Reporter};
use candle_core::Device;
use starling_components::fault::Fault;
use starling_components::learn::{Experience, Learn, LearnContext, LearnReport, ReplicaState};
use starling_components::learners::ppo::PpoSettings;
use starling_components::random::Purpose;
use std::sync::{Arc, Mutex};

/// Rows of one shard of a minibatch. Part of what a run's bits depend on.
pub const SHARD: usize = 512;

/// Least columns of a shard of an agent with a memory: they step together.
const SHARD_COLUMNS: usize = 4;

/// Metric: rows that an update learnt from, where their number varies with who sits where.
const SAMPLES: &str = "samples";

/// PPO for one agent.
pub struct Ppo {
    pub(crate) settings: PpoSettings,
    network: Arc<Network>,
    optimizer: Arc<dyn Optimizer>,
    diagnostics: bool,
    /// What computes minibatches in place of the kernels.
    pub(crate) graph: Option<GraphPpo>,
    /// Buffers that no update is using.
    spare: Mutex<Vec<Workspace>>,
}

/// The buffers of one update.
#[derive(Debug, Default)]
struct Workspace {
    batch: Batch,
    /// Samples, or whole columns of them, in the order of an epoch.
    order: Vec<u32>,
    /// Samples of one minibatch.
    samples: Vec<u32>,
    shards: Vec<ShardSpace>,
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
    fn learns_memories(&self) -> bool {
        true
    }
    fn bytes(&self, rows: usize) -> usize {
        let minibatch = rows.div_ceil(self.settings.minibatches);
        let shard = match self.network.carry() {
            0 => SHARD,
            _ => self.shard_units() * self.settings.steps,
        };
        let n = self.network.layout.len();
        if let Some(graph) = &self.graph {
            return Batch::bytes(rows) + graph.bytes(&self.network, rows, minibatch) + 4 * 2 * n;
        }
        let passes = self.network.parts().len() * minibatch.div_ceil(shard);
        Batch::bytes(rows) + passes * self.network.pass_bytes(shard.min(minibatch)) + 4 * 2 * n
    }
}

impl Ppo {
    /// The builder of the kind `ppo`.
    ///
    /// # Errors
    /// Values out of range; samples that the minibatches do not divide; a device that is not there, or not for this network.
    pub fn build(settings: &PpoSettings, context: LearnerContext) -> Result<Self, Fault> {
        let agent = &context.agent;
        check(settings)?;
        context.needs_distribution("ppo")?;
        if let Some(problem) = settings.entropy.problem(agent.first_replica, agent.replicas) {
            return Err(Fault::pipeline(problem).within(["entropy"]));
        }
        let (rows, minibatches) = (agent.rows_per_step, settings.minibatches);
        let (units, what) = match agent.network.carry() {
            0 => (
                settings.steps * rows,
                format!("samples ({} steps x {rows} rows per step)", settings.steps),
            ),
            _ => (
                rows,
                "columns (lanes x seats): an agent with a memory learns from whole sequences".to_owned(),
            ),
        };
        // Where seats take turns or are drawn the number of decisions differs from rollout to rollout, and a remainder is left out of each
        // epoch.
        if !agent.rows_vary && !units.is_multiple_of(minibatches) {
            let fault = Fault::pipeline(format!("{minibatches} minibatches do not divide {units} {what}")).advise(
                format!("choose a divisor, e.g. {}", nearest_divisor(units, minibatches)),
            );
            return Err(fault.within(["minibatches"]));
        }
        let ppo = Self::new(
            settings.clone(),
            agent.network.clone(),
            context.optimizer,
            agent.diagnostics,
        );
        match ppo_graph::open(settings.device)? {
            Some(device) => ppo.on(device),
            None => Ok(ppo),
        }
    }

    /// The same, with minibatches computed by the network's Candle graph on this device.
    ///
    /// # Errors
    /// A network with a memory; actions that are vectors.
    pub fn on(mut self, device: Device) -> Result<Self, Fault> {
        self.graph = Some(GraphPpo::new(device, &self.network)?);
        Ok(self)
    }

    /// PPO with these settings, unchecked; by the kernels, whatever `device` says.
    pub fn new(settings: PpoSettings, network: Arc<Network>, optimizer: Arc<dyn Optimizer>, diagnostics: bool) -> Self {
        Self {
            settings,
            network,
            optimizer,
            diagnostics,
            graph: None,
            spare: Mutex::default(),
        }
    }

    /// [`Learn::learn`] with given orders of samples: `order(epoch, o)` permutes `o`, which holds 0..samples. Row `(step, lane, own seat)` of
    /// the first environment has the index `(step * lanes + lane) * own seats + own seat`. For a network with a memory it holds 0..columns,
    /// and column `(lane, own seat)` has the index `lane * own seats + own seat`.
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
        let (samples, units) = (workspace.batch.samples(), workspace.batch.units());
        let share = units / s.minibatches;
        if share == 0 {
            // It hardly played: too few rows for one optimiser step each minibatch. Nothing changes, and the report says so.
            return Ok(LearnReport {
                metrics: vec![(SAMPLES.to_owned(), samples as f64), ("update_skipped".to_owned(), 1.0)],
                diagnostics: Vec::new(),
            });
        }

        let loaded = match &self.graph {
            Some(graph) => Some(graph.load(&self.network, &workspace.batch, experience)?),
            None => None,
        };
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
            workspace.order.extend(0..units as u32);
            order(epoch, &mut workspace.order);
            for minibatch in 0..s.minibatches {
                let from = minibatch * share;
                // (4) Loss and gradient.
                let minibatch_units = from..from + share;
                let (sums, parts) = self.gradient(
                    state.parameters,
                    experience,
                    &loss,
                    workspace,
                    loaded.as_ref(),
                    minibatch_units,
                )?;
                let rows = workspace.batch.samples_of(&workspace.order[from..from + share]);
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
                    .step_parts(state, &workspace.gradient, parts, rate, &mut workspace.update)
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

    /// Samples, or columns of an agent with a memory, of one shard.
    fn shard_units(&self) -> usize {
        match self.network.carry() {
            0 => SHARD,
            _ => (SHARD / self.settings.steps.max(1)).max(SHARD_COLUMNS),
        }
    }

    fn detail(&self) -> Detail<'_> {
        match (self.diagnostics, self.settings.histograms) {
            (false, _) => Detail::Nothing,
            (true, false) => Detail::Numbers,
            (true, true) => Detail::Histograms(&self.network.layout),
        }
    }

    /// Loss sums and, in `workspace.gradient`, the gradient of the total loss over one minibatch, and its parts.
    fn gradient(
        &self,
        parameters: &[f32],
        experience: &[Experience<'_>],
        loss: &LossSettings<f64>,
        workspace: &mut Workspace,
        loaded: Option<&Loaded<'_>>,
        minibatch: std::ops::Range<usize>,
    ) -> Result<(LossSums, GradientParts), Fault> {
        let Workspace {
            batch,
            order,
            samples,
            shards,
            gradient,
            update,
        } = workspace;
        let (batch, units) = (&*batch, &order[minibatch]);
        let (mean, scale) = if self.settings.normalize_advantage {
            batch.expand(units, samples);
            let samples = samples.iter().filter(|&&i| !batch.memories.waits(i));
            normaliser(samples.map(|&i| batch.advantages[i as usize]))
        } else {
            (0.0, 1.0)
        };
        let (weight, n) = (1.0 / batch.samples_of(units) as f32, self.network.layout.len());
        gradient.resize(n, 0.0);
        update.resize(n, 0.0);
        if let Some(loaded) = loaded {
            let loss = MinibatchLoss {
                settings: loss,
                advantage_mean: mean,
                advantage_scale: scale,
                weight,
            };
            let sums = loaded.gradient(parameters, units, loss, gradient)?;
            return Ok((sums, GradientParts::whole(gradient)));
        }
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
            weight,
        };
        let parts = self.network.parts();
        let count = units.len().div_ceil(self.shard_units());
        shards.resize_with((parts.len() * count).max(shards.len()), Default::default);
        let shard_units = self.shard_units();
        match *parts {
            [first, second] => {
                let (first_shards, second_shards) = shards.split_at_mut(count);
                let cut = self.network.parameters_of(second).start;
                let (first_gradient, second_gradient) = gradient.split_at_mut(cut);
                let part = |part: Part, shards: &mut [ShardSpace], gradient: &mut [f32]| {
                    let sums = job.part(part, units, shard_units, shards, gradient)?;
                    Ok::<_, Fault>((sums, squares(gradient)))
                };
                let (first, second) = rayon::join(
                    || part(first, first_shards, first_gradient),
                    || part(second, &mut second_shards[..count], second_gradient),
                );
                let ((mut sums, before), (others, behind)) = (first?, second?);
                sums.add(&others);
                let squares = [before, behind];
                Ok((sums, GradientParts { cut, squares }))
            }
            _ => {
                let sums = job.part(Part::Whole, units, shard_units, &mut shards[..count], gradient)?;
                Ok((sums, GradientParts::whole(gradient)))
            }
        }
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
