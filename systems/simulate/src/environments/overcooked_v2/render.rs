//! A state as text for a person: the kitchen, two characters per cell, then what does not fit in it. A seat that sees a window has the cells
//! outside of it dotted, and ingredients under the names that it knows them by.

use super::OvercookedV2;
use super::objects::{BUTTON, COOKED, FIRST_PILE, GOAL, INDICATOR, PLATE, PLATE_PILE, POT, WALL, count, units};
use super::state::{CORRECT_DELIVERY, State};
use std::fmt::Write;

const ARROWS: [char; 4] = ['^', 'v', '>', '<'];
const FACING: [&str; 4] = ["up", "down", "right", "left"];
/// A cell that is not seen.
const UNSEEN: &str = "..";

/// Who looks.
#[derive(Clone, Copy)]
struct Eyes<'a> {
    /// Column, row, and cells seen in each direction; `None`: everything.
    window: Option<(usize, usize, usize)>,
    /// The ingredient seen as ingredient k; empty: its own.
    names: &'a [u32],
    width: usize,
}

impl Eyes<'_> {
    fn sees(&self, cell: usize) -> bool {
        self.window.is_none_or(|(x, y, view)| {
            (cell % self.width).abs_diff(x) <= view && (cell / self.width).abs_diff(y) <= view
        })
    }

    /// What ingredient `kind` is to these eyes.
    fn name(&self, kind: u32) -> u32 {
        let seen_as = self.names.iter().position(|name| *name == kind);
        seen_as.map_or(kind, |k| k as u32)
    }
}

impl OvercookedV2 {
    /// All of it.
    pub(super) fn text(&self, state: &State<'_>) -> String {
        let eyes = Eyes {
            window: None,
            names: &[],
            width: self.kitchen.width,
        };
        self.picture_for(state, eyes)
    }

    /// What `seat` sees, if that is not all, or not by these names. A seat with features instead of a grid sees all of it.
    pub(super) fn text_for(&self, state: &State<'_>, seat: usize) -> Option<String> {
        let (view, width) = (self.options.view, self.kitchen.width);
        if self.is_featurized(seat) || (view == 0 && state.permutations.is_empty()) {
            return None;
        }
        let ingredients = self.kitchen.ingredients;
        let cell = state.cooks.get(seat)?.cell as usize;
        let eyes = Eyes {
            window: (view > 0).then_some((cell % width, cell / width, view)),
            names: match state.permutations {
                [] => &[],
                all => all.get(seat * ingredients..(seat + 1) * ingredients)?,
            },
            width,
        };
        Some(self.picture_for(state, eyes))
    }

    fn picture_for(&self, state: &State<'_>, eyes: Eyes<'_>) -> String {
        let mut text = String::new();
        let everything = eyes.window.is_none() && eyes.names.is_empty();
        let delivered = if state.flags & CORRECT_DELIVERY != 0 && everything {
            ", delivered!"
        } else {
            ""
        };
        let recipe = if everything || self.recipe_is_seen(state, eyes) {
            self.item_name(state.recipe, eyes)
        } else {
            "not seen".into()
        };
        // Writing to a string cannot fail.
        let _ = if everything {
            writeln!(
                text,
                "step {}/{}, recipe {recipe}{delivered}",
                state.step, self.options.max_steps
            )
        } else {
            writeln!(text, "recipe {recipe}")
        };
        for row in 0..self.kitchen.height {
            let cells = row * self.kitchen.width..(row + 1) * self.kitchen.width;
            let line: String = cells.map(|cell| self.cell_picture(state, cell, eyes)).collect();
            let _ = writeln!(text, "{}", line.trim_end());
        }
        for (i, cook) in state
            .cooks
            .iter()
            .enumerate()
            .filter(|(_, c)| eyes.sees(c.cell as usize))
        {
            let facing = FACING[(cook.direction & 3) as usize];
            let _ = writeln!(
                text,
                "cook {} faces {facing}, holds {}",
                seat_letter(i),
                self.item_name(cook.item, eyes)
            );
        }
        for &pot in self.pots.iter().filter(|&&pot| eyes.sees(pot as usize)) {
            let (item, timer) = (state.items[pot as usize], state.timers[pot as usize]);
            let (x, y) = (pot as usize % self.kitchen.width, pot as usize / self.kitchen.width);
            let _ = write!(text, "pot at {x},{y}: {}", self.item_name(item, eyes));
            let _ = if timer > 0 {
                writeln!(text, ", {timer} steps left")
            } else {
                writeln!(text)
            };
        }
        text
    }

    /// An indicator, or a button that shines, is in sight.
    fn recipe_is_seen(&self, state: &State<'_>, eyes: Eyes<'_>) -> bool {
        let shows = |cell: usize, code: u8| code == INDICATOR || (code == BUTTON && state.timers[cell] > 0);
        let mut cells = self.kitchen.cells.iter().enumerate();
        cells.any(|(cell, &code)| shows(cell, code) && eyes.sees(cell))
    }

    fn cell_picture(&self, state: &State<'_>, cell: usize, eyes: Eyes<'_>) -> String {
        if !eyes.sees(cell) {
            return UNSEEN.into();
        }
        if let Some(i) = state.cooks.iter().position(|cook| cook.cell as usize == cell) {
            let arrow = ARROWS[(state.cooks[i].direction & 3) as usize];
            return format!("{arrow}{}", seat_letter(i));
        }
        let (item, timer) = (state.items[cell], state.timers[cell]);
        match self.kitchen.cells[cell] {
            WALL if item == 0 => "##".into(),
            WALL if item & COOKED != 0 => "#d".into(),
            WALL if item == PLATE => "#p".into(),
            WALL => {
                let first = (0..self.kitchen.ingredients as u32).find(|k| count(item, *k) > 0);
                format!("#{}", eyes.name(first.unwrap_or(0)))
            }
            GOAL => "X ".into(),
            POT if item & COOKED != 0 => "P!".into(),
            POT if timer > 0 => "P~".into(),
            POT => format!("P{}", units(item)),
            INDICATOR => "R ".into(),
            BUTTON => if timer > 0 { "L*" } else { "L " }.into(),
            PLATE_PILE => "B ".into(),
            pile if pile >= FIRST_PILE => format!("{} ", eyes.name(u32::from(pile - FIRST_PILE))),
            _ => "  ".into(),
        }
    }

    /// E.g. `nothing`, `0+0+1`, `cooked 0+0+1 on a plate`.
    fn item_name(&self, item: u32, eyes: Eyes<'_>) -> String {
        let mut units = Vec::new();
        for k in 0..self.kitchen.ingredients as u32 {
            units.extend((0..count(item, k)).map(|_| eyes.name(k).to_string()));
        }
        units.sort();
        let cooked = if item & COOKED != 0 { "cooked " } else { "" };
        match (units.is_empty(), item & PLATE != 0) {
            (true, true) => "a plate".into(),
            (true, false) => "nothing".into(),
            (false, false) => format!("{cooked}{}", units.join("+")),
            (false, true) => format!("{cooked}{} on a plate", units.join("+")),
        }
    }
}

fn seat_letter(i: usize) -> char {
    char::from_digit(i as u32, 36).unwrap_or('?')
}
