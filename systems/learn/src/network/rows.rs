//! Acting: rows in, actions, log-probabilities and values out. Every row is computed alone, in the same order of additions however rows are
//! grouped, so that any split of a batch gives the same bits. Nothing is allocated in the steady state.

use super::graph::GraphRow;
use super::kernels::{self, ConvSizes, activate, conv_row, dense_row, layer_norm};
use super::layer::Kernel;
use super::plan::Plan;
use super::{Head, Network};
use crate::distribution::{categorical, gaussian};
use crate::real::wide;
use starling_components::act::{Act, ActInput, ActOutput};
use starling_components::fault::Fault;
use starling_components::random::{Key, unit_f32};
use starling_components::spaces::{ActionsMut, ElementKind, Observations};
use std::cell::RefCell;

/// Buffers of one thread.
#[derive(Default)]
struct Scratch {
    /// The observation as floats.
    input: Vec<f32>,
    /// Its non-zero numbers.
    taps: Vec<(usize, f32)>,
    /// The window of a convolution.
    window: Vec<(usize, f32)>,
    /// One output row per op.
    outs: Vec<Vec<f32>>,
    /// Logits or means of the current row.
    policy: Vec<f32>,
    log_probs: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// The numbers of a byte: unsigned, or signed by bit pattern.
#[inline(always)]
pub(crate) fn byte(element: ElementKind, value: u8) -> f32 {
    if element == ElementKind::I8 {
        f32::from(value.cast_signed())
    } else {
        f32::from(value)
    }
}

impl Network {
    /// Reads row `row` into the scratch.
    #[inline(always)]
    fn read(&self, observations: Observations<'_>, width: usize, row: usize, scratch: &mut Scratch) {
        let n = self.inputs();
        scratch.input.clear();
        scratch.taps.clear();
        match observations {
            Observations::Floats(floats) => scratch.input.extend_from_slice(&floats[row * width..][..n]),
            Observations::Bytes(bytes) => {
                let element = self.element();
                scratch
                    .input
                    .extend(bytes[row * width..][..n].iter().map(|&b| byte(element, b)));
            }
        }
        let non_zero = scratch.input.iter().enumerate().filter(|(_, x)| **x != 0.0);
        scratch.taps.extend(non_zero.map(|(i, &x)| (i, x)));
    }

    /// Policy output (into `scratch.policy`) and value of the row that was read.
    #[inline(always)]
    fn evaluate(&self, parameters: &[f32], scratch: &mut Scratch) -> Result<f32, Fault> {
        let Some(plan) = &self.plan else {
            let GraphRow { policy, value } = self.graph_row(parameters, &scratch.input)?;
            scratch.policy = policy;
            return Ok(value);
        };
        plan.evaluate(parameters, scratch);
        let Scratch { outs, policy, .. } = scratch;
        policy.clear();
        policy.extend_from_slice(&outs[plan.policy][..plan.ops[plan.policy].len]);
        Ok(outs[plan.value][0])
    }

    /// Calls `f` for every row with (row, policy output and scratch for log-probabilities, value), after checking lengths.
    fn each_row(
        &self,
        parameters: &[f32],
        input: &ActInput<'_>,
        mut f: impl FnMut(usize, &[f32], &mut Vec<f32>, f32),
    ) -> Result<(), Fault> {
        let rows = input.ids.len();
        let numbers = match input.observations {
            Observations::Bytes(bytes) => bytes.len(),
            Observations::Floats(floats) => floats.len(),
        };
        let width = numbers.checked_div(rows).unwrap_or(0);
        if rows == 0 {
            return Ok(());
        }
        if parameters.len() != self.layout.len() || width < self.inputs() || width * rows != numbers {
            return Err(Fault::run(format!(
                "{rows} rows of {numbers} numbers and {} parameters do not fit a network of {} inputs and {} parameters",
                parameters.len(),
                self.inputs(),
                self.layout.len()
            )));
        }
        // Taken out while in use: a layer that runs on a thread pool may let this thread begin another batch meanwhile, which then works in
        // fresh buffers.
        let mut scratch = SCRATCH.take();
        let result = wide(
            #[inline(always)]
            || {
                for row in 0..rows {
                    self.read(input.observations, width, row, &mut scratch);
                    let value = self.evaluate(parameters, &mut scratch)?;
                    if !(value.is_finite() && scratch.policy.iter().all(|x| x.is_finite())) {
                        return Err(Fault::run("the network's output is not a finite number")
                            .advise("the parameters have grown out of range: a smaller learning rate helps"));
                    }
                    f(row, &scratch.policy, &mut scratch.log_probs, value);
                }
                Ok(())
            },
        );
        SCRATCH.set(scratch);
        result
    }
}

impl Network {
    /// Logits or means `[rows, outputs]` and values `[rows]` as acting computes them, for people who look.
    ///
    /// # Errors
    /// As [`Act::act`].
    pub fn evaluate_rows(&self, parameters: &[f32], input: &ActInput<'_>) -> Result<(Vec<f32>, Vec<f32>), Fault> {
        let (mut policies, mut values) = (Vec::new(), Vec::new());
        self.each_row(parameters, input, |_, policy, _, value| {
            policies.extend_from_slice(policy);
            values.push(value);
        })?;
        Ok((policies, values))
    }
}

impl Plan {
    #[inline(always)]
    fn evaluate(&self, parameters: &[f32], scratch: &mut Scratch) {
        let Scratch {
            input,
            taps,
            window,
            outs,
            ..
        } = scratch;
        outs.resize_with(outs.len().max(self.ops.len()), Vec::new);
        for (index, op) in self.ops.iter().enumerate() {
            let (before, rest) = outs.split_at_mut(index);
            let out = &mut rest[0];
            out.resize(out.len().max(op.len), 0.0);
            let out = &mut out[..op.len];
            let x: &[f32] = match op.from {
                None => input,
                Some(from) => &before[from][..self.ops[from].len],
            };
            match op.kernel {
                Kernel::Dense {
                    inputs,
                    outputs,
                    activation,
                } => {
                    let weights = &parameters[op.weights..][..inputs * outputs];
                    let bias = &parameters[op.bias..][..outputs];
                    if op.from.is_none() {
                        dense_row(taps.iter().copied(), weights, bias, out);
                    } else {
                        dense_row(x.iter().copied().enumerate(), weights, bias, out);
                    }
                    activate(activation, out);
                }
                Kernel::Conv {
                    height,
                    width,
                    channels,
                    features,
                    side,
                    activation,
                } => {
                    let sizes = ConvSizes {
                        height,
                        width,
                        channels,
                        features,
                        side,
                    };
                    let weights = &parameters[op.weights..][..side * side * channels * features];
                    conv_row(sizes, x, weights, &parameters[op.bias..][..features], out, window);
                    activate(activation, out);
                }
                Kernel::LayerNorm { axis, eps, .. } => {
                    let (scale, bias) = (&parameters[op.weights..][..axis], &parameters[op.bias..][..axis]);
                    layer_norm(x, scale, bias, eps, out);
                }
                Kernel::Activate { activation, .. } => {
                    out.copy_from_slice(x);
                    kernels::activate(activation, out);
                }
                Kernel::Recurrent(_) | Kernel::Reshape => {}
            }
        }
    }
}

/// A standard normal for component `component` of (id, time).
#[inline(always)]
fn normal(key: Key, component: usize) -> f32 {
    gaussian::normals(key.block((component / 2) as u32, 0))[component % 2]
}

impl Act for Network {
    fn act(&self, parameters: &[f32], input: &ActInput<'_>, output: &mut ActOutput<'_>) -> Result<(), Fault> {
        let ActOutput {
            actions,
            log_probs: log_probs_out,
            values,
            ..
        } = output;
        let rows = input.ids.len();
        if log_probs_out.len() < rows || values.len() < rows {
            return Err(Fault::run("the outputs of a policy are shorter than its inputs"));
        }
        match (&self.head, actions) {
            (&Head::Categorical { moves }, ActionsMut::Discrete(actions)) => {
                let stride = actions.len().checked_div(rows).unwrap_or(0);
                let mask_width = input.legal.map_or(0, |mask| mask.len().checked_div(rows).unwrap_or(0));
                self.each_row(parameters, input, |row, logits, log_probs, value| {
                    let legal = input.legal.map(|mask| &mask[row * mask_width..][..moves]);
                    log_probs.resize(moves, 0.0);
                    categorical::log_probs(logits, legal, log_probs);
                    let action = if input.greedy {
                        categorical::mode(log_probs)
                    } else {
                        let [word, _] = input.key.block(input.ids[row], input.time);
                        categorical::sample(log_probs, unit_f32(word))
                    };
                    actions[row * stride] = action as i32;
                    log_probs_out[row] = log_probs[action];
                    values[row] = value;
                })
            }
            (Head::Gaussian { components, log_std }, ActionsMut::Continuous(actions)) => {
                let stride = actions.len().checked_div(rows).unwrap_or(0);
                let log_std = &parameters[log_std.clone()];
                self.each_row(parameters, input, |row, means, _, value| {
                    let action = &mut actions[row * stride..][..*components];
                    action.copy_from_slice(means);
                    if !input.greedy {
                        let key = input.key.fold(input.ids[row], input.time);
                        for (i, (a, &s)) in action.iter_mut().zip(log_std).enumerate() {
                            *a += starling_components::maths::exp(s) * normal(key, i);
                        }
                    }
                    log_probs_out[row] = gaussian::log_prob(means, log_std, action);
                    values[row] = value;
                })
            }
            _ => Err(Fault::run(
                "a policy was asked for actions of another kind than its seat's",
            )),
        }
    }

    fn values(&self, parameters: &[f32], input: &ActInput<'_>, values: &mut [f32]) -> Result<(), Fault> {
        self.each_row(parameters, input, |row, _, _, value| values[row] = value)
    }

    fn probabilities(&self, parameters: &[f32], input: &ActInput<'_>) -> Result<Option<Vec<f32>>, Fault> {
        let Head::Categorical { moves } = self.head else {
            return Ok(None);
        };
        let rows = input.ids.len();
        let mask_width = input.legal.map_or(0, |mask| mask.len().checked_div(rows).unwrap_or(0));
        let mut all = vec![0.0; rows * moves];
        self.each_row(parameters, input, |row, logits, log_probs, _| {
            let legal = input.legal.map(|mask| &mask[row * mask_width..][..moves]);
            log_probs.resize(moves, 0.0);
            categorical::log_probs(logits, legal, log_probs);
            categorical::probabilities(log_probs, &mut all[row * moves..][..moves]);
        })?;
        Ok(Some(all))
    }
}
