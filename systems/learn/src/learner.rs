//! `learner`: the slot of learning algorithms.

use crate::network::{AgentContext, Head};
use crate::optimizer::Optimizer;
use starling_components::demonstrations::Demonstrations;
use starling_components::fault::Fault;
use starling_components::learn::Learn;
use starling_components::registry::Slot;
use std::collections::BTreeMap;
use std::sync::Arc;

/// `learner`: how an agent learns from what it experienced.
#[derive(Debug)]
pub struct LearnerSlot;

/// What a learner's builder gets.
#[derive(Clone)]
pub struct LearnerContext {
    /// The agent's network and surroundings.
    pub agent: AgentContext,
    /// The agent's optimiser.
    pub optimizer: Arc<dyn Optimizer>,
    /// The pipeline's datasets, by key.
    pub datasets: Arc<BTreeMap<String, Demonstrations>>,
}

impl LearnerContext {
    /// `learner` needs a policy that draws its actions from a distribution.
    pub(crate) fn needs_distribution(&self, learner: &str) -> Result<(), Fault> {
        match self.agent.network.head {
            Head::ActionValues { .. } => {
                let message = format!("`{learner}` learns a distribution of actions, and the policy has a `q` head");
                Err(Fault::pipeline(message).advise("use `actor` and `critic`, or `learner.dqn`"))
            }
            Head::Categorical { .. } | Head::Gaussian { .. } => Ok(()),
        }
    }
}

impl Slot for LearnerSlot {
    const NAME: &'static str = "learner";
    const DOC: &'static str = "How an agent learns from what it experienced.";
    const EXAMPLE: &'static str = r#"
name  = "example/learner"
until = { ticks = 1 }

[environment.pole]
rules.cart_pole = {}
lanes = 4
seats = ["balancer"]

[agent.balancer]
policy         = { activation = "tanh", heads = { actor = [{ dense = 16 }], critic = [{ dense = 16 }] } }
optimizer.adam = { rate = 1e-3 }
# KIND
"#;
    type Context<'a> = LearnerContext;
    type Built = Box<dyn Learn>;
}
