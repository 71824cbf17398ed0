//! Draws that are written down as words from which a kernel makes the same values.

use starling_components::random::{Draw, below, unit_f32};

/// Passes draws on and keeps a word for each.
pub(crate) struct Tape<D> {
    draw: D,
    words: Vec<u32>,
}

impl<D: Draw> Tape<D> {
    pub(crate) fn new(draw: D) -> Self {
        Self {
            draw,
            words: Vec::new(),
        }
    }
    /// Goes on with draws from elsewhere.
    pub(crate) fn then<E: Draw>(self, draw: E) -> Tape<E> {
        Tape {
            draw,
            words: self.words,
        }
    }
    pub(crate) fn words(self) -> Vec<u32> {
        self.words
    }
}

impl<D: Draw> Draw for Tape<D> {
    fn word(&mut self) -> u32 {
        let word = self.draw.word();
        self.words.push(word);
        word
    }
    fn below(&mut self, n: u32) -> u32 {
        let value = self.draw.below(n);
        let word = (u64::from(value) << 32).div_ceil(u64::from(n)) as u32;
        assert_eq!(below(word, n), value, "a word for {value} of {n}");
        self.words.push(word);
        value
    }
    fn unit(&mut self) -> f32 {
        let value = self.draw.unit();
        let word = ((value * 16_777_216.0) as u32) << 8;
        assert_eq!(unit_f32(word).to_bits(), value.to_bits(), "a word for {value}");
        self.words.push(word);
        value
    }
}

#[test]
fn device_golden_words_make_the_values_that_were_drawn() {
    use starling_components::random::{Counter, Key};
    let mut tape = Tape::new(Counter::new(Key::of_seed(1), 0, 0, 0));
    let sizes = [1, 2, 3, 7, 1000, 0x8000_0001, u32::MAX];
    let mut drawn: Vec<u32> = sizes.map(|n| tape.below(n)).into();
    drawn.push(tape.unit().to_bits());
    drawn.push(tape.uniform(-2.5, 4.0).to_bits());
    drawn.push(tape.word());
    let words = tape.words();
    let mut again: Vec<u32> = sizes.iter().zip(&words).map(|(&n, &word)| below(word, n)).collect();
    again.push(unit_f32(words[7]).to_bits());
    again.push((-2.5 + unit_f32(words[8]) * 6.5).to_bits());
    again.push(words[9]);
    assert_eq!(drawn, again);
    // The first and the last value of everything that games ask for.
    for n in 1..5000 {
        for value in [0, n / 2, n - 1] {
            let mut tape = Tape::new(Always(value));
            assert_eq!(tape.below(n), value);
        }
    }
}

/// The same value for every question.
struct Always(u32);

impl Draw for Always {
    fn word(&mut self) -> u32 {
        self.0
    }
    fn below(&mut self, _n: u32) -> u32 {
        self.0
    }
}
