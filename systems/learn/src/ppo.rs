//! Proximal policy optimisation (Schulman et al. 2017), in the order of PureJaxRL's update.
//!
//! [`Ppo::learn`] is the algorithm; the parts below it say what is computed, [`crate::network::pass`] how it is made fast. Minibatches are
//! cut into blocks of [`SHARD`] rows whose losses and gradients are added in order, so that several threads may work on one minibatch
//! without changing a bit. Where actor and critic share nothing, each of them learns by itself, and two threads share not even a gradient.
//!
//! Where the pipeline cuts the lanes into shards (`lane_shard`), a minibatch is the union of a slice of each, and everything that is added
//! over samples is added within shards first and then over shards, in one tree: the shards may lie in several processes.
//!
//! Where the pipeline asks for it, Candle's graph computes the minibatches instead: `ppo_graph`.
//!
//! An agent with a memory learns from whole columns, a lane and a seat through all steps of the rollout: its minibatches and shards are sets
//! of columns, and gradients go back through time to the rollout's start, where the memory is what it was when acting.

use crate::batch::{Batch, permutation};
use crate::columns::LanePart;
use crate::lane_shard::{LaneShard, Minibatch, Moments, parts_of, sums_of};
use crate::learner::LearnerContext;
use crate::network::{Network, field_key};
use crate::optimizer::{GradientParts, Optimizer};
use crate::ppo_graph::{self, GraphPpo};
use crate::ppo_loss::{LossSettings, LossSums, scale};
use crate::report::{Detail, Reporter};
use candle_core::Device;
use rayon::prelude::*;
use starling_components::fault::Fault;
use starling_components::learn::{Experience, Learn, LearnContext, LearnReport, ReplicaState};
use starling_components::learners::ppo::{PpoDevice, PpoSettings};
use starling_components::random::Purpose;
use starling_components::ranks::{Leaf, Ranks};
use std::sync::{Arc, Mutex};

/// Rows of one block of a minibatch. Part of what a run's bits depend on.
pub const SHARD: usize = 512;

/// Least columns of a block of an agent with a memory: they step together.
const SHARD_COLUMNS: usize = 4;

/// Metric: rows that an update learnt from, where their number varies with who sits where.
const SAMPLES: &str = "samples";

/// PPO for one agent.
pub struct Ppo {
    pub(crate) settings: PpoSettings,
    network: Arc<Network>,
    optimizer: Arc<dyn Optimizer>,
    diagnostics: bool,
    /// Who holds which shards.
    ranks: Ranks,
    /// What computes minibatches in place of the kernels.
    pub(crate) graph: Option<GraphPpo>,
    /// Buffers that no update is using.
    spare: Mutex<Vec<Workspace>>,
}

/// The buffers of one update, of the shards that this process holds.
#[derive(Debug, Default)]
struct Workspace {
    shards: Vec<LaneShard>,
    /// What each brings to a sum; the first has the sum over all afterwards.
    leaves: Vec<Leaf>,
    /// Of every minibatch of an epoch.
    moments: Vec<Moments>,
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
        let shards = self.settings.shards;
        let order = |epoch: usize, shard: usize, order: &mut Vec<u32>| {
            let key = key.fold(update, epoch as u32);
            let key = if shards == 1 {
                key
            } else {
                key.fold(shard as u32, shards as u32)
            };
            permutation(key, order);
        };
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
    fn shards(&self) -> usize {
        self.settings.shards
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
            _ => self.block_units() * self.settings.steps,
        };
        let n = self.network.layout.len();
        let gradients = 4 * n * (1 + self.settings.shards);
        if let Some(graph) = &self.graph {
            return Batch::bytes(rows) + graph.bytes(&self.network, rows, minibatch) + gradients;
        }
        let passes = self.network.parts().len() * minibatch.div_ceil(shard);
        Batch::bytes(rows) + passes * self.network.pass_bytes(shard.min(minibatch)) + gradients
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
        check_shards(settings, &context)?;
        let rows = agent.rows_per_step / settings.shards;
        let minibatches = settings.minibatches;
        let of_a_shard = if settings.shards > 1 { " of a shard" } else { "" };
        let (units, what) = match agent.network.carry() {
            0 => (
                settings.steps * rows,
                format!("samples{of_a_shard} ({} steps x {rows} rows per step)", settings.steps),
            ),
            _ => (
                rows,
                format!("columns{of_a_shard} (lanes x seats): an agent with a memory learns from whole sequences"),
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
        let ranks = agent.ranks.clone();
        let ppo = Self::new(
            settings.clone(),
            agent.network.clone(),
            context.optimizer,
            agent.diagnostics,
        );
        let ppo = ppo.among(ranks);
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

    /// The same, with its shards shared out among these ranks.
    #[must_use]
    pub fn among(mut self, ranks: Ranks) -> Self {
        self.ranks = ranks;
        self
    }

    /// PPO with these settings, unchecked; by the kernels, whatever `device` says.
    pub fn new(settings: PpoSettings, network: Arc<Network>, optimizer: Arc<dyn Optimizer>, diagnostics: bool) -> Self {
        Self {
            settings,
            network,
            optimizer,
            diagnostics,
            ranks: Ranks::default(),
            graph: None,
            spare: Mutex::default(),
        }
    }

    /// [`Learn::learn`] with given orders of samples: `order(epoch, o)` permutes `o`, which holds 0..samples. Row `(step, lane, own seat)` of
    /// the first environment has the index `(step * lanes + lane) * own seats + own seat`. For a network with a memory it holds 0..columns,
    /// and column `(lane, own seat)` has the index `lane * own seats + own seat`. Of several shards each is ordered so by itself.
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
        let order = |epoch: usize, _: usize, o: &mut Vec<u32>| order(epoch, o);
        self.update(state, experience, context, &mut Workspace::default(), order)
    }

    /// One update, after the rollout (1): values and log-probabilities of acting are in it.
    fn update(
        &self,
        state: &mut ReplicaState<'_>,
        experience: &[Experience<'_>],
        context: &LearnContext,
        workspace: &mut Workspace,
        order: impl Fn(usize, usize, &mut Vec<u32>),
    ) -> Result<LearnReport, Fault> {
        let s = &self.settings;
        let Workspace {
            shards,
            leaves,
            moments,
            update,
        } = workspace;
        let own = self.ranks.share(s.shards);
        shards.resize_with(own.len(), Default::default);
        leaves.resize_with(own.len(), Default::default);
        update.resize(self.network.layout.len(), 0.0);
        // (2) Advantages and value targets.
        let parameters = &*state.parameters;
        let whole = |one: &Experience<'_>| !own.is_empty() && one.rollout.lanes.is_multiple_of(own.len());
        let fits = experience.iter().all(whole);
        let filled = each(shards, leaves, |index, shard, _| {
            if !fits {
                return Err(Fault::run(format!(
                    "{} shards do not divide the lanes of a rollout",
                    own.len()
                )));
            }
            let part = LanePart { index, of: own.len() };
            let network = &self.network;
            shard.batch.fill(part, s, network, parameters, experience, context)
        });
        self.ranks.agree(filled.map(drop))?;
        // Of every shard alike, because the rows of several do not vary.
        let (samples, units) = shards.first().map_or((0, 0), |shard| {
            let batch = &shard.batch;
            (batch.samples(), batch.units())
        });
        let share = units / s.minibatches;
        if share == 0 {
            // It hardly played: too few rows for one optimiser step each minibatch. Nothing changes, and the report says so.
            return Ok(LearnReport {
                metrics: vec![(SAMPLES.to_owned(), samples as f64), ("update_skipped".to_owned(), 1.0)],
                diagnostics: Vec::new(),
            });
        }

        let loaded = match (&self.graph, shards.first()) {
            (Some(graph), Some(shard)) => Some(graph.load(&self.network, &shard.batch, experience)?),
            _ => None,
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
            for (number, shard) in own.clone().zip(shards.iter_mut()) {
                shard.order.clear();
                shard.order.extend(0..units as u32);
                order(epoch, number, &mut shard.order);
            }
            self.moments(shards, leaves, share, moments)?;
            for (minibatch, &moments) in moments.iter().enumerate() {
                // (4) Loss and gradient.
                let job = Minibatch {
                    network: &self.network,
                    parameters: state.parameters,
                    experience,
                    loss: &loss,
                    moments,
                    block_units: self.block_units(),
                    loaded: loaded.as_ref(),
                };
                let units = minibatch * share..(minibatch + 1) * share;
                let (sums, parts) = self.gradient(shards, leaves, &job, units)?;
                let gradient = &leaves[0].singles;
                let total = sums.total(&loss, moments.samples as f64);
                let place = |what: &str| {
                    Fault::run(format!("{what} in epoch {}, minibatch {}", epoch + 1, minibatch + 1))
                        .advise("a smaller learning rate, a gradient norm limit or smaller rewards help")
                };
                if !total.is_finite() {
                    return Err(place(&format!("the loss is {total}")));
                }
                // (5) Clip and step, (6) at the rate of this optimiser step.
                reporter.before_step(gradient, state.first, state.second);
                let rate = self.optimizer.rate(&clocks, context.replica, context.key);
                let norms = self
                    .optimizer
                    .step_parts(state, gradient, parts, rate, update)
                    .map_err(|fault| place(&fault.message))?;
                if !norms.update.is_finite() {
                    return Err(place(&format!(
                        "the step of the parameters has the norm {}",
                        norms.update
                    )));
                }
                reporter.after_step(&sums, moments.samples, rate, norms, gradient, update);
                clocks.now.gradient_steps += 1;
            }
        }
        let mut report = reporter.finish(self.explained_variance(shards, leaves)?);
        if experience.iter().any(|one| one.chair.is_some()) {
            report.metrics.push((SAMPLES.to_owned(), samples as f64));
        }
        Ok(report)
    }

    /// How many samples the minibatches of an epoch have, and what normalises their advantages.
    fn moments(
        &self,
        shards: &mut [LaneShard],
        leaves: &mut [Leaf],
        share: usize,
        moments: &mut Vec<Moments>,
    ) -> Result<(), Fault> {
        let (s, normalized) = (&self.settings, self.settings.normalize_advantage);
        let counted = each(shards, leaves, |_, shard, leaf| {
            leaf.singles.clear();
            leaf.doubles.clear();
            shard.advantage_sums(share, s.minibatches, &mut leaf.doubles);
            Ok(())
        });
        self.ranks.sum(s.shards, counted.map(drop), leaves)?;
        moments.clear();
        moments.extend(leaves[0].doubles.chunks_exact(2).map(|pair| Moments {
            samples: pair[0] as usize,
            mean: if normalized && pair[0] > 0.0 {
                pair[1] / pair[0]
            } else {
                0.0
            },
            scale: 1.0,
        }));
        if !normalized {
            return Ok(());
        }
        let squared = each(shards, leaves, |_, shard, leaf| {
            leaf.doubles.clear();
            let means = moments.iter().map(|moments| moments.mean);
            shard.advantage_squares(share, means, &mut leaf.doubles);
            Ok(())
        });
        self.ranks.sum(s.shards, squared.map(drop), leaves)?;
        for (moments, &squares) in moments.iter_mut().zip(&leaves[0].doubles) {
            if moments.samples > 0 {
                moments.scale = scale(squares, moments.samples as f64);
            }
        }
        Ok(())
    }

    /// Loss sums and, in `leaves[0]`, the gradient of the total loss over one minibatch, and its parts.
    fn gradient(
        &self,
        shards: &mut [LaneShard],
        leaves: &mut [Leaf],
        minibatch: &Minibatch<'_>,
        units: std::ops::Range<usize>,
    ) -> Result<(LossSums, GradientParts), Fault> {
        let parts = each(shards, leaves, |_, shard, leaf| {
            shard.gradient(minibatch, units.clone(), leaf)
        });
        let (parts, own) = match parts {
            Ok(parts) => (parts, Ok(())),
            Err(fault) => (None, Err(fault)),
        };
        self.ranks.sum(self.settings.shards, own, leaves)?;
        let known = parts.filter(|_| self.settings.shards == 1);
        let parts = known.unwrap_or_else(|| parts_of(&self.network, &leaves[0].singles));
        Ok((sums_of(&leaves[0]), parts))
    }

    /// `1 - var(target - value) / var(target)`: 1 if the values of acting foresaw everything; 0 where targets do not vary.
    fn explained_variance(&self, shards: &mut [LaneShard], leaves: &mut [Leaf]) -> Result<f64, Fault> {
        let count = self.settings.shards;
        each(shards, leaves, |_, shard, leaf| {
            leaf.singles.clear();
            leaf.doubles.clear();
            leaf.doubles.push(shard.batch.samples() as f64);
            leaf.doubles.extend(shard.batch.target_sums());
            Ok(())
        })?;
        self.ranks.sum(count, Ok(()), leaves)?;
        let n = leaves[0].doubles[0].max(1.0);
        let means = [leaves[0].doubles[1] / n, leaves[0].doubles[2] / n];
        each(shards, leaves, |_, shard, leaf| {
            leaf.doubles.clear();
            leaf.doubles.extend(shard.batch.target_squares(means));
            Ok(())
        })?;
        self.ranks.sum(count, Ok(()), leaves)?;
        let [total, left] = [leaves[0].doubles[0] / n, leaves[0].doubles[1] / n];
        Ok(if total > 0.0 { 1.0 - left / total } else { 0.0 })
    }

    /// Samples, or columns of an agent with a memory, of one block of rows.
    fn block_units(&self) -> usize {
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
}

/// Calls `work` for every shard that this process holds, in parallel if there are several: what the last one gives, or the first fault.
fn each<T: Send>(
    shards: &mut [LaneShard],
    leaves: &mut [Leaf],
    work: impl Fn(usize, &mut LaneShard, &mut Leaf) -> Result<T, Fault> + Sync,
) -> Result<Option<T>, Fault> {
    if let ([shard], [leaf]) = (&mut *shards, &mut *leaves) {
        return work(0, shard, leaf).map(Some);
    }
    let all = shards.par_iter_mut().zip(leaves).enumerate();
    let results: Vec<Result<T, Fault>> = all.map(|(index, (shard, leaf))| work(index, shard, leaf)).collect();
    results.into_iter().try_fold(None, |_, result| result.map(Some))
}

/// What several shards cannot do.
fn check_shards(s: &PpoSettings, context: &LearnerContext) -> Result<(), Fault> {
    let agent = &context.agent;
    let refused = |message: String, advice: String| Err(Fault::pipeline(message).advise(advice).within(["shards"]));
    if s.shards <= 1 {
        return Ok(());
    }
    if let Some(&lanes) = agent.lanes.iter().find(|lanes| !lanes.is_multiple_of(s.shards)) {
        return refused(
            format!("{} shards do not divide {lanes} lanes", s.shards),
            format!("choose a divisor, e.g. {}", nearest_divisor(lanes, s.shards)),
        );
    }
    if agent.seats_change || agent.rows_vary {
        return refused(
            "seats that change or take turns give shards of different sizes".to_owned(),
            "leave `shards` out".to_owned(),
        );
    }
    if s.device != PpoDevice::Cpu {
        return refused(
            "a device computes whole minibatches".to_owned(),
            "leave `shards` or `device` out".to_owned(),
        );
    }
    Ok(())
}

fn check(s: &PpoSettings) -> Result<(), Fault> {
    let counts = [
        ("steps", s.steps),
        ("epochs", s.epochs),
        ("minibatches", s.minibatches),
        ("shards", s.shards),
    ];
    for (name, count) in counts {
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
