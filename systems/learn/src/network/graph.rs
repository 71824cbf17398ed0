//! The reference: the network as a plain Candle graph, gradients by autograd. Any layer works here; the kernels are tested against it.

use super::graph_sequence::GraphSequence;
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
    /// Memories after the last step, one per layer that remembers.
    carry: Vec<Tensor>,
}

/// Rows over time, and the memories that they begin with, `[columns, carry]`.
pub(crate) struct GraphMemory<'a> {
    pub(crate) sequence: GraphSequence,
    pub(crate) carry: &'a [f32],
}

/// Outputs for one row.
pub(crate) struct GraphRow {
    pub(crate) policy: Vec<f32>,
    pub(crate) value: f32,
    /// The memory after it.
    pub(crate) carry: Vec<f32>,
}

fn fault(error: &candle_core::Error) -> Fault {
    Fault::run(format!("the network's graph failed: {error}"))
}

impl Network {
    /// Runs the graph on `input`, `[steps x columns, inputs]`.
    pub(crate) fn graph(&self, parameters: &[f32], input: &[f32], memory: &GraphMemory<'_>) -> Result<Graph, Fault> {
        self.build_graph(parameters, input, memory).map_err(|e| fault(&e))
    }

    fn build_graph(&self, parameters: &[f32], input: &[f32], memory: &GraphMemory<'_>) -> candle_core::Result<Graph> {
        let device = &Device::Cpu;
        let variables = self.variables(parameters, device)?;
        let GraphSequence { steps, columns, .. } = memory.sequence;
        let mut shape = vec![steps * columns];
        shape.extend(&self.seat.observation.shape);
        let x = Tensor::from_slice(input, shape, device)?;
        let carry = Tensor::from_slice(memory.carry, (columns, self.carry()), device)?;
        let mut after = Vec::new();
        let (policy, value) = self.chains(&x, |stage, x| {
            let tensors = self.tensors_of(stage, &variables);
            if stage.memory.is_empty() {
                return stage.layer.graph(&tensors, x);
            }
            let before = carry.narrow(1, stage.memory.start, stage.memory.len())?.contiguous()?;
            let (out, last) = stage.layer.graph_sequence(&tensors, x, &memory.sequence, &before)?;
            after.push(last);
            Ok(out)
        })?;
        Ok(Graph {
            policy,
            value,
            carry: after,
            variables,
        })
    }

    /// The parameters on a device, one variable per tensor of the layout.
    pub(crate) fn variables(&self, parameters: &[f32], device: &Device) -> candle_core::Result<Vec<Var>> {
        let entries = self.layout.entries.iter();
        entries
            .map(|entry| Var::from_slice(&parameters[entry.range()], entry.shape.as_slice(), device))
            .collect()
    }

    /// Policy outputs `[rows, outputs]` and values `[rows, 1]` of `x`, `[rows, observation...]`, for a network that remembers nothing, on the
    /// device where `x` and the variables are.
    pub(crate) fn feed_forward(&self, variables: &[Var], x: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
        self.chains(x, |stage, x| stage.layer.graph(&self.tensors_of(stage, variables), x))
    }

    /// Sends `x` through trunk and heads, layer by layer.
    fn chains(
        &self,
        x: &Tensor,
        mut layer: impl FnMut(&Stage, &Tensor) -> candle_core::Result<Tensor>,
    ) -> candle_core::Result<(Tensor, Tensor)> {
        let mut chain = |stages: &[Stage], x: &Tensor| stages.iter().try_fold(x.clone(), |x, stage| layer(stage, &x));
        let trunk = chain(&self.trunk, x)?;
        let policy = chain(&self.actor, &trunk)?;
        let value = match &self.head {
            // The values of states are read off those of the moves.
            Head::ActionValues { .. } => Tensor::zeros((x.dim(0)?, 1), DType::F32, x.device())?,
            _ => chain(&self.critic, &trunk)?,
        };
        Ok((policy, value))
    }

    fn tensors_of(&self, stage: &Stage, variables: &[Var]) -> Vec<Tensor> {
        let find = |range: &std::ops::Range<usize>| self.layout.entries.iter().position(|e| e.range() == *range);
        let places = stage.tensors.iter().filter_map(find);
        places.map(|place| variables[place].as_tensor().clone()).collect()
    }

    /// One row alone, for acting with layers that have no kernel; `carry` is its memory.
    pub(crate) fn graph_row(&self, parameters: &[f32], input: &[f32], carry: &[f32]) -> Result<GraphRow, Fault> {
        let sequence = GraphSequence::of_one_step(1);
        let graph = self.graph(parameters, input, &GraphMemory { sequence, carry })?;
        let (policy, value) = graph.outputs()?;
        let mut after = Vec::with_capacity(carry.len());
        for tensor in &graph.carry {
            after.extend(
                tensor
                    .flatten_all()
                    .and_then(|t| t.to_vec1::<f32>())
                    .map_err(|e| fault(&e))?,
            );
        }
        Ok(GraphRow {
            policy,
            // None beside action-values.
            value: value.first().copied().unwrap_or_default(),
            carry: after,
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
