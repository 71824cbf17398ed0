//! The reference: the network as a plain Candle graph, gradients by autograd. Any layer works here; the kernels are tested against it.

use super::{Head, Network, Stage};
use candle_core::{DType, Device, Tensor, Var};
use starling_components::fault::Fault;

/// A forward pass that can be differentiated.
#[derive(Debug)]
pub(crate) struct Graph {
    /// One per tensor of the layout.
    variables: Vec<Var>,
    policy: Tensor,
    value: Tensor,
}

/// Outputs for one row.
pub(crate) struct GraphRow {
    pub(crate) policy: Vec<f32>,
    pub(crate) value: f32,
}

fn fault(error: &candle_core::Error) -> Fault {
    Fault::run(format!("the network's graph failed: {error}"))
}

impl Network {
    /// Runs the graph on `input`, `[rows, inputs]`.
    pub(crate) fn graph(&self, parameters: &[f32], input: &[f32], rows: usize) -> Result<Graph, Fault> {
        self.build_graph(parameters, input, rows).map_err(|e| fault(&e))
    }

    fn build_graph(&self, parameters: &[f32], input: &[f32], rows: usize) -> candle_core::Result<Graph> {
        let device = &Device::Cpu;
        let mut variables = Vec::with_capacity(self.layout.entries.len());
        for entry in &self.layout.entries {
            variables.push(Var::from_slice(
                &parameters[entry.range()],
                entry.shape.as_slice(),
                device,
            )?);
        }
        let mut shape = vec![rows];
        shape.extend(&self.seat.observation.shape);
        let x = Tensor::from_slice(input, shape, device)?;
        let trunk = self.chain(&self.trunk, &variables, x)?;
        Ok(Graph {
            policy: self.chain(&self.actor, &variables, trunk.clone())?,
            value: match &self.head {
                // The values of states are read off those of the moves.
                Head::ActionValues { .. } => Tensor::zeros((rows, 1), DType::F32, device)?,
                _ => self.chain(&self.critic, &variables, trunk)?,
            },
            variables,
        })
    }

    fn chain(&self, stages: &[Stage], variables: &[Var], mut x: Tensor) -> candle_core::Result<Tensor> {
        for stage in stages {
            let tensors: Vec<Tensor> = stage
                .tensors
                .iter()
                .filter_map(|range| {
                    let found = self.layout.entries.iter().position(|e| e.range() == *range)?;
                    Some(variables[found].as_tensor().clone())
                })
                .collect();
            x = stage.layer.graph(&tensors, &x)?;
        }
        Ok(x)
    }

    /// One row alone, for acting with layers that have no kernel.
    pub(crate) fn graph_row(&self, parameters: &[f32], input: &[f32]) -> Result<GraphRow, Fault> {
        let graph = self.graph(parameters, input, 1)?;
        let (policy, value) = graph.outputs()?;
        Ok(GraphRow {
            policy,
            // None beside action-values.
            value: value.first().copied().unwrap_or_default(),
        })
    }
}

impl Graph {
    /// Policy outputs `[rows, outputs]` and values `[rows]`.
    pub(crate) fn outputs(&self) -> Result<(Vec<f32>, Vec<f32>), Fault> {
        let flat = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
        Ok((
            flat(&self.policy).map_err(|e| fault(&e))?,
            flat(&self.value).map_err(|e| fault(&e))?,
        ))
    }

    /// Writes the gradient of a function whose slopes by the outputs are given; tensors that it does not depend on get zero.
    pub(crate) fn backward(
        &self,
        network: &Network,
        policy_slope: &[f32],
        value_slope: &[f32],
        gradient: &mut [f32],
    ) -> Result<(), Fault> {
        let mut run = || -> candle_core::Result<()> {
            // A linear function with these slopes: its gradient is what the chain rule asks for.
            let slope = |slopes: &[f32], of: &Tensor| Tensor::from_slice(slopes, of.shape(), of.device());
            let policy = (slope(policy_slope, &self.policy)? * &self.policy)?.sum_all()?;
            let value = (slope(value_slope, &self.value)? * &self.value)?.sum_all()?;
            let gradients = (policy + value)?.backward()?;
            for (entry, variable) in network.layout.entries.iter().zip(&self.variables) {
                let place = &mut gradient[entry.range()];
                match gradients.get(variable.as_tensor()) {
                    Some(tensor) => place.copy_from_slice(&tensor.flatten_all()?.to_vec1::<f32>()?),
                    None => place.fill(0.0),
                }
            }
            Ok(())
        };
        run().map_err(|e| fault(&e))
    }
}
