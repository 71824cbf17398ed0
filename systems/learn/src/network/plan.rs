//! The network as a list of kernels over slices: which kernel reads which one's output, and where its parameters lie.

use super::layer::Kernel;
use super::{Network, Stage};

/// One kernel in its place.
#[derive(Debug, Clone)]
pub(crate) struct Op {
    pub(crate) kernel: Kernel,
    /// Offset of the first tensor (kernel or scale).
    pub(crate) weights: usize,
    /// Offset of the second tensor (bias).
    pub(crate) bias: usize,
    /// The op whose output it reads; `None` for the observation.
    pub(crate) from: Option<usize>,
    /// Numbers of an output row.
    pub(crate) len: usize,
    /// In the backward pass another op has already written the slope of the input: add to it.
    pub(crate) adds: bool,
}

/// All kernels, in an order in which every input is computed before it is read.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) ops: Vec<Op>,
    /// The op that puts out logits or means.
    pub(crate) policy: usize,
    /// The op that puts out the value.
    pub(crate) value: usize,
    /// Every op has a backward pass.
    pub(crate) trains: bool,
    /// Only dense kernels read the observation, so that its zeros can be skipped.
    pub(crate) sparse: bool,
}

impl Plan {
    /// The plan of a network all of whose layers have kernels.
    pub(crate) fn of(network: &Network) -> Option<Self> {
        let mut ops = Vec::new();
        let trunk = append(&mut ops, &network.trunk, None)?;
        let policy = append(&mut ops, &network.actor, trunk)??;
        let value = append(&mut ops, &network.critic, trunk)??;
        for i in 0..ops.len() {
            let later_reader = |op: &Op| op.from.is_some() && op.from == ops[i].from;
            ops[i].adds = ops[i + 1..].iter().any(later_reader);
        }
        let trains = !ops.iter().any(|op| matches!(op.kernel, Kernel::Conv { .. }));
        let sparse = ops
            .iter()
            .filter(|op| op.from.is_none())
            .all(|op| matches!(op.kernel, Kernel::Dense { .. }));
        Some(Self {
            ops,
            policy,
            value,
            trains,
            sparse,
        })
    }
}

/// Appends the kernels of one list; gives the op whose output leaves it. `None` outside if a layer has no kernel.
fn append(ops: &mut Vec<Op>, stages: &[Stage], mut from: Option<usize>) -> Option<Option<usize>> {
    for stage in stages {
        let kernel = stage.layer.kernel()?;
        if kernel == Kernel::Reshape {
            continue;
        }
        if matches!(kernel, Kernel::Recurrent(_)) {
            return None;
        }
        let offset = |i: usize| stage.tensors.get(i).map_or(0, |range| range.start);
        ops.push(Op {
            kernel,
            weights: offset(0),
            bias: offset(1),
            from,
            len: stage.layer.output().iter().product(),
            adds: false,
        });
        from = Some(ops.len() - 1);
    }
    Some(from)
}
