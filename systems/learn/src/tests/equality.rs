//! The kernels and the Candle graph are the same function with the same gradient. Both are compared with the graph in `f64`, each number by
//! the size of what was added up to it: a sum that cancels still carries the rounding of its terms.

use super::{draws, moves, network, parameters, seat, vector};
use crate::network::pass::Pass;
use crate::network::{Head, Network, Stage};
use candle_core::{Device, Tensor, Var};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
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

/// Within 1e-5 of the largest entry, which counts as a tenth at least: the terms of these sums are of order one.
pub(super) fn close(what: &str, ours: &[f32], reference: &[f32]) {
    assert_eq!(ours.len(), reference.len(), "{what}");
    let scale = reference.iter().fold(0.1_f32, |m, x| m.max(x.abs()));
    for (i, (a, b)) in ours.iter().zip(reference).enumerate() {
        assert!(
            (a - b).abs() <= 1e-5 * scale,
            "{what}[{i}]: {a} and {b} (scale {scale})"
        );
    }
}

/// Outputs, and the gradient of a linear function of them with given slopes.
struct Answers<T> {
    policy: Vec<T>,
    value: Vec<T>,
    gradient: Vec<T>,
}

/// Slopes of all outputs: `[rows, outputs]`, `[rows]`, and of the logarithms of the standard deviations.
struct Slopes {
    policy: Vec<f32>,
    value: Vec<f32>,
    log_std: Vec<f32>,
}

fn chain(network: &Network, stages: &[Stage], variables: &[Var], mut x: Tensor) -> candle_core::Result<Tensor> {
    for stage in stages {
        let place =
            |range: &std::ops::Range<usize>| network.layout.entries.iter().position(|e| e.range() == *range).unwrap();
        let tensors: Vec<Tensor> = stage
            .tensors
            .iter()
            .map(|range| variables[place(range)].as_tensor().clone())
            .collect();
        x = stage.layer.graph(&tensors, &x)?;
    }
    Ok(x)
}

/// The graph in `f64`.
fn exact(network: &Network, parameters: &[f32], input: &[f64], slopes: &Slopes) -> candle_core::Result<Answers<f64>> {
    let device = &Device::Cpu;
    let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
    let variables: Vec<Var> = network
        .layout
        .entries
        .iter()
        .map(|e| Var::from_slice(&wide(&parameters[e.range()]), e.shape.as_slice(), device))
        .collect::<candle_core::Result<_>>()?;
    let rows = input.len() / network.inputs();
    let mut shape = vec![rows];
    shape.extend(&network.seat.observation.shape);
    let x = Tensor::from_slice(input, shape, device)?;
    let trunk = chain(network, &network.trunk, &variables, x)?;
    let policy = chain(network, &network.actor, &variables, trunk.clone())?;
    let value = chain(network, &network.critic, &variables, trunk)?;
    let slope = |slopes: &[f32], of: &Tensor| Tensor::from_slice(&wide(slopes), of.shape(), device);
    let sum = (slope(&slopes.policy, &policy)? * &policy)?.sum_all()?;
    let gradients = (sum + (slope(&slopes.value, &value)? * &value)?.sum_all()?)?.backward()?;
    let mut gradient = vec![0.0; network.layout.len()];
    for (entry, variable) in network.layout.entries.iter().zip(&variables) {
        if let Some(tensor) = gradients.get(variable.as_tensor()) {
            gradient[entry.range()].copy_from_slice(&tensor.flatten_all()?.to_vec1::<f64>()?);
        }
    }
    if let Head::Gaussian { log_std, .. } = &network.head {
        gradient[log_std.clone()].copy_from_slice(&wide(&slopes.log_std));
    }
    Ok(Answers {
        policy: policy.flatten_all()?.to_vec1()?,
        value: value.flatten_all()?.to_vec1()?,
        gradient,
    })
}

/// The kernels, or the graph in `f32`.
fn learnt(
    network: &Network,
    parameters: &[f32],
    buffer: &ObservationBuffer,
    slopes: &Slopes,
    graph: bool,
) -> Answers<f32> {
    let (view, width) = (buffer.slice(0..buffer.len()), network.inputs());
    let mut pass = Pass::new();
    network.gather(&mut pass, (0..buffer.len() / width).map(|row| (view, row * width)));
    if graph {
        network.forward_reference(parameters, &mut pass).unwrap();
    } else {
        network.forward(parameters, &mut pass).unwrap();
    }
    let out = network.outputs(&mut pass);
    let (policy, value) = (out.policy.to_vec(), out.value.to_vec());
    out.policy_slope.copy_from_slice(&slopes.policy);
    out.value_slope.copy_from_slice(&slopes.value);
    out.log_std_slope.copy_from_slice(&slopes.log_std);
    network.backward(parameters, &mut pass).unwrap();
    Answers {
        policy,
        value,
        gradient: pass.gradient().to_vec(),
    }
}

/// Every number within 1e-5 of its tensor's largest sum of the sizes of what the rows contribute.
fn check(what: &str, ours: &[f32], exact: &[f64], sizes: &[f64]) {
    assert_eq!(ours.len(), exact.len(), "{what}");
    let scale = sizes.iter().fold(0.0_f64, |m, &x| m.max(x));
    for (i, (&a, b)) in ours.iter().zip(exact).enumerate() {
        let apart = (f64::from(a) - b).abs();
        assert!(apart <= 1e-5 * scale, "{what}[{i}]: {a} and {b} (scale {scale})");
    }
}

/// Outputs and every gradient of a random linear function of the outputs.
fn both_ways(network: &Network, rows: usize, seed: u64) {
    let parameters = parameters(network, seed);
    let buffer = observations(network, rows, seed);
    let input: Vec<f64> = match &buffer {
        ObservationBuffer::Floats(floats) => floats.iter().map(|&x| f64::from(x)).collect(),
        ObservationBuffer::Bytes(bytes) => bytes.iter().map(|&x| f64::from(x)).collect(),
    };
    let mut draw = draws(seed ^ 0x510e);
    let mut drawn = |len: usize| (0..len).map(|_| draw.uniform(-1.0, 1.0)).collect::<Vec<f32>>();
    let outputs = network.head.outputs();
    let slopes = Slopes {
        policy: drawn(rows * outputs),
        value: drawn(rows),
        log_std: drawn(if matches!(network.head, Head::Gaussian { .. }) {
            outputs
        } else {
            0
        }),
    };
    let whole = exact(network, &parameters, &input, &slopes).unwrap();
    let mut sizes = vec![0.0; network.layout.len()];
    for (row, input) in input.chunks_exact(network.inputs()).enumerate() {
        let slopes = Slopes {
            policy: slopes.policy[row * outputs..][..outputs].to_vec(),
            value: vec![slopes.value[row]],
            log_std: slopes.log_std.clone(),
        };
        let alone = exact(network, &parameters, input, &slopes).unwrap();
        sizes
            .iter_mut()
            .zip(alone.gradient)
            .for_each(|(sum, g)| *sum += g.abs());
    }
    for graph in [false, true] {
        let ours = learnt(network, &parameters, &buffer, &slopes, graph);
        // Outputs are sums of terms of order one.
        check("policy", &ours.policy, &whole.policy, &[1.0]);
        check("value", &ours.value, &whole.value, &[1.0]);
        for entry in &network.layout.entries {
            let place = entry.range();
            let name = format!("{} (graph: {graph})", entry.name);
            check(
                &name,
                &ours.gradient[place.clone()],
                &whole.gradient[place.clone()],
                &sizes[place],
            );
        }
    }
}

pub(super) fn cases(count: u32) -> ProptestConfig {
    ProptestConfig {
        // Always the same: a case in which a relu is within rounding of its corner is a fact, not bad luck.
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::with_cases(count)
    }
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn dense_kernels_and_graph_agree(
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

    #[test]
    fn convolution_kernels_and_graph_agree(
        (height, width, channels) in (1_usize..7, 1_usize..8, 1_usize..40),
        (first, second, rows, seed) in (1_usize..70, 1_usize..40, 1_usize..30, 0_u64..1000),
        (side, later, units) in (1_usize..6, 1_usize..5, 1_usize..20),
        (bytes, norm, relu) in (any::<bool>(), any::<bool>(), any::<bool>()),
    ) {
        let norm = if norm && second >= 8 { r#""layer_norm", "# } else { "" };
        let policy = format!(
            r#"{{"layers": [{{"conv": [{first}, {side}]}}, {{"conv": [{second}, {later}]}}, {norm}{{"conv": [4, 1]}}, "flatten", {{"dense": {units}}}],
                "activation": "{}", "heads": {{"actor": [], "critic": [{{"dense": 5}}]}}}}"#,
            if relu { "relu" } else { "tanh" },
        );
        let element = if bytes { ElementKind::U8 } else { ElementKind::F32 };
        let network = network(&policy, &seat(&[height, width, channels], element, moves(4)));
        prop_assert!(network.fused());
        both_ways(&network, rows, seed);
    }
}

#[test]
fn a_shared_trunk_gets_the_slopes_of_both_heads() {
    let policy = r#"{"layers": [{"dense": 16}, {"dense": 16}], "activation": "tanh"}"#;
    both_ways(&network(policy, &seat(&[4, 3], ElementKind::F32, moves(3))), 33, 1);
}

/// Leading 1x1 layers of bytes are computed once for equal cells; the same numbers as floats have every cell computed.
#[test]
fn equal_cells_computed_once_have_the_same_bits() {
    for layers in [
        r#"{"conv": [20, 1]}"#,
        r#"{"conv": [20, 1]}, {"conv": [9, 1]}, {"conv": [8, 1]}"#,
    ] {
        let policy = format!(r#"{{"layers": [{layers}, {{"conv": [6, 3]}}, "flatten", {{"dense": 10}}]}}"#);
        let [bytes, floats] =
            [ElementKind::U8, ElementKind::F32].map(|element| network(&policy, &seat(&[4, 5, 7], element, moves(3))));
        let parameters = parameters(&bytes, 3);
        let buffer = observations(&bytes, 50, 2);
        let ObservationBuffer::Bytes(cells) = &buffer else {
            panic!("bytes were asked for")
        };
        let as_floats = ObservationBuffer::Floats(cells.iter().map(|&b| f32::from(b)).collect());
        let mut draw = draws(5);
        let mut drawn = |len: usize| (0..len).map(|_| draw.uniform(-1.0, 1.0)).collect::<Vec<f32>>();
        let slopes = Slopes {
            policy: drawn(150),
            value: drawn(50),
            log_std: Vec::new(),
        };
        let once = learnt(&bytes, &parameters, &buffer, &slopes, false);
        let every = learnt(&floats, &parameters, &as_floats, &slopes, false);
        let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&once.policy), bits(&every.policy));
        assert_eq!(bits(&once.value), bits(&every.value));
        for entry in &bytes.layout.entries {
            close(
                &entry.name,
                &once.gradient[entry.range()],
                &every.gradient[entry.range()],
            );
        }
        both_ways(&bytes, 50, 2);
    }
}
