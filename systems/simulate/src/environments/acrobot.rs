//! Acrobot-v1 as in gymnax 1.0.1: two links hang from a bar, a motor drives the joint between them, and the free end must swing above a line
//! one link over the bar.
//!
//! The dynamics are those of Sutton and Barto's book (section 11.3 of the first edition), one step of the classic Runge-Kutta method per
//! action. All arithmetic is IEEE `f32` in the reference's order. State words: both angles and both speeds as bits of `f32`, then the
//! steps done. Angles are 0 where the links hang straight down.

use super::canvas::Canvas;
use super::single::{self, Transit, Transition, floats};
use starling_components::environments::acrobot::AcrobotSettings;
use starling_components::fault::Fault;
use starling_components::maths::{cos, sin_cos};
use starling_components::picture::{Colour, Picture};
use starling_components::random::Draw;
use starling_components::registry::{KindSettings, Registry, RulesContext, RulesSlot};
use starling_components::simulate::{LaneOutcomes, Outcome, Rules};
use starling_components::spaces::EnvironmentShape;
use starling_components::twin::{Constant, Twin};
use starling_shaders::sources;
use std::f32::consts::{FRAC_PI_2, PI, TAU};

const GRAVITY: f32 = 9.8;
/// Both masses and both moments of inertia are 1, and so are both lengths; each centre of mass lies in the middle of its link.
const CENTRE: f32 = 0.5;
/// Seconds per step.
const DT: f32 = 0.2;
/// Radians per second.
const MAX_SPEED_1: f32 = (4.0 * std::f64::consts::PI) as f32;
const MAX_SPEED_2: f32 = (9.0 * std::f64::consts::PI) as f32;
/// Start values lie in [-START, START).
const START: f32 = 0.1;

const WORDS: usize = 5;

/// The rules of Acrobot.
#[derive(Debug)]
pub struct Acrobot {
    shape: EnvironmentShape,
    max_steps: u32,
}

/// Registers `rules.acrobot`.
pub fn register(registry: &mut Registry) {
    registry.kind::<RulesSlot, AcrobotSettings>(|settings, context: RulesContext<'_>| {
        single::environment(AcrobotSettings::NAME, Acrobot::new(settings), context)
    });
}

impl Acrobot {
    /// The rules with these settings.
    ///
    /// # Errors
    /// No step allowed.
    pub fn new(settings: &AcrobotSettings) -> Result<Self, Fault> {
        let max_steps = settings.max_steps;
        let torques = single::moves(["negative", "none", "positive"]);
        Ok(Self {
            shape: single::shape(6, torques, WORDS, max_steps)?,
            max_steps,
        })
    }
}

/// Angles and speeds: theta_1, theta_2, omega_1, omega_2.
type Motion = [f32; 4];

/// How `motion` changes per second under a torque at the second joint.
#[inline(always)]
fn change([theta_1, theta_2, omega_1, omega_2]: Motion, torque: f32) -> Motion {
    let (sin_2, cos_2) = sin_cos(theta_2);
    let d1 = CENTRE * CENTRE + (1.0 + CENTRE * CENTRE + 2.0 * CENTRE * cos_2) + 1.0 + 1.0;
    let d2 = CENTRE * CENTRE + CENTRE * cos_2 + 1.0;
    let phi_2 = CENTRE * GRAVITY * cos(theta_1 + theta_2 - FRAC_PI_2);
    let phi_1 = -CENTRE * (omega_2 * omega_2) * sin_2 - 2.0 * CENTRE * omega_2 * omega_1 * sin_2
        + (CENTRE + 1.0) * GRAVITY * cos(theta_1 - FRAC_PI_2)
        + phi_2;
    let alpha_2 = (torque + d2 / d1 * phi_1 - CENTRE * (omega_1 * omega_1) * sin_2 - phi_2)
        / (CENTRE * CENTRE + 1.0 - d2 * d2 / d1);
    let alpha_1 = -(d2 * alpha_2 + phi_1) / d1;
    [omega_1, omega_2, alpha_1, alpha_2]
}

/// `y + h k`.
#[inline(always)]
fn ahead(y: Motion, h: f32, k: Motion) -> Motion {
    [0, 1, 2, 3].map(|i: usize| y[i] + h * k[i])
}

/// One step of the classic Runge-Kutta method.
#[inline(always)]
fn swing(y: Motion, torque: f32) -> Motion {
    let k1 = change(y, torque);
    let k2 = change(ahead(y, DT / 2.0, k1), torque);
    let k3 = change(ahead(y, DT / 2.0, k2), torque);
    let k4 = change(ahead(y, DT, k3), torque);
    let sum = [0, 1, 2, 3].map(|i: usize| k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
    ahead(y, DT / 6.0, sum)
}

/// The angle in [-pi, pi) by whole turns; one that lies there keeps its bits.
#[inline(always)]
fn wrapped(angle: f32) -> f32 {
    let turns_up = if angle < -PI { ((-PI - angle) / TAU).ceil() } else { 0.0 };
    let turns_down = if angle >= PI {
        ((angle - -PI) / TAU).floor()
    } else {
        0.0
    };
    angle - turns_down * TAU + turns_up * TAU
}

/// The free end is above the line.
#[inline(always)]
fn at_goal([theta_1, theta_2, ..]: Motion) -> bool {
    -cos(theta_1) - cos(theta_2 + theta_1) > 1.0
}

/// Where the joint and the free end are, from the bar, in links to the right and up.
fn joints(state: &[u32]) -> ((f32, f32), (f32, f32)) {
    let [theta_1, theta_2] = floats(state);
    let ((sin_1, cos_1), (sin_12, cos_12)) = (sin_cos(theta_1), sin_cos(theta_1 + theta_2));
    ((sin_1, -cos_1), (sin_1 + sin_12, -cos_1 - cos_12))
}

impl Transition<WORDS> for Acrobot {
    type Action = i32;

    #[inline(always)]
    fn transition(&self, state: &mut [u32; WORDS], action: i32) -> Transit {
        let [theta_1, theta_2, omega_1, omega_2] = swing(floats(state), (action as f32) - 1.0);
        let new = [
            wrapped(theta_1),
            wrapped(theta_2),
            omega_1.clamp(-MAX_SPEED_1, MAX_SPEED_1),
            omega_2.clamp(-MAX_SPEED_2, MAX_SPEED_2),
        ];
        let time = state[4].wrapping_add(1);
        *state = [
            new[0].to_bits(),
            new[1].to_bits(),
            new[2].to_bits(),
            new[3].to_bits(),
            time,
        ];
        let goal = at_goal(new);
        Transit {
            // The reference multiplies, so that the goal pays -0.0.
            reward: -(1.0 - f32::from(u8::from(goal))),
            terminated: goal,
            truncated: time >= self.max_steps,
        }
    }
}

impl Rules for Acrobot {
    type Action = i32;
    type Observation = f32;

    fn shape(&self) -> &EnvironmentShape {
        &self.shape
    }

    fn reset<D: Draw>(&self, state: &mut [u32], draw: &mut D) {
        for word in &mut state[..4] {
            *word = draw.uniform(-START, START).to_bits();
        }
        state[4] = 0;
    }

    fn restart<D: Draw>(&self, state: &mut [u32], _: &mut D) {
        state[4] = 0;
    }

    fn step<D: Draw>(&self, state: &mut [u32], actions: &[i32], _: &mut D, outcome: &mut Outcome<'_>) {
        single::step(self, state, actions, outcome);
    }

    fn step_lanes(&self, states: &mut [u32], actions: &[i32], outcomes: &mut LaneOutcomes<'_>) -> bool {
        single::step_lanes(self, states, actions, outcomes)
    }

    fn observe(&self, state: &[u32], out: &mut [f32]) {
        let [theta_1, theta_2, omega_1, omega_2] = floats(state);
        let ((sin_1, cos_1), (sin_2, cos_2)) = (sin_cos(theta_1), sin_cos(theta_2));
        out[..6].copy_from_slice(&[cos_1, sin_1, cos_2, sin_2, omega_1, omega_2]);
    }

    fn twin(&self) -> Option<Twin> {
        let sources = vec![sources::ACROBOT];
        Some(Twin::new(sources).with("MAX_STEPS", Constant::Word(self.max_steps)))
    }

    fn picture(&self, state: &[u32]) -> Option<Picture> {
        /// Pixels per link.
        const SCALE: f32 = 60.0;
        let place = |(x, y): (f32, f32)| [150 + (x * SCALE) as i32, 140 - (y * SCALE) as i32];
        let (bar, (elbow, end)) = (place((0.0, 0.0)), joints(state));
        let (elbow, end) = (place(elbow), place(end));
        let mut picture = Picture::new(300, 280, Colour::White);
        picture.line(
            [6, bar[1] - SCALE as i32],
            [294, bar[1] - SCALE as i32],
            1,
            Colour::Grey,
        );
        picture.line(bar, elbow, 9, Colour::Teal);
        picture.line(elbow, end, 9, Colour::Cyan);
        picture.disc(bar, 4, Colour::Charcoal);
        picture.disc(elbow, 4, Colour::Orange);
        Some(picture)
    }

    fn render(&self, state: &[u32]) -> String {
        let [theta_1, theta_2, omega_1, omega_2] = floats(state);
        let (elbow, end) = joints(state);
        let mut canvas = Canvas::new(45, 23, (-2.2, 2.2), (-2.2, 2.2));
        canvas.line((-2.2, 1.0), (2.2, 1.0), '-');
        canvas.line((0.0, 0.0), elbow, '#');
        canvas.line(elbow, end, '*');
        canvas.point(0.0, 0.0, 'o');
        let step = state[4];
        format!("{canvas}step {step}  theta {theta_1:+.3} {theta_2:+.3}  omega {omega_1:+.3} {omega_2:+.3}\n")
    }
}
