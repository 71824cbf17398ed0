//! Behaviour cloning (Pomerleau 1991): maximum likelihood of recorded actions.
//!
//! [`BehaviourCloning::learn`] is one pass over the data: cross-entropy for moves, Gaussian negative log-likelihood for vectors. Batches are cut
//! into shards as PPO's are, so that threads change no bit, and go through the same kernels or graph.

use crate::batch::permutation;
use crate::distribution::{categorical, gaussian};
use crate::learner::LearnerContext;
use crate::network::pass::Pass;
use crate::network::{Head, Network};
use crate::optimizer::Optimizer;
use crate::ppo::SHARD;
use rayon::prelude::*;
use starling_components::demonstrations::{DemonstratedSteps, Demonstrations};
use starling_components::fault::Fault;
use starling_components::learn::{Experience, Learn, LearnContext, LearnReport, ReplicaState};
use starling_components::learners::behaviour_cloning::BehaviourCloningSettings;
use starling_components::random::{Key, Purpose};
use starling_components::spaces::ActionBuffer;
use std::sync::{Arc, Mutex};

/// Behaviour cloning for one agent.
pub struct BehaviourCloning {
    batch: usize,
    network: Arc<Network>,
    optimizer: Arc<dyn Optimizer>,
    data: Arc<DemonstratedSteps>,
    /// Rows that are learnt from, and rows that are only scored.
    training: Vec<u32>,
    held_out: Vec<u32>,
    /// Buffers that no update is using.
    spare: Mutex<Vec<Workspace>>,
}

/// The buffers of one update.
#[derive(Debug, Default)]
struct Workspace {
    order: Vec<u32>,
    shards: Vec<(Pass, Sums)>,
    gradient: Vec<f32>,
    update: Vec<f32>,
}

/// Sums over rows, in row order.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sums {
    rows: f64,
    /// Negative log-likelihood of the recorded actions.
    loss: f64,
    /// Moves whose most probable one is the recorded; of vectors the squared error of the mean.
    agreement: f64,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.loss += other.loss;
        self.agreement += other.agreement;
    }
}

impl Learn for BehaviourCloning {
    fn learn(
        &self,
        state: &mut ReplicaState<'_>,
        _: &[Experience<'_>],
        context: &LearnContext,
    ) -> Result<LearnReport, Fault> {
        let spare = self.spare.lock().map_or_else(|_| None, |mut spare| spare.pop());
        let mut workspace = spare.unwrap_or_default();
        let result = self.pass(state, context, &mut workspace);
        if let Ok(mut spare) = self.spare.lock() {
            spare.push(workspace);
        }
        result.map_err(|mut fault| {
            let tick = context.clocks.tick() + 1;
            fault.message = format!("{} (tick {tick}, replica {})", fault.message, context.replica);
            fault
        })
    }

    fn rollout_steps(&self) -> usize {
        0
    }
    fn epochs(&self) -> u64 {
        1
    }
    fn gradient_steps(&self) -> usize {
        self.training.len().div_ceil(self.batch)
    }
    fn bytes(&self, _: usize) -> usize {
        let batch = self.batch.min(self.training.len());
        let passes = batch.div_ceil(SHARD) * self.network.pass_bytes(SHARD.min(batch));
        passes + 4 * (self.training.len() + 2 * self.network.layout.len())
    }
}

impl BehaviourCloning {
    /// The builder of the kind `behaviour_cloning`.
    ///
    /// # Errors
    /// Values out of range; a dataset that is unknown or of another kind of seat.
    pub fn build(settings: &BehaviourCloningSettings, context: LearnerContext) -> Result<Self, Fault> {
        context.needs_distribution("behaviour_cloning")?;
        if settings.batch == 0 {
            return Err(Fault::pipeline("`batch` must be at least 1").within(["batch"]));
        }
        if !(0.0..=0.9).contains(&settings.validation) {
            let message = format!(
                "`validation` lies between 0 and 0.9, this one is {}",
                settings.validation
            );
            return Err(Fault::pipeline(message).within(["validation"]));
        }
        let Some(Demonstrations(data)) = context.datasets.get(&settings.dataset) else {
            let fault = Fault::pipeline(format!("no dataset is called `{}`", settings.dataset));
            let known = context.datasets.keys().map(String::as_str);
            let advice = starling_components::suggest::advice(&settings.dataset, known);
            return Err(fault.advise(advice).within(["dataset"]));
        };
        let network = context.agent.network;
        if data.seat != network.seat {
            let message = format!(
                "the seats of dataset `{}` see or do other things than those that the agent plays",
                settings.dataset
            );
            let fault = Fault::pipeline(message).advise("record and play the same environment");
            return Err(fault.within(["dataset"]));
        }
        Ok(Self::new(
            settings,
            network,
            context.optimizer,
            Arc::clone(data),
            context.agent.key,
        ))
    }

    /// Behaviour cloning with these settings, unchecked. `key` is the agent's; it decides which episodes are held out.
    pub fn new(
        settings: &BehaviourCloningSettings,
        network: Arc<Network>,
        optimizer: Arc<dyn Optimizer>,
        data: Arc<DemonstratedSteps>,
        key: Key,
    ) -> Self {
        let episodes = data.episodes.len();
        let mut order: Vec<u32> = (0..episodes as u32).collect();
        permutation(key.purpose(Purpose::Learn), &mut order);
        let held_out = ((settings.validation * episodes as f64) as usize).max(usize::from(settings.validation > 0.0));
        let (held_out, training) = order.split_at(held_out.min(episodes.saturating_sub(1)));
        let rows_of = |episodes: &[u32]| -> Vec<u32> {
            let mut sorted = episodes.to_vec();
            sorted.sort_unstable();
            let rows = sorted
                .iter()
                .flat_map(|&episode| data.episodes[episode as usize].clone());
            rows.map(|row| row as u32).collect()
        };
        let (held_out, training) = (rows_of(held_out), rows_of(training));
        Self {
            batch: settings.batch,
            network,
            optimizer,
            training,
            held_out,
            data,
            spare: Mutex::default(),
        }
    }

    /// One pass over the training rows, then a look at those held out.
    fn pass(
        &self,
        state: &mut ReplicaState<'_>,
        context: &LearnContext,
        workspace: &mut Workspace,
    ) -> Result<LearnReport, Fault> {
        let key = context.key.replica(context.replica).purpose(Purpose::Minibatch);
        let mut order = std::mem::take(&mut workspace.order);
        order.clear();
        order.extend_from_slice(&self.training);
        permutation(key.fold(context.clocks.now.updates as u32, 0), &mut order);
        let (mut sums, mut clocks) = (Sums::default(), context.clocks);
        let (mut rate, mut gradient_norms, mut update_norms, mut steps) = (0.0, 0.0, 0.0, 0.0);
        for rows in order.chunks(self.batch) {
            let batch = self.gradient(state.parameters, rows, workspace)?;
            let place = |what: String| {
                Fault::run(format!("{what} in optimiser step {} of the pass", steps + 1.0))
                    .advise("a smaller learning rate or a gradient norm limit helps")
            };
            if !batch.loss.is_finite() {
                return Err(place(format!("the loss is {}", batch.loss)));
            }
            sums.add(&batch);
            rate = self.optimizer.rate(&clocks, context.replica, context.key);
            let stepped = self
                .optimizer
                .step(state, &workspace.gradient, rate, &mut workspace.update);
            let norms = stepped.map_err(|fault| place(fault.message))?;
            if !norms.update.is_finite() {
                return Err(place(format!(
                    "the step of the parameters has the norm {}",
                    norms.update
                )));
            }
            gradient_norms += norms.gradient;
            update_norms += norms.update;
            steps += 1.0;
            clocks.now.gradient_steps += 1;
        }
        workspace.order = order;
        let held_out = self.score(state.parameters, &self.held_out, workspace)?;
        let agreement = match self.network.head {
            Head::Categorical { .. } | Head::ActionValues { .. } => "accuracy",
            Head::Gaussian { .. } => "squared_error",
        };
        let mut metrics = vec![("loss".to_owned(), sums.loss / sums.rows.max(1.0))];
        metrics.push((agreement.to_owned(), sums.agreement / sums.rows.max(1.0)));
        if held_out.rows > 0.0 {
            metrics.push(("validation_loss".to_owned(), held_out.loss / held_out.rows));
            metrics.push((format!("validation_{agreement}"), held_out.agreement / held_out.rows));
        }
        metrics.push(("learning_rate".to_owned(), rate));
        metrics.push(("grad_norm".to_owned(), gradient_norms / f64::max(steps, 1.0)));
        metrics.push(("update_norm".to_owned(), update_norms / f64::max(steps, 1.0)));
        Ok(LearnReport {
            metrics,
            diagnostics: Vec::new(),
        })
    }

    /// Sums and, in `workspace.gradient`, the gradient of the mean loss over `rows`.
    fn gradient(&self, parameters: &[f32], rows: &[u32], workspace: &mut Workspace) -> Result<Sums, Fault> {
        let sums = self.shards(parameters, rows, 1.0 / rows.len() as f32, true, workspace)?;
        let Workspace {
            shards,
            gradient,
            update,
            ..
        } = workspace;
        // In shard order, whoever computed them.
        let mut parts = shards[..rows.len().div_ceil(SHARD)]
            .iter()
            .map(|(pass, _)| pass.gradient());
        gradient.clear();
        gradient.extend_from_slice(parts.next().unwrap_or_default());
        for part in parts {
            for (total, part) in gradient.iter_mut().zip(part) {
                *total += part;
            }
        }
        update.resize(gradient.len(), 0.0);
        Ok(sums)
    }

    /// Sums over `rows`, a few shards at a time.
    fn score(&self, parameters: &[f32], rows: &[u32], workspace: &mut Workspace) -> Result<Sums, Fault> {
        let mut sums = Sums::default();
        for rows in rows.chunks(self.batch.max(SHARD)) {
            sums.add(&self.shards(parameters, rows, 0.0, false, workspace)?);
        }
        Ok(sums)
    }

    /// Forward, loss and, if asked for, backward over every shard of `rows`.
    fn shards(
        &self,
        parameters: &[f32],
        rows: &[u32],
        weight: f32,
        backward: bool,
        workspace: &mut Workspace,
    ) -> Result<Sums, Fault> {
        let count = rows.len().div_ceil(SHARD);
        let shards = &mut workspace.shards;
        shards.resize_with(count.max(shards.len()), Default::default);
        let work = shards[..count].par_iter_mut().zip(rows.par_chunks(SHARD));
        work.try_for_each(|((pass, sums), rows)| {
            let observations = self.data.observations.slice(0..self.data.observations.len());
            let width = self.network.inputs();
            self.network
                .gather(pass, rows.iter().map(|&row| (observations, row as usize * width)));
            self.network.forward(parameters, pass)?;
            *sums = self.slopes(parameters, rows, weight, pass);
            if backward {
                self.network.backward(parameters, pass)
            } else {
                Ok(())
            }
        })?;
        let mut sums = Sums::default();
        for (_, shard) in &workspace.shards[..count] {
            sums.add(shard);
        }
        Ok(sums)
    }

    /// The loss of every row, and its slopes by the network's outputs.
    fn slopes(&self, parameters: &[f32], rows: &[u32], weight: f32, pass: &mut Pass) -> Sums {
        let out = self.network.outputs(pass);
        let width = self.network.head.outputs();
        let mut log_probs = vec![0.0; width];
        let mut sums = Sums::default();
        out.value_slope.fill(0.0);
        for (row, &index) in rows.iter().enumerate() {
            let at = row * width..(row + 1) * width;
            let (policy, slope) = (&out.policy[at.clone()], &mut out.policy_slope[at]);
            let index = index as usize;
            sums.rows += 1.0;
            match (&self.network.head, &self.data.actions) {
                (Head::Categorical { moves }, ActionBuffer::Discrete(actions)) => {
                    let action = actions[index] as usize;
                    let legal = (!self.data.legal.is_empty()).then(|| &self.data.legal[index * moves..][..*moves]);
                    categorical::log_probs(policy, legal, &mut log_probs);
                    sums.loss -= f64::from(log_probs[action]);
                    sums.agreement += f64::from(u8::from(categorical::mode(&log_probs) == action));
                    categorical::gradient(&log_probs, action, 0.0, -weight, 0.0, slope);
                }
                (Head::Gaussian { components, log_std }, ActionBuffer::Continuous(actions)) => {
                    let action = &actions[index * components..][..*components];
                    let log_std = &parameters[log_std.clone()];
                    sums.loss -= f64::from(gaussian::log_prob(policy, log_std, action));
                    let errors = policy.iter().zip(action).map(|(m, a)| f64::from((m - a) * (m - a)));
                    sums.agreement += errors.sum::<f64>();
                    gaussian::gradient(policy, log_std, action, -weight, 0.0, slope, out.log_std_slope);
                }
                // A dataset's actions are of its seat's kind, and so is the head.
                _ => slope.fill(0.0),
            }
        }
        sums
    }
}
