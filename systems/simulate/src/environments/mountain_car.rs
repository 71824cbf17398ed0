//! MountainCar-v0 as in gymnax 1.0.1: a car in a valley must reach the hill to the right, and is too weak to do so without a run-up.
//!
//! All arithmetic is IEEE `f32` in the reference's order. State words: position and velocity as bits of `f32`, then the steps done.

use super::canvas::Canvas;
use super::single::{self, Transit, Transition, floats};
use starling_components::environments::mountain_car::MountainCarSettings;
use starling_components::fault::Fault;
use starling_components::maths::{cos, sin};
use starling_components::picture::{Colour, Picture};
use starling_components::random::Draw;
use starling_components::registry::{KindSettings, Registry, RulesContext, RulesSlot};
use starling_components::simulate::{LaneOutcomes, Outcome, Rules};
use starling_components::spaces::EnvironmentShape;
use starling_components::twin::{Constant, Twin};
use starling_shaders::sources;

pub(super) const MIN_POSITION: f32 = -1.2;
pub(super) const MAX_POSITION: f32 = 0.6;
pub(super) const MAX_SPEED: f32 = 0.07;
pub(super) const GRAVITY: f32 = 0.0025;
const FORCE: f32 = 0.001;
const GOAL: f32 = 0.5;

pub(super) const WORDS: usize = 3;

/// The rules of MountainCar.
#[derive(Debug)]
pub struct MountainCar {
    shape: EnvironmentShape,
    max_steps: u32,
}

/// Registers `rules.mountain_car`.
pub fn register(registry: &mut Registry) {
    registry.kind::<RulesSlot, MountainCarSettings>(|settings, context: RulesContext<'_>| {
        single::environment(MountainCarSettings::NAME, MountainCar::new(settings), context)
    });
}

impl MountainCar {
    /// The rules with these settings.
    ///
    /// # Errors
    /// No step allowed.
    pub fn new(settings: &MountainCarSettings) -> Result<Self, Fault> {
        let max_steps = settings.max_steps;
        let moves = single::moves(["left", "none", "right"]);
        Ok(Self {
            shape: single::shape(2, moves, WORDS, max_steps)?,
            max_steps,
        })
    }
}

impl Transition<WORDS> for MountainCar {
    type Action = i32;

    #[inline(always)]
    fn transition(&self, state: &mut [u32; WORDS], action: i32) -> Transit {
        let [position, velocity] = floats(state);
        let velocity = velocity + ((action as f32) - 1.0) * FORCE - cos(3.0 * position) * GRAVITY;
        let velocity = velocity.clamp(-MAX_SPEED, MAX_SPEED);
        let position = (position + velocity).clamp(MIN_POSITION, MAX_POSITION);
        let velocity = velocity * halted((position == MIN_POSITION) & (velocity < 0.0));
        let time = state[2].wrapping_add(1);
        *state = [position.to_bits(), velocity.to_bits(), time];
        Transit {
            reward: -1.0,
            terminated: (position >= GOAL) & (velocity >= 0.0),
            truncated: time >= self.max_steps,
        }
    }
}

/// The factor of the velocity of a car that is stopped or not: a product, as in the reference, whose zero keeps its sign.
#[inline(always)]
pub(super) fn halted(stopped: bool) -> f32 {
    1.0 - f32::from(u8::from(stopped))
}

/// Starts in the valley at rest.
pub(super) fn reset<D: Draw>(state: &mut [u32], draw: &mut D) {
    state[0] = draw.uniform(-0.6, -0.4).to_bits();
    state[1] = 0.0_f32.to_bits();
    state[2] = 0;
}

/// The hills, the car and a flag at the goal.
pub(super) fn render(state: &[u32], goal: f32) -> String {
    let [position, velocity] = floats(state);
    let height = |x: f32| sin(3.0 * x);
    let mut canvas = Canvas::new(73, 13, (MIN_POSITION, MAX_POSITION + 0.025), (-1.1, 1.5));
    for column in 0..73 {
        let x = MIN_POSITION + 0.025 * (column as f32 + 0.5);
        canvas.point(x, height(x), '.');
    }
    canvas.point(goal, height(goal) + 0.2, 'F');
    canvas.point(position, height(position) + 0.2, 'o');
    format!(
        "{canvas}step {}  position {position:+.4}  velocity {velocity:+.5}\n",
        state[2]
    )
}

/// [`render`] as a picture.
pub(super) fn picture(state: &[u32], goal: f32) -> Picture {
    let place = |x: f32| {
        [
            10 + ((x - MIN_POSITION) * 200.0) as i32,
            100 - (sin(3.0 * x) * 60.0) as i32,
        ]
    };
    let [position] = floats(state);
    let mut picture = Picture::new(380, 180, Colour::White);
    let hills = (0..=72).map(|i| place(MIN_POSITION + 0.025 * i as f32));
    hills
        .clone()
        .zip(hills.skip(1))
        .for_each(|(from, to)| picture.line(from, to, 3, Colour::Brown));
    let [x, y] = place(goal);
    picture.line([x, y], [x, y - 30], 2, Colour::Charcoal);
    picture.rectangle([x, y - 30], [14, 9], Colour::Red);
    let [x, y] = place(position.clamp(MIN_POSITION, MAX_POSITION));
    picture.disc([x, y - 9], 8, Colour::Blue);
    picture
}

impl Rules for MountainCar {
    type Action = i32;
    type Observation = f32;

    fn shape(&self) -> &EnvironmentShape {
        &self.shape
    }

    fn reset<D: Draw>(&self, state: &mut [u32], draw: &mut D) {
        reset(state, draw);
    }

    fn restart<D: Draw>(&self, state: &mut [u32], _: &mut D) {
        state[2] = 0;
    }

    fn step<D: Draw>(&self, state: &mut [u32], actions: &[i32], _: &mut D, outcome: &mut Outcome<'_>) {
        single::step(self, state, actions, outcome);
    }

    fn step_lanes(&self, states: &mut [u32], actions: &[i32], outcomes: &mut LaneOutcomes<'_>) -> bool {
        single::step_lanes(self, states, actions, outcomes)
    }

    fn observe(&self, state: &[u32], out: &mut [f32]) {
        out[..2].copy_from_slice(&floats::<2>(state));
    }

    fn twin(&self) -> Option<Twin> {
        let sources = vec![sources::MOUNTAIN_CAR_VALLEY, sources::MOUNTAIN_CAR];
        Some(Twin::new(sources).with("MAX_STEPS", Constant::Word(self.max_steps)))
    }

    fn picture(&self, state: &[u32]) -> Option<Picture> {
        Some(picture(state, GOAL))
    }

    fn render(&self, state: &[u32]) -> String {
        render(state, GOAL)
    }
}
