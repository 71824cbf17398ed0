//! What of a network learns by itself: all of it, or actor and critic where they share nothing. Two threads may then work without either needing
//! a number of the other's.

use super::Network;
use super::plan::Plan;
use std::ops::Range;

/// A part of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Part {
    /// Everything.
    #[default]
    Whole,
    /// The policy head and nothing else.
    Actor,
    /// The value head and nothing else.
    Critic,
}

impl Network {
    /// The parts that learn by themselves, in the order of their parameters, which are all there are.
    pub fn parts(&self) -> &'static [Part] {
        match &self.towers {
            None => &[Part::Whole],
            Some(_) => &[Part::Actor, Part::Critic],
        }
    }

    /// The place of a part's parameters.
    pub fn parameters_of(&self, part: Part) -> Range<usize> {
        let n = self.layout.len();
        let first = self.critic.iter().find_map(|stage| stage.tensors.first());
        let cut = first.map_or(n, |tensor| tensor.start);
        match part {
            Part::Whole => 0..n,
            Part::Actor => 0..cut,
            Part::Critic => cut..n,
        }
    }

    /// The kernels of a part.
    pub(super) fn plan_of(&self, part: Part) -> Option<&Plan> {
        match (part, &self.towers) {
            (Part::Actor, Some([actor, _])) => Some(actor),
            (Part::Critic, Some([_, critic])) => Some(critic),
            _ => self.plan.as_ref(),
        }
    }
}
