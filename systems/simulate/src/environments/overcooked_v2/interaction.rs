//! Phases 2 and 3 of a step: one cook after the other uses what it faces, then time passes.
//!
//! The rows of the table of section 3.2 of the rules are numbered beside the code.

use super::objects::{
    BUTTON, COOKED, DISH, FIRST_PILE, GOAL, PLATE, PLATE_PILE, POT, POT_UNITS, WALL, is_raw, unit, units,
};
use super::state::{Cook, StateMut};

/// Steps that soup cooks.
pub const COOK_TIME: u32 = 20;
/// Steps that a button shows the recipe, counting the one of the press.
pub const BUTTON_TIME: u32 = 10;
/// Task reward of a correct delivery, and loss for a wrong one where that is on.
pub const DELIVERY_REWARD: i32 = 20;
/// Task cost of pressing a button.
pub const BUTTON_COST: i32 = 5;
/// Shaped reward: an ingredient that the recipe still needs goes into a pot.
pub(super) const PLACEMENT_SHAPED: i32 = 3;
/// Shaped reward: the right dish is taken from a pot.
pub(super) const DISH_SHAPED: i32 = 5;
/// Shaped reward: the right soup is started.
pub(super) const START_SHAPED: i32 = 5;
/// Shaped reward: a plate that will be needed is taken.
pub(super) const PLATE_SHAPED: i32 = 3;

/// When taking a plate that is needed earns a shaped reward: how plates in hands are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlatesPay {
    /// As before any interaction of the step; later cooks do not see what earlier ones took (OvercookedV2).
    CountedBefore,
    /// As they are when the plate is taken (Overcooked V1 of JaxMARL 0.2.0).
    CountedNow,
    /// It never does (Overcooked V1 of earlier releases).
    Never,
}

/// What interactions depend on and do not change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) start_cooking_interaction: bool,
    pub(super) negative_rewards: bool,
    pub(super) pots: &'a [u32],
    /// The recipe at the start of the step.
    pub(super) recipe: u32,
    pub(super) plates_pay: PlatesPay,
    /// Cooks with an empty plate before any interaction of this step.
    pub(super) plates_in_hands: u32,
}

/// What one interaction earned.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Earned {
    pub(super) task: i32,
    pub(super) shaped: i32,
    pub(super) correct_delivery: bool,
}

impl Terms<'_> {
    /// Cook `i` uses `cell`, whose static code is `code`.
    #[inline]
    pub(super) fn interact(&self, state: &mut StateMut<'_>, i: usize, cell: usize, code: u8) -> Earned {
        let mut earned = Earned::default();
        let hand = state.cooks[i].item;
        match code {
            // 3 and 5; a plate from a counter never pays, since it lay there.
            WALL => {
                let item = state.items[cell];
                if (item == 0) != (hand == 0) {
                    state.items[cell] = hand;
                    state.cooks[i].item = item;
                }
            }
            // 1
            PLATE_PILE if hand == 0 => {
                earned.shaped = if self.plate_is_needed(state) { PLATE_SHAPED } else { 0 };
                state.cooks[i].item = PLATE;
            }
            // 7
            GOAL if hand & COOKED != 0 => {
                state.cooks[i].item = 0;
                earned.correct_delivery = hand == self.recipe | DISH;
                earned.task = match (earned.correct_delivery, self.negative_rewards) {
                    (true, _) => DELIVERY_REWARD,
                    (false, true) => -DELIVERY_REWARD,
                    (false, false) => 0,
                };
            }
            // 8
            BUTTON if hand == 0 => {
                state.timers[cell] = BUTTON_TIME;
                earned.task = -BUTTON_COST;
            }
            POT => earned.shaped = self.use_pot(state, i, cell),
            // 2
            pile if pile >= FIRST_PILE && hand == 0 => state.cooks[i].item = unit(u32::from(pile - FIRST_PILE)),
            // 10
            _ => {}
        }
        earned
    }

    /// Rows 4, 6 and 9, and the start of a full pot. Returns the shaped reward.
    fn use_pot(&self, state: &mut StateMut<'_>, i: usize, cell: usize) -> i32 {
        let hand = &mut state.cooks[i].item;
        let (pot, timer) = (&mut state.items[cell], &mut state.timers[cell]);
        if *timer > 0 {
            return 0;
        }
        if *pot & COOKED != 0 {
            if *hand != PLATE {
                return 0;
            }
            *hand = *pot | PLATE;
            *pot = 0;
            return if *hand == self.recipe | DISH { DISH_SHAPED } else { 0 };
        }
        let mut shaped = 0;
        if is_raw(*hand) && units(*pot) < POT_UNITS {
            let field = hand.trailing_zeros();
            if *pot >> field & 3 < self.recipe >> field & 3 {
                shaped = PLACEMENT_SHAPED;
            }
            *pot = pot.wrapping_add(*hand);
            *hand = 0;
        } else if self.start_cooking_interaction && *pot != 0 && *hand == 0 {
            *timer = COOK_TIME;
            return if *pot == self.recipe { START_SHAPED } else { 0 };
        }
        // Not only after a placement: a pot that was full from the start begins to cook when anyone touches it.
        if !self.start_cooking_interaction && units(*pot) == POT_UNITS {
            *timer = COOK_TIME;
        }
        shaped
    }

    /// No plate lies about, and fewer cooks hold one than pots have something in them.
    fn plate_is_needed(&self, state: &StateMut<'_>) -> bool {
        let in_hands = match self.plates_pay {
            PlatesPay::CountedBefore => self.plates_in_hands,
            PlatesPay::CountedNow => plates_in_hands(state.cooks),
            PlatesPay::Never => return false,
        };
        let used = self.pots.iter().filter(|pot| state.items[**pot as usize] != 0).count();
        in_hands < used as u32 && !state.items.contains(&PLATE)
    }
}

/// Cooks with an empty plate.
#[inline]
pub(super) fn plates_in_hands(cooks: &[Cook]) -> u32 {
    cooks.iter().filter(|cook| cook.item == PLATE).count() as u32
}

/// Soups cook and buttons fade.
#[inline]
pub(super) fn pass_time(state: &mut StateMut<'_>, pots: &[u32], buttons: &[u32]) {
    for &pot in pots {
        let timer = &mut state.timers[pot as usize];
        if *timer > 0 {
            *timer -= 1;
            if *timer == 0 {
                state.items[pot as usize] |= COOKED;
            }
        }
    }
    for &button in buttons {
        let timer = &mut state.timers[button as usize];
        *timer = timer.saturating_sub(1);
    }
}
