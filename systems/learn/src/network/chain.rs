//! The plan at work: every op's kernel forward, and backward by the chain rule.

use super::input::InputRows;
use super::kernels::conv::ConvSizes;
use super::kernels::dense::DenseSizes;
use super::kernels::{self, Rows, Scratch, activation, conv, dense, layer_norm};
use super::layer::Kernel;
use super::pass::Pass;
use super::plan::{Op, Plan};

impl Plan {
    /// How many ops run over distinct cells in place of rows.
    fn cell_ops(&self, input: &InputRows) -> usize {
        input.cells().map_or(0, |_| self.cell_ops)
    }

    /// Lengths of the ops' outputs. Those of ops before the last one over distinct cells are for those cells only.
    pub(super) fn lengths<'a>(&'a self, input: &'a InputRows) -> impl Iterator<Item = usize> + 'a {
        let (cell_ops, distinct) = (self.cell_ops(input), input.cells().map_or(0, |cells| cells.count()));
        self.ops.iter().enumerate().map(move |(index, op)| {
            if index + 1 < cell_ops {
                distinct * op.bias.len()
            } else {
                input.rows * op.len
            }
        })
    }

    /// Computes the outputs of all ops for the pass's rows.
    pub(super) fn forward(&self, parameters: &[f32], pass: &mut Pass) {
        (pass.policy, pass.value, pass.graph) = (self.policy, self.value, None);
        let cell_ops = self.cell_ops(&pass.input);
        let Pass {
            input,
            outs,
            scratch,
            memory,
            distinct: [distinct, _],
            ..
        } = pass;
        resize(outs, self.lengths(input));
        for (index, op) in self.ops.iter().enumerate() {
            let (before, rest) = outs.split_at_mut(index);
            let x = op.from.map_or(input.rows(), |from| Rows::All(&before[from]));
            match input.cells() {
                Some(cells) if index < cell_ops => {
                    let features = op.bias.len();
                    if index + 1 < cell_ops {
                        forward(op, cells.count(), true, parameters, x, &mut rest[0], scratch);
                    } else {
                        distinct.resize(cells.count() * features, 0.0);
                        forward(op, cells.count(), true, parameters, x, distinct, scratch);
                        kernels::cells::expand(&cells.ids, features, distinct, &mut rest[0]);
                    }
                }
                _ => match op.remembering(index) {
                    Some(of) => {
                        let parameters = &parameters[op.tensors.clone()];
                        memory.forward(&of, parameters, input.rows, x.all(), &mut rest[0]);
                    }
                    None => forward(op, input.rows, false, parameters, x, &mut rest[0], scratch),
                },
            }
        }
    }

    /// From the slopes of the outputs to the gradient of all parameters, which is added to the pass's.
    pub(super) fn backward(&self, parameters: &[f32], pass: &mut Pass) {
        let cell_ops = self.cell_ops(&pass.input);
        let Pass {
            input,
            outs,
            slopes,
            gradient,
            scratch,
            memory,
            distinct: [distinct, distinct_slopes],
            ..
        } = pass;
        for (index, op) in self.ops.iter().enumerate().rev() {
            let (before, rest) = slopes.split_at_mut(index);
            let mut link = Link {
                op,
                rows: input.rows,
                alone: false,
                x: op.from.map_or(input.rows(), |from| Rows::All(&outs[from])),
                out: &outs[index],
                slopes: &mut rest[0],
                input_slope: op.from.map(|from| (before[from].as_mut_slice(), op.adds)),
            };
            if let Some(cells) = input.cells()
                && index < cell_ops
            {
                (link.rows, link.alone) = (cells.count(), true);
                if index + 1 == cell_ops {
                    distinct_slopes.resize(distinct.len(), 0.0);
                    kernels::cells::collapse(&cells.ids, op.bias.len(), link.slopes, distinct_slopes);
                    (link.out, link.slopes) = (distinct.as_slice(), distinct_slopes.as_mut_slice());
                }
            }
            scratch.op = index;
            match op.remembering(index) {
                Some(of) => {
                    let gradient = &mut gradient[op.tensors.clone()];
                    let parameters = &parameters[op.tensors.clone()];
                    let (x, input_slope) = (link.x.all(), link.input_slope);
                    memory.backward(&of, parameters, link.rows, x, link.slopes, gradient, input_slope);
                }
                None => link.backward(parameters, gradient, scratch),
            }
        }
    }
}

/// One op forward. `alone`: the rows are single cells.
fn forward(op: &Op, rows: usize, alone: bool, parameters: &[f32], x: Rows<'_>, out: &mut [f32], scratch: &mut Scratch) {
    let (weights, bias) = (&parameters[op.weights.clone()], &parameters[op.bias.clone()]);
    match op.kernel {
        Kernel::Dense { .. } => dense::forward(dense_sizes(op, rows), x, weights, bias, out),
        Kernel::Conv { .. } => conv::forward(conv_sizes(op, rows, alone), x, weights, bias, out, scratch),
        Kernel::LayerNorm { eps, .. } => layer_norm::forward(x.all(), weights, bias, eps, out),
        Kernel::Activate { activation, .. } => {
            out.copy_from_slice(x.all());
            activation::forward(activation, out);
        }
        Kernel::Recurrent(_) | Kernel::Reshape => {}
    }
}

/// One op in the chain rule.
struct Link<'a> {
    op: &'a Op,
    rows: usize,
    /// The rows are single cells.
    alone: bool,
    x: Rows<'a>,
    out: &'a [f32],
    slopes: &'a mut [f32],
    /// Where the slopes of its input go, and whether they are added.
    input_slope: Option<(&'a mut [f32], bool)>,
}

impl Link<'_> {
    fn backward(self, parameters: &[f32], gradient: &mut [f32], scratch: &mut Scratch) {
        let Self {
            op,
            rows,
            alone,
            x,
            out,
            slopes,
            input_slope,
        } = self;
        let weights = &parameters[op.weights.clone()];
        // The bias comes somewhere behind the weights.
        let (front, back) = gradient.split_at_mut(op.bias.start);
        let tensors = (&mut front[op.weights.clone()], &mut back[..op.bias.len()]);
        match op.kernel {
            Kernel::Dense { .. } => {
                let sizes = dense_sizes(op, rows);
                dense::backward(sizes, x, weights, out, slopes, tensors, input_slope, scratch);
            }
            Kernel::Conv { .. } => {
                let sizes = conv_sizes(op, rows, alone);
                conv::backward(sizes, x, weights, out, slopes, tensors, input_slope, scratch);
            }
            Kernel::LayerNorm { eps, .. } => {
                layer_norm::backward(x.all(), weights, eps, slopes, tensors, input_slope);
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

/// `alone`: every row is one cell.
fn conv_sizes(op: &Op, rows: usize, alone: bool) -> ConvSizes {
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
    let (height, width) = if alone { (1, 1) } else { (height, width) };
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
