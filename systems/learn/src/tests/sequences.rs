//! Layers with a memory: the kernel over whole sequences, its Candle operation and the plain graph are the same function with the same
//! gradients.

use super::draws;
use super::speed::best_ms;
use crate::network::graph_sequence::GraphSequence;
use crate::network::kernels::gru::GruSizes;
use crate::network::kernels::lstm::LstmSizes;
use crate::network::kernels::recurrent::Recurrent;
use crate::network::kernels::sequence::{HOLD, RESET, Sequence, Tape};
use crate::network::layer::{LayerContext, LayerSlot};
use crate::network::sequence_op::recurrent_sequence;
use candle_core::{Device, Tensor, Var};
use proptest::prelude::*;
use starling_components::layers::Activation;
use starling_components::random::Draw;
use starling_components::registry::Choice;
use starling_components::specs::WeightInit;

fn layer(lstm: bool, inputs: usize, units: usize) -> Recurrent {
    if lstm {
        Recurrent::Lstm(LstmSizes { inputs, units })
    } else {
        Recurrent::Gru(GruSizes { inputs, units })
    }
}

/// Operands of a random sequence. A third of the rows are waits and a fifth resets if `flags`.
struct Case {
    layer: Recurrent,
    steps: usize,
    columns: usize,
    x: Vec<f32>,
    parameters: Vec<f32>,
    carry: Vec<f32>,
    flags: Vec<u8>,
    slopes: Vec<f32>,
}

impl Case {
    fn new(layer: Recurrent, steps: usize, columns: usize, flagged: bool, seed: u64) -> Self {
        let mut draw = draws(seed);
        let rows = steps * columns;
        let mut numbers = |len: usize, most: f32| -> Vec<f32> { (0..len).map(|_| draw.uniform(-most, most)).collect() };
        let x = numbers(rows * layer.inputs(), 1.0);
        let parameters = numbers(layer.parameters(), 1.0 / (layer.units() as f32).sqrt());
        let (carry, slopes) = (
            numbers(columns * layer.carry(), 1.0),
            numbers(rows * layer.units(), 1.0),
        );
        let mut draw = draws(seed ^ 0xf1a6);
        let mut flag = || RESET * u8::from(draw.below(5) == 0) + HOLD * u8::from(draw.below(3) == 0);
        let flags = (0..if flagged { rows } else { 0 }).map(|_| flag()).collect();
        Self {
            layer,
            steps,
            columns,
            x,
            parameters,
            carry,
            flags,
            slopes,
        }
    }

    fn sequence(&self) -> Sequence<'_> {
        Sequence {
            steps: self.steps,
            columns: self.columns,
            flags: &self.flags,
        }
    }

    fn variables(&self) -> [Var; 3] {
        let rows = self.steps * self.columns;
        let var = |values: &[f32], shape: &[usize]| Var::from_slice(values, shape, &Device::Cpu).unwrap();
        [
            var(&self.x, &[rows, self.layer.inputs()]),
            var(&self.parameters, &[self.layer.parameters()]),
            var(&self.carry, &[self.columns, self.layer.carry()]),
        ]
    }

    /// Outputs, and the gradients of `sum(outputs * slopes)` by inputs, parameters and memories.
    fn differentiate(&self, f: impl FnOnce(&[Var; 3]) -> Tensor) -> [Vec<f32>; 4] {
        let variables = self.variables();
        let out = f(&variables);
        let slopes = Tensor::from_slice(&self.slopes, out.shape(), &Device::Cpu).unwrap();
        let gradients = (&out * slopes).unwrap().sum_all().unwrap().backward().unwrap();
        let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let [a, b, c] = variables.map(|variable| flat(gradients.get(variable.as_tensor()).unwrap()));
        [flat(&out), a, b, c]
    }

    fn by_graph(&self) -> [Vec<f32>; 4] {
        let kind = match self.layer {
            Recurrent::Gru(_) => "gru",
            Recurrent::Lstm(_) => "lstm",
        };
        let choice: Choice = serde_json::from_value(serde_json::json!({ kind: self.layer.units() })).unwrap();
        let context = LayerContext {
            input: &[self.layer.inputs()],
            activation: Activation::None,
            first: true,
            init: WeightInit::default(),
        };
        let graph = super::registry().build::<LayerSlot>(&choice, context).unwrap();
        let sequence = GraphSequence {
            steps: self.steps,
            columns: self.columns,
            flags: self.flags.clone(),
        };
        self.differentiate(|[x, parameters, carry]| {
            let mut from = 0;
            let tensors: Vec<Tensor> = graph
                .tensors()
                .iter()
                .map(|spec| {
                    let len = spec.shape.iter().product();
                    from += len;
                    parameters
                        .narrow(0, from - len, len)
                        .unwrap()
                        .reshape(spec.shape.as_slice())
                        .unwrap()
                })
                .collect();
            assert_eq!(from, self.layer.parameters());
            graph.graph_sequence(&tensors, x, &sequence, carry).unwrap().0
        })
    }

    fn by_operation(&self) -> [Vec<f32>; 4] {
        self.differentiate(|[x, parameters, carry]| {
            recurrent_sequence(self.layer, x, parameters, carry, &self.flags).unwrap()
        })
    }

    /// Outputs and last memories of the kernel over `steps` steps of some columns, from `carry`.
    fn forward(&self, steps: std::ops::Range<usize>, columns: std::ops::Range<usize>, carry: &mut [f32]) -> Vec<f32> {
        let rows = || {
            steps
                .clone()
                .flat_map(|step| columns.clone().map(move |column| step * self.columns + column))
        };
        let inputs = self.layer.inputs();
        let x: Vec<f32> = rows()
            .flat_map(|row| &self.x[row * inputs..][..inputs])
            .copied()
            .collect();
        let flags: Vec<u8> = rows().filter_map(|row| self.flags.get(row)).copied().collect();
        let sequence = Sequence {
            steps: steps.len(),
            columns: columns.len(),
            flags: &flags,
        };
        let mut out = vec![0.0; sequence.rows() * self.layer.units()];
        self.layer
            .forward(&self.parameters, sequence, &x, carry, &mut out, &mut Tape::default());
        out
    }
}

/// Within 1e-5 of the larger of 1 and the largest entry: terms are of order one.
fn close(what: &str, ours: &[f32], reference: &[f32]) {
    let scale = reference.iter().fold(1.0_f32, |most, x| most.max(x.abs()));
    assert_eq!(ours.len(), reference.len(), "{what}");
    for (i, (a, b)) in ours.iter().zip(reference).enumerate() {
        assert!(
            (a - b).abs() <= 1e-5 * scale,
            "{what}[{i}]: {a} and {b} (scale {scale})"
        );
    }
}

fn check(layer: Recurrent, steps: usize, columns: usize, flagged: bool, seed: u64) {
    let case = Case::new(layer, steps, columns, flagged, seed);
    let names = ["outputs", "slopes of inputs", "gradient", "slopes of memories"];
    let (operation, graph) = (case.by_operation(), case.by_graph());
    for ((what, ours), reference) in names.iter().zip(&operation).zip(&graph) {
        close(what, ours, reference);
    }
    // Step by step, column by column: the same bits.
    let mut all = case.carry.clone();
    let whole = case.forward(0..steps, 0..columns, &mut all);
    assert_eq!(whole, operation[0]);
    let (units, numbers) = (layer.units(), layer.carry());
    for column in 0..columns {
        let mut carry = case.carry[column * numbers..][..numbers].to_vec();
        for step in 0..steps {
            let out = case.forward(step..step + 1, column..column + 1, &mut carry);
            assert_eq!(out, whole[(step * columns + column) * units..][..units], "step {step}");
        }
        assert_eq!(
            carry,
            all[column * numbers..][..numbers],
            "last memory of column {column}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn sequences_are_their_graphs(
        (lstm, flagged) in (any::<bool>(), any::<bool>()),
        (inputs, units) in (1_usize..40, 1_usize..40),
        (steps, columns, seed) in (1_usize..14, 1_usize..16, 0_u64..1000),
    ) {
        check(layer(lstm, inputs, units), steps, columns, flagged, seed);
    }
}

#[test]
fn long_sequences_are_their_graphs() {
    check(layer(false, 30, 64), 64, 9, true, 1);
    check(layer(true, 30, 33), 64, 9, true, 2);
}

#[test]
fn a_wait_keeps_the_memory_and_a_reset_empties_it() {
    for lstm in [false, true] {
        let mut case = Case::new(layer(lstm, 5, 6), 3, 1, false, 3);
        case.flags = vec![HOLD; 3];
        let mut carry = case.carry.clone();
        let out = case.forward(0..3, 0..1, &mut carry);
        assert_eq!(carry, case.carry);
        let shown = &case.carry[case.layer.carry() - 6..];
        assert!(out.chunks_exact(6).all(|row| row == shown));

        case.flags = vec![0, RESET, 0];
        let (mut from_there, mut from_nothing) = (case.carry.clone(), vec![0.0; case.layer.carry()]);
        let out = case.forward(0..3, 0..1, &mut from_there);
        assert_eq!(out[6..], case.forward(1..3, 0..1, &mut from_nothing));
        assert_eq!(from_there, from_nothing);
    }
}

#[test]
#[ignore = "a measurement"]
fn speed_of_sequences() {
    for (units, steps, columns) in [(64, 128, 64), (128, 128, 256), (128, 128, 4), (128, 128, 8)] {
        for lstm in [false, true] {
            let layer = layer(lstm, units, units);
            let case = Case::new(layer, steps, columns, false, 1);
            let (mut out, mut tape) = (vec![0.0; steps * columns * units], Tape::default());
            let (mut gradient, mut input_slope) = (vec![0.0; layer.parameters()], vec![0.0; case.x.len()]);
            let mut forward = || {
                let mut carry = case.carry.clone();
                layer.forward(
                    &case.parameters,
                    case.sequence(),
                    &case.x,
                    &mut carry,
                    &mut out,
                    &mut tape,
                );
            };
            let forward_ms = best_ms(&mut forward);
            let both = best_ms(|| {
                let mut carry = case.carry.clone();
                layer.forward(
                    &case.parameters,
                    case.sequence(),
                    &case.x,
                    &mut carry,
                    &mut out,
                    &mut tape,
                );
                let mut slopes = case.slopes.clone();
                layer.backward(
                    &case.parameters,
                    case.sequence(),
                    &case.x,
                    &mut slopes,
                    &mut tape,
                    &mut gradient,
                    Some((&mut input_slope, false)),
                    None,
                );
            });
            let gflop = 6.0 * (2 * steps * columns * units * units) as f64 * if lstm { 4.0 } else { 3.0 } * 1e-6;
            println!(
                "{layer:?}, {steps} steps x {columns}: forward {forward_ms:.1} ms, both {both:.1} ms, {:.0} GFLOP/s",
                gflop / both
            );
        }
    }
}
