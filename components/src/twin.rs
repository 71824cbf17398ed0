//! Rules a second time, in WGSL: what a device needs to play them. Plain data; `starling-shaders` composes, compiles and dispatches it.
//!
//! A source defines four functions over the variables of `shaders/wgsl/lane.wgsl`: `rules_reset()` writes every word of `state`;
//! `rules_restart()` does what [`crate::simulate::Rules::restart`] does; `rules_step()` reads `state` and `action` and writes `state`,
//! `reward`, `shaped`, `terminated` and `truncated`; `rules_observe(seat)` calls `see` or `see_float`. Draws are `draw_word`, `draw_below`,
//! `draw_unit` and `draw_uniform`, in the order of the rules on the processor.

/// A value that a source reads by name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Constant {
    /// `u32`.
    Word(u32),
    /// `f32`.
    Float(f32),
    /// `bool`.
    Flag(bool),
}

/// Rules for a device.
#[derive(Debug, Clone, PartialEq)]
pub struct Twin {
    /// WGSL, in this order.
    pub sources: Vec<&'static str>,
    /// What the sources read by name.
    pub constants: Vec<(&'static str, Constant)>,
    /// Words that the sources read by `table(at)`.
    pub table: Vec<u32>,
    /// Bits that each channel of one cell of an observation of bytes needs at most. A channel that may go below zero after an addition has
    /// 1 and is only ever taken back to zero. Empty for observations of floats.
    pub channels: Vec<u8>,
    /// What every observation begins with, `[cells, channels]`; empty: zeros.
    pub canvas: Vec<u8>,
    /// Iterations of all loops of the sources at most, in one step with a reset and the observations of all seats: some drivers stop loops
    /// after so many. Rather too large than too small.
    pub loops: usize,
}

impl Twin {
    /// One that reads nothing by name or from the table, begins observations with zeros and has loops of 256 iterations at most.
    pub fn new(sources: Vec<&'static str>) -> Self {
        Self {
            sources,
            constants: Vec::new(),
            table: Vec::new(),
            channels: Vec::new(),
            canvas: Vec::new(),
            loops: 256,
        }
    }

    /// With a constant.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Constant) -> Self {
        self.constants.push((name, value));
        self
    }

    /// With more words in the table, whose place is the constant `name`.
    #[must_use]
    pub fn with_words(mut self, name: &'static str, words: impl IntoIterator<Item = u32>) -> Self {
        self.constants.push((name, Constant::Word(self.table.len() as u32)));
        self.table.extend(words);
        self
    }
}
