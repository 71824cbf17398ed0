//! What games of one seat with a few words of state share: their shape, and how many lanes are stepped in vector registers.
//!
//! A [`Transition`] draws nothing and branches nowhere. Lanes are taken by groups whose numbers lie next to each other, which is what the
//! compiler turns into vector instructions; every lane gets the bits that it would get alone.

use crate::lanes::Vectorised;
use starling_components::fault::Fault;
use starling_components::registry::RulesContext;
use starling_components::simulate::{LaneOutcomes, Outcome, Rules, Simulate};
use starling_components::spaces::{ActionSpace, ElementKind, EnvironmentShape, ObservationSpace, SeatShape};
use std::sync::Arc;

/// Lanes that are stepped together: two AVX2 registers.
const GROUP: usize = 16;

/// The transition of one lane whose state has `WORDS` words.
pub(super) trait Transition<const WORDS: usize> {
    /// `i32` or `f32`, one component.
    type Action: Copy;

    /// Writes the next state; what comes of it. Implemented with `#[inline(always)]` and without `||` or `&&`, which are branches.
    fn transition(&self, state: &mut [u32; WORDS], action: Self::Action) -> Transit;
}

/// What a transition yields besides the next state.
pub(super) struct Transit {
    pub(super) reward: f32,
    pub(super) terminated: bool,
    pub(super) truncated: bool,
}

/// [`Rules::step`] by a transition.
#[inline]
pub(super) fn step<const WORDS: usize, T: Transition<WORDS>>(
    rules: &T,
    state: &mut [u32],
    actions: &[T::Action],
    outcome: &mut Outcome<'_>,
) {
    let Some(state) = state.first_chunk_mut::<WORDS>() else {
        debug_assert!(false, "a state has the words of its shape");
        return;
    };
    let transit = rules.transition(state, actions[0]);
    outcome.rewards[0] = transit.reward;
    outcome.terminated = transit.terminated;
    outcome.truncated = transit.truncated;
}

/// [`Rules::step_lanes`] by a transition.
pub(super) fn step_lanes<const WORDS: usize, T: Transition<WORDS>>(
    rules: &T,
    states: &mut [u32],
    actions: &[T::Action],
    outcomes: &mut LaneOutcomes<'_>,
) -> bool {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has just been found to have AVX2.
        unsafe { transitions_avx2(rules, states, actions, outcomes) };
        return true;
    }
    transitions(rules, states, actions, outcomes);
    true
}

/// [`transitions`] compiled for AVX2, where rounding down is an instruction and eight lanes fit a register.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn transitions_avx2<const WORDS: usize, T: Transition<WORDS>>(
    rules: &T,
    states: &mut [u32],
    actions: &[T::Action],
    outcomes: &mut LaneOutcomes<'_>,
) {
    transitions(rules, states, actions, outcomes);
}

#[inline(always)]
fn transitions<const WORDS: usize, T: Transition<WORDS>>(
    rules: &T,
    states: &mut [u32],
    actions: &[T::Action],
    outcomes: &mut LaneOutcomes<'_>,
) {
    let whole = actions.len() / GROUP * GROUP;
    for first in (0..whole).step_by(GROUP) {
        let lanes = first..first + GROUP;
        let states = &mut states[first * WORDS..(first + GROUP) * WORDS];
        let actions = &actions[lanes.clone()];
        let rewards = &mut outcomes.rewards[lanes.clone()];
        let terminated = &mut outcomes.terminated[lanes.clone()];
        let truncated = &mut outcomes.truncated[lanes];
        let mut columns = [[0_u32; GROUP]; WORDS];
        for lane in 0..GROUP {
            for word in 0..WORDS {
                columns[word][lane] = states[lane * WORDS + word];
            }
        }
        for lane in 0..GROUP {
            let mut state: [u32; WORDS] = std::array::from_fn(|word| columns[word][lane]);
            let transit = rules.transition(&mut state, actions[lane]);
            for word in 0..WORDS {
                columns[word][lane] = state[word];
            }
            rewards[lane] = transit.reward;
            terminated[lane] = u8::from(transit.terminated);
            truncated[lane] = u8::from(transit.truncated);
        }
        for lane in 0..GROUP {
            for word in 0..WORDS {
                states[lane * WORDS + word] = columns[word][lane];
            }
        }
    }
    let rest = states[whole * WORDS..].as_chunks_mut::<WORDS>().0;
    for (state, lane) in rest.iter_mut().zip(whole..actions.len()) {
        let transit = rules.transition(state, actions[lane]);
        outcomes.rewards[lane] = transit.reward;
        outcomes.terminated[lane] = u8::from(transit.terminated);
        outcomes.truncated[lane] = u8::from(transit.truncated);
    }
    outcomes.shaped.fill(0.0);
}

/// One seat that sees `width` floats.
///
/// # Errors
/// No step allowed.
pub(super) fn shape(
    width: usize,
    action: ActionSpace,
    state_words: usize,
    max_steps: u32,
) -> Result<EnvironmentShape, Fault> {
    if max_steps == 0 {
        return Err(Fault::pipeline("an episode of no steps").within(["max_steps"]));
    }
    let observation = ObservationSpace {
        shape: vec![width],
        element: ElementKind::F32,
    };
    Ok(EnvironmentShape {
        seats: vec![SeatShape { observation, action }],
        state_words,
        max_steps: Some(max_steps),
        global_len: 0,
        masks: false,
        turns: false,
        events: Vec::new(),
    })
}

/// The moves of a seat, by name.
pub(super) fn moves<const N: usize>(names: [&str; N]) -> ActionSpace {
    ActionSpace::Discrete {
        names: names.map(str::to_owned).to_vec(),
    }
}

/// One float in `[-limit, limit]`.
pub(super) fn one_float(limit: f32) -> ActionSpace {
    ActionSpace::Box {
        low: vec![-limit],
        high: vec![limit],
    }
}

/// The environment of `rules`, for the one agent that may be named.
///
/// # Errors
/// Another number of agents; what the rules refuse.
pub(super) fn environment<R: Rules>(
    name: &str,
    rules: Result<R, Fault>,
    context: RulesContext<'_>,
) -> Result<Arc<dyn Simulate>, Fault> {
    if context.seats != 1 {
        let message = format!("{name} has one seat, {} agents are named", context.seats);
        return Err(Fault::pipeline(message).advise("name one agent in `seats`"));
    }
    Ok(Arc::new(Vectorised::new(rules?)))
}

/// The floats at the start of a state.
#[inline(always)]
pub(super) fn floats<const N: usize>(state: &[u32]) -> [f32; N] {
    std::array::from_fn(|word| f32::from_bits(state[word]))
}
