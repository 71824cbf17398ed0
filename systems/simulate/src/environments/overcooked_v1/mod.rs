//! Overcooked V1, JaxMARL's older environment (section 10 of the rules): the kitchen of OvercookedV2 with one ingredient and one recipe.
//!
//! The one idea: every transition is one of [`OvercookedV2`], with actions renumbered. What is V1's own are the order of actions, the
//! starts, the 26-channel observation and how taking plates is shaped. States have the words of
//! [`overcooked_v2`](super::overcooked_v2::state).
//!
//! | pot status in V1 | words in V2 |
//! |---|---|
//! | 23, 22, 21 | none, one, two onions; timer 0 |
//! | 20 to 1 | three onions; timer 20 to 1 |
//! | 0 | three onions, cooked; timer 0 |

mod build;
mod observe;
mod reset;

pub use build::{CLASSIC_KITCHENS, register};

use super::overcooked_v2::OvercookedV2;
use super::overcooked_v2::objects::{COOKED, DISH, INTERACT, PLATE, POT, POT_UNITS, unit};
use super::overcooked_v2::state::Words;
use observe::Painter;
use starling_components::Fault;
use starling_components::environments::overcooked_v1::Seen;
use starling_components::picture::Picture;
use starling_components::random::Draw;
use starling_components::simulate::{Outcome, Rules};
use starling_components::spaces::EnvironmentShape;
use starling_components::twin::{Constant, Twin};
use starling_shaders::sources;

/// Names of the actions in the order of their numbers, which is not V2's.
pub const ACTIONS: [&str; 6] = ["up", "down", "right", "left", "stay", "interact"];
/// V2's numbers of the same actions.
const TO_V2: [i32; 6] = [3, 1, 0, 2, 4, INTERACT];
const STAY: i32 = 4;

/// Cooks.
const COOKS: usize = 2;
const ONION: u32 = unit(0);
const RAW_SOUP: u32 = 3 * ONION;
const SOUP: u32 = RAW_SOUP | DISH;

/// The rules of one kitchen. Made by [`OvercookedV1::new`] from settings.
#[derive(Debug)]
pub struct OvercookedV1 {
    engine: OvercookedV2,
    shape: EnvironmentShape,
    random_reset: bool,
    seen: Seen,
    painter: Painter,
    floor: Vec<u32>,
    pots: Vec<u32>,
}

impl OvercookedV1 {
    /// Where the parts of a state are.
    pub fn words(&self) -> &Words {
        self.engine.words()
    }
    /// The rules behind.
    pub fn engine(&self) -> &OvercookedV2 {
        &self.engine
    }

    /// Items that are none here are items in V2: a soup of two onions, a full pot that does not cook.
    fn check_onions(&self, state: &[u32]) -> Result<(), &'static str> {
        let state = self.words().read(state);
        let carried = |item: u32| [0, ONION, PLATE, SOUP].contains(&item);
        if !state.cooks.iter().all(|cook| carried(cook.item)) {
            return Err("a cook holds what V1 does not have");
        }
        for (cell, (&item, &timer)) in state.items.iter().zip(state.timers).enumerate() {
            let pot = self.engine.kitchen().cells[cell] == POT;
            let fits = match item {
                _ if !pot => carried(item),
                RAW_SOUP => timer > 0,
                item if item == RAW_SOUP | COOKED => timer == 0,
                item => timer == 0 && item < POT_UNITS * ONION && item.is_multiple_of(ONION),
            };
            if !fits {
                return Err("a cell holds what V1 does not have");
            }
        }
        Ok(())
    }
}

/// V2's actions for V1's.
fn translate(actions: &[i32]) -> [i32; COOKS] {
    let action = |i: usize| TO_V2.get(actions[i] as usize).copied().unwrap_or(STAY);
    std::array::from_fn(action)
}

impl Rules for OvercookedV1 {
    type Action = i32;
    type Observation = u8;

    fn shape(&self) -> &EnvironmentShape {
        &self.shape
    }

    fn reset<D: Draw>(&self, state: &mut [u32], draw: &mut D) {
        self.start(state, draw);
    }

    fn restart<D: Draw>(&self, state: &mut [u32], draw: &mut D) {
        self.engine.restart(state, draw);
    }

    #[inline]
    fn step<D: Draw>(&self, state: &mut [u32], actions: &[i32], draw: &mut D, outcome: &mut Outcome<'_>) {
        self.engine.step(state, &translate(actions), draw, outcome);
    }

    fn observe(&self, state: &[u32], out: &mut [u8]) {
        match self.seen {
            Seen::V1 => self.see(&self.words().read(state), out),
            Seen::V2 | Seen::Featurized => self.engine.observe(state, out),
        }
    }

    fn events(&self, before: &[u32], actions: &[i32], after: &[u32], out: &mut [u32]) {
        self.engine.count_events(before, &translate(actions), after, out);
    }

    fn check(&self, state: &[u32]) -> Result<(), Fault> {
        self.engine.check(state)?;
        self.check_onions(state)
            .map_err(|what| Fault::records(format!("a state of a kitchen is damaged: {what}")))
    }

    fn render(&self, state: &[u32]) -> String {
        self.engine.render(state)
    }

    fn picture(&self, state: &[u32]) -> Option<Picture> {
        self.engine.picture(state)
    }

    fn twin(&self) -> Option<Twin> {
        let seen = match self.seen {
            Seen::V1 => sources::OVERCOOKED_V1_OBSERVE,
            Seen::V2 | Seen::Featurized => sources::OVERCOOKED_V1_AS_V2,
        };
        let twin = self.engine.kitchen_twin(vec![sources::OVERCOOKED_V1, seen]);
        let mut twin = twin
            .with("RANDOM_RESET", Constant::Flag(self.random_reset))
            .with("FLOOR_COUNT", Constant::Word(self.floor.len() as u32))
            .with_words("FLOOR_AT", self.floor.iter().copied());
        if self.seen == Seen::V1 {
            (twin.canvas, twin.channels) = self.painter.packing();
        }
        Some(twin)
    }
}
