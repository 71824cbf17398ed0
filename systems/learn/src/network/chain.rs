//! The plan at work: every op's kernel forward, and backward by the chain rule.

use super::kernels::conv::ConvSizes;
use super::kernels::dense::DenseSizes;
use super::kernels::{Rows, activation, conv, dense, layer_norm};
use super::layer::Kernel;
use super::pass::Pass;
use super::plan::{Op, Plan};

impl Plan {
    /// Computes the outputs of all ops for the pass's rows.
    pub(super) fn forward(&self, parameters: &[f32], pass: &mut Pass) {
        let rows = pass.input.rows;
        (pass.policy, pass.value, pass.graph) = (self.policy, self.value, None);
        resize(&mut pass.outs, self.ops.iter().map(|op| rows * op.len));
        for (index, op) in self.ops.iter().enumerate() {
            let (before, rest) = pass.outs.split_at_mut(index);
            let out = rest[0].as_mut_slice();
            let x = op.from.map_or(pass.input.rows(), |from| Rows::All(&before[from]));
            let (weights, bias) = (&parameters[op.weights.clone()], &parameters[op.bias.clone()]);
            let scratch = &mut pass.scratch;
            match op.kernel {
                Kernel::Dense { .. } => dense::forward(dense_sizes(op, rows), x, weights, bias, out),
                Kernel::Conv { .. } => conv::forward(conv_sizes(op, rows), x.all(), weights, bias, out, scratch),
                Kernel::LayerNorm { eps, .. } => layer_norm::forward(x.all(), weights, bias, eps, out),
                Kernel::Activate { activation, .. } => {
                    out.copy_from_slice(x.all());
                    activation::forward(activation, out);
                }
                Kernel::Recurrent(_) => {
                    if let Some(of) = op.remembering(index) {
                        let parameters = &parameters[op.tensors.clone()];
                        pass.memory.forward(&of, parameters, rows, x.all(), out);
                    }
                }
                Kernel::Reshape => {}
            }
        }
    }

    /// From the slopes of the outputs to the gradient of all parameters, which is added to the pass's.
    pub(super) fn backward(&self, parameters: &[f32], pass: &mut Pass) {
        let rows = pass.input.rows;
        for (index, op) in self.ops.iter().enumerate().rev() {
            let (before, rest) = pass.slopes.split_at_mut(index);
            let slopes = rest[0].as_mut_slice();
            let input_slope = op.from.map(|from| (before[from].as_mut_slice(), op.adds));
            let x = op.from.map_or(pass.input.rows(), |from| Rows::All(&pass.outs[from]));
            let out = pass.outs[index].as_slice();
            if let Some(of) = op.remembering(index) {
                let gradient = &mut pass.gradient[op.tensors.clone()];
                let parameters = &parameters[op.tensors.clone()];
                pass.memory
                    .backward(&of, parameters, rows, x.all(), slopes, gradient, input_slope);
                continue;
            }
            let weights = &parameters[op.weights.clone()];
            // The bias comes somewhere behind the weights.
            let (front, back) = pass.gradient.split_at_mut(op.bias.start);
            let (weights_slope, bias_slope) = (&mut front[op.weights.clone()], &mut back[..op.bias.len()]);
            let scratch = &mut pass.scratch;
            match op.kernel {
                Kernel::Dense { .. } => {
                    let sizes = dense_sizes(op, rows);
                    dense::backward(
                        sizes,
                        x,
                        weights,
                        out,
                        slopes,
                        weights_slope,
                        bias_slope,
                        input_slope,
                        scratch,
                    );
                }
                Kernel::Conv { .. } => {
                    let sizes = conv_sizes(op, rows);
                    let x = x.all();
                    conv::backward(
                        sizes,
                        x,
                        weights,
                        out,
                        slopes,
                        weights_slope,
                        bias_slope,
                        input_slope,
                        scratch,
                    );
                }
                Kernel::LayerNorm { eps, .. } => {
                    layer_norm::backward(x.all(), weights, eps, slopes, weights_slope, bias_slope, input_slope);
                }
                Kernel::Activate { activation, .. } => {
                    activation::backward(activation, out, slopes);
                    match input_slope {
                        Some((place, true)) => place.iter_mut().zip(slopes).for_each(|(sum, s)| *sum += *s),
                        Some((place, false)) => place.copy_from_slice(slopes),
                        None => {}
                    }
                }
                Kernel::Recurrent(_) | Kernel::Reshape => {}
            }
        }
    }
}

/// Gives the buffers these lengths; what they hold is left as it is.
pub(super) fn resize(buffers: &mut Vec<Vec<f32>>, lengths: impl Iterator<Item = usize>) {
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

fn dense_sizes(op: &Op, rows: usize) -> DenseSizes {
    let Kernel::Dense {
        inputs,
        outputs,
        activation,
    } = op.kernel
    else {
        unreachable!("only called for dense ops");
    };
    DenseSizes {
        rows,
        inputs,
        outputs,
        activation,
    }
}

fn conv_sizes(op: &Op, rows: usize) -> ConvSizes {
    let Kernel::Conv {
        height,
        width,
        channels,
        features,
        side,
        activation,
    } = op.kernel
    else {
        unreachable!("only called for convolutions");
    };
    ConvSizes {
        rows,
        height,
        width,
        channels,
        features,
        side,
        activation,
    }
}
