//! `script.greedy_cook`: finishes orders in Overcooked, alone or beside anyone.
//!
//! The one idea: everything is decided anew in every step from the observation alone, so there is nothing to remember, to save or to go
//! out of step. Draws, counted by time, break ties between two cooks that would otherwise wait for each other for ever.

mod errands;
mod paths;
mod plan;
mod scene;

use crate::environments::overcooked_v2::objects::{FLOOR, PLATE, POT, unit};
use paths::{Flood, neighbour};
use plan::Plan;
use scene::{Eyes, Scene};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use starling_components::act::{Act, ActInput, ActOutput};
use starling_components::fault::Fault;
use starling_components::random::{Key, below, unit_f32};
use starling_components::registry::{KindSettings, Registry, ScriptSlot};
use starling_components::spaces::{ActionSpace, ActionsMut, Observations, SeatShape};
use std::sync::Arc;

/// Steps for which a cook keeps its mind about leaving errands to others.
const MOOD_STEPS: u32 = 12;

/// A cook that finishes orders: fetches what the recipe lacks, plates the soup, delivers it; passes things over a counter where the kitchen is
/// divided. Sees the whole kitchen in the default observation of `overcooked_v2`, or in that of `overcooked_v1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GreedyCookSettings {
    /// What to cook where no indicator shows a recipe, e.g. `[0, 0, 1]`.
    pub recipe: [u32; 3],
    /// Probability of a random action in a step.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub noise: f32,
}

impl Default for GreedyCookSettings {
    fn default() -> Self {
        Self {
            recipe: [0, 0, 0],
            noise: 0.0,
        }
    }
}

impl KindSettings for GreedyCookSettings {
    const NAME: &'static str = "greedy_cook";
    const EXAMPLE: &'static str = "script.greedy_cook = { noise = 0.1 }";
}

/// Registers `script.greedy_cook`.
pub fn register(registry: &mut Registry) {
    registry.kind::<ScriptSlot, GreedyCookSettings>(|settings, seat| Ok(Arc::new(GreedyCook::new(settings, seat)?)));
}

/// The cook in one kind of seat.
#[derive(Debug, Clone)]
pub struct GreedyCook {
    eyes: Eyes,
    /// Numbers of the actions up, down, right, left, stay, interact.
    moves: [i32; 4],
    stay: i32,
    interact: i32,
    /// How many actions there are.
    actions: u32,
    /// Three raw units.
    recipe: u32,
    noise: f32,
}

/// What one step needs, kept from row to row.
#[derive(Default)]
struct Scratch {
    scene: Scene,
    mine: Flood,
    around: Flood,
    theirs: Vec<Flood>,
}

impl GreedyCook {
    /// For this seat.
    ///
    /// # Errors
    /// A seat that is not a cook's or does not see the kitchen in channels; settings that do not fit it.
    pub fn new(settings: &GreedyCookSettings, seat: &SeatShape) -> Result<Self, Fault> {
        let no_cook = |what: &str| Fault::pipeline(format!("a greedy cook cannot play here: {what}"));
        let ActionSpace::Discrete { names } = &seat.action else {
            return Err(no_cook("its seat has no moves"));
        };
        let number = |wanted: &str| {
            let found = names.iter().position(|name| name == wanted);
            found
                .map(|number| number as i32)
                .ok_or_else(|| no_cook(&format!("its seat has no move `{wanted}`")))
        };
        let Some(eyes) = Eyes::of(&seat.observation.shape) else {
            return Err(no_cook("it does not see the kitchen in channels").advise(
                "use the default observation of `rules.overcooked_v2`, or `\"v1\"` or `\"v2\"` of `rules.overcooked_v1`",
            ));
        };
        if let Some(k) = settings.recipe.iter().find(|k| **k as usize >= eyes.ingredients()) {
            let last = eyes.ingredients() - 1;
            let fault = Fault::pipeline(format!("there is no ingredient {k}; the kitchen's are 0 to {last}"));
            return Err(fault.within(["recipe"]));
        }
        if !(0.0..=1.0).contains(&settings.noise) {
            let fault = Fault::pipeline(format!("{} is no probability", settings.noise));
            return Err(fault.advise("give a number from 0 to 1").within(["noise"]));
        }
        Ok(Self {
            eyes,
            moves: [number("up")?, number("down")?, number("right")?, number("left")?],
            stay: number("stay")?,
            interact: number("interact")?,
            actions: names.len() as u32,
            recipe: settings.recipe.iter().map(|k| unit(*k)).sum(),
            noise: settings.noise,
        })
    }

    fn decide(&self, observation: &[u8], key: Key, time: u32, scratch: &mut Scratch) -> Result<i32, Fault> {
        let Scratch {
            scene,
            mine,
            around,
            theirs,
        } = scratch;
        self.eyes.read(observation, scene)?;
        let scene = &*scene;
        let [word, chance] = key.fold(time, 0).block(0, 0);
        if unit_f32(chance) < self.noise {
            return Ok(below(word, self.actions) as i32);
        }
        let turn = (word >> 30) as usize;
        let everywhere = |_: usize| true;
        let free = |cell: usize| scene.others.iter().all(|other| other.cell != cell);
        mine.fill(scene, scene.me.cell, turn, everywhere);
        around.fill(scene, scene.me.cell, turn, free);
        theirs.resize_with(scene.others.len(), Flood::default);
        for (other, flood) in scene.others.iter().zip(&mut *theirs) {
            flood.fill(scene, other.cell, 0, everywhere);
        }
        let [mood, _] = key.fold(time / MOOD_STEPS, 1).block(0, 0);
        let plan = Plan {
            scene,
            mine,
            theirs,
            around,
            recipe: scene.recipe.unwrap_or(self.recipe),
            ingredients: self.eyes.ingredients() as u32,
            bold: mood >> 31 == 1,
        };
        let crowded = scene.others.iter().any(|other| steps_between(scene, other.cell) <= 2);
        match plan.errand() {
            Some(target) => Ok(self.approach(&plan, target, crowded, word)),
            None if crowded && word & 1 == 0 => Ok(self.sidestep(scene, word)),
            None => Ok(self.stay),
        }
    }

    /// The next move on the way to `target`, or its use.
    fn approach(&self, plan: &Plan<'_>, target: usize, crowded: bool, word: u32) -> i32 {
        let (scene, me) = (plan.scene, plan.scene.me);
        let beside = (0..4).find(|direction| neighbour(scene, me.cell, *direction) == Some(target));
        if let Some(direction) = beside {
            if me.direction != direction {
                return self.moves[direction];
            }
            // Soup is not ready yet.
            let waits = scene.codes[target] == POT && me.item == PLATE && scene.timers[target] > 0;
            return if waits { self.stay } else { self.interact };
        }
        // Two cooks in each other's way must not do the same thing again and again.
        if crowded && below(word, 8) == 0 {
            return self.sidestep(scene, word);
        }
        match plan.around.beside(scene, target) {
            Some((side, _)) => self.moves[plan.around.first_move(side)],
            None if word & 1 == 0 => self.sidestep(scene, word),
            // The way is full: the first move towards it, in case it clears.
            None => match plan.mine.beside(scene, target) {
                Some((side, _)) => self.moves[plan.mine.first_move(side)],
                None => self.stay,
            },
        }
    }

    /// A move to a free neighbouring cell, drawn; stays where there is none.
    fn sidestep(&self, scene: &Scene, word: u32) -> i32 {
        let from = (word >> 8) as usize % 4;
        let is_free = |direction: &usize| {
            let to = neighbour(scene, scene.me.cell, *direction);
            to.is_some_and(|to| scene.codes[to] == FLOOR && scene.others.iter().all(|other| other.cell != to))
        };
        let free = (0..4).map(|d| (d + from) % 4).find(is_free);
        free.map_or(self.stay, |direction| self.moves[direction])
    }
}

/// Moves between this cook and `cell` in an empty kitchen.
fn steps_between(scene: &Scene, cell: usize) -> usize {
    let (width, me) = (scene.width, scene.me.cell);
    (cell % width).abs_diff(me % width) + (cell / width).abs_diff(me / width)
}

impl Act for GreedyCook {
    fn act(&self, _: &[f32], input: &ActInput<'_>, output: &mut ActOutput<'_>) -> Result<(), Fault> {
        let (Observations::Bytes(observations), ActionsMut::Discrete(actions)) =
            (input.observations, &mut output.actions)
        else {
            return Err(Fault::run("a greedy cook sees bytes and makes moves"));
        };
        output.values.fill(0.0);
        // Its moves are no samples of probabilities that it knows.
        output.log_probs.fill(0.0);
        let width = observations.len() / input.ids.len().max(1);
        if width < self.eyes.len() {
            return Err(Fault::run("a greedy cook was shown less than its kitchen"));
        }
        let mut scratch = Scratch::default();
        for ((action, row), &id) in actions.iter_mut().zip(observations.chunks_exact(width)).zip(input.ids) {
            let key = input.key.fold(id, 0);
            *action = self.decide(&row[..self.eyes.len()], key, input.time, &mut scratch)?;
        }
        Ok(())
    }

    fn values(&self, _: &[f32], _: &ActInput<'_>, values: &mut [f32]) -> Result<(), Fault> {
        values.fill(0.0);
        Ok(())
    }
}
