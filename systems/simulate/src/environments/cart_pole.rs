//! CartPole-v1 as in gymnax 1.0.1: balance a pole on a cart by pushing it left or right.
//!
//! All arithmetic is IEEE `f32` in the reference's order. State words: x, x_dot, theta and theta_dot as bits of `f32`,
//! then the steps done.

use super::single::{self, Transit, Transition, floats};
use starling_components::environments::cart_pole::CartPoleSettings;
use starling_components::fault::Fault;
use starling_components::maths::sin_cos;
use starling_components::picture::{Colour, Picture};
use starling_components::random::Draw;
use starling_components::registry::{KindSettings, Registry, RulesContext, RulesSlot};
use starling_components::simulate::{LaneOutcomes, Outcome, Rules};
use starling_components::spaces::EnvironmentShape;
use starling_components::twin::{Constant, Twin};
use starling_shaders::sources;

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

const WORDS: usize = 5;

/// The rules of CartPole.
#[derive(Debug)]
pub struct CartPole {
    shape: EnvironmentShape,
    max_steps: u32,
}

/// Registers `rules.cart_pole`.
pub fn register(registry: &mut Registry) {
    registry.kind::<RulesSlot, CartPoleSettings>(|settings, context: RulesContext<'_>| {
        single::environment(CartPoleSettings::NAME, CartPole::new(settings), context)
    });
}

impl CartPole {
    /// The rules with these settings.
    ///
    /// # Errors
    /// No step allowed.
    pub fn new(settings: &CartPoleSettings) -> Result<Self, Fault> {
        let max_steps = settings.max_steps;
        Ok(Self {
            shape: single::shape(4, single::moves(["left", "right"]), WORDS, max_steps)?,
            max_steps,
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

impl Transition<WORDS> for CartPole {
    type Action = i32;

    #[inline(always)]
    fn transition(&self, state: &mut [u32; WORDS], action: i32) -> Transit {
        let old = floats(state);
        let new = push(old, action as f32);
        let time = state[4].wrapping_add(1);
        for (word, value) in state.iter_mut().zip(new) {
            *word = value.to_bits();
        }
        state[4] = time;
        Transit {
            reward: 1.0 - f32::from(u8::from(fallen(old))),
            terminated: fallen(new),
            truncated: time >= self.max_steps,
        }
    }
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
        single::step(self, state, actions, outcome);
    }

    fn step_lanes(&self, states: &mut [u32], actions: &[i32], outcomes: &mut LaneOutcomes<'_>) -> bool {
        single::step_lanes(self, states, actions, outcomes)
    }

    #[inline]
    fn observe(&self, state: &[u32], out: &mut [f32]) {
        out[..4].copy_from_slice(&floats::<4>(state));
    }

    fn twin(&self) -> Option<Twin> {
        let sources = vec![sources::CART_POLE];
        Some(Twin::new(sources).with("MAX_STEPS", Constant::Word(self.max_steps)))
    }

    fn picture(&self, state: &[u32]) -> Option<Picture> {
        /// Pixels per unit of length; the pole is drawn as long as it is.
        const SCALE: f32 = 60.0;
        let [x, _, theta, _] = floats(state);
        let (sin, cos) = sin_cos(theta);
        let ground = 110;
        let cart = [150 + (x * SCALE) as i32, ground - 8];
        let tip = [(2.0 * LENGTH * SCALE * sin) as i32, (2.0 * LENGTH * SCALE * cos) as i32];
        let mut picture = Picture::new(300, 130, Colour::White);
        picture.line([6, ground], [294, ground], 1, Colour::Grey);
        picture.rectangle([cart[0] - 15, cart[1] - 8], [30, 16], Colour::Charcoal);
        let hinge = [cart[0], cart[1] - 8];
        picture.line(hinge, [hinge[0] + tip[0], hinge[1] - tip[1]], 5, Colour::Orange);
        picture.disc(hinge, 3, Colour::Blue);
        Some(picture)
    }

    fn render(&self, state: &[u32]) -> String {
        const COLUMNS: f32 = 48.0;
        let [x, x_dot, theta, theta_dot] = floats(state);
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
