//! The network as plain operations, for devices.

use super::layer::Kernel;
use super::{Head, Network};
use starling_components::program::{Operation, Program, Step};

impl Network {
    /// See [`starling_components::act::Act::program`]: feed-forward networks of known layers that choose among moves.
    pub(super) fn operations(&self) -> Option<Program> {
        let Head::Categorical { moves } = self.head else {
            return None;
        };
        let plan = self.plan.as_ref()?;
        let mut steps = Vec::new();
        for op in &plan.ops {
            let operation = match op.kernel {
                Kernel::Dense {
                    inputs,
                    outputs,
                    activation,
                } => Operation::Dense {
                    inputs,
                    outputs,
                    activation,
                },
                Kernel::Conv {
                    height,
                    width,
                    channels,
                    features,
                    side,
                    activation,
                } => Operation::Conv {
                    height,
                    width,
                    channels,
                    features,
                    side,
                    activation,
                },
                Kernel::LayerNorm { axis, len, eps } => Operation::LayerNorm { axis, len, eps },
                Kernel::Activate { len, activation } => Operation::Activate { len, activation },
                Kernel::Recurrent(_) | Kernel::Reshape => return None,
            };
            steps.push(Step {
                operation,
                weights: op.weights.start,
                bias: op.bias.start,
                from: op.from,
                len: op.len,
            });
        }
        Some(Program {
            steps,
            policy: plan.policy,
            value: plan.value,
            inputs: self.inputs(),
            moves,
            parameters: self.layout.len(),
        })
    }
}
