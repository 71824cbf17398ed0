//! Phase 1 of a step: all cooks move at once.

use super::kitchen::{Kitchen, MAX_COOKS};
use super::objects::{ACTION_DIRECTIONS, FLOOR};
use super::state::Cook;

/// What is next to every cell: `[cell][direction]`.
#[derive(Debug, Clone)]
pub(super) struct Ways {
    /// Where a step leads: the next cell if it is floor, else the cell itself.
    step: Vec<[u32; 4]>,
    /// The cell that is faced; the cell itself where the grid ends.
    faced: Vec<[u32; 4]>,
}

impl Ways {
    pub(super) fn of(kitchen: &Kitchen) -> Self {
        let table = |lead: &dyn Fn(usize, usize) -> Option<usize>| {
            let row = |cell: usize| std::array::from_fn(|direction| lead(cell, direction).unwrap_or(cell) as u32);
            (0..kitchen.cells.len()).map(row).collect()
        };
        let floor = |cell: &usize| kitchen.cells[*cell] == FLOOR;
        Self {
            step: table(&|cell, direction| kitchen.neighbour(cell, direction).filter(floor)),
            faced: table(&|cell, direction| kitchen.neighbour(cell, direction)),
        }
    }

    /// Both tables, `[cell][direction]`, where a step leads first.
    pub(super) fn tables(&self) -> [impl Iterator<Item = u32>; 2] {
        let words = |table: &[[u32; 4]]| table.iter().flatten().copied().collect::<Vec<_>>().into_iter();
        [words(&self.step), words(&self.faced)]
    }

    /// The cell that a cook faces.
    #[inline]
    pub(super) fn faced(&self, cook: Cook) -> usize {
        self.faced[cook.cell as usize][(cook.direction & 3) as usize] as usize
    }

    /// Where a step from `cell` leads if no cook is in the way.
    #[inline]
    pub(super) fn leads(&self, cell: u32, direction: u32) -> u32 {
        self.step[cell as usize][direction as usize]
    }

    /// Moves all cooks. Directions are set even where the move is blocked; other cooks block by sending back.
    #[inline]
    pub(super) fn advance(&self, cooks: &mut [Cook], actions: &[i32]) {
        let mut old = [0_u32; MAX_COOKS];
        let mut new = [0_u32; MAX_COOKS];
        let mut moved = false;
        for (i, (cook, &action)) in cooks.iter_mut().zip(actions).enumerate() {
            old[i] = cook.cell;
            new[i] = cook.cell;
            if let Some(&direction) = ACTION_DIRECTIONS.get(action as usize) {
                cook.direction = direction;
                new[i] = self.step[cook.cell as usize][direction as usize];
                moved |= new[i] != old[i];
            }
        }
        if !moved {
            return;
        }
        let n = cooks.len();
        send_back_collisions(&old[..n], &mut new[..n]);
        undo_swaps(&old[..n], &mut new[..n]);
        for (cook, cell) in cooks.iter_mut().zip(new) {
            cook.cell = cell;
        }
    }
}

/// All cooks of a cell with more than one go back, again and again: who goes back may stand in another's way.
fn send_back_collisions(old: &[u32], new: &mut [u32]) {
    let mut back = 0_u64;
    loop {
        let mut crowded = 0_u64;
        for i in 0..new.len() {
            for j in i + 1..new.len() {
                if new[i] == new[j] {
                    crowded |= 1 << i | 1 << j;
                }
            }
        }
        if crowded & !back == 0 {
            return;
        }
        back |= crowded;
        for i in 0..new.len() {
            if back >> i & 1 == 1 {
                new[i] = old[i];
            }
        }
    }
}

/// Two cooks cannot walk through each other.
fn undo_swaps(old: &[u32], new: &mut [u32]) {
    for i in 0..new.len() {
        for j in i + 1..new.len() {
            if new[i] != old[i] && new[i] == old[j] && new[j] == old[i] {
                new[i] = old[i];
                new[j] = old[j];
            }
        }
    }
}
