//! What is counted per cook in a transition, told from the states on either side of it.
//!
//! A cook that interacts does not move, and nobody else changes its hands: what it held and what it holds say what it did.

use super::OvercookedV2;
use super::kitchen::Kitchen;
use super::objects::{
    ACTION_DIRECTIONS, BUTTON, COOKED, DISH, GOAL, INTERACT, MAX_INGREDIENTS, PLATE, POT, count, is_raw,
};
use super::state::Cook;

const CORRECT: usize = 0;
const WRONG: usize = 1;
/// One per recipe from here on, then the others.
const RECIPES: usize = 2;
/// Offsets from the last recipe on; the order of [`OTHERS`].
const POT_PLACEMENT: usize = 0;
const DISH_PICKUP: usize = 1;
const PLATE_PICKUP: usize = 2;
const BUTTON_PRESS: usize = 3;
const COLLISION: usize = 4;
const OTHERS: [&str; 5] = [
    "pot_placements",
    "dish_pickups",
    "plate_pickups",
    "button_presses",
    "collisions",
];

/// Names of the events: correct and wrong deliveries, correct ones by recipe (`delivered_0_0_1`), ingredients put into pots, soups taken from
/// pots, plates taken from piles and counters, presses of buttons, moves that another cook blocked.
pub(super) fn names(kitchen: &Kitchen) -> Vec<String> {
    let recipe = |recipe: &u32| {
        let units = (0..MAX_INGREDIENTS as u32).flat_map(|k| (0..count(*recipe, k)).map(move |_| format!("_{k}")));
        format!("delivered{}", units.collect::<String>())
    };
    ["deliveries", "wrong_deliveries"]
        .map(str::to_owned)
        .into_iter()
        .chain(distinct(&kitchen.recipes).iter().map(recipe))
        .chain(OTHERS.map(str::to_owned))
        .collect()
}

/// The recipes, each once, in the order of their first mention.
pub(super) fn distinct(recipes: &[u32]) -> Vec<u32> {
    let mut distinct = Vec::new();
    for recipe in recipes {
        if !distinct.contains(recipe) {
            distinct.push(*recipe);
        }
    }
    distinct
}

impl OvercookedV2 {
    /// Adds what happened to `[cooks, events]`.
    pub(crate) fn count_events(&self, before: &[u32], actions: &[i32], after: &[u32], out: &mut [u32]) {
        let (before, after) = (self.words.read(before), self.words.read(after));
        let width = self.shape.events.len();
        let pairs = before.cooks.iter().zip(after.cooks);
        for (((from, to), &action), out) in pairs.zip(actions).zip(out.chunks_exact_mut(width)) {
            if action == INTERACT {
                self.count_use(before.recipe, *from, *to, out);
            } else if let Some(&direction) = ACTION_DIRECTIONS.get(action as usize) {
                let blocked = to.cell == from.cell && self.ways.leads(from.cell, direction) != from.cell;
                out[RECIPES + self.dishes.len() + COLLISION] += u32::from(blocked);
            }
        }
    }

    /// What a cook did with the cell it faces.
    fn count_use(&self, recipe: u32, from: Cook, to: Cook, out: &mut [u32]) {
        let others = RECIPES + self.dishes.len();
        match self.kitchen.cells[self.ways.faced(from)] {
            GOAL if from.item & COOKED != 0 && from.item == recipe | DISH => {
                out[CORRECT] += 1;
                if let Some(dish) = self.dishes.iter().position(|dish| *dish == recipe) {
                    out[RECIPES + dish] += 1;
                }
            }
            GOAL if from.item & COOKED != 0 => out[WRONG] += 1,
            POT if is_raw(from.item) && to.item == 0 => out[others + POT_PLACEMENT] += 1,
            POT if from.item == PLATE && to.item != PLATE => out[others + DISH_PICKUP] += 1,
            BUTTON if from.item == 0 => out[others + BUTTON_PRESS] += 1,
            _ if from.item == 0 && to.item == PLATE => out[others + PLATE_PICKUP] += 1,
            _ => {}
        }
    }
}
