//! Start states: section 5 of the rules.
//!
//! All probabilities are multiples of 1/20, so that everything is drawn in integers.

use super::OvercookedV2;
use super::interaction::COOK_TIME;
use super::objects::{COOKED, DISH, PLATE, unit};
use super::state::{Cook, StateMut};
use starling_components::random::Draw;

impl OvercookedV2 {
    pub(super) fn start<D: Draw>(&self, words: &mut [u32], draw: &mut D) {
        words.fill(0);
        let mut state = self.words.change(words);
        *state.recipe = self.draw_recipe(draw);
        for (cook, start) in state.cooks.iter_mut().zip(&self.kitchen.starts) {
            cook.cell = *start;
        }
        if self.options.random_reset || self.options.random_agent_positions {
            self.scatter_cooks(state.cooks, draw);
        }
        if self.options.random_reset {
            for cook in state.cooks.iter_mut() {
                cook.item = self.draw_hand(draw);
            }
            self.fill_pots(&mut state, draw);
            for &wall in &self.walls {
                state.items[wall as usize] = self.draw_counter(draw);
            }
        }
        self.draw_permutations(state.permutations, draw);
    }

    /// A visited state as a start (section 5.4): everything stays in its place, the clock and the names of ingredients are new.
    pub(super) fn start_over<D: Draw>(&self, words: &mut [u32], draw: &mut D) {
        let state = self.words.change(words);
        *state.step = 0;
        *state.flags = 0;
        self.draw_permutations(state.permutations, draw);
    }

    /// Uniform over the possible recipes.
    #[inline]
    pub(super) fn draw_recipe<D: Draw>(&self, draw: &mut D) -> u32 {
        let recipes = &self.kitchen.recipes;
        recipes[draw.below(recipes.len() as u32) as usize % recipes.len()]
    }

    /// One cook after the other, uniformly over what is left of its own enclosed space.
    fn scatter_cooks<D: Draw>(&self, cooks: &mut [Cook], draw: &mut D) {
        for i in 0..cooks.len() {
            let (placed, rest) = cooks.split_at_mut(i);
            let space = &self.spaces[self.space_of[i]];
            let is_free = |cell: &&u32| placed.iter().all(|cook| cook.cell != **cell);
            // As many cooks start in a space as it has cells at most, so one is always free.
            let free = space.iter().filter(is_free).count() as u32;
            let chosen = draw.below(free.max(1)) as usize;
            if let Some(cell) = space.iter().filter(is_free).nth(chosen) {
                rest[0].cell = *cell;
            }
            rest[0].direction = draw.below(4);
        }
    }

    fn draw_ingredient<D: Draw>(&self, draw: &mut D) -> u32 {
        unit(draw.below(self.kitchen.ingredients as u32))
    }

    fn draw_dish<D: Draw>(&self, draw: &mut D) -> u32 {
        self.draw_recipe(draw) | DISH
    }

    fn draw_hand<D: Draw>(&self, draw: &mut D) -> u32 {
        match draw.below(20) {
            0..10 => 0,
            10..12 => PLATE,
            12..17 => self.draw_ingredient(draw),
            _ => self.draw_dish(draw),
        }
    }

    fn draw_counter<D: Draw>(&self, draw: &mut D) -> u32 {
        match draw.below(20) {
            0..10 => 0,
            10..12 => PLATE,
            12..18 => self.draw_ingredient(draw),
            _ => self.draw_dish(draw),
        }
    }

    fn fill_pots<D: Draw>(&self, state: &mut StateMut<'_>, draw: &mut D) {
        for &pot in &self.pots {
            let fate = draw.below(20);
            let units = 1 + draw.below(3);
            let mut some = 0;
            let mut all = 0;
            for unit in 0..3 {
                let ingredient = self.draw_ingredient(draw);
                all += ingredient;
                some += if unit < units { ingredient } else { 0 };
            }
            let timer = 1 + draw.below(COOK_TIME);
            let soup = if self.options.start_cooking_interaction {
                some
            } else {
                all
            };
            (state.items[pot as usize], state.timers[pot as usize]) = match fate {
                0..8 => (0, 0),
                8..15 => (some, 0),
                15..18 => (soup, timer),
                _ => (soup | COOKED, 0),
            };
        }
    }

    /// Every cook its own shuffle of the listed ingredients among themselves (Fisher-Yates).
    fn draw_permutations<D: Draw>(&self, permutations: &mut [u32], draw: &mut D) {
        let listed = &self.options.op_ingredient_permutations;
        for permutation in permutations.chunks_exact_mut(self.kitchen.ingredients) {
            for (k, shown) in permutation.iter_mut().enumerate() {
                *shown = k as u32;
            }
            for last in (1..listed.len()).rev() {
                let other = draw.below(last as u32 + 1) as usize;
                permutation.swap(listed[last] as usize, listed[other] as usize);
            }
        }
    }
}
