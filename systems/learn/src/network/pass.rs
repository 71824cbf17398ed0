//! Learning: forward and backward over one shard of rows, in buffers that are used again and again.
//!
//! A shard's result depends on its rows only, so that shards may run on any thread.

use super::graph::Graph;
use super::input::InputRows;
use super::kernels::{self, activate, activate_backward, dense_row, layer_norm};
use super::layer::Kernel;
use super::plan::{Op, Plan};
use super::product::{Matrix, product};
use super::{Head, Network};
use crate::real::wide;
use starling_components::fault::Fault;
use starling_components::spaces::Observations;

/// The buffers of one shard.
#[derive(Debug, Default)]
pub struct Pass {
    input: InputRows,
    /// Outputs and their slopes, per op.
    outs: Vec<Vec<f32>>,
    slopes: Vec<Vec<f32>>,
    policy: usize,
    value: usize,
    gradient: Vec<f32>,
    graph: Option<Graph>,
}

/// Outputs of a forward pass, and where their slopes go.
#[derive(Debug)]
pub struct Outputs<'a> {
    /// Logits or means, `[rows, outputs]`.
    pub policy: &'a [f32],
    /// `[rows]`.
    pub value: &'a [f32],
    /// As `policy`.
    pub policy_slope: &'a mut [f32],
    /// As `value`.
    pub value_slope: &'a mut [f32],
    /// Slopes of `actor.log_std`, to be added to; empty for categorical policies. Taken over by [`Network::backward`].
    pub log_std_slope: &'a mut [f32],
}

impl Pass {
    /// Empty buffers; they grow with use and stay.
    pub fn new() -> Self {
        Self::default()
    }
    /// Rows held.
    pub fn rows(&self) -> usize {
        self.input.rows
    }
    /// The gradient of the last backward pass, `[n]`.
    pub fn gradient(&self) -> &[f32] {
        &self.gradient
    }
}

fn resize(buffers: &mut Vec<Vec<f32>>, lengths: impl Iterator<Item = usize>) {
    let mut count = 0;
    for (index, len) in lengths.enumerate() {
        if buffers.len() == index {
            buffers.push(Vec::new());
        }
        buffers[index].resize(len, 0.0);
        count += 1;
    }
    buffers.truncate(count);
}

impl Network {
    /// Puts rows into the pass: for every row its observations (a buffer of some rollout) and where it starts in them.
    pub fn gather<'a>(&self, pass: &mut Pass, rows: impl Iterator<Item = (Observations<'a>, usize)> + Clone) {
        let skips = self.plan.as_ref().is_some_and(|plan| plan.trains && plan.sparse);
        pass.input.gather(self.inputs(), self.element(), skips, rows);
    }

    /// Computes the outputs of the gathered rows.
    ///
    /// # Errors
    /// What Candle says, where the graph computes.
    pub fn forward(&self, parameters: &[f32], pass: &mut Pass) -> Result<(), Fault> {
        pass.gradient.resize(self.layout.len(), 0.0);
        pass.gradient.fill(0.0);
        match &self.plan {
            Some(plan) if plan.trains => {
                plan.forward(parameters, pass);
                Ok(())
            }
            _ => self.forward_reference(parameters, pass),
        }
    }

    /// [`Network::forward`] by the Candle graph, whatever the layers.
    ///
    /// # Errors
    /// What Candle says.
    pub fn forward_reference(&self, parameters: &[f32], pass: &mut Pass) -> Result<(), Fault> {
        pass.gradient.resize(self.layout.len(), 0.0);
        pass.gradient.fill(0.0);
        pass.input.densify();
        let graph = self.graph(parameters, &pass.input.dense, pass.input.rows)?;
        let (policy, value) = graph.outputs()?;
        resize(&mut pass.slopes, [policy.len(), value.len()].into_iter());
        pass.outs = vec![policy, value];
        (pass.policy, pass.value) = (0, 1);
        pass.graph = Some(graph);
        Ok(())
    }

    /// The outputs of the last forward pass.
    pub fn outputs<'a>(&self, pass: &'a mut Pass) -> Outputs<'a> {
        let (policy, value) = (pass.policy, pass.value);
        let log_std = match &self.head {
            Head::Gaussian { log_std, .. } => log_std.clone(),
            Head::Categorical { .. } => 0..0,
        };
        // The value head comes behind the policy head.
        let (before, from_value) = pass.slopes.split_at_mut(value);
        Outputs {
            policy: &pass.outs[policy],
            value: &pass.outs[value],
            policy_slope: &mut before[policy],
            value_slope: &mut from_value[0],
            log_std_slope: &mut pass.gradient[log_std],
        }
    }

    /// From the slopes of the outputs to the gradient of all parameters: [`Pass::gradient`].
    ///
    /// # Errors
    /// What Candle says, where the graph computed.
    pub fn backward(&self, parameters: &[f32], pass: &mut Pass) -> Result<(), Fault> {
        if let Some(graph) = pass.graph.take() {
            let log_std = match &self.head {
                Head::Gaussian { log_std, .. } => log_std.clone(),
                Head::Categorical { .. } => 0..0,
            };
            let kept = pass.gradient[log_std.clone()].to_vec();
            let (policy, value) = (&pass.slopes[pass.policy], &pass.slopes[pass.value]);
            graph.backward(self, policy, value, &mut pass.gradient)?;
            pass.gradient[log_std].copy_from_slice(&kept);
        } else if let Some(plan) = &self.plan {
            plan.backward(parameters, pass);
        }
        Ok(())
    }

    /// Bytes of a [`Pass`] of `rows` rows.
    pub fn pass_bytes(&self, rows: usize) -> usize {
        let outs: usize = match &self.plan {
            Some(plan) => plan.ops.iter().map(|op| op.len).sum(),
            // The graph keeps a few tensors per layer.
            None => 4 * self.layout.len(),
        };
        4 * (rows * (self.inputs() + 2 * outs) + self.layout.len())
    }
}

impl Plan {
    fn forward(&self, parameters: &[f32], pass: &mut Pass) {
        let rows = pass.input.rows;
        let mut outs = std::mem::take(&mut pass.outs);
        resize(&mut outs, self.ops.iter().map(|op| rows * op.len));
        resize(&mut pass.slopes, self.ops.iter().map(|op| rows * op.len));
        (pass.policy, pass.value, pass.graph) = (self.policy, self.value, None);
        for (index, op) in self.ops.iter().enumerate() {
            let (before, rest) = outs.split_at_mut(index);
            let out = &mut rest[0];
            let x: &[f32] = op.from.map_or(&pass.input.dense, |from| &before[from]);
            match op.kernel {
                Kernel::Dense {
                    inputs,
                    outputs,
                    activation,
                } => {
                    let weights = &parameters[op.weights..][..inputs * outputs];
                    let bias = &parameters[op.bias..][..outputs];
                    if op.from.is_none() && pass.input.is_sparse() {
                        wide(
                            #[inline(always)]
                            || {
                                for (row, out) in out.chunks_exact_mut(outputs).enumerate() {
                                    dense_row(pass.input.taps(row), weights, bias, out);
                                }
                            },
                        );
                    } else {
                        for out in out.chunks_exact_mut(outputs) {
                            out.copy_from_slice(bias);
                        }
                        let (x, weights) = (Matrix::rows_of(x, inputs), Matrix::rows_of(weights, outputs));
                        product([rows, inputs, outputs], x, weights, out, true);
                    }
                    wide(
                        #[inline(always)]
                        || activate(activation, out),
                    );
                }
                Kernel::LayerNorm { axis, eps, .. } => {
                    let (scale, bias) = (&parameters[op.weights..][..axis], &parameters[op.bias..][..axis]);
                    wide(
                        #[inline(always)]
                        || layer_norm(x, scale, bias, eps, out),
                    );
                }
                Kernel::Activate { activation, .. } => {
                    out.copy_from_slice(x);
                    wide(
                        #[inline(always)]
                        || kernels::activate(activation, out),
                    );
                }
                Kernel::Conv { .. } | Kernel::Recurrent(_) | Kernel::Reshape => {}
            }
        }
        pass.outs = outs;
    }

    fn backward(&self, parameters: &[f32], pass: &mut Pass) {
        let mut slopes = std::mem::take(&mut pass.slopes);
        let mut gradient = std::mem::take(&mut pass.gradient);
        for (index, op) in self.ops.iter().enumerate().rev() {
            let (before, rest) = slopes.split_at_mut(index);
            let input_slope = op.from.map(|from| before[from].as_mut_slice());
            let x: &[f32] = op.from.map_or(&pass.input.dense, |from| &pass.outs[from]);
            backward(
                op,
                parameters,
                pass,
                x,
                &pass.outs[index],
                &mut rest[0],
                input_slope,
                &mut gradient,
            );
        }
        pass.slopes = slopes;
        pass.gradient = gradient;
    }
}

/// One op: from the slopes of its output (which are overwritten) to those of its tensors and, if anything comes before it, of its input.
#[allow(clippy::too_many_arguments)] // the operands of one step of the chain rule
fn backward(
    op: &Op,
    parameters: &[f32],
    pass: &Pass,
    x: &[f32],
    out: &[f32],
    slope: &mut [f32],
    input_slope: Option<&mut [f32]>,
    gradient: &mut [f32],
) {
    let rows = pass.input.rows;
    match op.kernel {
        Kernel::Dense {
            inputs,
            outputs,
            activation,
        } => {
            let bias_slope = &mut gradient[op.bias..][..outputs];
            wide(
                #[inline(always)]
                || {
                    activate_backward(activation, out, slope);
                    for row in slope.chunks_exact(outputs) {
                        for (sum, s) in bias_slope.iter_mut().zip(row) {
                            *sum += s;
                        }
                    }
                },
            );
            let weights_slope = &mut gradient[op.weights..][..inputs * outputs];
            let by_out = Matrix::rows_of(slope, outputs);
            if op.from.is_none() && pass.input.is_sparse() {
                wide(
                    #[inline(always)]
                    || {
                        for (row, slope) in slope.chunks_exact(outputs).enumerate() {
                            for (input, number) in pass.input.taps(row) {
                                let place = &mut weights_slope[input * outputs..][..outputs];
                                for (sum, s) in place.iter_mut().zip(slope) {
                                    *sum += number * s;
                                }
                            }
                        }
                    },
                );
            } else {
                let x = Matrix::transposed(x, inputs);
                product([inputs, rows, outputs], x, by_out, weights_slope, false);
            }
            if let Some(input_slope) = input_slope {
                let weights = Matrix::transposed(&parameters[op.weights..][..inputs * outputs], outputs);
                product([rows, outputs, inputs], by_out, weights, input_slope, op.adds);
            }
        }
        Kernel::LayerNorm { axis, eps, .. } => {
            let scale = &parameters[op.weights..][..axis];
            let (front, back) = gradient.split_at_mut(op.bias);
            let (scale_slope, bias_slope) = (&mut front[op.weights..][..axis], &mut back[..axis]);
            kernels::layer_norm_backward(x, scale, eps, slope, scale_slope, bias_slope, input_slope, op.adds);
        }
        Kernel::Activate { activation, .. } => {
            activate_backward(activation, out, slope);
            match input_slope {
                Some(place) if op.adds => {
                    for (sum, s) in place.iter_mut().zip(slope) {
                        *sum += *s;
                    }
                }
                Some(place) => place.copy_from_slice(slope),
                None => {}
            }
        }
        Kernel::Conv { .. } | Kernel::Recurrent(_) | Kernel::Reshape => {}
    }
}
