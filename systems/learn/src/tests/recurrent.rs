//! Networks with a memory in PPO: which rows follow which, where memories are emptied and where they wait.

use super::chairs::{LANES, SEATS, cut, drawn, own, own_stretches};
use super::equality::{close, observations};
use super::masks::{MOVES, STEPS, gradient_of};
use super::{draws, moves, network, parameters, seat};
use crate::batch::Batch;
use crate::columns::LanePart;
use crate::network::Network;
use crate::network::kernels::sequence::{HOLD, RESET};
use crate::network::pass::Pass;
use proptest::prelude::*;
use starling_components::act::{Act, ActInput};
use starling_components::clock::Clocks;
use starling_components::learn::{Experience, LearnContext};
use starling_components::learners::ppo::PpoSettings;
use starling_components::random::{Draw, Key};
use starling_components::rollout::ReplicaRollout;
use starling_components::spaces::{ElementKind, EnvironmentShape, ObservationBuffer, Observations};

/// Sees what the networks of `masks` see.
const POLICY: &str =
    r#"{"layers": [{"dense": 8}, {"gru": 6}], "activation": "tanh", "heads": {"critic": [{"lstm": 3}]}}"#;
const NUMBERS: usize = 6 + 2 * 3;

fn a_network() -> Network {
    network(POLICY, &seat(&[4], ElementKind::F32, moves(MOVES)))
}

fn with_memories(mut rollout: ReplicaRollout) -> ReplicaRollout {
    let mut draw = draws(77);
    rollout.carry = (0..LANES * SEATS * NUMBERS).map(|_| draw.uniform(-1.0, 1.0)).collect();
    rollout
}

/// One stretch of one seat as a rollout of its own, filled up with waits to the length of the whole. It began with what was remembered at the
/// start of the whole, or with nothing.
fn stretch(all: &ReplicaRollout, lane: usize, seat: usize, steps: std::ops::Range<usize>) -> ReplicaRollout {
    let part = cut(all, lane, seat, steps.clone());
    let shape = EnvironmentShape {
        seats: vec![a_network().seat],
        state_words: 1,
        max_steps: None,
        global_len: 0,
        masks: true,
        turns: true,
        events: Vec::new(),
    };
    let mut long = ReplicaRollout::zeros(&shape, STEPS, 1, NUMBERS, false);
    let count = steps.len();
    if let (ObservationBuffer::Floats(to), ObservationBuffer::Floats(from)) =
        (&mut long.observations, &part.observations)
    {
        to[..from.len()].copy_from_slice(from);
    }
    long.actions.copy_within_rows(&part, count);
    long.legal[..count * MOVES].copy_from_slice(&part.legal[..count * MOVES]);
    long.log_probs[..count].copy_from_slice(&part.log_probs);
    long.values[..count].copy_from_slice(&part.values[..count]);
    long.values[STEPS] = part.values[count];
    long.rewards[..count].copy_from_slice(&part.rewards);
    long.shaped[..count].copy_from_slice(&part.shaped);
    long.terminated[..count].copy_from_slice(&part.terminated);
    long.truncated[..count].copy_from_slice(&part.truncated);
    match part.active.is_empty() {
        true => long.active[..count].fill(1),
        false => long.active[..count].copy_from_slice(&part.active),
    }
    if steps.start == 0 {
        long.carry
            .copy_from_slice(&all.carry[(lane * SEATS + seat) * NUMBERS..][..NUMBERS]);
    }
    long
}

trait CopyWithinRows {
    fn copy_within_rows(&mut self, from: &ReplicaRollout, count: usize);
}

impl CopyWithinRows for starling_components::spaces::ActionBuffer {
    fn copy_within_rows(&mut self, from: &ReplicaRollout, count: usize) {
        if let (Self::Discrete(to), Self::Discrete(from)) = (self, &from.actions) {
            to[..count].copy_from_slice(&from[..count]);
        }
    }
}

#[test]
fn the_gradient_is_that_of_every_episode_alone() {
    for turns in [false, true] {
        let network = a_network();
        let (values, layout) = (parameters(&network, 1), network.layout.clone());
        let all = with_memories(drawn(turns));
        let parts: Vec<ReplicaRollout> = own_stretches()
            .into_iter()
            .map(|(lane, seat, steps)| stretch(&all, lane, seat, steps))
            .collect();
        let alone: Vec<Experience<'_>> = parts
            .iter()
            .map(|rollout| Experience {
                rollout,
                seats: &[0],
                chair: None,
            })
            .collect();
        let (ours, report) = gradient_of(network, &own(&all, 0), &values);
        let (reference, _) = gradient_of(a_network(), &alone, &values);
        for entry in &layout.entries {
            close(&entry.name, &ours[entry.range()], &reference[entry.range()]);
        }
        let rows: usize = parts
            .iter()
            .map(|part| part.active.iter().map(|&a| usize::from(a)).sum::<usize>())
            .sum();
        assert!(
            report.metrics.contains(&("samples".to_owned(), rows as f64)),
            "{report:?}"
        );
    }
}

#[test]
fn kernels_and_graph_make_the_same_update() {
    let network = a_network();
    let (values, layout) = (parameters(&network, 1), network.layout.clone());
    assert!(network.fused());
    let mut by_graph = a_network();
    by_graph.plan = None;
    let all = with_memories(drawn(true));
    let (ours, reference) = (
        gradient_of(network, &own(&all, 0), &values).0,
        gradient_of(by_graph, &own(&all, 0), &values).0,
    );
    for entry in &layout.entries {
        let (ours, reference) = (&ours[entry.range()], &reference[entry.range()]);
        close(&entry.name, ours, reference);
        assert!(reference.iter().any(|slope| *slope != 0.0), "{}", entry.name);
    }
}

#[test]
fn rows_of_others_and_of_idle_seats_change_no_bit() {
    let values = parameters(&a_network(), 1);
    let clean = with_memories(drawn(true));
    let mut dirty = clean.clone();
    let width = dirty.width;
    for row in (0..clean.chairs.len()).filter(|&row| clean.chairs[row] != 0 || clean.active[row] == 0) {
        if let ObservationBuffer::Floats(floats) = &mut dirty.observations {
            floats[row * width..][..width].fill(7.0);
        }
        (dirty.values[row], dirty.log_probs[row]) = (50.0, -9.0);
    }
    assert_eq!(
        gradient_of(a_network(), &own(&dirty, 0), &values),
        gradient_of(a_network(), &own(&clean, 0), &values)
    );
}

fn context() -> LearnContext {
    LearnContext {
        clocks: Clocks::default(),
        replica: 0,
        key: Key::of_seed(0),
        task_weight: 1.0,
        shaped_weight: 0.0,
    }
}

/// The advantage of a step that was cut off holds the value of what came, seen with the memory of that moment.
#[test]
fn the_value_behind_a_cut_off_is_seen_with_the_memory_of_that_moment() {
    let network = a_network();
    let values = parameters(&network, 4);
    let shape = EnvironmentShape {
        seats: vec![network.seat.clone()],
        state_words: 1,
        max_steps: None,
        global_len: 0,
        masks: false,
        turns: false,
        events: Vec::new(),
    };
    let mut rollout = ReplicaRollout::zeros(&shape, 4, 1, NUMBERS, true);
    let mut draw = draws(5);
    let mut numbers = |n: usize| -> Vec<f32> { (0..n).map(|_| draw.uniform(-1.0, 1.0)).collect() };
    let (seen, finals) = (numbers(5 * 4), numbers(4 * 4));
    rollout.carry = numbers(NUMBERS);
    rollout.observations = ObservationBuffer::Floats(seen.clone());
    rollout.final_observations = Some(ObservationBuffer::Floats(finals.clone()));
    (rollout.terminated[0], rollout.truncated[2]) = (1, 1);
    let settings = PpoSettings {
        bootstrap_truncation: true,
        ..PpoSettings::default()
    };
    let mut batch = Batch::default();
    let one = Experience {
        rollout: &rollout,
        seats: &[0],
        chair: None,
    };
    batch
        .fill(LanePart::ALL, &settings, &network, &values, &[one], &context())
        .unwrap();

    // The episode began in step 1, with an empty memory.
    let mut memory = vec![0.0; NUMBERS];
    for step in 1..3 {
        let before = memory.clone();
        let row = &seen[step * 4..][..4];
        network.remember(&values, &look(row, &before), &mut memory).unwrap();
    }
    let mut value = [0.0];
    network
        .values(&values, &look(&finals[2 * 4..][..4], &memory), &mut value)
        .unwrap();
    let mut forgotten = [0.0];
    network
        .values(&values, &look(&finals[2 * 4..][..4], &[0.0; NUMBERS]), &mut forgotten)
        .unwrap();
    let expected = settings.gamma as f32 * value[0];
    assert!(
        (batch.advantages[2] - expected).abs() < 1e-6,
        "{} and {expected}",
        batch.advantages[2]
    );
    assert!((value[0] - forgotten[0]).abs() > 1e-3, "the memory matters");
}

fn look<'a>(row: &'a [f32], carry: &'a [f32]) -> ActInput<'a> {
    ActInput {
        observations: Observations::Floats(row),
        legal: None,
        carry,
        ids: &[0],
        time: 0,
        key: Key::of_seed(0),
        greedy: true,
        explore: 0.0,
    }
}

/// Outputs and every gradient of a random linear function of the outputs, over sequences with resets and waits.
fn both_ways(network: &Network, steps: usize, columns: usize, seed: u64) {
    let parameters = parameters(network, seed);
    let rows = steps * columns;
    let buffer = observations(network, rows, seed);
    let view = buffer.slice(0..buffer.len());
    let mut draw = draws(seed ^ 0xca44);
    let carry: Vec<f32> = (0..columns * network.carry())
        .map(|_| draw.uniform(-1.0, 1.0))
        .collect();
    let mut flag = || RESET * u8::from(draw.below(5) == 0) + HOLD * u8::from(draw.below(3) == 0);
    let flags: Vec<u8> = (0..rows).map(|_| flag()).collect();
    let run = |reference: bool| {
        let mut pass = Pass::new();
        network.gather(&mut pass, (0..rows).map(|row| (view, row * network.inputs())));
        pass.remember(&flags, &carry, columns);
        match reference {
            true => network.forward_reference(&parameters, &mut pass).unwrap(),
            false => network.forward(&parameters, &mut pass).unwrap(),
        }
        let mut draw = draws(seed ^ 0x510e);
        let out = network.outputs(&mut pass);
        let (policy, value) = (out.policy.to_vec(), out.value.to_vec());
        let slopes = out.policy_slope.iter_mut().chain(out.value_slope.iter_mut());
        slopes.for_each(|s| *s = draw.uniform(-1.0, 1.0));
        network.backward(&parameters, &mut pass).unwrap();
        (policy, value, pass.gradient().to_vec())
    };
    let (ours, reference) = (run(false), run(true));
    close("policy", &ours.0, &reference.0);
    close("value", &ours.1, &reference.1);
    close("gradient", &ours.2, &reference.2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn kernels_and_graph_agree_over_time(
        (first, second, trunk) in (1_usize..20, 1_usize..20, any::<bool>()),
        (steps, columns, seed) in (1_usize..10, 1_usize..12, 0_u64..1000),
        bytes in any::<bool>(),
    ) {
        let layers = match trunk {
            true => format!(r#"{{"dense": 9}}, {{"gru": {first}}}, {{"dense": 5}}, {{"lstm": {second}}}"#),
            false => format!(r#"{{"lstm": {{"units": {first}}}}}, {{"gru": {second}}}"#),
        };
        let policy = format!(
            r#"{{"layers": [{layers}], "activation": "tanh", "heads": {{"actor": [{{"gru": 4}}], "critic": [{{"dense": 3}}]}}}}"#
        );
        let element = if bytes { ElementKind::U8 } else { ElementKind::F32 };
        let network = network(&policy, &seat(&[3, 2], element, moves(3)));
        prop_assert!(network.fused());
        both_ways(&network, steps, columns, seed);
    }
}
