//! V1's observation: the whole kitchen in 26 channels (section 10.6 of the rules), channels last.
//!
//! | channel | content |
//! |---|---|
//! | 0, 1 | the cook; the other |
//! | 2 to 5, 6 to 9 | their directions (up, down, right, left), at their cells |
//! | 10, 11, 12, 14, 15 | pot, empty counter, onion pile, plate pile, goal |
//! | 16 | onions in a pot that does not cook yet |
//! | 18 | onions in soup: 3 at cooking and ready pots, and at dishes |
//! | 20 | time left of a pot |
//! | 21 | ready soup: pots and dishes |
//! | 22, 23 | plates, onions: on counters and in hands |
//! | 25 | 1 everywhere when time runs out |
//!
//! 13, 17, 19 and 24 are always 0. What a cook holds shows at its cell, for both cooks alike.

use super::{ONION, OvercookedV1, RAW_SOUP, SOUP};
use crate::environments::overcooked_v2::Kitchen;
use crate::environments::overcooked_v2::objects::{COOKED, FIRST_PILE, GOAL, PLATE, PLATE_PILE, POT, WALL, units};
use crate::environments::overcooked_v2::state::State;

const CHANNELS: usize = 26;
/// The last steps of an episode, in which channel 25 is 1.
const URGENT_STEPS: u32 = 40;
/// Longest time left that shows as cooking: a pot that was just filled is not cooking yet.
const LONGEST_SHOWN: u32 = 19;

const EMPTY_COUNTER: usize = 11;
const WAITING_ONIONS: usize = 16;
const SOUP_ONIONS: usize = 18;
const TIME_LEFT: usize = 20;
const READY: usize = 21;
const PLATES: usize = 22;
const ONIONS: usize = 23;
const URGENCY: usize = 25;

/// Paints observations of one kitchen.
#[derive(Debug)]
pub(super) struct Painter {
    height: usize,
    width: usize,
    /// What never changes, with every counter empty: `[height, width, 26]`.
    canvas: Vec<u8>,
    pots: Vec<u32>,
    counters: Vec<u32>,
}

impl Painter {
    pub(super) fn of(kitchen: &Kitchen) -> Self {
        let mut canvas = vec![0; kitchen.cells.len() * CHANNELS];
        for (cell, &code) in kitchen.cells.iter().enumerate() {
            let channel = match code {
                POT => 10,
                WALL => EMPTY_COUNTER,
                FIRST_PILE => 12,
                PLATE_PILE => 14,
                GOAL => 15,
                _ => continue,
            };
            canvas[cell * CHANNELS + channel] = 1;
        }
        Self {
            height: kitchen.height,
            width: kitchen.width,
            canvas,
            pots: kitchen.cells_where(|code| code == POT),
            counters: kitchen.cells_where(|code| code == WALL),
        }
    }

    /// `[height, width, channels]`.
    pub(super) fn shape(&self) -> [usize; 3] {
        [self.height, self.width, CHANNELS]
    }

    /// What every observation begins with, and the bits that each channel needs.
    pub(super) fn packing(&self) -> (Vec<u8>, Vec<u8>) {
        let bits = |channel| match channel {
            WAITING_ONIONS | SOUP_ONIONS => 2,
            TIME_LEFT => 5,
            _ => 1,
        };
        (self.canvas.clone(), (0..CHANNELS).map(bits).collect())
    }

    /// Everything that both cooks see alike.
    fn scene(&self, state: &State<'_>, urgent: bool, out: &mut [u8]) {
        out.copy_from_slice(&self.canvas);
        let at = |cell: u32| cell as usize * CHANNELS;
        for &cell in &self.counters {
            let item = state.items[cell as usize];
            if item != 0 {
                out[at(cell) + EMPTY_COUNTER] = 0;
                show_item(item, &mut out[at(cell)..]);
            }
        }
        for &cell in &self.pots {
            show_pot(
                state.items[cell as usize],
                state.timers[cell as usize],
                &mut out[at(cell)..],
            );
        }
        for cook in state.cooks {
            show_item(cook.item, &mut out[at(cook.cell)..]);
        }
        if urgent {
            out.iter_mut().skip(URGENCY).step_by(CHANNELS).for_each(|one| *one = 1);
        }
    }
}

/// An item on a counter or in hands.
#[inline]
fn show_item(item: u32, out: &mut [u8]) {
    match item {
        ONION => out[ONIONS] = 1,
        PLATE => out[PLATES] = 1,
        SOUP => (out[SOUP_ONIONS], out[READY]) = (3, 1),
        _ => {}
    }
}

#[inline]
fn show_pot(item: u32, timer: u32, out: &mut [u8]) {
    let cooking = (1..=LONGEST_SHOWN).contains(&timer);
    let ready = item == RAW_SOUP | COOKED;
    if cooking || ready {
        (out[SOUP_ONIONS], out[TIME_LEFT], out[READY]) = (3, timer as u8, u8::from(ready));
    } else {
        out[WAITING_ONIONS] = units(item) as u8;
    }
}

impl OvercookedV1 {
    /// What both cooks see: `[2, height, width, 26]`.
    pub(super) fn see(&self, state: &State<'_>, out: &mut [u8]) {
        let urgent = self.engine.options().max_steps.saturating_sub(state.step) < URGENT_STEPS;
        let (first, second) = out.split_at_mut(self.painter.canvas.len());
        self.painter.scene(state, urgent, first);
        second.copy_from_slice(first);
        for (me, row) in [first, second].into_iter().enumerate() {
            for (i, cook) in state.cooks.iter().enumerate() {
                let other = usize::from(i != me);
                let at = cook.cell as usize * CHANNELS;
                row[at + other] = 1;
                row[at + 2 + 4 * other + (cook.direction & 3) as usize] = 1;
            }
        }
    }
}
