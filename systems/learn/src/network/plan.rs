//! The network as a list of kernels over slices: which kernel reads which one's output, and where its parameters lie.

use super::input::Reading;
use super::layer::Kernel;
use super::memory::Remembering;
use super::{Head, Network, Stage};
use std::ops::Range;

/// One kernel in its place.
#[derive(Debug, Clone)]
pub(crate) struct Op {
    pub(crate) kernel: Kernel,
    /// Place of the first tensor (kernel or scale) in the flat buffer; empty if there is none.
    pub(crate) weights: Range<usize>,
    /// Place of the second tensor (bias), behind the first.
    pub(crate) bias: Range<usize>,
    /// The op whose output it reads; `None` for the observation.
    pub(crate) from: Option<usize>,
    /// Numbers of an output row.
    pub(crate) len: usize,
    /// In the backward pass another op has already written the slope of the input: add to it.
    pub(crate) adds: bool,
    /// Place of all its tensors, which lie one behind the other.
    pub(crate) tensors: Range<usize>,
    /// Its part of the network's memory; empty for a layer that remembers nothing.
    pub(crate) memory: Range<usize>,
}

impl Op {
    /// The layer with a memory that is op number `op`.
    pub(super) fn remembering(&self, op: usize) -> Option<Remembering> {
        let Kernel::Recurrent(layer) = self.kernel else {
            return None;
        };
        let place = self.memory.clone();
        Some(Remembering { layer, op, place })
    }
}

/// All kernels, in an order in which every input is computed before it is read.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) ops: Vec<Op>,
    /// The op that puts out logits or means.
    pub(crate) policy: usize,
    /// The op that puts out the value; that of `policy` where the head puts out action-values.
    pub(crate) value: usize,
    /// How it reads observations of bytes.
    pub(crate) reading: Reading,
    /// How many ops from the first see single cells, where `reading` is by cells.
    pub(crate) cell_ops: usize,
}

impl Plan {
    /// The plan of a network all of whose layers have kernels.
    pub(crate) fn of(network: &Network) -> Option<Self> {
        let mut ops = Vec::new();
        let trunk = append(&mut ops, &network.trunk, None)?;
        let policy = append(&mut ops, &network.actor, trunk)??;
        let value = match network.head {
            Head::ActionValues { .. } => policy,
            _ => append(&mut ops, &network.critic, trunk)??,
        };
        for i in 0..ops.len() {
            let later_reader = |op: &Op| op.from.is_some() && op.from == ops[i].from;
            ops[i].adds = ops[i + 1..].iter().any(later_reader);
        }
        let (reading, cell_ops) = reading(&ops);
        Some(Self {
            ops,
            policy,
            value,
            reading,
            cell_ops,
        })
    }

    /// Actor and critic by themselves, where they share nothing and remember nothing.
    pub(crate) fn towers(network: &Network) -> Option<[Self; 2]> {
        let shared = append(&mut Vec::new(), &network.trunk, None)?;
        if shared.is_some() || network.carry() > 0 || matches!(network.head, Head::ActionValues { .. }) {
            return None;
        }
        let tower = |stages| {
            let mut ops = Vec::new();
            let last = append(&mut ops, stages, None)??;
            let (reading, cell_ops) = reading(&ops);
            Some(Self {
                ops,
                policy: last,
                value: last,
                reading,
                cell_ops,
            })
        };
        Some([tower(&network.actor)?, tower(&network.critic)?])
    }
}

/// Weights of a window from which on a window of mostly zeros is read as a list of what is not zero.
const WORTH_A_LIST: usize = 4096;

/// How the first layers may read bytes, and how many of them see single cells.
fn reading(ops: &[Op]) -> (Reading, usize) {
    let mut first = ops.iter().filter(|op| op.from.is_none());
    if first.clone().all(|op| matches!(op.kernel, Kernel::Dense { .. })) {
        return (Reading::Taps, 0);
    }
    match (first.next().map(|op| op.kernel), first.next()) {
        (Some(Kernel::Conv { side: 1, channels, .. }), None) => {
            let alone = |op: usize| ops.iter().filter(|later| later.from == Some(op)).count() == 1;
            let mut count = 1;
            while ops.get(count).is_some_and(|op| {
                matches!(op.kernel, Kernel::Conv { side: 1, .. }) && op.from == Some(count - 1) && alone(count - 1)
            }) {
                count += 1;
            }
            (Reading::Cells { channels }, count)
        }
        (
            Some(Kernel::Conv {
                side,
                channels,
                features,
                ..
            }),
            None,
        ) if side * side * channels * features >= WORTH_A_LIST => (Reading::Taps, 0),
        _ => (Reading::Whole, 0),
    }
}

/// Appends the kernels of one list; gives the op whose output leaves it. `None` outside if a layer has no kernel.
fn append(ops: &mut Vec<Op>, stages: &[Stage], mut from: Option<usize>) -> Option<Option<usize>> {
    for stage in stages {
        let kernel = stage.layer.kernel()?;
        if kernel == Kernel::Reshape {
            continue;
        }
        let tensor = |i: usize| stage.tensors.get(i).map_or(0..0, Clone::clone);
        ops.push(Op {
            kernel,
            weights: tensor(0),
            bias: tensor(1),
            from,
            len: stage.layer.output().iter().product(),
            adds: false,
            tensors: tensor(0).start..stage.tensors.last().map_or(0, |range| range.end),
            memory: stage.memory.clone(),
        });
        from = Some(ops.len() - 1);
    }
    Some(from)
}
