//! Acting: the same bits however rows are grouped, and the same numbers as the graph.

use super::equality::observations;
use super::{moves, network, parameters, registry, seat, vector};
use crate::network::Network;
use crate::network::layer::{Layer, LayerSlot, TensorSpec};
use crate::network::pass::Pass;
use candle_core::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use starling_components::act::{Act, ActInput, ActOutput};
use starling_components::random::Key;
use starling_components::registry::KindSettings;
use starling_components::spaces::{ActionBuffer, ElementKind, ObservationBuffer};

const CONV: &str = r#"{"layers": [{"conv": [8, 3]}, {"conv": {"features": 4, "kernel": 2, "activation": "tanh"}}, "flatten", {"dense": 24}, "layer_norm"]}"#;
const DENSE: &str =
    r#"{"activation": "tanh", "heads": {"actor": [{"dense": 64}, {"dense": 64}], "critic": [{"dense": 20}]}}"#;

pub(super) type Answers = (ActionBuffer, Vec<f32>, Vec<f32>);

pub(super) fn act(
    network: &Network,
    parameters: &[f32],
    buffer: &ObservationBuffer,
    legal: Option<&[u8]>,
    split: usize,
) -> Answers {
    let width = network.inputs();
    let rows = buffer.len() / width;
    let components = network.seat.action.components();
    let ids: Vec<u32> = (0..rows as u32).collect();
    let mut actions = match network.seat.action.moves() {
        0 => ActionBuffer::Continuous(vec![0.0; rows * components]),
        _ => ActionBuffer::Discrete(vec![0; rows]),
    };
    let (mut log_probs, mut values) = (vec![0.0; rows], vec![0.0; rows]);
    for start in (0..rows).step_by(split) {
        let end = (start + split).min(rows);
        let moves = network.seat.action.moves();
        let input = ActInput {
            observations: buffer.slice(start * width..end * width),
            legal: legal.map(|mask| &mask[start * moves..end * moves]),
            carry: &[],
            ids: &ids[start..end],
            time: 7,
            key: Key::of_seed(3),
            greedy: false,
            explore: 0.0,
        };
        let mut output = ActOutput {
            actions: actions.slice_mut(start * components..end * components),
            log_probs: &mut log_probs[start..end],
            values: &mut values[start..end],
            carry: &mut [],
        };
        network.act(parameters, &input, &mut output).unwrap();
    }
    (actions, log_probs, values)
}

fn check(policy: &str, shape: &[usize], element: ElementKind, boxes: bool) {
    let action = if boxes { vector(3) } else { moves(6) };
    check_network(policy, &network(policy, &seat(shape, element, action)));
}

fn check_network(policy: &str, network: &Network) {
    let parameters = parameters(network, 4);
    let buffer = observations(network, 37, 2);
    let whole = act(network, &parameters, &buffer, None, 37);
    for split in [1, 2, 5, 16] {
        assert_eq!(
            whole,
            act(network, &parameters, &buffer, None, split),
            "{policy} split by {split}"
        );
    }
    let mut pass = Pass::new();
    let view = buffer.slice(0..buffer.len());
    network.gather(&mut pass, (0..37).map(|row| (view, row * network.inputs())));
    network.forward_reference(&parameters, &mut pass).unwrap();
    let reference = network.outputs(&mut pass).value.to_vec();
    for (ours, theirs) in whole.2.iter().zip(&reference) {
        assert!(
            (ours - theirs).abs() <= 1e-5 * theirs.abs().max(1.0),
            "{policy}: {ours} and {theirs}"
        );
    }
}

#[test]
fn rows_may_come_in_any_grouping() {
    check(DENSE, &[4], ElementKind::F32, false);
    check(DENSE, &[5, 4, 3], ElementKind::U8, false);
    check(DENSE, &[9], ElementKind::I8, true);
    check(CONV, &[5, 4, 3], ElementKind::U8, false);
    check(CONV, &[3, 3, 2], ElementKind::F32, true);
}

#[test]
fn illegal_moves_are_never_taken() {
    let network = network(DENSE, &seat(&[4], ElementKind::F32, moves(3)));
    let parameters = parameters(&network, 1);
    let buffer = observations(&network, 200, 1);
    let legal: Vec<u8> = (0..200)
        .flat_map(|row| [u8::from(row % 2 == 0), 0, u8::from(row % 3 != 0)])
        .collect();
    let (actions, log_probs, _) = act(&network, &parameters, &buffer, Some(&legal), 64);
    let ActionBuffer::Discrete(actions) = actions else {
        panic!()
    };
    for (row, (&action, &log_prob)) in actions.iter().zip(&log_probs).enumerate() {
        let mask = &legal[row * 3..][..3];
        let any = mask.iter().any(|&m| m != 0);
        assert!(!any || mask[action as usize] == 1, "row {row}");
        assert!(log_prob.is_finite() && log_prob <= 0.0);
    }
}

const VALUES: &str = r#"{"heads": {"q": [{"dense": 24}]}}"#;

#[test]
fn the_best_legal_move_is_done_and_its_value_told() {
    for policy in [
        VALUES,
        r#"{"layers": [{"conv": [4, 2]}, "flatten"], "heads": {"q": [{"dense": 8}]}}"#,
    ] {
        let network = network(policy, &seat(&[3, 2, 2], ElementKind::U8, moves(4)));
        let parameters = parameters(&network, 1);
        let (buffer, rows) = (observations(&network, 60, 1), 60);
        let legal: Vec<u8> = (0..rows)
            .flat_map(|row| [u8::from(row % 2 == 0), 1, 0, u8::from(row % 3 == 0)])
            .collect();
        let whole = act(&network, &parameters, &buffer, Some(&legal), rows);
        assert_eq!(whole, act(&network, &parameters, &buffer, Some(&legal), 7));
        let mut pass = Pass::new();
        let view = buffer.slice(0..buffer.len());
        network.gather(&mut pass, (0..rows).map(|row| (view, row * network.inputs())));
        network.forward_reference(&parameters, &mut pass).unwrap();
        let values = network.outputs(&mut pass).policy.to_vec();
        let (ActionBuffer::Discrete(actions), log_probs, bests) = whole else {
            panic!()
        };
        let mut others = 0;
        for row in 0..rows {
            let allowed = |&m: &usize| legal[row * 4 + m] != 0;
            let best = |a: &usize, b: &usize| values[row * 4 + a].total_cmp(&values[row * 4 + b]);
            let expected = (0..4).filter(allowed).max_by(best).expect("a legal move");
            assert_eq!(actions[row] as usize, expected, "{policy} row {row}");
            assert!((bests[row] - values[row * 4 + expected]).abs() < 1e-4);
            assert_eq!(log_probs[row], 0.0);
            others += usize::from((0..4).max_by(best) != Some(expected));
        }
        assert!(others > 5, "masks that change nothing prove nothing");
    }
}

#[test]
fn explored_moves_are_legal_and_their_log_probability_is_that_of_the_mixture() {
    for policy in [VALUES, DENSE] {
        let network = network(policy, &seat(&[4], ElementKind::F32, moves(3)));
        let parameters = parameters(&network, 1);
        let (buffer, rows) = (observations(&network, 400, 1), 400);
        let legal: Vec<u8> = (0..rows).flat_map(|row| [1, u8::from(row % 2 == 0), 0]).collect();
        let run = |explore: f32| {
            let (mut actions, mut log_probs) = (vec![0; rows], vec![0.0; rows]);
            let (mut values, ids) = (vec![0.0; rows], (0..rows as u32).collect::<Vec<_>>());
            let input = ActInput {
                observations: buffer.slice(0..buffer.len()),
                legal: Some(&legal),
                carry: &[],
                ids: &ids,
                time: 7,
                key: Key::of_seed(3),
                greedy: true,
                explore,
            };
            let mut output = ActOutput {
                actions: starling_components::spaces::ActionsMut::Discrete(&mut actions),
                log_probs: &mut log_probs,
                values: &mut values,
                carry: &mut [],
            };
            network.act(&parameters, &input, &mut output).unwrap();
            (actions, log_probs)
        };
        let (followed, certain) = run(0.0);
        let (explored, log_probs) = run(0.5);
        let mut changed = 0;
        for row in 0..rows {
            let count = if row % 2 == 0 { 2.0 } else { 1.0 };
            assert!(
                explored[row] >= 0 && legal[row * 3 + explored[row] as usize] == 1,
                "row {row}"
            );
            changed += usize::from(explored[row] != followed[row]);
            if explored[row] == followed[row] {
                let own = starling_components::maths::exp(certain[row]);
                let expected = starling_components::maths::ln(0.5 / count + 0.5 * own);
                assert!((log_probs[row] - expected).abs() < 1e-6, "row {row}");
            } else {
                assert!(log_probs[row] < -0.2, "row {row}: {}", log_probs[row]);
            }
        }
        // Half of the rows explore, half of these have a choice, half of those choose the other move.
        assert!((30..70).contains(&changed), "{policy}: {changed}");
    }
}

/// A layer from outside the crate, known to the graph only.
struct Twice(Vec<usize>);

impl Layer for Twice {
    fn output(&self) -> Vec<usize> {
        self.0.clone()
    }
    fn tensors(&self) -> Vec<TensorSpec> {
        Vec::new()
    }
    fn graph(&self, _: &[Tensor], x: &Tensor) -> candle_core::Result<Tensor> {
        x * 2.0
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct TwiceSettings {}

impl KindSettings for TwiceSettings {
    const NAME: &'static str = "twice";
}

#[test]
fn a_layer_without_a_kernel_acts_by_the_graph() {
    let mut registry = registry();
    registry.kind::<LayerSlot, TwiceSettings>(|_, context| Ok(Box::new(Twice(context.input.to_vec()))));
    let policy = r#"{"layers": [{"dense": 8}, "twice"], "heads": {"actor": [{"dense": 8}]}}"#;
    let spec = serde_json::from_str(policy).unwrap();
    let network = Network::describe(&spec, &seat(&[4], ElementKind::F32, moves(3)), &registry).unwrap();
    assert!(!network.fused());
    check_network(policy, &network);
}
