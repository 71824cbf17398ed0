//! What a cook asks about the kitchen before it decides: what is where, what is wanted, who can bring what.

use super::paths::{FAR, Flood, neighbour};
use super::scene::{Scene, Seen};
use crate::environments::overcooked_v2::objects::{COOKED, PLATE, POT, POT_UNITS, WALL, count, is_raw, units};

/// A kitchen with everything that deciding needs.
pub(super) struct Plan<'a> {
    pub(super) scene: &'a Scene,
    /// Ways of this cook and of every other, in the order of `scene.others`; cooks are not in the way.
    pub(super) mine: &'a Flood,
    pub(super) theirs: &'a [Flood],
    /// As `mine`, around the other cooks.
    pub(super) around: &'a Flood,
    /// Three raw units.
    pub(super) recipe: u32,
    pub(super) ingredients: u32,
    /// Fetches what others are closer to, too.
    pub(super) bold: bool,
}

impl Plan<'_> {
    /// One shared counter stays free for a plate.
    pub(super) fn may_hand_over_ingredient(&self) -> bool {
        let counters = |keep: &dyn Fn(u32) -> bool| {
            let shared = (0..self.scene.codes.len()).filter(|cell| self.is_shared(*cell, POT));
            shared.filter(|cell| keep(self.scene.items[*cell])).count()
        };
        let (all, free) = (counters(&|_| true), counters(&|item| item == 0));
        let plates = counters(&|item| item == PLATE);
        free > usize::from(all > 1 && plates == 0)
    }

    /// Items on counters shared with a room that has a pot.
    pub(super) fn handed_over(&self, keep: impl Fn(u32) -> bool) -> i32 {
        let shared = (0..self.scene.codes.len()).filter(|cell| self.is_shared(*cell, POT));
        shared.filter(|cell| keep(self.scene.items[*cell])).count() as i32
    }

    /// Items in the hands of others, if they can bring them to a pot or pass them over a free counter.
    pub(super) fn brought(&self, keep: impl Fn(u32) -> bool) -> i32 {
        let passes = |flood: &Flood| {
            let counters = (0..self.scene.codes.len()).filter(|cell| self.lies(*cell, 0));
            self.has_pot(flood) || { counters }
                .any(|cell| self.mine.to(self.scene, cell) != FAR && self.is_between(cell, flood))
        };
        let bring = self.others().filter(|(other, flood)| keep(other.item) && passes(flood));
        bring.count() as i32
    }

    /// The nearest pile of this code or counter with this item. What was put down for another room stays there, and a room with a pot and
    /// a pile of its own is not supplied.
    pub(super) fn source(&self, pile: u8, item: u32) -> Option<usize> {
        let supplies = !self.has_pot(self.mine);
        if supplies
            && self
                .theirs
                .iter()
                .any(|flood| self.has_pot(flood) && self.has(flood, pile))
        {
            return None;
        }
        let left_for_others = |cell: usize| supplies && self.is_shared(cell, POT);
        self.nearest(|cell| self.code(cell) == pile || (self.lies(cell, item) && !left_for_others(cell)))
    }

    /// The nearest free counter, rather one that is no way between rooms.
    pub(super) fn free_counter(&self) -> Option<usize> {
        let free = |cell: usize| self.lies(cell, 0);
        let own = |cell: usize| free(cell) && !self.is_between_any(cell);
        self.nearest(own).or_else(|| self.nearest(free))
    }

    /// The nearest free counter that is shared with a room that has `code`.
    pub(super) fn shared_counter(&self, code: u8) -> Option<usize> {
        self.nearest(|cell| self.lies(cell, 0) && self.is_shared(cell, code))
    }

    pub(super) fn is_shared(&self, cell: usize, code: u8) -> bool {
        let serves = |flood: &Flood| self.is_between(cell, flood) && self.has(flood, code);
        self.code(cell) == WALL && self.mine.to(self.scene, cell) != FAR && self.theirs.iter().any(serves)
    }

    /// Both this cook and one in another room can use `cell`.
    pub(super) fn is_between(&self, cell: usize, other: &Flood) -> bool {
        let theirs = |side: usize| other.reaches(side) && !self.mine.reaches(side);
        (0..4)
            .filter_map(|direction| neighbour(self.scene, cell, direction))
            .any(theirs)
    }

    pub(super) fn is_between_any(&self, cell: usize) -> bool {
        self.theirs.iter().any(|flood| self.is_between(cell, flood))
    }

    pub(super) fn has_pot(&self, flood: &Flood) -> bool {
        self.has(flood, POT)
    }

    /// Whether something of this code can be used from where `flood` leads.
    pub(super) fn has(&self, flood: &Flood, code: u8) -> bool {
        (0..self.scene.codes.len()).any(|cell| self.code(cell) == code && flood.to(self.scene, cell) != FAR)
    }

    /// Closer, or as close and first in the order of cells.
    pub(super) fn is_before_me(&self, other: &Seen, distance: u16, mine: u16) -> bool {
        (distance, other.cell) < (mine, self.scene.me.cell)
    }

    pub(super) fn others(&self) -> impl Iterator<Item = (&Seen, &Flood)> {
        self.scene.others.iter().zip(self.theirs)
    }

    /// The cell that takes the fewest moves, around cooks where possible; the first of equals.
    pub(super) fn nearest(&self, wanted: impl Fn(usize) -> bool) -> Option<usize> {
        let cells = (0..self.scene.codes.len()).filter(|cell| wanted(*cell) && self.distance(*cell) != FAR);
        cells.min_by_key(|cell| self.distance(*cell))
    }

    /// Moves until `cell` can be used; more than any way if a cook is in the way.
    pub(super) fn distance(&self, cell: usize) -> u16 {
        match self.around.to(self.scene, cell) {
            FAR => self
                .mine
                .to(self.scene, cell)
                .saturating_add(self.scene.codes.len() as u16),
            free => free,
        }
    }

    pub(super) fn code(&self, cell: usize) -> u8 {
        self.scene.codes[cell]
    }
    pub(super) fn lies(&self, cell: usize, item: u32) -> bool {
        self.code(cell) == WALL && self.scene.items[cell] == item
    }
    pub(super) fn pots(&self) -> impl Iterator<Item = usize> {
        (0..self.scene.codes.len()).filter(|cell| self.code(*cell) == POT)
    }
    pub(super) fn is_idle(&self, cell: usize) -> bool {
        self.code(cell) == POT && self.scene.timers[cell] == 0 && self.scene.items[cell] & COOKED == 0
    }
    /// Soup, or soon.
    pub(super) fn is_soup(&self, cell: usize) -> bool {
        self.code(cell) == POT && !self.is_idle(cell)
    }
    /// Can become the soup that is asked for, with more in it.
    pub(super) fn is_filling(&self, cell: usize) -> bool {
        let held = self.scene.items[cell];
        let within = (0..self.ingredients).all(|k| count(held, k) <= count(self.recipe, k));
        self.is_idle(cell) && units(held) < POT_UNITS && within
    }
    /// Takes ingredients, but cannot become the soup that is asked for.
    pub(super) fn is_spoiled(&self, cell: usize) -> bool {
        self.is_idle(cell) && units(self.scene.items[cell]) < POT_UNITS && !self.is_filling(cell)
    }
    /// Full, and nothing happens before somebody says so.
    pub(super) fn is_waiting_to_start(&self, cell: usize) -> bool {
        self.is_idle(cell) && units(self.scene.items[cell]) == POT_UNITS
    }
    /// An ingredient that the recipe does not have.
    pub(super) fn is_useless(&self, item: u32) -> bool {
        is_raw(item) && item & COOKED == 0 && self.recipe >> item.trailing_zeros() & 3 == 0
    }
    pub(super) fn lacks(&self, cell: usize, raw: u32) -> bool {
        debug_assert!(is_raw(raw));
        let field = raw.trailing_zeros();
        self.scene.items[cell] >> field & 3 < self.recipe >> field & 3
    }
}
