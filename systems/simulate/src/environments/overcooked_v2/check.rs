//! Which words are a state: asked before words from outside are played on.

use super::OvercookedV2;
use super::interaction::{BUTTON_TIME, COOK_TIME};
use super::objects::{BUTTON, COOKED, DISH, FLOOR, PLATE, POT, POT_UNITS, WALL, unit, units};
use super::state::{CORRECT_DELIVERY, State};

impl OvercookedV2 {
    /// What is wrong with `state`, if anything.
    pub(super) fn check_state(&self, state: &State<'_>) -> Result<(), &'static str> {
        let require = |holds: bool, what| if holds { Ok(()) } else { Err(what) };
        let carried = |item: u32| self.is_item(item) && (item & COOKED == 0 || item & DISH == DISH);
        require(state.step < self.options.max_steps, "its episode is over")?;
        require(
            self.kitchen.recipes.contains(&state.recipe),
            "its recipe is not possible",
        )?;
        require(state.flags & !CORRECT_DELIVERY == 0, "it has unknown flags")?;
        for (i, cook) in state.cooks.iter().enumerate() {
            let code = self.kitchen.cells.get(cook.cell as usize);
            require(code == Some(&FLOOR), "a cook is not on floor")?;
            require(cook.direction < 4, "a cook has no direction")?;
            require(carried(cook.item), "a cook holds no item")?;
            let alone = state.cooks[..i].iter().all(|other| other.cell != cook.cell);
            require(alone, "two cooks are on one cell")?;
        }
        let n = self.kitchen.ingredients;
        for permutation in state.permutations.chunks_exact(n) {
            let complete = (0..n as u32).all(|k| permutation.contains(&k));
            require(complete, "a permutation is none")?;
        }
        for ((&code, &item), &timer) in self.kitchen.cells.iter().zip(state.items).zip(state.timers) {
            let (fits, longest) = match code {
                WALL => (carried(item), 0),
                POT => (self.is_item(item) && item & PLATE == 0, COOK_TIME),
                BUTTON => (item == 0, BUTTON_TIME),
                _ => (item == 0, 0),
            };
            require(fits, "a cell holds what it cannot")?;
            require(timer <= longest, "a timer is too long")?;
        }
        Ok(())
    }

    /// At most three units, of ingredients that the kitchen has.
    fn is_item(&self, item: u32) -> bool {
        item < unit(self.kitchen.ingredients as u32) && units(item) <= POT_UNITS
    }
}
