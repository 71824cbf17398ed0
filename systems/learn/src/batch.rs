//! The samples of one update: this agent's rows of all its rollouts, or of a part of their lanes, with advantages and targets.

use crate::columns::{Columns, LanePart, own_rows};
use crate::memories::Memories;
use crate::network::Network;
use crate::real::wide;
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
///
/// For a network with a memory the samples are those of [`Memories`]: whole columns, waits included.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    places: Vec<Place>,
    /// What acting noted, and what GAE made of it; all `[samples]`.
    pub(crate) log_probs: Vec<f32>,
    pub(crate) values: Vec<f32>,
    pub(crate) advantages: Vec<f32>,
    pub(crate) targets: Vec<f32>,
    columns: Columns,
    pub(crate) memories: Memories,
}

impl Batch {
    /// Samples that are learnt from.
    pub(crate) fn samples(&self) -> usize {
        match self.memories.steps {
            0 => self.places.len(),
            _ => self.memories.decisions(),
        }
    }

    /// What minibatches are cut from: samples, or whole columns of them.
    pub(crate) fn units(&self) -> usize {
        match self.memories.steps {
            0 => self.places.len(),
            _ => self.memories.columns(),
        }
    }

    /// All samples of these units, in the order in which a network reads them.
    pub(crate) fn expand(&self, units: &[u32], samples: &mut Vec<u32>) {
        samples.clear();
        match self.memories.steps {
            0 => samples.extend_from_slice(units),
            _ => self.memories.samples(units, samples),
        }
    }

    /// Bytes for `rows` samples.
    pub(crate) fn bytes(rows: usize) -> usize {
        rows * (8 + 4 * 4 + 4 * 4 + 3 + 4)
    }

    /// Takes in a part of the lanes of all experience.
    pub(crate) fn fill(
        &mut self,
        part: LanePart,
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
        self.memories.clear(network);
        for (index, one) in experience.iter().enumerate() {
            self.columns.fill(one, part, context);
            if settings.bootstrap_truncation {
                self.columns
                    .add_values_beyond(settings.gamma as f32, network, parameters, one, context)?;
            }
            self.columns.estimate(settings);
            if network.carry() > 0 {
                let (rollout, rows) = (one.rollout, one.rollout.lanes * one.rollout.seats);
                if rollout.steps != experience[0].rollout.steps || rollout.carry.len() < rows * network.carry() {
                    return Err(Fault::run(
                        "an agent with a memory learns from rollouts of one length that hold what it remembered at their start",
                    ));
                }
                self.append_columns(index as u32, one);
            } else {
                self.append(index as u32, one);
            }
        }
        Ok(())
    }

    fn append(&mut self, experience: u32, one: &Experience<'_>) {
        let rollout = one.rollout;
        for (i, row) in own_rows(one, self.columns.lanes.clone()).enumerate() {
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

    fn append_columns(&mut self, experience: u32, one: &Experience<'_>) {
        let rollout = one.rollout;
        self.memories.append(one, &self.columns, |row| {
            self.places.push(Place {
                experience,
                row: row.in_rollout as u32,
            });
            self.log_probs.push(rollout.log_probs[row.in_rollout]);
            self.values.push(rollout.values[row.in_rollout]);
            self.advantages.push(self.columns.advantages[row.in_columns]);
            self.targets.push(self.columns.targets[row.in_columns]);
        });
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

    /// Sums of the targets and of what the values of acting left of them.
    pub(crate) fn target_sums(&self) -> [f64; 2] {
        let samples = || (0..self.targets.len()).filter(|&i| !self.memories.waits(i as u32));
        let sum = |x: &dyn Fn(usize) -> f64| samples().map(x).sum::<f64>();
        [sum(&|i| self.target(i)), sum(&|i| self.left(i))]
    }

    /// Sums of their squared distances from these means.
    pub(crate) fn target_squares(&self, means: [f64; 2]) -> [f64; 2] {
        let samples = || (0..self.targets.len()).filter(|&i| !self.memories.waits(i as u32));
        let sum = |x: &dyn Fn(usize) -> f64, mean: f64| samples().map(|i| (x(i) - mean) * (x(i) - mean)).sum::<f64>();
        [sum(&|i| self.target(i), means[0]), sum(&|i| self.left(i), means[1])]
    }

    fn target(&self, i: usize) -> f64 {
        f64::from(self.targets[i])
    }

    fn left(&self, i: usize) -> f64 {
        f64::from(self.targets[i]) - f64::from(self.values[i])
    }
}

/// Words drawn together, so that they are computed over vectors.
const WORDS: usize = 64;

/// Shuffles `order` (Fisher and Yates): all orders are equally likely, and the result is a function of the key.
pub(crate) fn permutation(key: Key, order: &mut [u32]) {
    let mut words = [0; WORDS];
    let mut last = order.len();
    while last > 1 {
        let first = last.saturating_sub(WORDS).max(1);
        wide(
            #[inline(always)]
            || {
                for (word, i) in words.iter_mut().zip(first as u32..last as u32) {
                    *word = key.block(i, 0)[0];
                }
            },
        );
        for i in (first..last).rev() {
            order.swap(i, below(words[i - first], i as u32 + 1) as usize);
        }
        last = first;
    }
}
