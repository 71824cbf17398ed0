//! What stands in a kitchen and what can be carried, as small integers (the encodings of the reference).

/// Walkable floor.
pub const FLOOR: u8 = 0;
/// A counter, which may hold one object.
pub const WALL: u8 = 1;
/// Where dishes are delivered.
pub const GOAL: u8 = 4;
/// Where soup is cooked.
pub const POT: u8 = 5;
/// Always shows the recipe.
pub const INDICATOR: u8 = 6;
/// Shows the recipe for a while after a press.
pub const BUTTON: u8 = 7;
/// An endless pile of plates.
pub const PLATE_PILE: u8 = 9;
/// An endless pile of ingredient `k` is `FIRST_PILE + k`.
pub const FIRST_PILE: u8 = 10;
/// Most ingredients: piles are written with one digit.
pub const MAX_INGREDIENTS: usize = 10;

/// Item bit: a plate.
pub const PLATE: u32 = 1;
/// Item bit: cooked.
pub const COOKED: u32 = 2;
/// Both: what turns a recipe into the dish that is asked for.
pub const DISH: u32 = PLATE | COOKED;
/// Units of ingredients in a recipe, and at most in a pot.
pub const POT_UNITS: u32 = 3;

/// One raw unit of ingredient `k`. Each ingredient is counted in two bits.
#[inline]
pub const fn unit(k: u32) -> u32 {
    4 << (2 * k)
}

/// Units of all ingredients in an item.
#[inline]
pub const fn units(item: u32) -> u32 {
    let counts = item >> 2;
    (counts & 0x5555_5555).count_ones() + 2 * (counts & 0xAAAA_AAAA).count_ones()
}

/// Units of ingredient `k` in an item.
#[inline]
pub const fn count(item: u32, k: u32) -> u32 {
    (item >> 2).wrapping_shr(2 * k) & 3
}

/// An ingredient in the hand: food without a plate.
#[inline]
pub const fn is_raw(item: u32) -> bool {
    item >> 2 != 0 && item & PLATE == 0
}

/// Directions as (dx, dy): up, down, right, left. Not the order of the actions.
pub const DIRECTIONS: [(i32, i32); 4] = [(0, -1), (0, 1), (1, 0), (-1, 0)];
/// The direction of the actions right, down, left, up.
pub const ACTION_DIRECTIONS: [u32; 4] = [2, 1, 3, 0];
/// Names of the actions in the order of their numbers.
pub const ACTIONS: [&str; 6] = ["right", "down", "left", "up", "stay", "interact"];
/// The action that uses what the cook faces.
pub const INTERACT: i32 = 5;
