//! `strategy`: the slot of evolution strategies.

pub mod open_es;

use starling_components::evolve::Strategy;
use starling_components::registry::Slot;

/// `strategy`: how an evolution makes members and learns from their scores.
#[derive(Debug)]
pub struct StrategySlot;

/// What a strategy's builder gets.
#[derive(Debug, Clone, Copy)]
pub struct StrategyContext {
    /// Number of the agent's first replica.
    pub first_replica: u32,
    /// How many it has.
    pub replicas: u32,
}

impl Slot for StrategySlot {
    const NAME: &'static str = "strategy";
    const DOC: &'static str = "How an evolution makes the members of a generation and learns from their scores.";
    const EXAMPLE: &'static str = r#"
name  = "example/strategy"
until = { ticks = 2 }

[environment.pole]
rules.cart_pole = { max_steps = 50 }
lanes = 1
seats = ["balancer"]

[agent.balancer]
policy = { activation = "tanh", heads = { actor = [{ dense = 8 }] } }

[evolve.pole]
vary           = "agent.balancer.parameters"
environment    = "pole"
optimizer.adam = { rate = 1e-2 }
# KIND
"#;
    type Context<'a> = StrategyContext;
    type Built = Box<dyn Strategy>;
}
