//! What a cook reads out of its observation: the whole kitchen, whichever way it is encoded.

use crate::environments::overcooked_v2::objects::{
    BUTTON, COOKED, DISH, FIRST_PILE, FLOOR, GOAL, INDICATOR, PLATE, PLATE_PILE, POT, WALL, unit,
};
use starling_components::fault::Fault;

/// An encoding of the kitchen in channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    /// `overcooked_v1`'s own.
    V1,
    /// The default of `overcooked_v2`, with this many ingredients.
    V2(usize),
}

const V1_CHANNELS: usize = 26;

/// A cook as others see it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) cell: usize,
    /// 0 up, 1 down, 2 right, 3 left.
    pub(super) direction: usize,
    /// As in the state of `overcooked_v2`; 0: nothing.
    pub(super) item: u32,
}

/// Reads observations of one shape.
#[derive(Debug, Clone)]
pub(super) struct Eyes {
    encoding: Encoding,
    pub(super) height: usize,
    pub(super) width: usize,
    channels: usize,
}

/// A kitchen at one moment, in the words of `overcooked_v2`.
#[derive(Debug, Default)]
pub(super) struct Scene {
    pub(super) width: usize,
    /// Static codes by cell.
    pub(super) codes: Vec<u8>,
    /// What lies on counters and in pots.
    pub(super) items: Vec<u32>,
    /// Time left of pots.
    pub(super) timers: Vec<u8>,
    pub(super) me: Seen,
    pub(super) others: Vec<Seen>,
    /// Three raw units, where an indicator shows them.
    pub(super) recipe: Option<u32>,
}

impl Eyes {
    /// For observations of this shape; `None` where it is no kitchen in channels.
    pub(super) fn of(shape: &[usize]) -> Option<Self> {
        let &[height, width, channels] = shape else {
            return None;
        };
        let encoding = match channels.checked_sub(25)? {
            1 => Encoding::V1,
            // One more where the delivery channel is on.
            more if more >= 5 && more % 5 <= 1 && more / 5 <= 10 => Encoding::V2(more / 5),
            _ => return None,
        };
        debug_assert!(encoding != Encoding::V1 || channels == V1_CHANNELS);
        Some(Self {
            encoding,
            height,
            width,
            channels,
        })
    }

    /// Numbers in one observation.
    pub(super) fn len(&self) -> usize {
        self.height * self.width * self.channels
    }
    /// Ingredients that can be told apart.
    pub(super) fn ingredients(&self) -> usize {
        match self.encoding {
            Encoding::V1 => 1,
            Encoding::V2(ingredients) => ingredients,
        }
    }

    /// Reads `observation` into `scene`.
    ///
    /// # Errors
    /// An observation of a part of a kitchen.
    pub(super) fn read(&self, observation: &[u8], scene: &mut Scene) -> Result<(), Fault> {
        let cells = self.height * self.width;
        scene.width = self.width;
        scene.codes.clear();
        scene.codes.resize(cells, FLOOR);
        scene.items.clear();
        scene.items.resize(cells, 0);
        scene.timers.clear();
        scene.timers.resize(cells, 0);
        scene.others.clear();
        scene.recipe = None;
        for (cell, channels) in observation.chunks_exact(self.channels).enumerate() {
            match self.encoding {
                Encoding::V1 => read_v1(cell, channels, scene),
                Encoding::V2(ingredients) => read_v2(cell, channels, ingredients, scene),
            }
        }
        let border = |cell: usize| {
            let (x, y) = (cell % self.width, cell / self.width);
            x == 0 || y == 0 || x + 1 == self.width || y + 1 == self.height
        };
        if (0..cells).any(|cell| border(cell) && scene.codes[cell] == FLOOR) {
            return Err(
                Fault::run("a greedy cook needs to see the whole kitchen; what it sees is open at the border")
                    .advise("leave `view` of its rules out"),
            );
        }
        Ok(())
    }
}

/// Plate, cooked, units of every ingredient.
fn item_of(block: &[u8]) -> u32 {
    let units = block[2..].iter().zip(0..);
    let units: u32 = units.map(|(count, k)| u32::from(*count) * unit(k)).sum();
    units + u32::from(block[0]) * PLATE + u32::from(block[1]) * COOKED
}

fn direction_of(one_hot: &[u8]) -> usize {
    one_hot.iter().position(|&one| one != 0).unwrap_or(0)
}

fn read_v2(cell: usize, channels: &[u8], n: usize, scene: &mut Scene) {
    let cook = |from: usize| Seen {
        cell,
        direction: direction_of(&channels[from + 1..from + 5]),
        item: item_of(&channels[from + 5..from + 7 + n]),
    };
    if channels[0] != 0 {
        scene.me = cook(0);
    }
    if channels[7 + n] != 0 {
        scene.others.push(cook(7 + n));
    }
    const CODES: [u8; 6] = [WALL, GOAL, POT, INDICATOR, BUTTON, PLATE_PILE];
    let fixed = &channels[14 + 2 * n..20 + 3 * n];
    if let Some(index) = fixed.iter().position(|&one| one != 0) {
        let pile = |index: usize| FIRST_PILE + (index - CODES.len()) as u8;
        scene.codes[cell] = CODES.get(index).copied().unwrap_or_else(|| pile(index));
    }
    scene.items[cell] = item_of(&channels[20 + 3 * n..22 + 4 * n]);
    scene.timers[cell] = channels[24 + 5 * n];
    let shown = item_of(&channels[22 + 4 * n..24 + 5 * n]);
    if shown != 0 {
        scene.recipe = Some(shown);
    }
}

fn read_v1(cell: usize, channels: &[u8], scene: &mut Scene) {
    let soup = 3 * unit(0);
    let carried = match (channels[22], channels[23], channels[21]) {
        (0, 0, 0) => 0,
        (0, 0, _) => soup | DISH,
        (0, ..) => unit(0),
        _ => PLATE,
    };
    if channels[0] != 0 || channels[1] != 0 {
        let own = channels[0] != 0;
        let from = if own { 2 } else { 6 };
        let cook = Seen {
            cell,
            direction: direction_of(&channels[from..from + 4]),
            item: carried,
        };
        if own {
            scene.me = cook;
        } else {
            scene.others.push(cook);
        }
        return;
    }
    const CODES: [(usize, u8); 5] = [(10, POT), (11, WALL), (12, FIRST_PILE), (14, PLATE_PILE), (15, GOAL)];
    let fixed = CODES.iter().find(|(channel, _)| channels[*channel] != 0);
    match fixed {
        Some((_, POT)) => {
            scene.codes[cell] = POT;
            scene.timers[cell] = channels[20];
            scene.items[cell] = match (channels[18], channels[21]) {
                (0, _) => u32::from(channels[16]) * unit(0),
                (_, 0) => soup,
                _ => soup | COOKED,
            };
        }
        Some((_, code)) => scene.codes[cell] = *code,
        // The channel of counters shows empty ones only.
        None if carried != 0 => (scene.codes[cell], scene.items[cell]) = (WALL, carried),
        None => {}
    }
}
