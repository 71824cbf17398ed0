//! `learner.reinforce`: the policy gradient with a learnt baseline (Williams 1992), one optimiser step per rollout.
//!
//! Rows are taken [`SHARD`] at a time and added in order, so the bits depend on the pipeline only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use starling_components::Fault;
use starling_components::learn::{Experience, Learn, LearnContext, LearnReport, ReplicaState};
use starling_components::registry::KindSettings;
use starling_components::rollout::ReplicaRollout;
use starling_components::spaces::{ActionBuffer, ObservationBuffer, Observations};
use starling_learn::distribution::categorical;
use starling_learn::learner::LearnerContext;
use starling_learn::network::pass::Pass;
use starling_learn::network::{Head, Network};
use starling_learn::optimizer::Optimizer;
use std::sync::Arc;

/// Rows that are in memory at a time.
const SHARD: usize = 512;

/// The policy gradient with a learnt baseline (Williams 1992).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReinforceSettings {
    /// Steps of one rollout; episodes that it cuts off continue in the baseline's value.
    #[schemars(range(min = 1))]
    pub steps: usize,
    /// Discount.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub gamma: f64,
    /// Weight of the entropy bonus.
    pub entropy: f64,
    /// Weight of the baseline's loss.
    #[schemars(range(min = 0.0))]
    pub baseline: f64,
}

impl Default for ReinforceSettings {
    fn default() -> Self {
        Self {
            steps: 32,
            gamma: 0.95,
            entropy: 0.01,
            baseline: 0.5,
        }
    }
}

impl KindSettings for ReinforceSettings {
    const NAME: &'static str = "reinforce";
}

/// The learner of one agent.
pub struct Reinforce {
    settings: ReinforceSettings,
    network: Arc<Network>,
    optimizer: Arc<dyn Optimizer>,
    moves: usize,
}

/// One decision of the agent.
struct Sample<'a> {
    rollout: &'a ReplicaRollout,
    row: usize,
    /// Discounted rewards from here to the end of the episode.
    outcome: f32,
}

/// Sums over samples, for the report.
#[derive(Default)]
struct Sums {
    policy: f64,
    baseline: f64,
    entropy: f64,
}

impl Reinforce {
    /// The builder of the kind `reinforce`.
    ///
    /// # Errors
    /// Values out of range; an agent whose moves are no choice of one, or whose seats take turns.
    pub fn build(settings: &ReinforceSettings, context: LearnerContext) -> Result<Self, Fault> {
        let agent = context.agent;
        if settings.steps == 0 {
            return Err(Fault::pipeline("`steps` must be at least 1").within(["steps"]));
        }
        if !(0.0..=1.0).contains(&settings.gamma) {
            let gamma = settings.gamma;
            return Err(
                Fault::pipeline(format!("`gamma` lies between 0 and 1, this one is {gamma}")).within(["gamma"]),
            );
        }
        for (key, weight) in [("entropy", settings.entropy), ("baseline", settings.baseline)] {
            if !(weight.is_finite() && weight >= 0.0) {
                return Err(Fault::pipeline(format!("a weight is 0 or more, this one is {weight}")).within([key]));
            }
        }
        let Head::Categorical { moves } = agent.network.head else {
            return Err(Fault::pipeline("`reinforce` needs a seat with discrete moves").advise("use `learner.ppo`"));
        };
        if agent.rows_vary {
            let fault = Fault::pipeline("`reinforce` needs seats that always act and that nobody else is drawn for");
            return Err(fault.advise("use `learner.ppo`"));
        }
        Ok(Self {
            settings: settings.clone(),
            network: agent.network,
            optimizer: context.optimizer,
            moves,
        })
    }

    /// Adds one shard's gradient of the mean loss, `weight` being 1 / all samples.
    fn add_gradient(
        &self,
        parameters: &[f32],
        samples: &[Sample<'_>],
        weight: f32,
        pass: &mut Pass,
        gradient: &mut [f32],
    ) -> Result<Sums, Fault> {
        let (by_entropy, by_baseline) = (self.settings.entropy as f32, self.settings.baseline as f32);
        self.network.gather(pass, samples.iter().map(Sample::observation));
        self.network.forward(parameters, pass)?;
        let out = self.network.outputs(pass);
        let mut sums = Sums::default();
        let mut log_probs = vec![0.0_f32; self.moves];
        for (i, sample) in samples.iter().enumerate() {
            let at = i * self.moves..(i + 1) * self.moves;
            categorical::log_probs(&out.policy[at.clone()], sample.legal(self.moves), &mut log_probs);
            let (action, entropy) = (sample.action(), categorical::entropy(&log_probs));
            // The baseline is a constant here: that of acting.
            let advantage = sample.outcome - sample.rollout.values[sample.row];
            let error = out.value[i] - sample.outcome;

            // Loss: -advantage ln pi(a) - entropy weight x H + baseline weight x (V - G)^2 / 2.
            categorical::gradient(
                &log_probs,
                action,
                entropy,
                -advantage * weight,
                -by_entropy * weight,
                &mut out.policy_slope[at],
            );
            out.value_slope[i] = by_baseline * error * weight;
            sums.policy -= f64::from(advantage * log_probs[action]);
            sums.baseline += 0.5 * f64::from(error * error);
            sums.entropy += f64::from(entropy);
        }
        self.network.backward(parameters, pass)?;
        for (total, part) in gradient.iter_mut().zip(pass.gradient()) {
            *total += part;
        }
        Ok(sums)
    }
}

impl Learn for Reinforce {
    fn rollout_steps(&self) -> usize {
        self.settings.steps
    }
    fn gradient_steps(&self) -> usize {
        1
    }
    fn bytes(&self, rows: usize) -> usize {
        rows * size_of::<Sample<'_>>() + self.network.pass_bytes(SHARD.min(rows)) + 8 * self.network.layout.len()
    }

    fn learn(
        &self,
        state: &mut ReplicaState<'_>,
        experience: &[Experience<'_>],
        context: &LearnContext,
    ) -> Result<LearnReport, Fault> {
        let mut samples = Vec::new();
        for one in experience {
            outcomes(one, self.settings.gamma as f32, context, &mut samples);
        }
        let mut gradient = vec![0.0; state.parameters.len()];
        let mut update = gradient.clone();
        let mut sums = Sums::default();
        let (mut pass, weight) = (Pass::new(), 1.0 / samples.len().max(1) as f32);
        for shard in samples.chunks(SHARD) {
            let part = self.add_gradient(state.parameters, shard, weight, &mut pass, &mut gradient)?;
            sums.policy += part.policy;
            sums.baseline += part.baseline;
            sums.entropy += part.entropy;
        }

        self.optimizer.begin_update(state);
        let rate = self.optimizer.rate(&context.clocks, context.replica, context.key);
        let norms = self.optimizer.step(state, &gradient, rate, &mut update)?;
        let n = samples.len().max(1) as f64;
        let metrics = [
            ("policy_loss", sums.policy / n),
            ("value_loss", sums.baseline / n),
            ("entropy", sums.entropy / n),
            ("learning_rate", rate),
            ("grad_norm", norms.gradient),
            ("update_norm", norms.update),
        ];
        Ok(LearnReport {
            metrics: metrics.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            diagnostics: Vec::new(),
        })
    }
}

/// `G_t = r_t + gamma G_{t+1}`, backwards over the steps of every lane and own seat; an episode's end starts from 0.
fn outcomes<'a>(one: &Experience<'a>, gamma: f32, context: &LearnContext, samples: &mut Vec<Sample<'a>>) {
    let rollout = one.rollout;
    for lane in 0..rollout.lanes {
        for &seat in one.seats {
            let row = |step: usize| (step * rollout.lanes + lane) * rollout.seats + seat;
            let mut outcome = rollout.values[row(rollout.steps)];
            for step in (0..rollout.steps).rev() {
                let (row, cell) = (row(step), step * rollout.lanes + lane);
                if rollout.terminated[cell] | rollout.truncated[cell] != 0 {
                    outcome = 0.0;
                }
                let reward = context.task_weight * rollout.rewards[row] + context.shaped_weight * rollout.shaped[row];
                outcome = reward + gamma * outcome;
                if one.owns(row) {
                    samples.push(Sample { rollout, row, outcome });
                }
            }
        }
    }
}

impl<'a> Sample<'a> {
    /// The observations that hold the sample's, and where it starts in them.
    fn observation(&self) -> (Observations<'a>, usize) {
        let observations = match &self.rollout.observations {
            ObservationBuffer::Bytes(bytes) => Observations::Bytes(bytes),
            ObservationBuffer::Floats(floats) => Observations::Floats(floats),
        };
        (observations, self.row * self.rollout.width)
    }
    fn action(&self) -> usize {
        match &self.rollout.actions {
            ActionBuffer::Discrete(actions) => actions[self.row] as usize,
            // Refused by the builder.
            ActionBuffer::Continuous(_) => 0,
        }
    }
    fn legal(&self, moves: usize) -> Option<&'a [u8]> {
        let rows = self.rollout.values.len();
        let stride = self.rollout.legal.len() / rows;
        (stride > 0).then(|| &self.rollout.legal[self.row * stride..][..moves])
    }
}
