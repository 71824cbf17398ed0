//! How fast a learner takes one optimiser step: what `starling bench learner` prints, without the printing.
//!
//! A [`Trainee`] is PPO on one rollout with a single epoch of a single minibatch: advantages, gather, forward, loss, backward, clipping and Adam, by
//! the code that trains.

use crate::network::layer::Kernel;
use crate::network::{Network, Stage};
use crate::optimizer::adam::Adam;
use crate::ppo::Ppo;
use candle_core::{Device, Tensor};
use starling_components::EntityName;
use starling_components::clock::Clocks;
use starling_components::fault::Fault;
use starling_components::learn::{Experience, Learn, LearnContext, ReplicaState};
use starling_components::learners::adam::{AdamSettings, Reset};
use starling_components::learners::ppo::PpoSettings;
use starling_components::memory::Memory;
use starling_components::random::Key;
use starling_components::registry::Registry;
use starling_components::rollout::ReplicaRollout;
use starling_components::spaces::SeatShape;
use starling_components::specs::PolicySpec;
use std::sync::Arc;

/// One network that learns from the same rollout again and again.
pub struct Trainee {
    learner: Ppo,
    rollout: ReplicaRollout,
    seats: Vec<usize>,
    context: LearnContext,
    parameters: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
    local_steps: u64,
    steps: u64,
    memory: Memory,
    flop_per_row: f64,
}

impl Trainee {
    /// The network that `policy` describes for `seat`, about to learn from every seat of `rollout`, whose observations, actions, rewards
    /// and ends are given. What acting would have noted is set to that of an indifferent policy.
    ///
    /// # Errors
    /// What is wrong with the policy.
    pub fn new(
        policy: &PolicySpec,
        seat: &SeatShape,
        mut rollout: ReplicaRollout,
        registry: &Registry,
    ) -> Result<Self, Vec<Fault>> {
        let network = Arc::new(Network::describe(policy, seat, registry)?);
        let key = Key::of_seed(0).entity(&EntityName::new("agent", "trainee"));
        let parameters = network.initialise(key);
        let n = parameters.len();
        let indifferent = -starling_components::maths::ln(network.head.outputs() as f32);
        rollout.carry = vec![0.0; rollout.lanes * rollout.seats * network.carry()];
        rollout.log_probs.fill(indifferent);
        rollout.values.fill(0.0);
        rollout.carry = vec![0.0; rollout.lanes * rollout.seats * network.carry()];
        // So small that the policy stays within the clip however long somebody measures: the work does not change.
        let adam = Adam::new(AdamSettings {
            rate: 1e-9.into(),
            b1: 0.9,
            b2: 0.999,
            eps: 1e-5,
            max_grad_norm: Some(0.5),
            reset: Reset::None,
        });
        let settings = PpoSettings {
            steps: rollout.steps,
            epochs: 1,
            minibatches: 1,
            ..PpoSettings::default()
        };
        Ok(Self {
            flop_per_row: flop_per_row(&network),
            learner: Ppo::new(settings, network, Arc::new(adam), false),
            seats: (0..rollout.seats).collect(),
            rollout,
            context: LearnContext {
                clocks: Clocks::default(),
                replica: 0,
                key,
                task_weight: 1.0,
                shaped_weight: 0.0,
            },
            parameters,
            first: vec![0.0; n],
            second: vec![0.0; n],
            local_steps: 0,
            steps: 0,
            memory: Memory::default(),
        })
    }

    /// One optimiser step.
    ///
    /// # Errors
    /// As [`Learn::learn`].
    pub fn step(&mut self) -> Result<(), Fault> {
        let mut state = ReplicaState {
            parameters: &mut self.parameters,
            first: &mut self.first,
            second: &mut self.second,
            local_steps: &mut self.local_steps,
            steps: &mut self.steps,
            memory: &mut self.memory,
        };
        let experience = [Experience {
            rollout: &self.rollout,
            seats: &self.seats,
            chair: None,
        }];
        self.context.clocks.now.updates += 1;
        self.learner.learn(&mut state, &experience, &self.context).map(|_| ())
    }

    /// Samples of the step.
    pub fn rows(&self) -> usize {
        self.rollout.rewards.len()
    }

    /// Floating-point operations of the step's products, zeros of the input counted like any number.
    pub fn flop(&self) -> f64 {
        self.flop_per_row * self.rows() as f64
    }
}

/// Two per weight and place that it is used at: forward, again for the weights' gradient, and again for that of what they multiply, unless it is the
/// observation.
fn flop_per_row(network: &Network) -> f64 {
    let lists = [
        (&network.trunk, true),
        (&network.actor, network.trunk.is_empty()),
        (&network.critic, network.trunk.is_empty()),
    ];
    let mut flop = 0.0;
    for (stages, on_observation) in lists {
        for (place, stage) in stages.iter().enumerate() {
            for (matrix, uses) in uses(stage).into_iter().enumerate() {
                // A recurrent layer's first matrix multiplies its input, its second what it remembers.
                let first = on_observation && place == 0 && matrix == 0;
                flop += if first { 2.0 } else { 3.0 } * 2.0 * uses as f64;
            }
        }
    }
    flop
}

/// Products of one row's forward pass, for each matrix.
fn uses(stage: &Stage) -> Vec<usize> {
    if let Some(Kernel::Conv {
        height,
        width,
        channels,
        features,
        side,
        ..
    }) = stage.layer.kernel()
    {
        // Windows hang over the edge; what hangs over is not computed.
        return vec![pairs(height, side) * pairs(width, side) * channels * features];
    }
    let matrices = stage.layer.tensors();
    let matrices = matrices.iter().filter(|tensor| tensor.shape.len() > 1);
    matrices.map(|tensor| tensor.shape.iter().product()).collect()
}

/// Pairs of a place on a line of `length` and a place within `side` around it that lies on the line too.
fn pairs(length: usize, side: usize) -> usize {
    let before = (side - 1) / 2;
    let inside = |at: usize| {
        (0..side)
            .filter(|k| (at + k).checked_sub(before).is_some_and(|x| x < length))
            .count()
    };
    (0..length).map(inside).sum()
}

/// A product of two matrices large enough that a thread is as fast as it gets, by Candle.
#[derive(Debug)]
pub struct LargeProduct([Tensor; 2]);

impl LargeProduct {
    const SIZES: [usize; 3] = [768, 512, 768];

    /// Floating-point operations of [`LargeProduct::run`].
    pub const FLOP: f64 = 2.0 * (Self::SIZES[0] * Self::SIZES[1] * Self::SIZES[2]) as f64;

    /// Its operands.
    ///
    /// # Errors
    /// What Candle says.
    pub fn new() -> Result<Self, Fault> {
        let [m, k, n] = Self::SIZES;
        let filled = |rows, columns| Tensor::full(0.5_f32, (rows, columns), &Device::Cpu).map_err(told);
        Ok(Self([filled(m, k)?, filled(k, n)?]))
    }

    /// Multiplies.
    ///
    /// # Errors
    /// What Candle says.
    pub fn run(&self) -> Result<(), Fault> {
        let [a, b] = &self.0;
        a.matmul(b).map(|_| ()).map_err(told)
    }
}

fn told(error: candle_core::Error) -> Fault {
    Fault::run(format!("the product to compare with failed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{moves, network, seat};
    use starling_components::spaces::ElementKind;

    fn check(policy: &str, shape: &[usize], expected: f64) {
        let network = network(policy, &seat(shape, ElementKind::F32, moves(6)));
        assert_eq!(flop_per_row(&network), expected, "{policy}");
    }

    #[test]
    fn products_are_counted_once_per_pass() {
        // The first layer has no gradient for its input.
        check(
            r#"{"layers": [{"dense": 64}, {"dense": 64}]}"#,
            &[750],
            2.0 * (2.0 * 750.0 * 64.0 + 3.0 * (64.0 * 64.0 + 64.0 * 7.0)),
        );
        // Without a trunk both heads read the observation.
        check(
            r#"{"heads": {"actor": [{"dense": 8}], "critic": [{"dense": 4}]}}"#,
            &[10],
            2.0 * (2.0 * 120.0 + 3.0 * (8.0 * 6.0 + 4.0)),
        );
        // Three gates, of which each multiplies the input and the memory.
        check(
            r#"{"layers": [{"gru": 8}]}"#,
            &[5],
            2.0 * (2.0 * 5.0 * 24.0 + 3.0 * (8.0 * 24.0 + 8.0 * 7.0)),
        );
        // A 3 x 3 window on a 3 x 2 grid: 7 pairs of rows, 4 of columns.
        check(
            r#"{"layers": [{"conv": [8, 3]}, "flatten"]}"#,
            &[3, 2, 5],
            2.0 * (2.0 * 28.0 * 5.0 * 8.0 + 3.0 * 48.0 * 7.0),
        );
    }
}
