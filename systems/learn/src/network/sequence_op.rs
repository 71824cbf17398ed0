//! A layer with a memory over a whole sequence as one Candle operation: slicing a differentiable tensor per step costs a tensor of the whole
//! sequence's size each time.

use super::kernels::recurrent::Recurrent;
use super::kernels::sequence::{Sequence, Tape};
use candle_core::{CpuStorage, CustomOp3, Layout, Shape, Tensor, bail};
use std::sync::Mutex;

/// One call of the kernel, which keeps what its backward pass needs.
struct SequenceOp {
    layer: Recurrent,
    steps: usize,
    columns: usize,
    flags: Vec<u8>,
    tape: Mutex<Option<Tape>>,
}

/// Outputs `[steps x columns, units]` of `layer` for inputs `x`, `[steps x columns, inputs]`, its tensors one behind the other in `parameters`
/// `[n]`, and the memories at the start, `carry` `[columns, carry]`. Differentiable by all three, once; `flags` as in [`Sequence`].
///
/// # Errors
/// Shapes that do not fit, tensors that are not `f32` on the CPU.
pub fn recurrent_sequence(
    layer: Recurrent,
    x: &Tensor,
    parameters: &Tensor,
    carry: &Tensor,
    flags: &[u8],
) -> candle_core::Result<Tensor> {
    let (rows, inputs) = x.dims2()?;
    let (columns, numbers) = carry.dims2()?;
    if inputs != layer.inputs() || numbers != layer.carry() || parameters.dims1()? != layer.parameters() {
        bail!(
            "inputs {:?}, memories {:?} and {:?} parameters do not fit {layer:?}",
            x.shape(),
            carry.shape(),
            parameters.shape()
        );
    }
    if columns == 0 || !rows.is_multiple_of(columns) || !(flags.is_empty() || flags.len() == rows) {
        bail!("{rows} rows and {} flags for {columns} memories", flags.len());
    }
    let op = SequenceOp {
        layer,
        steps: rows / columns,
        columns,
        flags: flags.to_vec(),
        tape: Mutex::default(),
    };
    x.apply_op3(parameters, carry, op)
}

impl SequenceOp {
    fn sequence(&self) -> Sequence<'_> {
        Sequence {
            steps: self.steps,
            columns: self.columns,
            flags: &self.flags,
        }
    }
}

fn numbers<'a>(storage: &'a CpuStorage, layout: &Layout) -> candle_core::Result<std::borrow::Cow<'a, [f32]>> {
    let all = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets() {
        Some((from, to)) => Ok(all[from..to].into()),
        None => bail!("operands of a sequence must be contiguous"),
    }
}

impl CustomOp3 for SequenceOp {
    fn name(&self) -> &'static str {
        "recurrent-sequence"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        parameters: &CpuStorage,
        parameters_layout: &Layout,
        carry: &CpuStorage,
        carry_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (rows, units) = (self.steps * self.columns, self.layer.units());
        let (mut out, mut tape) = (vec![0.0; rows * units], Tape::default());
        let mut carry = numbers(carry, carry_layout)?.into_owned();
        self.layer.forward(
            &numbers(parameters, parameters_layout)?,
            self.sequence(),
            &numbers(x, x_layout)?,
            &mut carry,
            &mut out,
            &mut tape,
        );
        if let Ok(mut place) = self.tape.lock() {
            *place = Some(tape);
        }
        Ok((CpuStorage::F32(out), Shape::from((rows, units))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        parameters: &Tensor,
        carry: &Tensor,
        _: &Tensor,
        slopes: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Some(mut tape) = self.tape.lock().ok().and_then(|mut place| place.take()) else {
            bail!("a sequence is differentiated once");
        };
        let flat = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
        let (inputs, weights, mut slopes) = (flat(x)?, flat(parameters)?, flat(slopes)?);
        let mut gradient = vec![0.0; weights.len()];
        let mut input_slope = vec![0.0; inputs.len()];
        let mut carry_slope = vec![0.0; carry.elem_count()];
        self.layer.backward(
            &weights,
            self.sequence(),
            &inputs,
            &mut slopes,
            &mut tape,
            &mut gradient,
            Some((&mut input_slope, false)),
            Some(&mut carry_slope),
        );
        let tensor = |values: Vec<f32>, like: &Tensor| Tensor::from_vec(values, like.shape(), like.device()).map(Some);
        Ok((
            tensor(input_slope, x)?,
            tensor(gradient, parameters)?,
            tensor(carry_slope, carry)?,
        ))
    }
}
