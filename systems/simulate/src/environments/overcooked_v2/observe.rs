//! The default observation: a grid of channels, the whole kitchen or a window around the cook.
//!
//! What never changes is painted once, with a margin of zeros for windows; observing copies it and adds the cells that
//! differ. The channels, with N ingredients and *block* = (plate, cooked, units of ingredients 0 to N-1):
//!
//! | from | length | content |
//! |---|---|---|
//! | 0 | 7 + N | the cook: its cell, direction (one-hot of 4), block of its hands |
//! | 7 + N | 7 + N | the other cooks, summed |
//! | 14 + 2N | 6 | counter, goal, pot, recipe indicator, button, plate pile |
//! | 20 + 2N | N | piles |
//! | 20 + 3N | 2 + N | block of what lies on a counter or in a pot |
//! | 22 + 4N | 2 + N | block of the recipe, at indicators and shining buttons |
//! | 24 + 5N | 1 | time left of pots |
//! | 25 + 5N | 1 | only where asked for: 1 at goals after a correct delivery |

use super::kitchen::Kitchen;
use super::objects::{BUTTON, FIRST_PILE, GOAL, INDICATOR, PLATE_PILE, POT, WALL, count};
use super::state::{CORRECT_DELIVERY, Cook, State};
use super::{Options, OvercookedV2};
use starling_components::environments::overcooked_v2::ObservationKind;

/// Paints grids of one kitchen.
#[derive(Debug)]
pub(super) struct Painter {
    ingredients: usize,
    channels: usize,
    /// Cells seen, and the margin around the kitchen: both follow from the view.
    rows: usize,
    columns: usize,
    margin: usize,
    /// What never changes: `[height + 2 margin, width + 2 margin, channels]`. Without piles where every cook has its own names for them.
    canvas: Vec<u8>,
    canvas_columns: usize,
    /// (x, y) in the canvas, by cell.
    place: Vec<[u16; 2]>,
    pots: Vec<u32>,
    buttons: Vec<u32>,
    indicators: Vec<u32>,
    /// Empty unless deliveries are shown.
    goals: Vec<u32>,
    /// Piles as (cell, ingredient); empty where they are on the canvas.
    piles: Vec<(u32, u32)>,
}

/// The part of the canvas that a cook sees: its corner.
#[derive(Debug, Clone, Copy)]
struct Window {
    x: usize,
    y: usize,
}

impl Painter {
    pub(super) fn of(kitchen: &Kitchen, options: &Options) -> Self {
        let n = kitchen.ingredients;
        let channels = 25 + 5 * n + usize::from(options.indicate_successful_delivery);
        let margin = options.view;
        let side = 2 * margin + 1;
        let (rows, columns) = if margin == 0 {
            (kitchen.height, kitchen.width)
        } else {
            (side, side)
        };
        let canvas_columns = kitchen.width + 2 * margin;
        let own_names = !options.op_ingredient_permutations.is_empty();
        let mut canvas = vec![0; (kitchen.height + 2 * margin) * canvas_columns * channels];
        let mut place = Vec::with_capacity(kitchen.cells.len());
        for (cell, &code) in kitchen.cells.iter().enumerate() {
            let (x, y) = (cell % kitchen.width + margin, cell / kitchen.width + margin);
            place.push([x as u16, y as u16]);
            let channel = match code {
                WALL => Some(14 + 2 * n),
                GOAL => Some(15 + 2 * n),
                POT => Some(16 + 2 * n),
                INDICATOR => Some(17 + 2 * n),
                BUTTON => Some(18 + 2 * n),
                PLATE_PILE => Some(19 + 2 * n),
                pile if pile >= FIRST_PILE && !own_names => Some(20 + 2 * n + usize::from(pile - FIRST_PILE)),
                _ => None,
            };
            if let Some(channel) = channel {
                canvas[(y * canvas_columns + x) * channels + channel] = 1;
            }
        }
        let cells_of = |code| kitchen.cells_where(|other| other == code);
        let piles = kitchen.cells_where(|code| code >= FIRST_PILE).into_iter();
        let piles = piles.map(|cell| (cell, u32::from(kitchen.cells[cell as usize] - FIRST_PILE)));
        Self {
            ingredients: n,
            channels,
            rows,
            columns,
            margin,
            canvas,
            canvas_columns,
            place,
            pots: cells_of(POT),
            buttons: cells_of(BUTTON),
            indicators: cells_of(INDICATOR),
            goals: if options.indicate_successful_delivery {
                cells_of(GOAL)
            } else {
                Vec::new()
            },
            piles: if own_names { piles.collect() } else { Vec::new() },
        }
    }

    /// `[height, width, channels]` of one observation.
    pub(super) fn shape(&self) -> [usize; 3] {
        [self.rows, self.columns, self.channels]
    }
    fn len(&self) -> usize {
        self.rows * self.columns * self.channels
    }
    /// The observation before anything is added to it; `None` where every cook has a window of its own.
    pub(super) fn canvas(&self) -> Option<&[u8]> {
        (self.margin == 0).then_some(&self.canvas)
    }

    fn window(&self, cook: Cook) -> Window {
        if self.margin == 0 {
            return Window { x: 0, y: 0 };
        }
        let [x, y] = self.place[cook.cell as usize];
        Window {
            x: usize::from(x) - self.margin,
            y: usize::from(y) - self.margin,
        }
    }

    /// Where the channels of `cell` start in an observation, if it is seen.
    #[inline]
    fn offset(&self, window: Window, cell: u32) -> Option<usize> {
        if self.margin == 0 {
            return Some(cell as usize * self.channels);
        }
        let [x, y] = self.place[cell as usize];
        let x = usize::from(x).wrapping_sub(window.x);
        let y = usize::from(y).wrapping_sub(window.y);
        (x < self.columns && y < self.rows).then_some((y * self.columns + x) * self.channels)
    }

    /// Everything but the cooks. `names`: the ingredient seen as ingredient k; empty: its own.
    fn scene(&self, state: &State<'_>, window: Window, names: &[u32], out: &mut [u8]) {
        if self.margin == 0 {
            out.copy_from_slice(&self.canvas);
        } else {
            let row_len = self.columns * self.channels;
            for (y, row) in out.chunks_exact_mut(row_len).enumerate() {
                let from = ((window.y + y) * self.canvas_columns + window.x) * self.channels;
                row.copy_from_slice(&self.canvas[from..from + row_len]);
            }
        }
        let n = self.ingredients;
        for &(cell, ingredient) in &self.piles {
            if let Some(at) = self.offset(window, cell) {
                for (k, _) in names.iter().enumerate().filter(|(_, name)| **name == ingredient) {
                    out[at + 20 + 2 * n + k] = 1;
                }
            }
        }
        // Most cells are empty: eight at a time are told to be.
        for (eight, items) in state.items.chunks(8).enumerate() {
            if items.iter().fold(0, |any, item| any | item) == 0 {
                continue;
            }
            for (i, &item) in items.iter().enumerate().filter(|(_, item)| **item != 0) {
                if let Some(at) = self.offset(window, (eight * 8 + i) as u32) {
                    self.add_block(item, names, &mut out[at + 20 + 3 * n..]);
                }
            }
        }
        for &pot in &self.pots {
            let timer = state.timers[pot as usize];
            if timer != 0
                && let Some(at) = self.offset(window, pot)
            {
                out[at + 24 + 5 * n] = timer as u8;
            }
        }
        let shining = self.buttons.iter().filter(|button| state.timers[**button as usize] > 0);
        for &cell in self.indicators.iter().chain(shining) {
            if let Some(at) = self.offset(window, cell) {
                self.add_block(state.recipe, names, &mut out[at + 22 + 4 * n..]);
            }
        }
        if state.flags & CORRECT_DELIVERY != 0 {
            for &goal in &self.goals {
                if let Some(at) = self.offset(window, goal) {
                    out[at + 25 + 5 * n] = 1;
                }
            }
        }
    }

    /// All cooks, as cook `me` sees them.
    fn cooks(&self, cooks: &[Cook], me: usize, window: Window, names: &[u32], out: &mut [u8]) {
        for (i, cook) in cooks.iter().enumerate() {
            if let Some(at) = self.offset(window, cook.cell) {
                let group = if i == me { 0 } else { 7 + self.ingredients };
                let out = &mut out[at + group..];
                out[0] += 1;
                out[1 + (cook.direction & 3) as usize] += 1;
                if cook.item != 0 {
                    self.add_block(cook.item, names, &mut out[5..]);
                }
            }
        }
    }

    #[inline]
    fn add_block(&self, item: u32, names: &[u32], out: &mut [u8]) {
        let out = &mut out[..2 + self.ingredients];
        out[0] += (item & 1) as u8;
        out[1] += (item >> 1 & 1) as u8;
        if names.is_empty() {
            let mut counts = item >> 2;
            for channel in &mut out[2..] {
                *channel += (counts & 3) as u8;
                counts >>= 2;
            }
        } else {
            for (channel, name) in out[2..].iter_mut().zip(names) {
                *channel += count(item, *name) as u8;
            }
        }
    }
}

impl OvercookedV2 {
    /// What all seats see: `[seats, width]`.
    pub(super) fn see(&self, state: &State<'_>, out: &mut [u8]) {
        let painter = &self.painter;
        let cooks = state.cooks.len();
        let width = out.len() / cooks;
        if self.featurizer.is_none() && painter.margin == 0 && state.permutations.is_empty() {
            // All see the same kitchen; they differ in who they are.
            let everything = Window { x: 0, y: 0 };
            let (first, rest) = out.split_at_mut(width);
            painter.scene(state, everything, &[], first);
            rest.chunks_exact_mut(width).for_each(|row| row.copy_from_slice(first));
            for (me, row) in out.chunks_exact_mut(width).enumerate() {
                painter.cooks(state.cooks, me, everything, &[], row);
            }
            return;
        }
        let len = painter.len();
        for (me, (row, kind)) in out.chunks_exact_mut(width).zip(&self.options.observation).enumerate() {
            if let (ObservationKind::Featurized, Some(featurizer)) = (kind, &self.featurizer) {
                featurizer.write(state, me, row);
                continue;
            }
            let names = match state.permutations {
                [] => &[],
                all => &all[me * painter.ingredients..(me + 1) * painter.ingredients],
            };
            let window = painter.window(state.cooks[me]);
            let (grid, padding) = row.split_at_mut(len);
            painter.scene(state, window, names, grid);
            painter.cooks(state.cooks, me, window, names, grid);
            padding.fill(0);
        }
    }
}
