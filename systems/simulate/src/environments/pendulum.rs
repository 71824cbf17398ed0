//! Pendulum-v1 as in gymnax 1.0.1: swing a pendulum up and hold it there, for little speed and little torque.
//!
//! All arithmetic is IEEE `f32` in the reference's order. State words: angle (0 is up, not wrapped), speed and last torque as bits of `f32`,
//! then the steps done. It never terminates.

use super::canvas::Canvas;
use super::single::{self, Transit, Transition, floats};
use starling_components::environments::pendulum::PendulumSettings;
use starling_components::fault::Fault;
use starling_components::maths::{sin, sin_cos, wrap_angle};
use starling_components::picture::{Colour, Picture};
use starling_components::random::Draw;
use starling_components::registry::{KindSettings, Registry, RulesContext, RulesSlot};
use starling_components::simulate::{LaneOutcomes, Outcome, Rules};
use starling_components::spaces::EnvironmentShape;
use starling_components::twin::{Constant, Twin};
use starling_shaders::sources;
use std::f32::consts::PI;

/// Radians per second.
const MAX_SPEED: f32 = 8.0;
const MAX_TORQUE: f32 = 2.0;
/// Seconds per step.
const DT: f32 = 0.05;
/// 3 g / (2 l).
const BY_GRAVITY: f32 = 15.0;
/// 3 / (m l^2).
const BY_TORQUE: f32 = 3.0;

const WORDS: usize = 4;

/// The rules of Pendulum.
#[derive(Debug)]
pub struct Pendulum {
    shape: EnvironmentShape,
    max_steps: u32,
}

/// Registers `rules.pendulum`.
pub fn register(registry: &mut Registry) {
    registry.kind::<RulesSlot, PendulumSettings>(|settings, context: RulesContext<'_>| {
        single::environment(PendulumSettings::NAME, Pendulum::new(settings), context)
    });
}

impl Pendulum {
    /// The rules with these settings.
    ///
    /// # Errors
    /// No step allowed.
    pub fn new(settings: &PendulumSettings) -> Result<Self, Fault> {
        let max_steps = settings.max_steps;
        Ok(Self {
            shape: single::shape(3, single::one_float(MAX_TORQUE), WORDS, max_steps)?,
            max_steps,
        })
    }
}

impl Transition<WORDS> for Pendulum {
    type Action = f32;

    #[inline(always)]
    fn transition(&self, state: &mut [u32; WORDS], action: f32) -> Transit {
        let [theta, speed] = floats(state);
        let torque = action.clamp(-MAX_TORQUE, MAX_TORQUE);
        let angle = wrap_angle(theta);
        let cost = angle * angle + 0.1 * (speed * speed) + 0.001 * (torque * torque);
        let speed = speed + (BY_GRAVITY * sin(theta) + BY_TORQUE * torque) * DT;
        let speed = speed.clamp(-MAX_SPEED, MAX_SPEED);
        let theta = theta + speed * DT;
        let time = state[3].wrapping_add(1);
        *state = [theta.to_bits(), speed.to_bits(), torque.to_bits(), time];
        Transit {
            reward: -cost,
            terminated: false,
            truncated: time >= self.max_steps,
        }
    }
}

impl Rules for Pendulum {
    type Action = f32;
    type Observation = f32;

    fn shape(&self) -> &EnvironmentShape {
        &self.shape
    }

    fn reset<D: Draw>(&self, state: &mut [u32], draw: &mut D) {
        state[0] = draw.uniform(-PI, PI).to_bits();
        state[1] = draw.uniform(-1.0, 1.0).to_bits();
        state[2] = 0.0_f32.to_bits();
        state[3] = 0;
    }

    fn restart<D: Draw>(&self, state: &mut [u32], _: &mut D) {
        state[2] = 0.0_f32.to_bits();
        state[3] = 0;
    }

    fn step<D: Draw>(&self, state: &mut [u32], actions: &[f32], _: &mut D, outcome: &mut Outcome<'_>) {
        single::step(self, state, actions, outcome);
    }

    fn step_lanes(&self, states: &mut [u32], actions: &[f32], outcomes: &mut LaneOutcomes<'_>) -> bool {
        single::step_lanes(self, states, actions, outcomes)
    }

    fn observe(&self, state: &[u32], out: &mut [f32]) {
        let [theta, speed] = floats(state);
        let (sin, cos) = sin_cos(theta);
        out[..3].copy_from_slice(&[cos, sin, speed]);
    }

    fn twin(&self) -> Option<Twin> {
        let sources = vec![sources::PENDULUM];
        Some(Twin::new(sources).with("MAX_STEPS", Constant::Word(self.max_steps)))
    }

    fn picture(&self, state: &[u32]) -> Option<Picture> {
        /// Pixels from the hinge to the end.
        const LENGTH: f32 = 80.0;
        let [theta] = floats(state);
        let (sin, cos) = sin_cos(theta);
        let (hinge, end) = ([100, 100], [100 - (sin * LENGTH) as i32, 100 - (cos * LENGTH) as i32]);
        let mut picture = Picture::new(200, 200, Colour::White);
        picture.line(hinge, end, 12, Colour::Rose);
        picture.disc(hinge, 4, Colour::Charcoal);
        Some(picture)
    }

    fn render(&self, state: &[u32]) -> String {
        let [theta, speed, torque] = floats(state);
        let (sin, cos) = sin_cos(theta);
        let mut canvas = Canvas::new(29, 15, (-1.1, 1.1), (-1.1, 1.1));
        // Angles grow anticlockwise.
        canvas.line((0.0, 0.0), (-sin, cos), '#');
        canvas.point(0.0, 0.0, 'o');
        let step = state[3];
        format!("{canvas}step {step}  theta {theta:+.3}  speed {speed:+.3}  torque {torque:+.3}\n")
    }
}
