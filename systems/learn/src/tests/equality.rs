//! The kernels and the Candle graph are the same function with the same gradient.

use super::{draws, moves, network, parameters, seat, vector};
use crate::network::Network;
use crate::network::pass::Pass;
use proptest::prelude::*;
use starling_components::random::Draw;
use starling_components::spaces::{ElementKind, ObservationBuffer};

/// Observations of `rows` rows; bytes are mostly zero in every second case.
pub(super) fn observations(network: &Network, rows: usize, seed: u64) -> ObservationBuffer {
    let mut draw = draws(seed ^ 0x5eed);
    let len = rows * network.inputs();
    match network.element() {
        ElementKind::F32 => ObservationBuffer::Floats((0..len).map(|_| draw.uniform(-1.0, 1.0)).collect()),
        _ => {
            let zeros = if seed.is_multiple_of(2) { 10 } else { 1 };
            let mut byte = || {
                if draw.below(zeros + 1) < zeros {
                    0
                } else {
                    draw.below(4) as u8
                }
            };
            ObservationBuffer::Bytes((0..len).map(|_| byte()).collect())
        }
    }
}

pub(super) fn close(what: &str, ours: &[f32], reference: &[f32]) {
    close_by(what, ours, reference, largest(reference));
}

/// The largest entry, and never below a tenth: the terms of these sums are of order one, so what cancels to less still carries their rounding, a few
/// 1e-7. With the 1e-5 of `close_by` the least tolerance is 1e-6.
fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.1_f32, |m, x| m.max(x.abs()))
}

/// Within 1e-5 of `scale`.
fn close_by(what: &str, ours: &[f32], reference: &[f32], scale: f32) {
    assert_eq!(ours.len(), reference.len(), "{what}");
    for (i, (a, b)) in ours.iter().zip(reference).enumerate() {
        assert!(
            (a - b).abs() <= 1e-5 * scale,
            "{what}[{i}]: {a} and {b} (scale {scale})"
        );
    }
}

/// Outputs and every gradient of a random linear function of the outputs.
fn both_ways(network: &Network, rows: usize, seed: u64) {
    let parameters = parameters(network, seed);
    let buffer = observations(network, rows, seed);
    let view = buffer.slice(0..buffer.len());
    let run = |reference: bool| {
        let mut pass = Pass::new();
        network.gather(&mut pass, (0..rows).map(|row| (view, row * network.inputs())));
        if reference {
            network.forward_reference(&parameters, &mut pass).unwrap();
        } else {
            network.forward(&parameters, &mut pass).unwrap();
        }
        let mut draw = draws(seed ^ 0x510e);
        let out = network.outputs(&mut pass);
        let (policy, value) = (out.policy.to_vec(), out.value.to_vec());
        let slopes = out.policy_slope.iter_mut().chain(out.value_slope.iter_mut());
        slopes.for_each(|s| *s = draw.uniform(-1.0, 1.0));
        out.log_std_slope.iter_mut().for_each(|s| *s = draw.uniform(-1.0, 1.0));
        network.backward(&parameters, &mut pass).unwrap();
        (policy, value, pass.gradient().to_vec())
    };
    let (ours, reference) = (run(false), run(true));
    close("policy", &ours.0, &reference.0);
    close("value", &ours.1, &reference.1);
    // The scale is the whole gradient's: a tensor of one number may be a sum over rows that cancels, and then has none of its own.
    let scale = largest(&reference.2);
    for entry in &network.layout.entries {
        close_by(&entry.name, &ours.2[entry.range()], &reference.2[entry.range()], scale);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn kernels_and_graph_agree(
        (inputs, trunk, actor, critic) in (1_usize..40, 0_usize..40, 1_usize..70, 1_usize..40),
        (outputs, rows, seed) in (1_usize..9, 1_usize..80, 0_u64..1000),
        (bytes, boxes, norm, relu) in (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()),
    ) {
        let mut layers = vec![];
        if norm && trunk >= 8 {
            // Normalised are numbers that differ. A row of a few, or of saturated ones, has no variance to speak of, and the gradient before it is
            // rounding divided by next to nothing.
            layers.push(format!(r#"{{"dense": {{"units": {trunk}, "activation": "none"}}}}"#));
            layers.push(r#""layer_norm""#.to_owned());
            layers.push(r#""relu""#.to_owned());
        } else if trunk > 0 {
            layers.push(format!(r#"{{"dense": {trunk}}}"#));
        }
        let policy = format!(
            r#"{{"layers": [{}], "activation": "{}",
                "heads": {{"actor": [{{"dense": {actor}}}, "tanh"], "critic": [{{"dense": {{"units": {critic}, "activation": "none"}}}}]}}}}"#,
            layers.join(", "),
            if relu { "relu" } else { "tanh" },
        );
        let element = if bytes { ElementKind::U8 } else { ElementKind::F32 };
        let action = if boxes { vector(outputs) } else { moves(outputs) };
        let network = network(&policy, &seat(&[inputs], element, action));
        prop_assert!(network.fused());
        both_ways(&network, rows, seed);
    }
}

#[test]
fn action_values_by_kernels_and_graph_agree() {
    let policy = r#"{"layers": [{"dense": 16}], "init": "lecun_normal", "heads": {"q": [{"dense": 24}]}}"#;
    for (element, rows) in [(ElementKind::F32, 33), (ElementKind::U8, 70)] {
        let network = network(policy, &seat(&[4, 3], element, moves(5)));
        assert!(network.fused());
        both_ways(&network, rows, 6);
    }
}

#[test]
fn a_shared_trunk_gets_the_slopes_of_both_heads() {
    let policy = r#"{"layers": [{"dense": 16}, {"dense": 16}], "activation": "tanh"}"#;
    both_ways(&network(policy, &seat(&[4, 3], ElementKind::F32, moves(3))), 33, 1);
}
