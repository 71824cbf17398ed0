//! Running normalisation of observations and rewards, as the wrappers of continuous control do it: statistics are merged batch by batch
//! (Chan, Golub and LeVeque 1979), each batch before it is normalised, the observations of the first reset included. Observations lose
//! their mean and are divided by their standard deviation; rewards are divided by that of the running discounted return
//! `R <- gamma R (1 - done) + r` and keep their mean.
//!
//! While an agent is trained its rollouts hold what it sees and what it is paid; episodes, metrics and trajectories keep the rewards of
//! the environment. Elsewhere the agent looks through [`Normalised`], whose statistics stand still.

use starling_components::act::{Act, ActInput, ActOutput};
use starling_components::fault::Fault;
use starling_components::normalize::{Moments, Normalization, ReplicaNormalization};
use starling_components::rollout::ReplicaRollout;
use starling_components::spaces::{ObservationBuffer, Observations};

/// Added to variances under the root.
const EPS: f64 = 1e-8;

/// Takes in a batch, `[rows, width]`.
pub fn merge<T: Copy + Into<f64>>(moments: &mut Moments, batch: &[T]) {
    let width = moments.mean.len();
    let rows = batch.len().checked_div(width).unwrap_or(0);
    if rows == 0 {
        return;
    }
    let (old, new) = (moments.count, rows as f64);
    let total = old + new;
    for element in 0..width {
        let values = || (0..rows).map(|row| batch[row * width + element].into());
        let mean: f64 = values().sum::<f64>() / new;
        let variance = values().map(|x| (x - mean) * (x - mean)).sum::<f64>() / new;
        let delta = mean - moments.mean[element];
        let squares = moments.variance[element] * old + variance * new + delta * delta * old * new / total;
        moments.mean[element] += delta * new / total;
        moments.variance[element] = squares / total;
    }
    moments.count = total;
}

/// `(x - mean) / sqrt(variance + 1e-8)` of one element.
pub fn standardised(moments: &Moments, element: usize, x: f64) -> f64 {
    (x - moments.mean[element]) / (moments.variance[element] + EPS).sqrt()
}

/// `r / sqrt(variance + 1e-8)`, by the moments of the running return.
pub fn scaled(returns: &Moments, reward: f64) -> f64 {
    reward / (returns.variance[0] + EPS).sqrt()
}

/// One step of the running discounted return of a row. Where an episode ends the reward that ended it opens the next sum, as in the reference.
pub fn discounted(running: f64, gamma: f64, reward: f64, done: bool) -> f64 {
    if done { reward } else { running * gamma + reward }
}

fn standardise(moments: &Moments, rows: &mut [f32]) {
    for row in rows.chunks_mut(moments.mean.len().max(1)) {
        for (element, value) in row.iter_mut().enumerate() {
            *value = standardised(moments, element, f64::from(*value)) as f32;
        }
    }
}

/// The statistics of one replica whose rollout is being collected.
pub(crate) struct Live<'a> {
    observations: bool,
    rewards: bool,
    gamma: f64,
    frozen: bool,
    state: &'a mut ReplicaNormalization,
}

/// One entry per replica; nothing where nothing is normalised.
pub(crate) fn live(normalization: Option<&mut Normalization>, replicas: usize) -> Vec<Option<Live<'_>>> {
    let Some(normalization) = normalization else {
        return (0..replicas).map(|_| None).collect();
    };
    let (observations, rewards) = (
        normalization.observations,
        normalization.rewards && !normalization.frozen,
    );
    let (gamma, frozen) = (normalization.gamma, normalization.frozen);
    let parts = normalization.replicas.iter_mut().map(|state| {
        Some(Live {
            observations,
            rewards,
            gamma,
            frozen,
            state,
        })
    });
    parts.collect()
}

impl Live<'_> {
    /// Nothing has been counted: the agent is new, or begins anew in the middle of an episode.
    pub(crate) fn is_new(&self) -> bool {
        self.state.observations.is_new()
    }

    /// The first observations of a rollout. Those of a reset are new; others have been taken in at the end of the rollout before.
    pub(crate) fn begin(&mut self, rollout: &mut ReplicaRollout, reset: bool) {
        if self.rewards {
            rollout.raw_rewards.resize(rollout.rewards.len(), 0.0);
        }
        self.look(rollout, 0, reset);
    }

    /// What came of step `step`, after everything that counts raw rewards has done so.
    pub(crate) fn step(&mut self, rollout: &mut ReplicaRollout, step: usize) {
        self.look(rollout, step + 1, true);
        let (lanes, seats) = (rollout.lanes, rollout.seats);
        let ended = |lane: usize| rollout.terminated[step * lanes + lane] | rollout.truncated[step * lanes + lane] != 0;
        let rows = step * lanes * seats..(step + 1) * lanes * seats;
        if self.observations
            && let Some(ObservationBuffer::Floats(finals)) = &mut rollout.final_observations
        {
            let width = seats * rollout.width;
            for lane in (0..lanes).filter(|&lane| ended(lane)) {
                let first = (step * lanes + lane) * width;
                standardise(&self.state.observations, &mut finals[first..first + width]);
            }
        }
        if self.rewards {
            let rewards = &mut rollout.rewards[rows.clone()];
            rollout.raw_rewards[rows].copy_from_slice(rewards);
            for (row, running) in self.state.running.iter_mut().enumerate() {
                *running = discounted(*running, self.gamma, rewards[row].into(), ended(row / seats));
            }
            merge(&mut self.state.returns, &self.state.running);
            for reward in rewards {
                *reward = scaled(&self.state.returns, f64::from(*reward)) as f32;
            }
        }
    }

    /// Normalises the observations before step `slot`.
    fn look(&mut self, rollout: &mut ReplicaRollout, slot: usize, new: bool) {
        let size = rollout.lanes * rollout.seats * rollout.width;
        if let (true, ObservationBuffer::Floats(all)) = (self.observations, &mut rollout.observations) {
            let rows = &mut all[slot * size..(slot + 1) * size];
            if new && !self.frozen {
                merge(&mut self.state.observations, rows);
            }
            standardise(&self.state.observations, rows);
        }
    }
}

/// A policy that sees observations through statistics that stand still: how an agent that normalises plays where it does not learn.
pub struct Normalised<'a> {
    policy: &'a dyn Act,
    moments: &'a Moments,
}

impl<'a> Normalised<'a> {
    /// `policy` as the replica at `index` sees; `None` where it sees observations as they are.
    pub fn of(policy: &'a dyn Act, normalization: Option<&'a Normalization>, index: usize) -> Option<Self> {
        let normalization = normalization.filter(|normalization| normalization.observations)?;
        let moments = &normalization.replicas.get(index)?.observations;
        Some(Self { policy, moments })
    }

    fn seen(&self, observations: Observations<'_>) -> Result<Vec<f32>, Fault> {
        let Observations::Floats(rows) = observations else {
            return Err(Fault::run("byte observations are not normalised"));
        };
        let mut seen = rows.to_vec();
        standardise(self.moments, &mut seen);
        Ok(seen)
    }
}

impl Act for Normalised<'_> {
    fn carry_len(&self) -> usize {
        self.policy.carry_len()
    }

    fn act(&self, parameters: &[f32], input: &ActInput<'_>, output: &mut ActOutput<'_>) -> Result<(), Fault> {
        let observations = self.seen(input.observations)?;
        self.policy.act(parameters, &through(input, &observations), output)
    }

    fn values(&self, parameters: &[f32], input: &ActInput<'_>, values: &mut [f32]) -> Result<(), Fault> {
        let observations = self.seen(input.observations)?;
        self.policy.values(parameters, &through(input, &observations), values)
    }

    fn probabilities(&self, parameters: &[f32], input: &ActInput<'_>) -> Result<Option<Vec<f32>>, Fault> {
        let observations = self.seen(input.observations)?;
        self.policy.probabilities(parameters, &through(input, &observations))
    }
}

fn through<'a>(input: &ActInput<'a>, observations: &'a [f32]) -> ActInput<'a> {
    ActInput {
        observations: Observations::Floats(observations),
        ..*input
    }
}
