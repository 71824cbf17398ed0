//! A state as text for a person: the kitchen, two characters per cell, then what does not fit in it.

use super::OvercookedV2;
use super::objects::{BUTTON, COOKED, FIRST_PILE, GOAL, INDICATOR, PLATE, PLATE_PILE, POT, WALL, count, units};
use super::state::{CORRECT_DELIVERY, State};
use std::fmt::Write;

const ARROWS: [char; 4] = ['^', 'v', '>', '<'];
const FACING: [&str; 4] = ["up", "down", "right", "left"];

impl OvercookedV2 {
    pub(super) fn picture(&self, state: &State<'_>) -> String {
        let mut text = String::new();
        let delivered = if state.flags & CORRECT_DELIVERY != 0 {
            ", delivered!"
        } else {
            ""
        };
        let recipe = self.item_name(state.recipe);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "step {}/{}, recipe {recipe}{delivered}",
            state.step, self.options.max_steps
        );
        for row in 0..self.kitchen.height {
            let cells = row * self.kitchen.width..(row + 1) * self.kitchen.width;
            let line: String = cells.map(|cell| self.cell_picture(state, cell)).collect();
            let _ = writeln!(text, "{}", line.trim_end());
        }
        for (i, cook) in state.cooks.iter().enumerate() {
            let facing = FACING[(cook.direction & 3) as usize];
            let _ = writeln!(
                text,
                "cook {} faces {facing}, holds {}",
                seat_letter(i),
                self.item_name(cook.item)
            );
        }
        for &pot in &self.pots {
            let (item, timer) = (state.items[pot as usize], state.timers[pot as usize]);
            let (x, y) = (pot as usize % self.kitchen.width, pot as usize / self.kitchen.width);
            let _ = write!(text, "pot at {x},{y}: {}", self.item_name(item));
            let _ = if timer > 0 {
                writeln!(text, ", {timer} steps left")
            } else {
                writeln!(text)
            };
        }
        text
    }

    fn cell_picture(&self, state: &State<'_>, cell: usize) -> String {
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
                format!("#{}", first.unwrap_or(0))
            }
            GOAL => "X ".into(),
            POT if item & COOKED != 0 => "P!".into(),
            POT if timer > 0 => "P~".into(),
            POT => format!("P{}", units(item)),
            INDICATOR => "R ".into(),
            BUTTON => if timer > 0 { "L*" } else { "L " }.into(),
            PLATE_PILE => "B ".into(),
            pile if pile >= FIRST_PILE => format!("{} ", pile - FIRST_PILE),
            _ => "  ".into(),
        }
    }

    /// E.g. `nothing`, `0+0+1`, `cooked 0+0+1 on a plate`.
    fn item_name(&self, item: u32) -> String {
        let mut units = Vec::new();
        for k in 0..self.kitchen.ingredients as u32 {
            units.extend((0..count(item, k)).map(|_| k.to_string()));
        }
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
