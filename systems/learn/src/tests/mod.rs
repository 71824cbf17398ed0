//! Tests of several modules together, and what they share.

mod acting;
mod bandit;
mod candle_op;
mod chairs;
mod cloning;
mod differences;
mod equality;
mod masks;
mod parts;
mod plugin;
mod ppo_graph;
mod q_learning;
mod recall;
mod recurrent;
mod replaying;
mod samples;
mod sequences;
pub(crate) mod speed;

use crate::network::Network;
use starling_components::EntityName;
use starling_components::random::{Counter, Draw, Key};
use starling_components::registry::Registry;
use starling_components::spaces::{ActionSpace, ElementKind, ObservationSpace, SeatShape};
use starling_components::specs::PolicySpec;

/// A registry with this crate's kinds.
pub(crate) fn registry() -> Registry {
    let mut registry = Registry::default();
    crate::register(&mut registry);
    registry
}

/// A seat that sees `shape`.
pub(crate) fn seat(shape: &[usize], element: ElementKind, action: ActionSpace) -> SeatShape {
    SeatShape {
        observation: ObservationSpace {
            shape: shape.to_vec(),
            element,
        },
        action,
    }
}

pub(crate) fn moves(n: usize) -> ActionSpace {
    ActionSpace::Discrete {
        names: (0..n).map(|i| format!("move {i}")).collect(),
    }
}

pub(crate) fn vector(n: usize) -> ActionSpace {
    ActionSpace::Box {
        low: vec![-1.0; n],
        high: vec![1.0; n],
    }
}

/// A network from the JSON of its `policy` table.
pub(crate) fn network(policy: &str, seat: &SeatShape) -> Network {
    let spec: PolicySpec = serde_json::from_str(policy).expect("a policy table");
    Network::describe(&spec, seat, &registry()).expect("a network")
}

pub(crate) fn draws(seed: u64) -> Counter {
    Counter::new(Key::of_seed(seed), 0, 0, 0)
}

/// Parameters with every tensor away from its start, so that no gradient is zero by symmetry.
pub(crate) fn parameters(network: &Network, seed: u64) -> Vec<f32> {
    let key = Key::of_seed(seed).entity(&EntityName::new("agent", "a"));
    let mut values = network.initialise(key);
    let mut draw = draws(seed);
    for value in &mut values {
        *value += draw.uniform(-0.1, 0.1);
    }
    values
}
