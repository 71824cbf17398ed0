//! Behaviour cloning against differences of its own loss, and on data that can be learnt.

use super::{draws, moves, network, parameters, registry, seat, vector};
use crate::behaviour_cloning::BehaviourCloning;
use crate::network::{AgentContext, Network};
use crate::optimizer::{Optimizer, OptimizerSlot, StepNorms};
use starling_components::clock::Clocks;
use starling_components::demonstrations::DemonstratedSteps;
use starling_components::fault::Fault;
use starling_components::learn::{Learn, LearnContext, LearnReport, ReplicaState};
use starling_components::learners::behaviour_cloning::BehaviourCloningSettings;
use starling_components::memory::Memory;
use starling_components::random::{Draw, Key};
use starling_components::ranks::Ranks;
use starling_components::registry::Choice;
use starling_components::spaces::{ActionBuffer, ElementKind, ObservationBuffer};
use std::sync::{Arc, Mutex};

/// Keeps the gradient and changes nothing.
#[derive(Default)]
struct Look(Mutex<Vec<f32>>);

impl Optimizer for Look {
    fn rate(&self, _: &Clocks, _: u32, _: Key) -> f64 {
        0.0
    }
    fn begin_update(&self, _: &mut ReplicaState<'_>) {
        panic!("the objective of cloning does not change");
    }
    fn step(&self, _: &mut ReplicaState<'_>, gradient: &[f32], _: f64, _: &mut [f32]) -> Result<StepNorms, Fault> {
        *self.0.lock().expect("one step at a time") = gradient.to_vec();
        Ok(StepNorms::default())
    }
}

/// `episodes` of ten rows of `inputs` numbers; `action` is a function of them.
fn data(network: &Network, episodes: usize, action: impl Fn(&[f32]) -> f32) -> DemonstratedSteps {
    let (rows, inputs) = (episodes * 10, network.inputs());
    let mut draw = draws(5);
    let floats: Vec<f32> = (0..rows * inputs).map(|_| draw.uniform(-1.0, 1.0)).collect();
    let chosen: Vec<f32> = floats.chunks_exact(inputs).map(action).collect();
    let discrete = matches!(
        network.seat.action,
        starling_components::spaces::ActionSpace::Discrete { .. }
    );
    DemonstratedSteps {
        observations: ObservationBuffer::Floats(floats),
        actions: if discrete {
            ActionBuffer::Discrete(chosen.iter().map(|&a| a as i32).collect())
        } else {
            ActionBuffer::Continuous(chosen.iter().flat_map(|&a| [a, -a]).collect())
        },
        episodes: (0..episodes).map(|episode| episode * 10..(episode + 1) * 10).collect(),
        ..DemonstratedSteps::empty(&network.seat)
    }
}

fn settings(batch: usize, validation: f64) -> BehaviourCloningSettings {
    BehaviourCloningSettings {
        dataset: "past".into(),
        batch,
        validation,
    }
}

fn context(update: u64) -> LearnContext {
    let mut clocks = Clocks::default();
    clocks.now.updates = update;
    LearnContext {
        clocks,
        replica: 0,
        key: Key::of_seed(3),
        task_weight: 1.0,
        shaped_weight: 0.0,
    }
}

/// One replica's parameters with the optimiser's state.
struct State {
    parameters: Vec<f32>,
    moments: [Vec<f32>; 2],
    steps: [u64; 2],
}

impl State {
    fn new(parameters: Vec<f32>) -> Self {
        let zeros = vec![0.0; parameters.len()];
        Self {
            parameters,
            moments: [zeros.clone(), zeros],
            steps: [0; 2],
        }
    }
    fn learn(&mut self, learner: &BehaviourCloning, update: u64) -> LearnReport {
        let [first, second] = &mut self.moments;
        let [local_steps, steps] = &mut self.steps;
        let mut state = ReplicaState {
            parameters: &mut self.parameters,
            first,
            second,
            local_steps,
            steps,
            memory: &mut Memory::default(),
        };
        learner.learn(&mut state, &[], &context(update)).expect("a pass")
    }
}

fn metric(report: &LearnReport, name: &str) -> f64 {
    let found = report.metrics.iter().find(|(metric, _)| metric == name);
    found.unwrap_or_else(|| panic!("no `{name}` in {:?}", report.metrics)).1
}

/// The gradient of one batch of everything is that of the differences of the loss.
fn check_gradient(policy: &str, shape: &[usize], vectors: bool, masked: bool) {
    let action = if vectors { vector(2) } else { moves(3) };
    let network = Arc::new(network(policy, &seat(shape, ElementKind::F32, action)));
    assert!(network.fused());
    let mut data = data(&network, 4, |x| if vectors { x[0] } else { (x[0] > 0.0) as u8 as f32 });
    if masked {
        // Move 2 is never legal, so nothing pulls at its weights.
        data.legal = [1, 1, 0].repeat(data.rows());
    }
    let optimizer = Arc::new(Look::default());
    let learner = BehaviourCloning::new(
        &settings(1000, 0.0),
        network.clone(),
        optimizer.clone(),
        Arc::new(data),
        Key::of_seed(1),
    );
    let start = parameters(&network, 9);
    State::new(start.clone()).learn(&learner, 0);
    let gradient = optimizer.0.lock().expect("no one steps").clone();
    let loss = |index: usize, shift: f32| {
        let mut moved = start.clone();
        moved[index] += shift;
        metric(&State::new(moved).learn(&learner, 0), "loss")
    };
    let mut largest: f64 = 0.0;
    for (index, &found) in gradient.iter().enumerate() {
        let step = 1e-2;
        let expected = (loss(index, step) - loss(index, -step)) / f64::from(2.0 * step);
        let found = f64::from(found);
        largest = largest.max(found.abs());
        assert!(
            (found - expected).abs() < 1e-3 + 1e-2 * expected.abs(),
            "{index}: {found} instead of {expected}"
        );
    }
    assert!(largest > 0.05, "a gradient of nothing proves nothing");
    let critic = network
        .layout
        .entries
        .iter()
        .filter(|entry| entry.name.starts_with("critic"));
    assert!(
        critic
            .flat_map(|entry| &gradient[entry.range()])
            .all(|&slope| slope == 0.0),
        "values are not learnt"
    );
}

#[test]
fn cloning_has_the_gradient_of_differences() {
    let dense = r#"{"layers": [{"dense": {"units": 5, "activation": "tanh"}}]}"#;
    check_gradient(dense, &[3], false, false);
    check_gradient(dense, &[3], false, true);
    check_gradient(dense, &[3], true, false);
    let conv = r#"{"layers": [{"conv": {"features": 2, "kernel": 2, "activation": "tanh"}}, "flatten"]}"#;
    check_gradient(conv, &[2, 3, 1], false, false);
}

fn adam(network: &Arc<Network>) -> Arc<dyn Optimizer> {
    let agent = AgentContext {
        network: network.clone(),
        key: Key::of_seed(0),
        first_replica: 0,
        replicas: 1,
        rows_per_step: 0,
        masks: false,
        seats_change: false,
        rows_vary: false,
        diagnostics: false,
        lanes: Vec::new(),
        ranks: Ranks::default(),
    };
    let choice: Choice = serde_json::from_str(r#"{"adam": {"rate": 0.01}}"#).expect("an optimizer");
    registry().build::<OptimizerSlot>(&choice, &agent).expect("Adam")
}

#[test]
fn a_deterministic_policy_is_learnt() {
    let policy = r#"{"activation": "tanh", "heads": {"actor": [{"dense": 16}]}}"#;
    let network = Arc::new(network(policy, &seat(&[2], ElementKind::F32, moves(3))));
    let data = Arc::new(data(&network, 40, |x| match x {
        [x, y] if x + y > 0.5 => 2.0,
        [x, _] => f32::from(u8::from(*x > 0.0)),
        _ => 0.0,
    }));
    let learner = BehaviourCloning::new(
        &settings(32, 0.25),
        network.clone(),
        adam(&network),
        data,
        Key::of_seed(1),
    );
    assert_eq!(learner.gradient_steps(), 300_usize.div_ceil(32));
    let mut state = State::new(network.initialise(Key::of_seed(2)));
    let first = state.learn(&learner, 0);
    let last = (1..150)
        .map(|update| state.learn(&learner, update))
        .last()
        .expect("a pass");
    assert!(metric(&first, "validation_accuracy") < 0.9, "{first:?}");
    assert!(
        metric(&last, "accuracy") > 0.97 && metric(&last, "validation_accuracy") > 0.9,
        "{last:?}"
    );
    assert!(metric(&last, "validation_loss") < metric(&first, "validation_loss"));
}

#[test]
fn threads_and_shards_change_no_bit() {
    let policy = r#"{"activation": "tanh", "heads": {"actor": [{"dense": 8}]}}"#;
    let network = Arc::new(network(policy, &seat(&[2], ElementKind::F32, vector(2))));
    let data = Arc::new(data(&network, 300, |x| x[0] * x[1]));
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool");
        pool.install(|| {
            // Batches of several shards, the last of them smaller.
            let learner = BehaviourCloning::new(
                &settings(1300, 0.1),
                network.clone(),
                adam(&network),
                data.clone(),
                Key::of_seed(1),
            );
            let mut state = State::new(network.initialise(Key::of_seed(2)));
            let reports: Vec<LearnReport> = (0..4).map(|update| state.learn(&learner, update)).collect();
            let bits: Vec<u32> = state.parameters.iter().map(|p| p.to_bits()).collect();
            (bits, reports)
        })
    };
    let one = on(1);
    assert!(one == on(2) && one == on(4));
}
