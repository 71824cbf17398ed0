//! MountainCarContinuous-v0 as in gymnax 1.0.1: [`super::mountain_car`] with a force instead of three moves, a goal that is nearer and pays
//! 100, and a price on the square of the action.
//!
//! gymnax stops the car in another place than Gymnasium does; [`Wall`] says which rule holds. State words are those of
//! [`super::mountain_car`].

use super::mountain_car::{GRAVITY, MAX_POSITION, MAX_SPEED, MIN_POSITION, WORDS, halted, picture, render, reset};
use super::single::{self, Transit, Transition, floats};
use starling_components::environments::mountain_car_continuous::{MountainCarContinuousSettings, Wall};
use starling_components::fault::Fault;
use starling_components::maths::cos;
use starling_components::picture::Picture;
use starling_components::random::Draw;
use starling_components::registry::{KindSettings, Registry, RulesContext, RulesSlot};
use starling_components::simulate::{LaneOutcomes, Outcome, Rules};
use starling_components::spaces::EnvironmentShape;
use starling_components::twin::{Constant, Twin};
use starling_shaders::sources;

const POWER: f32 = 0.0015;
const GOAL: f32 = 0.45;

/// The rules of MountainCarContinuous.
#[derive(Debug)]
pub struct MountainCarContinuous {
    shape: EnvironmentShape,
    max_steps: u32,
    wall: Wall,
}

/// Registers `rules.mountain_car_continuous`.
pub fn register(registry: &mut Registry) {
    registry.kind::<RulesSlot, MountainCarContinuousSettings>(|settings, context: RulesContext<'_>| {
        single::environment(
            MountainCarContinuousSettings::NAME,
            MountainCarContinuous::new(settings),
            context,
        )
    });
}

impl MountainCarContinuous {
    /// The rules with these settings.
    ///
    /// # Errors
    /// No step allowed.
    pub fn new(settings: &MountainCarContinuousSettings) -> Result<Self, Fault> {
        let max_steps = settings.max_steps;
        Ok(Self {
            shape: single::shape(2, single::one_float(1.0), WORDS, max_steps)?,
            max_steps,
            wall: settings.wall,
        })
    }
}

impl Transition<WORDS> for MountainCarContinuous {
    type Action = f32;

    #[inline(always)]
    fn transition(&self, state: &mut [u32; WORDS], action: f32) -> Transit {
        let [position, velocity] = floats(state);
        let force = action.clamp(-1.0, 1.0);
        let velocity = velocity + force * POWER - cos(3.0 * position) * GRAVITY;
        let velocity = velocity.clamp(-MAX_SPEED, MAX_SPEED);
        let position = (position + velocity).clamp(MIN_POSITION, MAX_POSITION);
        let at_wall = match self.wall {
            Wall::Gymnax => position >= GOAL,
            Wall::Gymnasium => position == MIN_POSITION,
        };
        let velocity = velocity * halted(at_wall & (velocity < 0.0));
        let goal = (position >= GOAL) & (velocity >= 0.0);
        let time = state[2].wrapping_add(1);
        *state = [position.to_bits(), velocity.to_bits(), time];
        Transit {
            // The action as given, not as clipped.
            reward: -0.1 * (action * action) + 100.0 * f32::from(u8::from(goal)),
            terminated: goal,
            truncated: time >= self.max_steps,
        }
    }
}

impl Rules for MountainCarContinuous {
    type Action = f32;
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

    fn step<D: Draw>(&self, state: &mut [u32], actions: &[f32], _: &mut D, outcome: &mut Outcome<'_>) {
        single::step(self, state, actions, outcome);
    }

    fn step_lanes(&self, states: &mut [u32], actions: &[f32], outcomes: &mut LaneOutcomes<'_>) -> bool {
        single::step_lanes(self, states, actions, outcomes)
    }

    fn observe(&self, state: &[u32], out: &mut [f32]) {
        out[..2].copy_from_slice(&floats::<2>(state));
    }

    fn twin(&self) -> Option<Twin> {
        let sources = vec![sources::MOUNTAIN_CAR_VALLEY, sources::MOUNTAIN_CAR_CONTINUOUS];
        let twin = Twin::new(sources)
            .with("MAX_STEPS", Constant::Word(self.max_steps))
            .with("WALL_STOPS", Constant::Flag(self.wall == Wall::Gymnasium));
        Some(twin)
    }

    fn picture(&self, state: &[u32]) -> Option<Picture> {
        Some(picture(state, GOAL))
    }

    fn render(&self, state: &[u32]) -> String {
        render(state, GOAL)
    }
}
