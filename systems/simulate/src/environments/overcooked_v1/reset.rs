//! Start states: section 10.5 of the rules.

use super::{ONION, OvercookedV1, RAW_SOUP, SOUP};
use crate::environments::overcooked_v2::objects::{COOKED, PLATE};
use starling_components::random::Draw;

/// What a cook may hold in a random start, each as probable.
const HANDS: [u32; 4] = [0, ONION, PLATE, SOUP];
/// Pot statuses, each as probable in a random start.
const STATUSES: u32 = 24;

impl OvercookedV1 {
    pub(super) fn start<D: Draw>(&self, words: &mut [u32], draw: &mut D) {
        words.fill(0);
        let state = self.words().change(words);
        *state.recipe = RAW_SOUP;
        for (cook, start) in state.cooks.iter_mut().zip(&self.engine.kitchen().starts) {
            cook.cell = *start;
        }
        if self.random_reset {
            // Two different floor cells, perhaps in the same room; the second skips the first.
            let count = self.floor.len() as u32;
            let first = draw.below(count);
            let second = draw.below(count - 1);
            let second = second + u32::from(second >= first);
            for (cook, chosen) in state.cooks.iter_mut().zip([first, second]) {
                cook.cell = self.floor[chosen as usize];
            }
        }
        for cook in state.cooks.iter_mut() {
            cook.direction = draw.below(4);
        }
        if self.random_reset {
            for cook in state.cooks.iter_mut() {
                cook.item = HANDS[draw.below(HANDS.len() as u32) as usize];
            }
            for &pot in &self.pots {
                (state.items[pot as usize], state.timers[pot as usize]) = pot_words(draw.below(STATUSES));
            }
        }
    }
}

/// Item and timer of a pot of this V1 status.
fn pot_words(status: u32) -> (u32, u32) {
    match status {
        0 => (RAW_SOUP | COOKED, 0),
        1..=20 => (RAW_SOUP, status),
        _ => ((23 - status) * ONION, 0),
    }
}
