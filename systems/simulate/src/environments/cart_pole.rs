//! CartPole-v1 as in gymnax 1.0.1: balance a pole on a cart by pushing it left or right.
//!
//! All arithmetic is IEEE `f32` in the reference's order. A transition draws nothing and branches nowhere, so many lanes are stepped in
//! vector registers ([`Rules::step_lanes`]), with the bits of the plain way.

use crate::lanes::Vectorised;
use starling_components::environments::cart_pole::CartPoleSettings;
use starling_components::fault::Fault;
use starling_components::maths::sin_cos;
use starling_components::random::Draw;
use starling_components::registry::{Registry, RulesContext, RulesSlot};
use starling_components::simulate::{LaneOutcomes, Outcome, Rules};
use starling_components::spaces::{ActionSpace, ElementKind, EnvironmentShape, ObservationSpace, SeatShape};
use std::sync::Arc;

const GRAVITY: f32 = 9.8;
const MASS_POLE: f32 = 0.1;
const TOTAL_MASS: f32 = 1.1;
/// Half the pole.
const LENGTH: f32 = 0.5;
const POLEMASS_LENGTH: f32 = 0.05;
const FORCE_MAG: f32 = 10.0;
/// Seconds per step.
const TAU: f32 = 0.02;
const X_THRESHOLD: f32 = 2.4;
/// 12 degrees, formed in double precision and rounded once.
const THETA_THRESHOLD: f32 = (12.0 * 2.0 * std::f64::consts::PI / 360.0) as f32;
const FOUR_THIRDS: f32 = (4.0_f64 / 3.0) as f32;
/// Start values lie in [-START, START).
const START: f32 = 0.05;

/// Words of a state: x, x_dot, theta and theta_dot as bits of `f32`, then the steps done.
const WORDS: usize = 5;
/// Lanes that are stepped together: two AVX2 registers.
const GROUP: usize = 16;

/// The rules of CartPole.
#[derive(Debug)]
pub struct CartPole {
    shape: EnvironmentShape,
    max_steps: u32,
}

/// Registers `rules.cart_pole`.
pub fn register(registry: &mut Registry) {
    registry.kind::<RulesSlot, CartPoleSettings>(|settings, context: RulesContext<'_>| {
        if context.seats != 1 {
            let message = format!("cart_pole has one seat, {} agents are named", context.seats);
            return Err(Fault::pipeline(message).advise("name one agent in `seats`"));
        }
        Ok(Arc::new(Vectorised::new(CartPole::new(settings)?)))
    });
}

impl CartPole {
    /// The rules with these settings.
    ///
    /// # Errors
    /// No step allowed.
    pub fn new(settings: &CartPoleSettings) -> Result<Self, Fault> {
        if settings.max_steps == 0 {
            return Err(Fault::pipeline("an episode of no steps").within(["max_steps"]));
        }
        let seat = SeatShape {
            observation: ObservationSpace {
                shape: vec![4],
                element: ElementKind::F32,
            },
            action: ActionSpace::Discrete {
                names: vec!["left".to_owned(), "right".to_owned()],
            },
        };
        let shape = EnvironmentShape {
            seats: vec![seat],
            state_words: WORDS,
            max_steps: Some(settings.max_steps),
            global_len: 0,
            masks: false,
            turns: false,
            events: Vec::new(),
        };
        Ok(Self {
            shape,
            max_steps: settings.max_steps,
        })
    }
}

/// Position and speed of cart and pole: x, x_dot, theta, theta_dot.
type Motion = [f32; 4];

/// The pole has fallen or the cart left the track. Without `||`, which would be a branch.
#[allow(clippy::manual_range_contains)] // a range that does not contain NaN would end the episode, the reference goes on
#[inline(always)]
fn fallen([x, _, theta, _]: Motion) -> bool {
    (x < -X_THRESHOLD) | (x > X_THRESHOLD) | (theta < -THETA_THRESHOLD) | (theta > THETA_THRESHOLD)
}

/// Equations of motion (Barto, Sutton and Anderson 1983), one explicit Euler step from all old values.
#[inline(always)]
fn push([x, x_dot, theta, theta_dot]: Motion, action: f32) -> Motion {
    let force = FORCE_MAG * action - FORCE_MAG * (1.0 - action);
    let (sin, cos) = sin_cos(theta);
    let temp = (force + POLEMASS_LENGTH * (theta_dot * theta_dot) * sin) / TOTAL_MASS;
    let theta_acc = (GRAVITY * sin - cos * temp) / (LENGTH * (FOUR_THIRDS - MASS_POLE * (cos * cos) / TOTAL_MASS));
    let x_acc = temp - POLEMASS_LENGTH * theta_acc * cos / TOTAL_MASS;
    [
        x + TAU * x_dot,
        x_dot + TAU * x_acc,
        theta + TAU * theta_dot,
        theta_dot + TAU * theta_acc,
    ]
}

#[inline(always)]
fn motion(state: &[u32]) -> Motion {
    [0, 1, 2, 3].map(|word| f32::from_bits(state[word]))
}

/// What a transition yields: reward, terminated, truncated.
#[inline(always)]
fn transition(state: &mut [u32], action: i32, max_steps: u32) -> (f32, bool, bool) {
    let old = motion(state);
    let new = push(old, action as f32);
    let time = state[4].wrapping_add(1);
    for (word, value) in state.iter_mut().zip(new) {
        *word = value.to_bits();
    }
    state[4] = time;
    let reward = 1.0 - f32::from(u8::from(fallen(old)));
    (reward, fallen(new), time >= max_steps)
}

/// All lanes, by groups whose numbers lie next to each other: what the compiler turns into vector instructions.
#[inline(always)]
fn transitions(states: &mut [u32], actions: &[i32], outcomes: &mut LaneOutcomes<'_>, max_steps: u32) {
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
            let mut state = [0, 1, 2, 3, 4].map(|word: usize| columns[word][lane]);
            let (reward, end, cut) = transition(&mut state, actions[lane], max_steps);
            for word in 0..WORDS {
                columns[word][lane] = state[word];
            }
            rewards[lane] = reward;
            terminated[lane] = u8::from(end);
            truncated[lane] = u8::from(cut);
        }
        for lane in 0..GROUP {
            for word in 0..WORDS {
                states[lane * WORDS + word] = columns[word][lane];
            }
        }
    }
    for lane in whole..actions.len() {
        let state = &mut states[lane * WORDS..(lane + 1) * WORDS];
        let (reward, end, cut) = transition(state, actions[lane], max_steps);
        outcomes.rewards[lane] = reward;
        outcomes.terminated[lane] = u8::from(end);
        outcomes.truncated[lane] = u8::from(cut);
    }
    outcomes.shaped.fill(0.0);
}

/// [`transitions`] compiled for AVX2, where rounding down is an instruction and eight lanes fit a register.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn transitions_avx2(states: &mut [u32], actions: &[i32], outcomes: &mut LaneOutcomes<'_>, max_steps: u32) {
    transitions(states, actions, outcomes, max_steps);
}

impl Rules for CartPole {
    type Action = i32;
    type Observation = f32;

    fn shape(&self) -> &EnvironmentShape {
        &self.shape
    }

    #[inline]
    fn reset<D: Draw>(&self, state: &mut [u32], draw: &mut D) {
        for word in &mut state[..4] {
            *word = draw.uniform(-START, START).to_bits();
        }
        state[4] = 0;
    }

    fn restart<D: Draw>(&self, state: &mut [u32], _: &mut D) {
        state[4] = 0;
    }

    #[inline]
    fn step<D: Draw>(&self, state: &mut [u32], actions: &[i32], _: &mut D, outcome: &mut Outcome<'_>) {
        let (reward, terminated, truncated) = transition(state, actions[0], self.max_steps);
        outcome.rewards[0] = reward;
        (outcome.terminated, outcome.truncated) = (terminated, truncated);
    }

    fn step_lanes(&self, states: &mut [u32], actions: &[i32], outcomes: &mut LaneOutcomes<'_>) -> bool {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has just been found to have AVX2.
            unsafe { transitions_avx2(states, actions, outcomes, self.max_steps) };
            return true;
        }
        transitions(states, actions, outcomes, self.max_steps);
        true
    }

    #[inline]
    fn observe(&self, state: &[u32], out: &mut [f32]) {
        out[..4].copy_from_slice(&motion(state));
    }

    fn render(&self, state: &[u32]) -> String {
        const COLUMNS: f32 = 48.0;
        let [x, x_dot, theta, theta_dot] = motion(state);
        let column = ((x + X_THRESHOLD) / (2.0 * X_THRESHOLD) * COLUMNS).clamp(0.0, COLUMNS) as usize;
        let pole = if theta < -0.02 {
            '\\'
        } else if theta > 0.02 {
            '/'
        } else {
            '|'
        };
        let lean = column.saturating_add_signed(isize::from(theta > 0.02) - isize::from(theta < -0.02));
        format!(
            "{0:lean$}{pole}\n{0:column$}#\n{1}\nstep {2}  x {x:+.3}  x_dot {x_dot:+.3}  theta {theta:+.4}  theta_dot {theta_dot:+.3}\n",
            "",
            "-".repeat(COLUMNS as usize + 1),
            state[4],
        )
    }
}
