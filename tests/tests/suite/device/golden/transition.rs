//! What the processor does with a transition, and which words its draws were.

use super::Given;
use super::tape::Tape;
use starling_components::random::{Counter, Draw, Key};
use starling_components::simulate::{Outcome, Rules};

/// A transition on the processor, with whatever start follows it.
pub(crate) struct Played {
    pub(crate) given: Given,
    /// The start of the next episode, where this transition ended one.
    pub(crate) start: Option<Vec<u32>>,
}

/// Takes `actions` from `before` with the draws of `draw`. `again`, if any, are the draws of the start that follows an end; else the
/// generator's.
pub(crate) fn play<R: Rules, D: Draw, A: Draw>(
    rules: &R,
    before: &[u32],
    actions: &[R::Action],
    draw: D,
    again: Option<A>,
) -> Played {
    let seats = rules.shape().seats.len();
    let (mut rewards, mut shaped) = (vec![0.0; seats], vec![0.0; seats]);
    let mut outcome = Outcome {
        rewards: &mut rewards,
        shaped: &mut shaped,
        terminated: false,
        truncated: false,
    };
    let mut state = before.to_vec();
    let mut tape = Tape::new(draw);
    rules.step(&mut state, actions, &mut tape, &mut outcome);
    let ended = outcome.terminated || outcome.truncated;
    let draws = match again {
        _ if !ended => tape.words(),
        Some(again) => reset(rules, &mut state, tape.then(again)),
        None => reset(rules, &mut state, tape.then(Counter::new(Key::of_seed(31), 0, 6, 0))),
    };
    Played {
        given: Given {
            before: before.to_vec(),
            actions: bytemuck::cast_slice(actions).to_vec(),
            draws,
        },
        start: ended.then_some(state),
    }
}

fn reset<R: Rules, D: Draw>(rules: &R, state: &mut [u32], mut tape: Tape<D>) -> Vec<u32> {
    state.fill(u32::MAX);
    rules.reset(state, &mut tape);
    tape.words()
}
