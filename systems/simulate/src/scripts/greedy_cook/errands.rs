//! What a cook does next: the cell it wants to use, from what it sees and nothing it remembers.
//!
//! With a dish it serves, with an ingredient it fills a pot, with a plate it waits for soup; with empty hands it fetches what is wanted and what
//! nobody else carries or is closer to. What its own room cannot use goes to a counter that it shares with a room that can.

use super::paths::{FAR, Flood};
use super::plan::Plan;
use super::scene::Seen;
use crate::environments::overcooked_v2::objects::{
    COOKED, DISH, FIRST_PILE, GOAL, PLATE, PLATE_PILE, POT, POT_UNITS, WALL, count, is_raw, unit, units,
};

/// Time left of a soup from which on a plate goes before ingredients for another pot.
const SOON: u8 = 10;

impl Plan<'_> {
    /// The cell to use next; `None`: there is nothing to do.
    pub(super) fn errand(&self) -> Option<usize> {
        match self.scene.me.item {
            0 => self.with_empty_hands(),
            dish if dish & COOKED != 0 => self.with_dish(dish),
            PLATE => self.with_plate(),
            raw => self.with_ingredient(raw),
        }
    }

    fn with_dish(&self, dish: u32) -> Option<usize> {
        if dish != self.recipe | DISH {
            // Nobody asked for it now; it may cost to deliver it, and somebody may ask later.
            return self
                .free_counter()
                .or_else(|| self.nearest(|cell| self.code(cell) == GOAL));
        }
        self.nearest(|cell| self.code(cell) == GOAL)
            .or_else(|| self.shared_counter(GOAL))
    }

    fn with_ingredient(&self, raw: u32) -> Option<usize> {
        let fits = |cell: usize| self.is_filling(cell) && self.lacks(cell, raw);
        let fullest = |cell: &usize| units(self.scene.items[*cell]);
        let open = self.pots().filter(|cell| fits(*cell) && self.distance(*cell) != FAR);
        if let Some(pot) = open.max_by_key(|cell| (fullest(cell), FAR - self.distance(*cell))) {
            return Some(pot);
        }
        // What cannot become the soup that is asked for is cooked to be rid of it.
        if let Some(pot) = self.nearest(|cell| self.is_spoiled(cell)) {
            return Some(pot);
        }
        if !self.has_pot(self.mine) {
            return self.shared_counter(POT);
        }
        if self.is_useless(raw) {
            // Where every counter is full, rather a wrong soup than full hands for ever.
            return self
                .free_counter()
                .or_else(|| self.nearest(|cell| self.is_idle(cell) && units(self.scene.items[cell]) < POT_UNITS));
        }
        let hands_wanted = self.plates_wanted() > 0
            || self.pots().any(|cell| self.is_waiting_to_start(cell))
            || self.wanted_ingredient(false).is_some();
        if hands_wanted { self.free_counter() } else { None }
    }

    fn with_plate(&self) -> Option<usize> {
        if !self.has_pot(self.mine) {
            return self.shared_counter(POT);
        }
        let closer = |other: &(&Seen, &Flood), cell: usize| {
            other.0.item == PLATE && self.is_before_me(other.0, other.1.to(self.scene, cell), self.distance(cell))
        };
        let soups = self.pots().filter(|cell| self.is_soup(*cell));
        let mut soups: Vec<usize> = soups.filter(|cell| self.distance(*cell) != FAR).collect();
        soups.sort_by_key(|cell| (self.scene.timers[*cell], self.distance(*cell), *cell));
        // The first that the others with plates leave over.
        if let Some(soup) = soups.first() {
            let before = self.others().filter(|other| closer(other, *soup)).count();
            if let Some(own) = soups.get(before) {
                return Some(*own);
            }
        }
        // A plate too many, or too early: put it down if hands are wanted elsewhere.
        let starts = self.pots().any(|cell| self.is_waiting_to_start(cell));
        let fetches = self.wanted_ingredient(false).is_some();
        if starts || fetches { self.free_counter() } else { None }
    }

    fn with_empty_hands(&self) -> Option<usize> {
        if self.has(self.mine, GOAL)
            && let Some(dish) = self.nearest(|cell| self.lies(cell, self.recipe | DISH))
        {
            return Some(dish);
        }
        if let Some(pot) = self.nearest(|cell| self.is_waiting_to_start(cell)) {
            return Some(pot);
        }
        let plate = self.wanted_plate();
        let hurry = !self.has_pot(self.mine)
            || self
                .pots()
                .any(|cell| self.is_soup(cell) && self.scene.timers[cell] <= SOON);
        if hurry && plate.is_some() {
            return plate;
        }
        self.wanted_ingredient(true)
            .or(plate)
            .or_else(|| self.ingredient_for_later())
            .or_else(|| self.clutter())
    }

    /// What nobody asks for, on a counter between rooms, if there is another place for it.
    fn clutter(&self) -> Option<usize> {
        let elsewhere = self.nearest(|cell| self.lies(cell, 0) && !self.is_between_any(cell));
        elsewhere.and_then(|_| {
            self.nearest(|cell| {
                self.code(cell) == WALL && self.is_useless(self.scene.items[cell]) && self.is_between_any(cell)
            })
        })
    }

    /// Something for the next soup, while this one cooks and nobody else has anything for the next.
    fn ingredient_for_later(&self) -> Option<usize> {
        if self.brought(is_raw) > 0 || !self.has_pot(self.mine) || self.plates_wanted() > 0 {
            return None;
        }
        let k = (0..self.ingredients).find(|k| count(self.recipe, *k) > 0)?;
        self.unless_others_go(self.source(FIRST_PILE + k as u8, unit(k))?, 1)
    }

    /// Where to get a plate that is wanted.
    fn wanted_plate(&self) -> Option<usize> {
        let mut wanted = self.plates_wanted();
        if !self.has_pot(self.mine) {
            wanted -= self.handed_over(|item| item == PLATE);
        }
        if wanted <= 0 {
            return None;
        }
        let source = self.source(PLATE_PILE, PLATE)?;
        self.unless_others_go(source, wanted)
    }

    /// Soups that cook or wait, less plates in others' hands.
    fn plates_wanted(&self) -> i32 {
        let soups = self.pots().filter(|cell| self.is_soup(*cell)).count() as i32;
        soups - self.brought(|item| item == PLATE)
    }

    /// Where to get an ingredient that is wanted: for the fullest pot that lacks more than others carry. `polite`: leave it to others who are
    /// closer.
    fn wanted_ingredient(&self, polite: bool) -> Option<usize> {
        let supplies = !self.has_pot(self.mine);
        if supplies && !self.may_hand_over_ingredient() {
            return None;
        }
        // By ingredient: what is on its way.
        let mut coming = [0_i32; 10];
        for (k, coming) in coming.iter_mut().enumerate().take(self.ingredients as usize) {
            let raw = unit(k as u32);
            *coming = self.brought(|item| item == raw);
            if supplies {
                *coming += self.handed_over(|item| item == raw);
            }
        }
        let mut pots: Vec<usize> = self
            .pots()
            .filter(|cell| self.is_filling(*cell) || self.is_spoiled(*cell))
            .collect();
        if !supplies {
            pots.retain(|cell| self.distance(*cell) != FAR);
        }
        pots.sort_by_key(|cell| (POT_UNITS - units(self.scene.items[*cell]), self.distance(*cell), *cell));
        let mut total = 0;
        let mut found = None;
        for pot in pots {
            let held = self.scene.items[pot];
            for k in 0..self.ingredients {
                let lacking = count(self.recipe, k) as i32 - count(held, k).min(count(self.recipe, k)) as i32;
                let lacking = if self.is_spoiled(pot) {
                    i32::from(count(self.recipe, k) > 0)
                } else {
                    lacking
                };
                let covered = lacking.min(coming[k as usize]);
                coming[k as usize] -= covered;
                if lacking > covered {
                    total += lacking - covered;
                    found = found.or_else(|| self.source(FIRST_PILE + k as u8, unit(k)));
                }
            }
        }
        let source = found?;
        if polite {
            self.unless_others_go(source, total)
        } else {
            Some(source)
        }
    }

    /// `source`, unless as many others as things are wanted have empty hands and are closer.
    fn unless_others_go(&self, source: usize, wanted: i32) -> Option<usize> {
        let distance = self.distance(source);
        let goes = |(other, flood): &(&Seen, &Flood)| {
            other.item == 0 && self.is_before_me(other, flood.to(self.scene, source), distance)
        };
        let going = self.others().filter(goes).count() as i32;
        (self.bold || going < wanted).then_some(source)
    }
}
