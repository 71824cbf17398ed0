//! The words of one lane's state. The same layout serves the device.
//!
//! | words | content |
//! |---|---|
//! | 0 | step: transitions since the reset |
//! | 1 | recipe, as an item of three raw units |
//! | 2 | flags: bit 0 = a correct delivery happened in the step that produced this state |
//! | 3 + 3i .. | cook i: cell (`y * width + x`), direction (up, down, right, left), item in the hands |
//! | then `cooks * ingredients`, only with other-play | permutations: which ingredient cook i sees as ingredient k |
//! | then `cells` | items on counters and in pots |
//! | then `cells` | timers: cooking time left of pots, shining time left of buttons |

use bytemuck::{Pod, Zeroable};

/// Bit of [`State::flags`].
pub const CORRECT_DELIVERY: u32 = 1;
const HEAD: usize = 3;

/// A cook's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
#[repr(C)]
pub struct Cook {
    /// `y * width + x`.
    pub cell: u32,
    /// 0 up, 1 down, 2 right, 3 left.
    pub direction: u32,
    /// What is in the hands; 0: nothing.
    pub item: u32,
}

/// Where everything is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    /// Cooks.
    pub cooks: usize,
    /// Words of all permutations; 0 without other-play.
    pub permutations: usize,
    /// Cells of the kitchen.
    pub cells: usize,
}

/// A state to read.
#[derive(Debug, Clone, Copy)]
pub struct State<'a> {
    /// Transitions since the reset.
    pub step: u32,
    /// The current recipe.
    pub recipe: u32,
    /// See [`CORRECT_DELIVERY`].
    pub flags: u32,
    /// In the order of the seats.
    pub cooks: &'a [Cook],
    /// `[cooks, ingredients]`, or empty.
    pub permutations: &'a [u32],
    /// Per cell.
    pub items: &'a [u32],
    /// Per cell.
    pub timers: &'a [u32],
}

/// A state to change.
#[derive(Debug)]
pub struct StateMut<'a> {
    /// Transitions since the reset.
    pub step: &'a mut u32,
    /// The current recipe.
    pub recipe: &'a mut u32,
    /// See [`CORRECT_DELIVERY`].
    pub flags: &'a mut u32,
    /// In the order of the seats.
    pub cooks: &'a mut [Cook],
    /// `[cooks, ingredients]`, or empty.
    pub permutations: &'a mut [u32],
    /// Per cell.
    pub items: &'a mut [u32],
    /// Per cell.
    pub timers: &'a mut [u32],
}

impl Words {
    /// Words of a state.
    pub fn len(&self) -> usize {
        HEAD + 3 * self.cooks + self.permutations + 2 * self.cells
    }
    /// Never: there is always a step count.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The parts of `words`, which has [`Words::len`] words.
    #[inline]
    pub fn read<'a>(&self, words: &'a [u32]) -> State<'a> {
        debug_assert_eq!(words.len(), self.len());
        let (head, rest) = words.split_at(HEAD);
        let (cooks, rest) = rest.split_at(3 * self.cooks);
        let (permutations, rest) = rest.split_at(self.permutations);
        let (items, timers) = rest.split_at(self.cells);
        State {
            step: head[0],
            recipe: head[1],
            flags: head[2],
            cooks: bytemuck::cast_slice(cooks),
            permutations,
            items,
            timers,
        }
    }

    /// The parts of `words`, to change.
    #[inline]
    pub fn change<'a>(&self, words: &'a mut [u32]) -> StateMut<'a> {
        debug_assert_eq!(words.len(), self.len());
        let (head, rest) = words.split_at_mut(HEAD);
        let (cooks, rest) = rest.split_at_mut(3 * self.cooks);
        let (permutations, rest) = rest.split_at_mut(self.permutations);
        let (items, timers) = rest.split_at_mut(self.cells);
        let [step, recipe, flags] = head else {
            unreachable!("the head has three words");
        };
        StateMut {
            step,
            recipe,
            flags,
            cooks: bytemuck::cast_slice_mut(cooks),
            permutations,
            items,
            timers,
        }
    }
}
