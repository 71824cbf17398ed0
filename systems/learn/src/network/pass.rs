//! Learning: forward and backward over one shard of rows, in buffers that are used again and again.
//!
//! A shard's result depends on its rows only, so that shards may run on any thread.

use super::chain::resize;
use super::graph::{Graph, GraphMemory};
use super::graph_sequence::GraphSequence;
use super::input::{InputRows, Reading};
use super::kernels::Scratch;
use super::memory::Memory;
use super::parts::Part;
use super::{Head, Network};
use starling_components::fault::Fault;
use starling_components::spaces::Observations;

/// Numbers of a block of rows, their outputs and slopes.
const BLOCK_NUMBERS: usize = 1 << 17;

/// The buffers of one shard.
#[derive(Debug, Default)]
pub struct Pass {
    /// What of the network passes.
    pub(super) part: Part,
    pub(super) input: InputRows,
    /// Outputs and their slopes, per op.
    pub(super) outs: Vec<Vec<f32>>,
    pub(super) slopes: Vec<Vec<f32>>,
    /// The ops that put out logits or means, and the value.
    pub(super) policy: usize,
    pub(super) value: usize,
    pub(super) gradient: Vec<f32>,
    pub(super) graph: Option<Graph>,
    pub(super) scratch: Scratch,
    pub(super) memory: Memory,
    /// Outputs and slopes of the last op that sees single cells, for distinct cells.
    pub(super) distinct: [Vec<f32>; 2],
}

/// Outputs of a forward pass, and where their slopes go. Those of an actor alone have no values, those of a critic alone nothing else.
#[derive(Debug)]
pub struct Outputs<'a> {
    /// Logits, action-values or means, `[rows, outputs]`.
    pub policy: &'a [f32],
    /// `[rows]`; empty where there are action-values.
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
    /// The gathered rows are `[steps, columns]`: each column is a memory that goes from step to step. `flags`, `[steps, columns]`, are those of
    /// [`super::kernels::sequence::Sequence`], or empty; `carry` holds the memories at the start, `[columns, carry]`. Without this every row
    /// is a step of its own that remembers nothing.
    pub fn remember(&mut self, flags: &[u8], carry: &[f32], columns: usize) {
        self.memory.columns = columns;
        self.memory.flags.clear();
        self.memory.flags.extend_from_slice(flags);
        self.memory.carry.clear();
        self.memory.carry.extend_from_slice(carry);
    }
    /// The gradient of the last backward pass, `[n]`.
    pub fn gradient(&self) -> &[f32] {
        &self.gradient
    }
}

impl Network {
    /// Puts rows into the pass: for every row its observations (a buffer of some rollout) and where it starts in them.
    pub fn gather<'a>(&self, pass: &mut Pass, rows: impl Iterator<Item = (Observations<'a>, usize)> + Clone) {
        let reading = self.plan_of(pass.part).map_or(Reading::Whole, |plan| plan.reading);
        pass.input.gather(self.inputs(), self.element(), reading, rows);
        pass.memory.begin(pass.input.rows, self.carry());
    }

    /// Sets the gradient to zero; the parameters may be others than before.
    pub fn begin(&self, pass: &mut Pass) {
        self.begin_part(pass, Part::Whole);
    }

    /// [`Network::begin`] for one of [`Network::parts`]: until it begins again, the pass is this part's, and only the part's place in the gradient is
    /// filled.
    pub fn begin_part(&self, pass: &mut Pass, part: Part) {
        pass.part = part;
        pass.gradient.resize(self.layout.len(), 0.0);
        pass.gradient[self.parameters_of(part)].fill(0.0);
        pass.scratch.forget();
    }

    /// Computes the outputs of the gathered rows.
    ///
    /// # Errors
    /// What Candle says, where the graph computes.
    pub fn forward(&self, parameters: &[f32], pass: &mut Pass) -> Result<(), Fault> {
        self.begin(pass);
        self.forward_more(parameters, pass)
    }

    /// [`Network::forward`] of further rows, with the parameters as they were at [`Network::begin`]: their gradient will be added to that of the
    /// rows before, if [`Network::block_rows`] says that rows come in blocks.
    ///
    /// # Errors
    /// What Candle says, where the graph computes.
    pub fn forward_more(&self, parameters: &[f32], pass: &mut Pass) -> Result<(), Fault> {
        match self.plan_of(pass.part) {
            Some(plan) => {
                resize(&mut pass.slopes, plan.lengths(&pass.input));
                plan.forward(parameters, pass);
                Ok(())
            }
            None => self.forward_reference(parameters, pass),
        }
    }

    /// [`Network::forward`] by the Candle graph, whatever the layers.
    ///
    /// # Errors
    /// What Candle says.
    pub fn forward_reference(&self, parameters: &[f32], pass: &mut Pass) -> Result<(), Fault> {
        self.begin(pass);
        pass.input.densify();
        let columns = pass.memory.columns;
        let memory = GraphMemory {
            sequence: GraphSequence {
                steps: pass.input.rows / columns.max(1),
                columns,
                flags: pass.memory.flags.clone(),
            },
            carry: &pass.memory.carry,
        };
        let graph = self.graph(parameters, &pass.input.dense, &memory)?;
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
            Head::ActionValues { .. } => {
                return Outputs {
                    policy: &pass.outs[policy],
                    value: &[],
                    policy_slope: &mut pass.slopes[policy],
                    value_slope: &mut [],
                    log_std_slope: &mut [],
                };
            }
        };
        match pass.part {
            Part::Whole => {}
            Part::Actor => {
                return Outputs {
                    policy: &pass.outs[policy],
                    value: &[],
                    policy_slope: &mut pass.slopes[policy],
                    value_slope: &mut [],
                    log_std_slope: &mut pass.gradient[log_std],
                };
            }
            Part::Critic => {
                return Outputs {
                    policy: &[],
                    value: &pass.outs[value],
                    policy_slope: &mut [],
                    value_slope: &mut pass.slopes[value],
                    log_std_slope: &mut [],
                };
            }
        }
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
                Head::Categorical { .. } | Head::ActionValues { .. } => 0..0,
            };
            let kept = pass.gradient[log_std.clone()].to_vec();
            let (policy, value) = (&pass.slopes[pass.policy], &pass.slopes[pass.value]);
            graph.backward(self, policy, value, &mut pass.gradient)?;
            pass.gradient[log_std].copy_from_slice(&kept);
        } else if let Some(plan) = self.plan_of(pass.part) {
            plan.backward(parameters, pass);
        }
        Ok(())
    }

    /// How many rows best go through the layers together, so that their numbers stay in a near cache; part of what the bits of a gradient depend
    /// on. `None`: all, because the rows are sequences or the graph computes.
    pub fn block_rows(&self, part: Part) -> Option<usize> {
        let plan = self.plan_of(part).filter(|_| self.carry() == 0)?;
        let outs: usize = plan.ops.iter().skip(plan.cell_ops).map(|op| op.len).sum();
        let numbers = self.inputs() + 2 * outs;
        // The more rows, the fewer distinct cells each.
        let least = if plan.cell_ops > 0 { 256 } else { 48 };
        Some((BLOCK_NUMBERS / numbers / 16 * 16).clamp(least, 512))
    }

    /// Bytes of a [`Pass`] of `rows` rows.
    pub fn pass_bytes(&self, rows: usize) -> usize {
        let outs: usize = match &self.plan {
            // A layer with a memory keeps its gates and what it began every step with.
            Some(plan) => plan.ops.iter().map(|op| op.len + 3 * op.memory.len()).sum(),
            // The graph keeps a few tensors per layer.
            None => 4 * self.layout.len(),
        };
        4 * (rows * (self.inputs() + 2 * outs) + self.layout.len())
    }
}
