//! Minibatches through Candle's graph are those of the kernels: the same losses, gradients and parameters. On the processor, and on a CUDA device
//! where the build and the machine have one.

use super::equality::{cases, observations};
use super::{draws, moves, network, parameters, seat, vector};
use crate::learner::LearnerContext;
use crate::network::{AgentContext, Network};
use crate::optimizer::adam::Adam;
use crate::optimizer::{Optimizer, StepNorms};
use crate::ppo::Ppo;
use candle_core::Device;
use proptest::prelude::*;
use starling_components::clock::Clocks;
use starling_components::fault::Fault;
use starling_components::learn::{Experience, Learn, LearnContext, LearnReport, ReplicaState};
use starling_components::learners::adam::{AdamSettings, Reset};
use starling_components::learners::ppo::{PpoDevice, PpoSettings};
use starling_components::memory::Memory;
use starling_components::random::{Draw, Key};
use starling_components::ranks::Ranks;
use starling_components::rollout::ReplicaRollout;
use starling_components::spaces::{ActionBuffer, ElementKind, EnvironmentShape};
use std::sync::{Arc, Mutex};

const STEPS: usize = 16;
const LANES: usize = 6;
const MOVES: usize = 5;

/// Notes every gradient and steps by Adam.
struct Noting {
    adam: Adam,
    gradients: Mutex<Vec<Vec<f32>>>,
}

impl Optimizer for Noting {
    fn rate(&self, clocks: &Clocks, replica: u32, key: Key) -> f64 {
        self.adam.rate(clocks, replica, key)
    }
    fn begin_update(&self, state: &mut ReplicaState<'_>) {
        self.adam.begin_update(state);
    }
    fn step(
        &self,
        state: &mut ReplicaState<'_>,
        gradient: &[f32],
        rate: f64,
        update: &mut [f32],
    ) -> Result<StepNorms, Fault> {
        self.gradients.lock().unwrap().push(gradient.to_vec());
        self.adam.step(state, gradient, rate, update)
    }
}

fn noting(rate: f64) -> Arc<Noting> {
    let adam = AdamSettings {
        rate: rate.into(),
        b1: 0.9,
        b2: 0.999,
        eps: 1e-5,
        max_grad_norm: Some(0.5),
        reset: Reset::None,
    };
    Arc::new(Noting {
        adam: Adam::new(adam),
        gradients: Mutex::default(),
    })
}

/// A rollout of two seats with values and log-probabilities on both sides of the clips.
fn rollout(network: &Network, masks: bool, turns: bool, seed: u64) -> ReplicaRollout {
    let shape = EnvironmentShape {
        seats: vec![network.seat.clone(); 2],
        state_words: 1,
        max_steps: None,
        global_len: 0,
        masks,
        turns,
        events: Vec::new(),
    };
    let mut draw = draws(seed);
    let mut rollout = ReplicaRollout::zeros(&shape, STEPS, LANES, 0, false);
    rollout.observations = observations(network, (STEPS + 1) * LANES * 2, seed);
    if let ActionBuffer::Discrete(actions) = &mut rollout.actions {
        actions.iter_mut().for_each(|a| *a = draw.below(MOVES as u32) as i32);
        // What was done was legal; one row in eight says that nothing is.
        for (row, legal) in rollout.legal.chunks_exact_mut(MOVES).enumerate() {
            let nothing = draw.below(8) == 0;
            for (m, legal) in legal.iter_mut().enumerate() {
                let done = actions.get(row) == Some(&(m as i32));
                *legal = u8::from(!nothing && (done || draw.below(2) == 0));
            }
        }
    }
    for active in &mut rollout.active {
        *active = u8::from(draw.below(3) > 0);
    }
    rollout.log_probs.iter_mut().for_each(|p| *p = draw.uniform(-2.2, -1.0));
    rollout.rewards.iter_mut().for_each(|r| *r = draw.unit());
    rollout.values.iter_mut().for_each(|v| *v = draw.uniform(-1.0, 1.0));
    for end in &mut rollout.terminated {
        *end = u8::from(draw.below(7) == 0);
    }
    rollout
}

/// What an update leaves.
#[derive(Debug, PartialEq)]
struct Left {
    parameters: Vec<f32>,
    gradients: Vec<Vec<f32>>,
    report: LearnReport,
}

/// One update; by the kernels, or by the graph in chunks of so many rows.
fn update(
    network: &Arc<Network>,
    rollout: &ReplicaRollout,
    graph: Option<(Device, usize)>,
    rate: f64,
    settings: &PpoSettings,
) -> Left {
    let optimizer = noting(rate);
    let mut ppo = Ppo::new(settings.clone(), network.clone(), optimizer.clone(), false);
    if let Some((device, chunk)) = graph {
        ppo = ppo.on(device).unwrap();
        ppo.graph = ppo.graph.map(|graph| graph.with_chunk(chunk));
    }
    let mut parameters = parameters(network, 7);
    let (mut first, mut second) = (vec![0.0; parameters.len()], vec![0.0; parameters.len()]);
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
        key: Key::of_seed(3),
        task_weight: 1.0,
        shaped_weight: 0.0,
    };
    let experience = [Experience {
        rollout,
        seats: &[0, 1],
        chair: None,
    }];
    let report = ppo.learn(&mut state, &experience, &context).unwrap();
    let gradients = std::mem::take(&mut *optimizer.gradients.lock().unwrap());
    Left {
        parameters,
        gradients,
        report,
    }
}

fn settings(seed: u64) -> PpoSettings {
    PpoSettings {
        steps: STEPS,
        epochs: 2,
        minibatches: 3,
        entropy: 0.05.into(),
        normalize_advantage: !seed.is_multiple_of(3),
        clip_value: !seed.is_multiple_of(4),
        ..PpoSettings::default()
    }
}

/// The processor, and the first CUDA device if this build and machine have one.
fn devices() -> Vec<Device> {
    let cuda = super::super::ppo_graph::open(PpoDevice::Cuda).ok().flatten();
    [Some(Device::Cpu), cuda].into_iter().flatten().collect()
}

/// Every number within `allowed` of the largest one.
fn near(what: &str, ours: &[f32], reference: &[f32], allowed: f32) {
    assert_eq!(ours.len(), reference.len(), "{what}");
    let scale = reference.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
    for (i, (a, b)) in ours.iter().zip(reference).enumerate() {
        let apart = (a - b).abs();
        assert!(apart <= allowed * scale, "{what}[{i}]: {a} and {b} (scale {scale})");
    }
}

/// One update both ways: gradients at the same parameters, and where the parameters go.
fn both_ways(network: Network, masks: bool, turns: bool, seed: u64) {
    let network = Arc::new(network);
    assert!(network.fused());
    let (rollout, settings) = (rollout(&network, masks, turns, seed), settings(seed));
    for device in devices() {
        for chunk in [4096, 29] {
            let graph = Some((device.clone(), chunk));
            // At the rate zero every minibatch has the same parameters.
            let ours = update(&network, &rollout, graph.clone(), 0.0, &settings);
            let kernels = update(&network, &rollout, None, 0.0, &settings);
            assert_eq!(ours.gradients.len(), 6);
            for (step, (ours, kernels)) in ours.gradients.iter().zip(&kernels.gradients).enumerate() {
                near(&format!("gradient {step}"), ours, kernels, 1e-5);
            }
            for ((name, ours), (_, kernels)) in ours.report.metrics.iter().zip(&kernels.report.metrics) {
                let scale = kernels.abs().max(0.01);
                assert!((ours - kernels).abs() <= 1e-5 * scale, "{name}: {ours} and {kernels}");
            }
            let ours = update(&network, &rollout, graph, 3e-3, &settings);
            let kernels = update(&network, &rollout, None, 3e-3, &settings);
            for (i, (a, b)) in ours.parameters.iter().zip(&kernels.parameters).enumerate() {
                assert!((a - b).abs() <= 1e-4, "parameter {i}: {a} and {b}");
            }
        }
    }
}

const ELEMENTS: [ElementKind; 3] = [ElementKind::U8, ElementKind::I8, ElementKind::F32];

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn dense_networks_learn_the_same(
        (inputs, trunk, actor, critic) in (1_usize..30, 0_usize..24, 1_usize..30, 1_usize..20),
        (element, masks, turns, relu, seed) in (0_usize..3, any::<bool>(), any::<bool>(), any::<bool>(), 0_u64..1000),
    ) {
        let trunk = if trunk == 0 { String::new() } else { format!(r#"{{"dense": {trunk}}}"#) };
        let policy = format!(
            r#"{{"layers": [{trunk}], "activation": "{}",
                "heads": {{"actor": [{{"dense": {actor}}}], "critic": [{{"dense": {critic}}}, "tanh"]}}}}"#,
            if relu { "relu" } else { "tanh" },
        );
        both_ways(network(&policy, &seat(&[inputs], ELEMENTS[element], moves(MOVES))), masks, turns, seed);
    }

    #[test]
    fn convolutional_networks_learn_the_same(
        (height, width, channels) in (1_usize..6, 1_usize..6, 1_usize..12),
        (first, second, side, later, units) in (1_usize..16, 1_usize..12, 1_usize..4, 1_usize..4, 1_usize..20),
        (element, masks, turns, relu, seed) in (0_usize..3, any::<bool>(), any::<bool>(), any::<bool>(), 0_u64..1000),
    ) {
        let policy = format!(
            r#"{{"layers": [{{"conv": [{first}, {side}]}}, {{"conv": [{second}, {later}]}}, "flatten", {{"dense": {units}}}],
                "activation": "{}", "heads": {{"actor": [], "critic": [{{"dense": 5}}]}}}}"#,
            if relu { "relu" } else { "tanh" },
        );
        let grid = [height, width, channels];
        both_ways(network(&policy, &seat(&grid, ELEMENTS[element], moves(MOVES))), masks, turns, seed);
    }
}

#[test]
fn signed_bytes_are_read_as_signed() {
    let network = Arc::new(network("{}", &seat(&[3], ElementKind::I8, moves(MOVES))));
    let mut rollout = rollout(&network, false, false, 1);
    if let starling_components::spaces::ObservationBuffer::Bytes(bytes) = &mut rollout.observations {
        let mut draw = draws(4);
        bytes.iter_mut().for_each(|b| *b = draw.below(256) as u8);
    }
    for device in devices() {
        let ours = update(&network, &rollout, Some((device, 50)), 0.0, &settings(1));
        let kernels = update(&network, &rollout, None, 0.0, &settings(1));
        near("gradient", &ours.gradients[0], &kernels.gradients[0], 1e-5);
    }
}

#[test]
fn threads_change_no_bit_of_the_graph() {
    let policy = r#"{"layers": [{"conv": [6, 3]}, "flatten", {"dense": 16}]}"#;
    let network = Arc::new(network(policy, &seat(&[4, 5, 7], ElementKind::U8, moves(MOVES))));
    let rollout = rollout(&network, true, true, 2);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| update(&network, &rollout, Some((Device::Cpu, 4096)), 1e-3, &settings(1)))
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(4));
}

/// What building the learner says of this network on this device.
fn built(network: Network, device: PpoDevice) -> Result<Ppo, Fault> {
    let agent = AgentContext {
        network: Arc::new(network),
        key: Key::of_seed(1),
        first_replica: 0,
        replicas: 1,
        rows_per_step: 8,
        masks: false,
        seats_change: false,
        rows_vary: false,
        diagnostics: false,
        lanes: Vec::new(),
        ranks: Ranks::default(),
    };
    let context = LearnerContext {
        agent,
        optimizer: noting(1e-3),
        datasets: Arc::default(),
    };
    let settings = PpoSettings {
        device,
        ..PpoSettings::default()
    };
    Ppo::build(&settings, context)
}

fn a_network(policy: &str) -> Network {
    network(policy, &seat(&[3], ElementKind::F32, moves(MOVES)))
}

#[test]
fn the_device_is_chosen_when_the_learner_is_built() {
    let ppo = built(a_network("{}"), PpoDevice::Cpu).unwrap();
    assert!(ppo.graph.is_none());
    let ppo = built(a_network("{}"), PpoDevice::Candle).unwrap();
    assert!(ppo.graph.is_some());
    assert!(ppo.bytes(1024) > 0);
    match built(a_network("{}"), PpoDevice::Cuda) {
        Ok(ppo) => assert!(cfg!(feature = "cuda") && ppo.graph.is_some()),
        Err(fault) => {
            assert_eq!(fault.key, ["device"]);
            assert!(fault.advice.unwrap().contains("docs/cuda.md"));
        }
    }
}

#[test]
fn what_only_the_kernels_learn_is_refused() {
    let recurrent = a_network(r#"{"layers": [{"gru": 4}]}"#);
    let vectors = network("{}", &seat(&[3], ElementKind::F32, vector(2)));
    for network in [recurrent, vectors] {
        let fault = built(network, PpoDevice::Candle).err().expect("a fault");
        assert_eq!(fault.key, ["device"]);
        assert!(fault.message.contains("processor only"), "{}", fault.message);
    }
}
