//! The featurised observation: distances to what a cook may want, as in Overcooked-AI. One ingredient, at least two cooks.
//!
//! How far things are, counted in actions, is found once per kitchen: a breadth-first search from every (floor cell, direction).
//! Numbers are `i8` by bit pattern.

use super::kitchen::Kitchen;
use super::objects::{COOKED, DIRECTIONS, FIRST_PILE, FLOOR, GOAL, PLATE, PLATE_PILE, POT, WALL, unit, units};
use super::state::{Cook, State};

/// Most cells of a kitchen that can be featurised: the table of distances grows with the square.
pub(super) const MAX_CELLS: usize = 1024;

/// Numbers about one cook.
const COOK_LEN: usize = 46;
const ONION: u32 = unit(0);
const SOUP: u32 = (3 * unit(0)) | PLATE | COOKED;
const UNREACHABLE: u16 = u16::MAX;

/// Numbers in one observation.
pub(super) const fn len(cooks: usize) -> usize {
    cooks * (COOK_LEN + 2)
}

/// Features of one kitchen.
#[derive(Debug)]
pub(super) struct Featurizer {
    width: usize,
    codes: Vec<u8>,
    /// Non-floor cells, row-major: what can be a target.
    targets: Vec<u32>,
    pots: Vec<u32>,
    /// Actions until a cook at `cell`, turned to `direction`, faces target t: `[cell * 4 + direction][t]`.
    costs: Vec<u16>,
    /// Index into `targets` by cell.
    target_of: Vec<usize>,
    /// 1 where the neighbour (up, down, right, left) is no floor, by cell.
    blocked: Vec<[u8; 4]>,
}

impl Featurizer {
    pub(super) fn of(kitchen: &Kitchen) -> Self {
        let targets = kitchen.cells_where(|code| code != FLOOR);
        let mut target_of = vec![0; kitchen.cells.len()];
        for (t, cell) in targets.iter().enumerate() {
            target_of[*cell as usize] = t;
        }
        let is_floor = |cell: &usize| kitchen.cells[*cell] == FLOOR;
        let blocked = |cell: usize| {
            let open = |direction| kitchen.neighbour(cell, direction).filter(is_floor).is_some();
            std::array::from_fn(|direction| u8::from(!open(direction)))
        };
        Self {
            width: kitchen.width,
            codes: kitchen.cells.clone(),
            costs: costs(kitchen, targets.len(), &target_of),
            targets,
            pots: kitchen.cells_where(|code| code == POT),
            target_of,
            blocked: (0..kitchen.cells.len()).map(blocked).collect(),
        }
    }

    /// The targets, and the cost of each from every cell and direction.
    pub(super) fn distances(&self) -> (&[u32], &[u16]) {
        (&self.targets, &self.costs)
    }

    /// The observation of cook `me`: itself, the others, where the others are from here, where it is.
    pub(super) fn write(&self, state: &State<'_>, me: usize, out: &mut [u8]) {
        out.fill(0);
        let others = || (0..state.cooks.len()).filter(|i| *i != me);
        for (i, features) in std::iter::once(me).chain(others()).zip(out.chunks_exact_mut(COOK_LEN)) {
            self.about(state, state.cooks[i], features);
        }
        let tail = out[COOK_LEN * state.cooks.len()..].chunks_exact_mut(2);
        let cell = state.cooks[me].cell;
        let towards = others().map(|i| self.difference(state.cooks[i].cell, cell));
        for (pair, values) in tail.zip(towards.chain([self.difference(cell, 0)])) {
            pair.copy_from_slice(&values);
        }
    }

    fn about(&self, state: &State<'_>, cook: Cook, out: &mut [u8]) {
        let held = cook.item;
        out[(cook.direction & 3) as usize] = 1;
        // The second ingredient never exists: 7, 10 and 11 stay 0.
        for (i, item) in [ONION, SOUP, PLATE].into_iter().enumerate() {
            out[4 + i] = u8::from(held == item);
        }
        let lies = |cell: usize, item| self.codes[cell] != POT && state.items[cell] == item;
        let mut closest = |at: usize, held_already: bool, wanted: &dyn Fn(usize) -> bool| {
            if !held_already && let Some(cell) = self.closest(cook, wanted) {
                out[at..at + 2].copy_from_slice(&self.difference(cell, cook.cell));
            }
        };
        closest(8, held == ONION, &|cell| {
            self.codes[cell] == FIRST_PILE || lies(cell, ONION)
        });
        closest(12, held == PLATE, &|cell| {
            self.codes[cell] == PLATE_PILE || lies(cell, PLATE)
        });
        closest(14, held == SOUP, &|cell| lies(cell, SOUP));
        closest(18, false, &|cell| self.codes[cell] == GOAL);
        closest(20, false, &|cell| self.codes[cell] == WALL && state.items[cell] == 0);
        if held == SOUP || state.items.contains(&SOUP) {
            out[16] = 3;
        }
        let first = self.closest_pot(cook, None);
        let second = first.and_then(|first| self.closest_pot(cook, Some(first)));
        for (at, pot) in [(22, first), (32, second)] {
            if let Some(pot) = pot {
                self.about_pot(state, pot, cook.cell, &mut out[at..at + 10]);
            }
        }
        out[42..46].copy_from_slice(&self.blocked[cook.cell as usize]);
    }

    fn about_pot(&self, state: &State<'_>, pot: u32, from: u32, out: &mut [u8]) {
        let (item, timer) = (state.items[pot as usize], state.timers[pot as usize]);
        out[0] = 1;
        out[1] = u8::from(item == 0);
        out[2] = u8::from(units(item) == 3);
        out[3] = u8::from(timer > 0);
        out[4] = u8::from(item & COOKED != 0);
        out[5] = units(item) as u8;
        out[7] = timer as u8;
        out[8..10].copy_from_slice(&self.difference(pot, from));
    }

    /// Costs of all targets for a cook.
    fn costs_of(&self, cook: Cook) -> &[u16] {
        let from = (cook.cell as usize * 4 + (cook.direction & 3) as usize) * self.targets.len();
        &self.costs[from..from + self.targets.len()]
    }

    /// The cheapest wanted target that can be reached; the first in row-major order among equals.
    fn closest(&self, cook: Cook, wanted: &dyn Fn(usize) -> bool) -> Option<u32> {
        let mut best = (UNREACHABLE, None);
        for (cell, cost) in self.targets.iter().zip(self.costs_of(cook)) {
            if *cost < best.0 && wanted(*cell as usize) {
                best = (*cost, Some(*cell));
            }
        }
        best.1
    }

    fn closest_pot(&self, cook: Cook, except: Option<u32>) -> Option<u32> {
        let costs = self.costs_of(cook);
        let cost = |pot: &u32| costs[self.target_of[*pot as usize]];
        let reachable = self
            .pots
            .iter()
            .filter(|pot| Some(**pot) != except && cost(pot) != UNREACHABLE);
        reachable.min_by_key(|pot| cost(pot)).copied()
    }

    /// (dx, dy) from one cell to another, as bytes.
    fn difference(&self, to: u32, from: u32) -> [u8; 2] {
        let place = |cell: u32| (cell as usize % self.width, cell as usize / self.width);
        let ((x, y), (from_x, from_y)) = (place(to), place(from));
        [x.wrapping_sub(from_x) as u8, y.wrapping_sub(from_y) as u8]
    }
}

/// Breadth-first search from every (floor cell, direction). A direction action moves one cell if there is floor, else only turns; both
/// cost 1 and set the direction.
fn costs(kitchen: &Kitchen, targets: usize, target_of: &[usize]) -> Vec<u16> {
    let states = kitchen.cells.len() * 4;
    let mut costs = vec![UNREACHABLE; states * targets];
    let mut reached = vec![u16::MAX; states];
    let mut queue = Vec::with_capacity(states);
    for start in 0..states {
        if kitchen.cells[start / 4] != FLOOR {
            continue;
        }
        reached.fill(u16::MAX);
        queue.clear();
        queue.push(start);
        reached[start] = 0;
        let mut next = 0;
        while let Some(&at) = queue.get(next) {
            next += 1;
            if let Some(faced) = kitchen
                .neighbour(at / 4, at % 4)
                .filter(|cell| kitchen.cells[*cell] != FLOOR)
            {
                let cost = &mut costs[start * targets + target_of[faced]];
                *cost = (*cost).min(reached[at]);
            }
            for direction in 0..DIRECTIONS.len() {
                let step = kitchen
                    .neighbour(at / 4, direction)
                    .filter(|cell| kitchen.cells[*cell] == FLOOR);
                let to = step.unwrap_or(at / 4) * 4 + direction;
                if reached[to] == u16::MAX {
                    reached[to] = reached[at] + 1;
                    queue.push(to);
                }
            }
        }
    }
    costs
}
