//! Illegal moves in the loss: no gradient, no entropy, the same by kernels and by the graph; idle rows count for nothing.

use super::equality::close;
use super::{draws, moves, network, parameters, seat};
use crate::distribution::categorical;
use crate::network::{Head, Network};
use crate::optimizer::{Optimizer, StepNorms};
use crate::ppo::Ppo;
use starling_components::clock::Clocks;
use starling_components::fault::Fault;
use starling_components::learn::{Experience, Learn, LearnContext, LearnReport, ReplicaState};
use starling_components::learners::ppo::PpoSettings;
use starling_components::memory::Memory;
use starling_components::random::{Draw, Key};
use starling_components::rollout::ReplicaRollout;
use starling_components::spaces::{ActionBuffer, ElementKind, EnvironmentShape, ObservationBuffer};
use std::sync::{Arc, Mutex};

pub(super) const MOVES: usize = 5;
pub(super) const STEPS: usize = 12;
const POLICY: &str = r#"{"layers": [{"dense": 8}], "activation": "tanh"}"#;

/// Keeps the gradient and changes nothing.
#[derive(Default)]
struct Keep(Mutex<Vec<f32>>);

impl Optimizer for Keep {
    fn rate(&self, _: &Clocks, _: u32, _: Key) -> f64 {
        0.0
    }
    fn begin_update(&self, _: &mut ReplicaState<'_>) {}
    fn step(&self, _: &mut ReplicaState<'_>, gradient: &[f32], _: f64, _: &mut [f32]) -> Result<StepNorms, Fault> {
        *self.0.lock().unwrap() = gradient.to_vec();
        Ok(StepNorms::default())
    }
}

pub(super) fn a_network() -> Network {
    network(POLICY, &seat(&[4], ElementKind::F32, moves(MOVES)))
}

/// Two seats in turns, two lanes. Move 3 is never legal, move 1 in every second row; the last move always is, and is taken.
pub(super) fn rollout(network: &Network) -> ReplicaRollout {
    let shape = EnvironmentShape {
        seats: vec![network.seat.clone(); 2],
        state_words: 1,
        max_steps: None,
        global_len: 0,
        masks: true,
        turns: true,
        events: Vec::new(),
    };
    let mut draw = draws(3);
    let mut rollout = ReplicaRollout::zeros(&shape, STEPS, 2, 0, false);
    if let ObservationBuffer::Floats(floats) = &mut rollout.observations {
        floats.iter_mut().for_each(|x| *x = draw.uniform(-1.0, 1.0));
    }
    if let ActionBuffer::Discrete(actions) = &mut rollout.actions {
        actions.fill(MOVES as i32 - 1);
    }
    for (row, legal) in rollout.legal.chunks_exact_mut(MOVES).enumerate() {
        legal.copy_from_slice(&[1, u8::from(row % 2 == 0), 1, 0, 1]);
    }
    for (row, active) in rollout.active.iter_mut().enumerate() {
        // Step, lane, seat: seats alternate from step to step.
        *active = u8::from((row / 4 + row) % 2 == 0);
    }
    rollout.log_probs.iter_mut().for_each(|p| *p = draw.uniform(-1.5, -1.0));
    rollout.rewards.iter_mut().for_each(|r| *r = draw.unit());
    rollout.values.iter_mut().for_each(|v| *v = draw.unit());
    rollout
}

/// The gradient of one minibatch with everything, and the report.
fn gradient(network: Network, rollout: &ReplicaRollout, values: &[f32]) -> (Vec<f32>, LearnReport) {
    let seats = &[0, 1];
    let one = Experience {
        rollout,
        seats,
        chair: None,
    };
    gradient_of(network, &[one], values)
}

/// The same of any experience; empty if no step was made.
pub(super) fn gradient_of(network: Network, experience: &[Experience<'_>], values: &[f32]) -> (Vec<f32>, LearnReport) {
    let keep = Arc::new(Keep::default());
    let settings = PpoSettings {
        epochs: 1,
        minibatches: 1,
        entropy: 0.1.into(),
        ..PpoSettings::default()
    };
    let ppo = Ppo::new(settings, Arc::new(network), keep.clone(), false);
    let mut parameters = values.to_vec();
    let (mut first, mut second) = (vec![0.0; values.len()], vec![0.0; values.len()]);
    let (mut local_steps, mut steps) = (0, 0);
    let mut state = ReplicaState {
        parameters: &mut parameters,
        first: &mut first,
        second: &mut second,
        local_steps: &mut local_steps,
        steps: &mut steps,
        memory: &mut Memory::default(),
    };
    let context = LearnContext {
        clocks: Clocks::default(),
        replica: 0,
        key: Key::of_seed(0),
        task_weight: 1.0,
        shaped_weight: 0.0,
    };
    let report = ppo.learn(&mut state, experience, &context).unwrap();
    let gradient = keep.0.lock().unwrap().clone();
    (gradient, report)
}

#[test]
fn illegal_moves_have_no_gradient_by_kernels_and_by_graph() {
    let network = a_network();
    let values = parameters(&network, 1);
    let rollout = rollout(&network);
    let layout = network.layout.clone();
    assert!(network.fused());
    let ours = gradient(network, &rollout, &values).0;
    let mut by_graph = a_network();
    by_graph.plan = None;
    let reference = gradient(by_graph, &rollout, &values).0;
    for entry in &layout.entries {
        close(&entry.name, &ours[entry.range()], &reference[entry.range()]);
        if entry.name.starts_with("actor.out") {
            for (i, slope) in ours[entry.range()].iter().enumerate() {
                assert_eq!(*slope == 0.0, i % MOVES == 3, "{}[{i}]: {slope}", entry.name);
            }
        }
    }
}

#[test]
fn entropy_counts_legal_moves_only() {
    let network = a_network();
    let mut values = parameters(&network, 1);
    for entry in network
        .layout
        .entries
        .iter()
        .filter(|e| e.name.starts_with("actor.out"))
    {
        values[entry.range()].fill(0.0);
    }
    let rollout = rollout(&network);
    // Uniform over what is legal: the logarithm of 3 or 4, over the rows that act.
    let legal = rollout.legal.chunks_exact(MOVES).zip(&rollout.active);
    let counts = legal
        .filter(|(_, active)| **active != 0)
        .map(|(m, _)| m.iter().sum::<u8>());
    let counts: Vec<f64> = counts.map(f64::from).collect();
    assert_eq!(counts.len(), STEPS * 2);
    #[allow(clippy::disallowed_methods)] // the platform's logarithm is the yardstick
    let expected = counts.iter().map(|n| n.ln()).sum::<f64>() / counts.len() as f64;
    let report = gradient(network, &rollout, &values).1;
    let (_, entropy) = report.metrics.iter().find(|(name, _)| name == "entropy").unwrap();
    assert!((entropy - expected).abs() < 1e-6, "{entropy} and {expected}");
}

#[test]
fn rows_of_idle_seats_change_no_bit() {
    let network = a_network();
    let values = parameters(&network, 1);
    let clean = rollout(&network);
    let mut dirty = clean.clone();
    let width = dirty.width;
    for row in (0..dirty.active.len()).filter(|&row| clean.active[row] == 0) {
        if let ObservationBuffer::Floats(floats) = &mut dirty.observations {
            floats[row * width..][..width].fill(7.0);
        }
        if let ActionBuffer::Discrete(actions) = &mut dirty.actions {
            actions[row] = 0;
        }
        dirty.legal[row * MOVES..][..MOVES].fill(1);
        (dirty.values[row], dirty.log_probs[row]) = (50.0, -9.0);
    }
    assert_eq!(
        gradient(network, &clean, &values),
        gradient(a_network(), &dirty, &values)
    );
}

#[test]
fn slopes_of_masked_logits_are_those_of_differences() {
    let mut draw = draws(8);
    let mut checked = 0;
    for case in 0..50 {
        let logits: Vec<f64> = (0..MOVES).map(|_| f64::from(draw.uniform(-2.0, 2.0))).collect();
        let mask: Vec<u8> = (0..MOVES)
            .map(|m| u8::from(m == case % MOVES || draw.below(2) == 0))
            .collect();
        let action = case % MOVES;
        let loss = |logits: &[f64]| {
            let mut log_probs = [0.0; MOVES];
            categorical::log_probs(logits, Some(&mask), &mut log_probs);
            0.7 * log_probs[action] - 0.3 * categorical::entropy(&log_probs)
        };
        let (mut log_probs, mut slopes) = ([0.0; MOVES], [0.0; MOVES]);
        categorical::log_probs(&logits, Some(&mask), &mut log_probs);
        let entropy = categorical::entropy(&log_probs);
        categorical::gradient(&log_probs, action, entropy, 0.7, -0.3, &mut slopes);
        for m in 0..MOVES {
            let at = |shift: f64| {
                let mut moved = logits.clone();
                moved[m] += shift;
                loss(&moved)
            };
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!(
                (slopes[m] - difference).abs() < 1e-8,
                "case {case}, move {m}: {} and {difference}",
                slopes[m]
            );
            assert!(mask[m] != 0 || slopes[m] == 0.0);
            checked += usize::from(mask[m] == 0);
        }
    }
    assert!(checked > 50, "{checked} illegal moves");
    assert!(matches!(a_network().head, Head::Categorical { moves: MOVES }));
}
