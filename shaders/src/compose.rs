//! One text from many: constants first, then the shared sources, then the rules.

use crate::sources;
use crate::world::GROUP;
use starling_components::spaces::{ActionSpace, EnvironmentShape};
use starling_components::twin::{Constant, Twin};
use std::fmt::Write;

/// How observations lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// As learners read them: `[slots, lanes, seats, words]`, four bytes or one float to a word.
    Bytes,
    /// As few bits per channel as it needs, `[slots, seats, words, lanes]`. Observations of floats keep their 32 bits.
    Bits,
}

/// Where draws come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Draws {
    /// Of (lane, episode, step), as the processor makes them.
    #[default]
    Generator,
    /// Words that are written down for every lane, in their order.
    Recorded {
        /// Words of one lane.
        words: usize,
    },
}

/// Memory of a group in which observations are put together: what every adapter has.
const STAGE_BYTES: usize = 16 << 10;

/// Where the parts of one game lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) words: usize,
    pub(crate) seats: usize,
    /// Elements of a seat's observation.
    pub(crate) width: usize,
    /// Words of a seat's observation, packed.
    pub(crate) observation_words: usize,
    pub(crate) moves: usize,
    /// Iterations of loops in one step, and besides in one dispatch.
    pub(crate) loops: [usize; 2],
}

impl Sizes {
    pub(crate) fn of(shape: &EnvironmentShape, twin: &Twin, packing: Packing) -> Self {
        let width = shape.observation_width();
        let observation_words = if shape.float_observations() {
            width
        } else {
            match packing {
                Packing::Bytes => width.div_ceil(4),
                Packing::Bits => (width.div_ceil(twin.channels.len().max(1)) * bits_of_a_cell(twin)).div_ceil(32),
            }
        };
        Self {
            words: shape.state_words,
            seats: shape.seats.len(),
            width,
            observation_words,
            moves: shape.moves(),
            // Seen twice where an episode ends, and put together before it is written.
            loops: [
                twin.loops + shape.seats.len() * (4 * observation_words + 8),
                2 * shape.state_words,
            ],
        }
    }
}

fn bits_of_a_cell(twin: &Twin) -> usize {
    twin.channels.iter().map(|&bits| usize::from(bits)).sum()
}

/// The words of an observation that holds `elements`.
fn packed(elements: &[u8], twin: &Twin, packing: Packing) -> Vec<u32> {
    let channels = twin.channels.len().max(1);
    let mut words = Vec::new();
    let mut at = 0;
    for (i, &element) in elements.iter().enumerate() {
        let bits = match packing {
            Packing::Bytes => 8,
            Packing::Bits => usize::from(twin.channels[i % channels]),
        };
        words.resize((at + bits).div_ceil(32), 0_u32);
        let value = u64::from(element) << (at % 32);
        words[at / 32] |= value as u32;
        if value >> 32 != 0 {
            words[at / 32 + 1] |= (value >> 32) as u32;
        }
        at += bits;
    }
    words
}

/// The elements of a packed observation, the inverse of what kernels write.
pub(crate) fn unpacked(words: &[u32], twin: &Twin, packing: Packing, width: usize) -> Vec<u8> {
    let channels = twin.channels.len().max(1);
    let mut at = 0;
    let element = |i: usize| {
        let bits = match packing {
            Packing::Bytes => 8,
            Packing::Bits => usize::from(twin.channels[i % channels]),
        };
        let low = u64::from(words[at / 32]);
        let high = words.get(at / 32 + 1).map_or(0, |&word| u64::from(word));
        let value = (low | high << 32) >> (at % 32) & ((1 << bits) - 1);
        at += bits;
        value as u8
    };
    (0..width).map(element).collect()
}

pub(crate) fn literal(value: Constant) -> (&'static str, String) {
    match value {
        Constant::Word(word) => ("u32", format!("{word}u")),
        Constant::Float(float) => ("f32", format!("{float:?}f")),
        Constant::Flag(flag) => ("bool", flag.to_string()),
    }
}

/// The whole text of the kernels `rollout` and `look` of one game, and the words of its table.
pub fn compose(shape: &EnvironmentShape, twin: &Twin, packing: Packing, draws: Draws) -> (String, Vec<u32>) {
    let sizes = Sizes::of(shape, twin, packing);
    let mut table = twin.table.clone();
    let canvas = packed(&twin.canvas, twin, packing);
    let canvas_at = table.len();
    table.extend_from_slice(&canvas);
    let places_at = table.len();
    let mut place = 0;
    for &bits in &twin.channels {
        table.push(place);
        place += u32::from(bits);
    }
    let (low, high) = match shape.seats.first().map(|seat| &seat.action) {
        Some(ActionSpace::Box { low, high }) => (
            low.first().copied().unwrap_or(0.0),
            high.first().copied().unwrap_or(0.0),
        ),
        _ => (0.0, 0.0),
    };
    let word = |number: usize| Constant::Word(number as u32);
    let staged = 4 * GROUP as usize * sizes.observation_words <= STAGE_BYTES;
    let shared = [
        ("STATE_WORDS", word(sizes.words)),
        ("SEATS", word(sizes.seats)),
        ("OBSERVATION_WORDS", word(sizes.observation_words)),
        ("MOVES", word(sizes.moves)),
        ("STAGED", Constant::Flag(staged)),
        (
            "STAGED_WORDS",
            word(if staged {
                GROUP as usize * sizes.observation_words
            } else {
                1
            }),
        ),
        ("FLOAT_ACTIONS", Constant::Flag(shape.float_actions())),
        ("ACTION_LOW", Constant::Float(low)),
        ("ACTION_HIGH", Constant::Float(high)),
        ("CHANNELS", word(twin.channels.len().max(1))),
        ("CELL_BITS", word(bits_of_a_cell(twin))),
        ("CANVAS", word(canvas_at)),
        ("CANVAS_WORDS", word(canvas.len())),
        ("CHANNEL_PLACES", word(places_at)),
    ];
    let (recorded, draws) = match draws {
        Draws::Generator => (None, sources::DRAWS),
        Draws::Recorded { words } => (Some(("RECORDED_WORDS", word(words))), sources::DRAWS_RECORDED),
    };
    let mut text = String::new();
    for (name, value) in shared.iter().chain(&recorded).chain(&twin.constants) {
        let (kind, value) = literal(*value);
        writeln!(text, "const {name}: {kind} = {value};").unwrap_or_else(|_| unreachable!("strings grow"));
    }
    let see = match packing {
        Packing::Bytes => sources::SEE_BYTES,
        Packing::Bits => sources::SEE_BITS,
    };
    let parts = [
        sources::RANDOM,
        sources::MATHS,
        sources::JOB,
        draws,
        sources::LANE,
        see,
        sources::ROLLOUT,
    ];
    for part in parts.iter().chain(&twin.sources) {
        text.push('\n');
        text.push_str(part);
    }
    (text, table)
}
