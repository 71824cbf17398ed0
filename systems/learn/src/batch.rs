//! The samples of one update: this agent's rows of all its rollouts, with advantages and targets.

use crate::gae::{GaeSettings, gae};
use crate::network::Network;
use starling_components::act::{Act, ActInput};
use starling_components::fault::Fault;
use starling_components::learn::{Experience, LearnContext};
use starling_components::learners::ppo::PpoSettings;
use starling_components::random::{Key, below};
use starling_components::spaces::{ActionBuffer, ObservationBuffer, Observations};

/// Where a sample lies: which experience, which row of its rollout.
#[derive(Debug, Clone, Copy)]
struct Place {
    experience: u32,
    row: u32,
}

/// All samples. Sample `(step, lane, own seat)` of one environment has the index `(step * lanes + lane) * own seats + own seat`; a second
/// environment's samples follow the first's. Rows of idle seats are left out, and those of others where seats change.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    places: Vec<Place>,
    /// What acting noted, and what GAE made of it; all `[samples]`.
    pub(crate) log_probs: Vec<f32>,
    pub(crate) values: Vec<f32>,
    pub(crate) advantages: Vec<f32>,
    pub(crate) targets: Vec<f32>,
    columns: Columns,
}

/// One experience as `[steps, lanes x own seats]`.
#[derive(Debug, Default)]
struct Columns {
    rewards: Vec<f32>,
    values: Vec<f32>,
    done: Vec<u8>,
    active: Vec<u8>,
    last_values: Vec<f32>,
    advantages: Vec<f32>,
    targets: Vec<f32>,
}

impl Batch {
    pub(crate) fn samples(&self) -> usize {
        self.places.len()
    }

    /// Bytes for `rows` samples.
    pub(crate) fn bytes(rows: usize) -> usize {
        rows * (8 + 4 * 4 + 4 * 4 + 2 + 4)
    }

    /// Takes in all experience.
    pub(crate) fn fill(
        &mut self,
        settings: &PpoSettings,
        network: &Network,
        parameters: &[f32],
        experience: &[Experience<'_>],
        context: &LearnContext,
    ) -> Result<(), Fault> {
        self.places.clear();
        self.log_probs.clear();
        self.values.clear();
        self.advantages.clear();
        self.targets.clear();
        for (index, one) in experience.iter().enumerate() {
            self.columns.fill(one, context);
            if settings.bootstrap_truncation {
                self.columns
                    .add_values_beyond(settings.gamma as f32, network, parameters, one, context)?;
            }
            self.columns.estimate(settings);
            self.append(index as u32, one);
        }
        Ok(())
    }

    fn append(&mut self, experience: u32, one: &Experience<'_>) {
        let rollout = one.rollout;
        for (i, row) in own_rows(one).enumerate() {
            if self.columns.active.get(i) == Some(&0) {
                continue;
            }
            self.places.push(Place {
                experience,
                row: row as u32,
            });
            self.log_probs.push(rollout.log_probs[row]);
            self.values.push(rollout.values[row]);
            self.advantages.push(self.columns.advantages[i]);
            self.targets.push(self.columns.targets[i]);
        }
    }

    /// The observations that hold sample `index`, and where it starts in them.
    #[inline(always)]
    pub(crate) fn observation<'a>(&self, experience: &[Experience<'a>], index: u32) -> (Observations<'a>, usize) {
        let place = self.places[index as usize];
        let rollout = experience[place.experience as usize].rollout;
        let observations = match &rollout.observations {
            ObservationBuffer::Bytes(bytes) => Observations::Bytes(bytes),
            ObservationBuffer::Floats(floats) => Observations::Floats(floats),
        };
        (observations, place.row as usize * rollout.width)
    }

    /// The move taken.
    #[inline(always)]
    pub(crate) fn discrete_action(&self, experience: &[Experience<'_>], index: u32) -> usize {
        let place = self.places[index as usize];
        let rollout = experience[place.experience as usize].rollout;
        match &rollout.actions {
            ActionBuffer::Discrete(actions) => {
                let components = actions.len() / rollout.log_probs.len();
                actions[place.row as usize * components] as usize
            }
            ActionBuffer::Continuous(_) => 0,
        }
    }

    /// The vector taken.
    #[inline(always)]
    pub(crate) fn box_action<'a>(&self, experience: &[Experience<'a>], index: u32, components: usize) -> &'a [f32] {
        let place = self.places[index as usize];
        let rollout = experience[place.experience as usize].rollout;
        match &rollout.actions {
            ActionBuffer::Continuous(actions) => {
                let stride = actions.len() / rollout.log_probs.len();
                &actions[place.row as usize * stride..][..components]
            }
            ActionBuffer::Discrete(_) => &[],
        }
    }

    /// The legal moves when acting; `None` without masks.
    #[inline(always)]
    pub(crate) fn legal<'a>(&self, experience: &[Experience<'a>], index: u32, moves: usize) -> Option<&'a [u8]> {
        let place = self.places[index as usize];
        let rollout = experience[place.experience as usize].rollout;
        let stride = rollout.legal.len() / rollout.values.len();
        (stride > 0).then(|| &rollout.legal[place.row as usize * stride..][..moves])
    }

    /// `1 - var(target - value) / var(target)`: 1 if the values of acting foresaw everything; 0 where targets do not vary.
    pub(crate) fn explained_variance(&self) -> f64 {
        let variance = |x: &dyn Fn(usize) -> f64| {
            let n = self.targets.len().max(1) as f64;
            let mean = (0..self.targets.len()).map(x).sum::<f64>() / n;
            (0..self.targets.len())
                .map(|i| (x(i) - mean) * (x(i) - mean))
                .sum::<f64>()
                / n
        };
        let total = variance(&|i| f64::from(self.targets[i]));
        let left = variance(&|i| f64::from(self.targets[i]) - f64::from(self.values[i]));
        if total > 0.0 { 1.0 - left / total } else { 0.0 }
    }
}

/// Rows of the rollout that belong to the agent, step by step.
fn own_rows<'a>(one: &Experience<'a>) -> impl Iterator<Item = usize> + 'a {
    let (rollout, seats) = (one.rollout, one.seats);
    (0..rollout.steps * rollout.lanes).flat_map(move |cell| seats.iter().map(move |&seat| cell * rollout.seats + seat))
}

impl Columns {
    fn fill(&mut self, one: &Experience<'_>, context: &LearnContext) {
        let (rollout, seats) = (one.rollout, one.seats);
        self.rewards.clear();
        self.values.clear();
        self.done.clear();
        self.active.clear();
        self.last_values.clear();
        for row in own_rows(one) {
            let cell = row / rollout.seats;
            let reward = context.task_weight * rollout.rewards[row] + context.shaped_weight * rollout.shaped[row];
            let own = one.owns(row);
            self.rewards.push(if own { reward } else { 0.0 });
            self.values.push(rollout.values[row]);
            self.done.push(rollout.terminated[cell] | rollout.truncated[cell]);
            match (rollout.active.get(row), one.chair) {
                (Some(&active), _) => self.active.push(if own { active } else { 0 }),
                // Another's episode is a wait that earns nothing; it ends where that episode ends, so nothing is carried over.
                (None, Some(_)) => self.active.push(u8::from(own)),
                (None, None) => {}
            }
        }
        for lane in 0..rollout.lanes {
            let row = |&seat: &usize| (rollout.steps * rollout.lanes + lane) * rollout.seats + seat;
            self.last_values
                .extend(seats.iter().map(|seat| rollout.values[row(seat)]));
        }
    }

    /// A cut-off transition earns the discounted value of the observation behind it.
    fn add_values_beyond(
        &mut self,
        gamma: f32,
        network: &Network,
        parameters: &[f32],
        one: &Experience<'_>,
        context: &LearnContext,
    ) -> Result<(), Fault> {
        let rollout = one.rollout;
        let Some(finals) = &rollout.final_observations else {
            return Err(Fault::run(
                "the rollout has no final observations, which `bootstrap_truncation` needs",
            ));
        };
        for (i, row) in own_rows(one).enumerate() {
            let cell = row / rollout.seats;
            if rollout.truncated[cell] == 0 || rollout.terminated[cell] != 0 || !one.owns(row) {
                continue;
            }
            let input = ActInput {
                observations: finals.slice(row * rollout.width..(row + 1) * rollout.width),
                legal: None,
                carry: &[],
                ids: &[0],
                time: 0,
                key: context.key,
                greedy: true,
                explore: 0.0,
            };
            let mut value = [0.0];
            network.values(parameters, &input, &mut value)?;
            self.rewards[i] += gamma * value[0];
        }
        Ok(())
    }

    fn estimate(&mut self, settings: &PpoSettings) {
        let discounts = GaeSettings {
            gamma: settings.gamma as f32,
            lambda: settings.gae_lambda as f32,
        };
        self.advantages.resize(self.rewards.len(), 0.0);
        self.targets.resize(self.rewards.len(), 0.0);
        gae(
            discounts,
            &self.rewards,
            &self.values,
            &self.done,
            &self.active,
            &self.last_values,
            &mut self.advantages,
            &mut self.targets,
        );
    }
}

/// Shuffles `order` (Fisher and Yates): all orders are equally likely, and the result is a function of the key.
pub(crate) fn permutation(key: Key, order: &mut [u32]) {
    for i in (1..order.len()).rev() {
        let [word, _] = key.block(i as u32, 0);
        order.swap(i, below(word, i as u32 + 1) as usize);
    }
}
