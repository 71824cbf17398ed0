//! A whole feed-forward network as one differentiable Candle operation over its flat parameters: a learner that is written as Candle expressions
//! computes it by the kernels.

use super::Network;
use super::pass::Pass;
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use starling_components::fault::Fault;
use starling_components::spaces::Observations;
use std::sync::{Arc, Mutex};

/// One application of a network, which keeps what its backward pass needs.
struct NetworkOp {
    network: Arc<Network>,
    pass: Mutex<Option<Pass>>,
}

/// Policy outputs `[rows, outputs]` and values `[rows]` of `network` for observations `[rows, inputs]` and its parameters `[n]`, all `f32` on the
/// CPU. Differentiable by the parameters, once; not by the observations, nor by the logarithms of a Gaussian's standard deviations, which the
/// outputs do not depend on.
///
/// # Errors
/// Shapes that do not fit, a network with a memory, with action-values or with a layer that has no kernel, and what Candle says.
pub fn evaluate(network: &Arc<Network>, observations: &Tensor, parameters: &Tensor) -> Result<(Tensor, Tensor)> {
    let (_, inputs) = observations.dims2()?;
    if inputs != network.inputs() || parameters.dims1()? != network.layout.len() {
        bail!(
            "observations {:?} and parameters {:?} do not fit a network of {} inputs and {} parameters",
            observations.shape(),
            parameters.shape(),
            network.inputs(),
            network.layout.len()
        );
    }
    if !network.fused() || network.carry() > 0 || network.critic.is_empty() {
        bail!("only feed-forward networks of layers with kernels, with a policy and a value, are one operation");
    }
    let op = NetworkOp {
        network: network.clone(),
        pass: Mutex::default(),
    };
    let outputs = network.head.outputs();
    let both = observations.contiguous()?.apply_op2(&parameters.contiguous()?, op)?;
    Ok((both.narrow(1, 0, outputs)?, both.narrow(1, outputs, 1)?.squeeze(1)?))
}

fn numbers<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((from, to)) => Ok(&storage.as_slice::<f32>()?[from..to]),
        None => bail!("operands of a network must be contiguous"),
    }
}

fn error(fault: Fault) -> candle_core::Error {
    candle_core::Error::Msg(fault.message)
}

impl CustomOp2 for NetworkOp {
    fn name(&self) -> &'static str {
        "network"
    }

    fn cpu_fwd(&self, x: &CpuStorage, x_at: &Layout, p: &CpuStorage, p_at: &Layout) -> Result<(CpuStorage, Shape)> {
        let (network, mut pass) = (&self.network, Pass::new());
        let (x, width) = (numbers(x, x_at)?, network.inputs());
        let rows = x.len() / width;
        network.gather(&mut pass, (0..rows).map(|row| (Observations::Floats(x), row * width)));
        network.forward(numbers(p, p_at)?, &mut pass).map_err(error)?;
        let (out, outputs) = (network.outputs(&mut pass), network.head.outputs());
        let mut both = Vec::with_capacity(rows * (outputs + 1));
        for (policy, value) in out.policy.chunks_exact(outputs).zip(out.value) {
            both.extend_from_slice(policy);
            both.push(*value);
        }
        if let Ok(mut place) = self.pass.lock() {
            *place = Some(pass);
        }
        Ok((CpuStorage::F32(both), Shape::from((rows, outputs + 1))))
    }

    fn bwd(
        &self,
        _: &Tensor,
        parameters: &Tensor,
        _: &Tensor,
        slopes: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let Some(mut pass) = self.pass.lock().ok().and_then(|mut place| place.take()) else {
            bail!("a network's outputs are differentiated once");
        };
        let slopes = slopes.flatten_all()?.to_vec1::<f32>()?;
        let (out, outputs) = (self.network.outputs(&mut pass), self.network.head.outputs());
        for (row, slopes) in slopes.chunks_exact(outputs + 1).enumerate() {
            out.policy_slope[row * outputs..][..outputs].copy_from_slice(&slopes[..outputs]);
            out.value_slope[row] = slopes[outputs];
        }
        let values = parameters.to_vec1::<f32>()?;
        self.network.backward(&values, &mut pass).map_err(error)?;
        Ok((
            None,
            Some(Tensor::from_slice(
                pass.gradient(),
                parameters.shape(),
                parameters.device(),
            )?),
        ))
    }
}
