//! Gradients against central differences of the same network written plainly in `f64`.

use super::equality::{close, observations};
use super::{draws, moves, network, parameters, seat};
use crate::network::pass::Pass;
use starling_components::random::Draw;
use starling_components::spaces::{ElementKind, ObservationBuffer};

/// A layer of the plain network; its tensors are taken from the buffer in order.
enum Step {
    /// Grid `[height, width, channels]`, features, side.
    Conv([usize; 3], usize, usize),
    /// Length of the axis.
    Norm(usize),
    Tanh,
    /// Outputs.
    Dense(usize),
}

fn take<'a>(parameters: &mut &'a [f64], n: usize) -> &'a [f64] {
    let (taken, rest) = parameters.split_at(n);
    *parameters = rest;
    taken
}

fn apply(step: &Step, parameters: &mut &[f64], x: &[f64]) -> Vec<f64> {
    match *step {
        Step::Conv([height, width, channels], features, side) => {
            let weights = take(parameters, side * side * channels * features);
            let bias = take(parameters, features);
            let before = (side - 1) / 2;
            let mut y = Vec::new();
            for (row, column) in (0..height).flat_map(|row| (0..width).map(move |column| (row, column))) {
                for feature in 0..features {
                    let mut sum = bias[feature];
                    for (ky, kx) in (0..side).flat_map(|ky| (0..side).map(move |kx| (ky, kx))) {
                        let (at_row, at_column) = (row + ky, column + kx);
                        let inside = (before..before + height).contains(&at_row)
                            && (before..before + width).contains(&at_column);
                        for channel in (0..channels).filter(|_| inside) {
                            let cell = (at_row - before) * width + at_column - before;
                            sum += x[cell * channels + channel]
                                * weights[((ky * side + kx) * channels + channel) * features + feature];
                        }
                    }
                    y.push(sum);
                }
            }
            y
        }
        Step::Norm(axis) => {
            let (scale, bias) = (take(parameters, axis), take(parameters, axis));
            let mut y = Vec::new();
            for x in x.chunks_exact(axis) {
                let mean = x.iter().sum::<f64>() / axis as f64;
                let variance = x.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / axis as f64;
                y.extend((0..axis).map(|i| (x[i] - mean) / (variance + EPS).sqrt() * scale[i] + bias[i]));
            }
            y
        }
        #[allow(clippy::disallowed_methods)] // the platform's function is the yardstick
        Step::Tanh => x.iter().map(|v| v.tanh()).collect(),
        Step::Dense(outputs) => {
            let weights = take(parameters, x.len() * outputs);
            let bias = take(parameters, outputs);
            let dot = |j: usize| {
                x.iter()
                    .enumerate()
                    .map(|(i, v)| v * weights[i * outputs + j])
                    .sum::<f64>()
            };
            (0..outputs).map(|j| bias[j] + dot(j)).collect()
        }
    }
}

const EPS: f64 = 0.01;
const MOVES: usize = 3;
const ROWS: usize = 5;

/// Compares all gradients of a random linear function of the outputs. The heads are output layers alone.
fn check(policy: &str, shape: &[usize], trunk: &[Step]) {
    let network = network(policy, &seat(shape, ElementKind::F32, moves(MOVES)));
    assert!(network.fused());
    let parameters = parameters(&network, 6);
    let buffer = observations(&network, ROWS, 1);
    let ObservationBuffer::Floats(floats) = &buffer else {
        panic!("float observations")
    };
    let mut draw = draws(17);
    let slopes: Vec<f32> = (0..ROWS * (MOVES + 1)).map(|_| draw.uniform(-1.0, 1.0)).collect();

    let mut pass = Pass::new();
    let view = buffer.slice(0..buffer.len());
    network.gather(&mut pass, (0..ROWS).map(|row| (view, row * network.inputs())));
    network.forward(&parameters, &mut pass).unwrap();
    let out = network.outputs(&mut pass);
    out.policy_slope.copy_from_slice(&slopes[..ROWS * MOVES]);
    out.value_slope.copy_from_slice(&slopes[ROWS * MOVES..]);
    network.backward(&parameters, &mut pass).unwrap();

    let total = |parameters: &[f64]| {
        let mut sum = 0.0;
        for row in 0..ROWS {
            let mut left = parameters;
            let n = network.inputs();
            let mut x: Vec<f64> = floats[row * n..][..n].iter().map(|&v| f64::from(v)).collect();
            for step in trunk {
                x = apply(step, &mut left, &x);
            }
            let policy = apply(&Step::Dense(MOVES), &mut left, &x);
            let value = apply(&Step::Dense(1), &mut left, &x);
            assert!(left.is_empty());
            sum += policy
                .iter()
                .zip(&slopes[row * MOVES..])
                .map(|(y, &s)| y * f64::from(s))
                .sum::<f64>();
            sum += value[0] * f64::from(slopes[ROWS * MOVES + row]);
        }
        sum
    };
    let exact: Vec<f64> = parameters.iter().map(|&p| f64::from(p)).collect();
    let difference = |i: usize| {
        let at = |shift: f64| {
            let mut moved = exact.clone();
            moved[i] += shift;
            total(&moved)
        };
        ((at(1e-5) - at(-1e-5)) / 2e-5) as f32
    };
    let expected: Vec<f32> = (0..exact.len()).map(difference).collect();
    for entry in &network.layout.entries {
        close(&entry.name, &pass.gradient()[entry.range()], &expected[entry.range()]);
    }
}

#[test]
fn a_convolution_has_the_gradient_of_differences() {
    // An odd and an even side: padding differs.
    let policy = r#"{"layers": [{"conv": {"features": 3, "kernel": 3, "activation": "tanh"}},
        {"conv": {"features": 2, "kernel": 2, "activation": "none"}}, "flatten"]}"#;
    let trunk = [Step::Conv([4, 3, 2], 3, 3), Step::Tanh, Step::Conv([4, 3, 3], 2, 2)];
    check(policy, &[4, 3, 2], &trunk);
}

#[test]
fn layer_norm_has_the_gradient_of_differences() {
    let policy =
        r#"{"layers": [{"dense": {"units": 6, "activation": "none"}}, {"layer_norm": {"eps": 0.01}}, "tanh"]}"#;
    check(policy, &[4], &[Step::Dense(6), Step::Norm(6), Step::Tanh]);
    // Over the channels of a grid, by the graph.
    let policy = r#"{"layers": [{"conv": {"features": 3, "kernel": 1, "activation": "none"}}, {"layer_norm": {"eps": 0.01}}, "flatten"]}"#;
    check(policy, &[2, 3, 2], &[Step::Conv([2, 3, 2], 3, 1), Step::Norm(3)]);
}
