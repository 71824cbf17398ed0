//! Randomness as a pure function: Threefry-2x32 with 20 rounds (Salmon et al., SC 2011).
//!
//! There is no generator state to save. A [`Key`] is derived from (run seed, entity name, replica, purpose); a draw is
//! `key.block(a, b)` with counters such as (lane, step). 32-bit integer arithmetic only, so that Rust and WGSL agree
//! bit for bit. A key is either folded further or drawn from, never both: that keeps the streams apart.

use crate::EntityName;

/// What a key is for. Two purposes never share a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// Everything an environment draws, resets included.
    Environment = 1,
    /// Initial parameters.
    Initialise = 2,
    /// Actions.
    Act = 3,
    /// Orders of samples in a learner.
    Minibatch = 4,
    /// Values drawn for a number in the pipeline.
    Quantity = 5,
    /// Who sits where.
    Seating = 6,
    /// Anything a learner or a strategy draws besides.
    Learn = 7,
}

/// A 64-bit key of the generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key([u32; 2]);

const ROTATIONS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];

/// The Threefry-2x32-20 block function: 64 bits of key, 64 bits of counter, 64 random bits.
#[inline]
pub fn threefry2x32(key: [u32; 2], counter: [u32; 2]) -> [u32; 2] {
    let schedule = [key[0], key[1], key[0] ^ key[1] ^ 0x1BD1_1BDA];
    let mut x0 = counter[0].wrapping_add(schedule[0]);
    let mut x1 = counter[1].wrapping_add(schedule[1]);
    for group in 0..5_usize {
        for rotation in ROTATIONS[group % 2] {
            x0 = x0.wrapping_add(x1);
            x1 = x1.rotate_left(rotation) ^ x0;
        }
        x0 = x0.wrapping_add(schedule[(group + 1) % 3]);
        x1 = x1
            .wrapping_add(schedule[(group + 2) % 3])
            .wrapping_add(group as u32 + 1);
    }
    [x0, x1]
}

impl Key {
    /// The root key of a run.
    pub fn of_seed(seed: u64) -> Self {
        Self([(seed >> 32) as u32, seed as u32])
    }
    /// The key of one entity of the pipeline.
    #[must_use]
    pub fn entity(self, name: &EntityName) -> Self {
        let hash = name.stable_hash();
        self.fold((hash >> 32) as u32, hash as u32)
    }
    /// The key of one replica (or population member).
    #[must_use]
    pub fn replica(self, replica: u32) -> Self {
        self.fold(replica, 0x5245_504c)
    }
    /// The key for one purpose.
    #[must_use]
    pub fn purpose(self, purpose: Purpose) -> Self {
        self.fold(purpose as u32, 0x5055_5250)
    }
    /// A new key from this one and two words.
    #[inline]
    #[must_use]
    pub fn fold(self, a: u32, b: u32) -> Self {
        Self(threefry2x32(self.0, [a, b]))
    }
    /// 64 random bits at counter (a, b).
    #[inline]
    pub fn block(self, a: u32, b: u32) -> [u32; 2] {
        threefry2x32(self.0, [a, b])
    }
    /// The two words, e.g. to hand them to a shader.
    pub fn words(self) -> [u32; 2] {
        self.0
    }
    /// A key from the words of [`Key::words`].
    pub fn from_words(words: [u32; 2]) -> Self {
        Self(words)
    }
}

/// A uniform in [0, 1) with 24 bits, exact in `f32`.
#[inline]
pub fn unit_f32(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// A uniform integer in `0..n` by multiply-high; the bias is below n / 2^32.
#[inline]
pub fn below(word: u32, n: u32) -> u32 {
    ((u64::from(word) * u64::from(n)) >> 32) as u32
}

/// Where rules take their draws from: [`Counter`] in production, recorded draws in conformance tests.
pub trait Draw {
    /// 32 uniform bits.
    fn word(&mut self) -> u32;
    /// A uniform integer in `0..n`; `n` must not be zero.
    #[inline]
    fn below(&mut self, n: u32) -> u32 {
        below(self.word(), n)
    }
    /// A uniform in [0, 1).
    #[inline]
    fn unit(&mut self) -> f32 {
        unit_f32(self.word())
    }
    /// A uniform in [low, high).
    #[inline]
    fn uniform(&mut self, low: f32, high: f32) -> f32 {
        low + self.unit() * (high - low)
    }
}

/// The production [`Draw`]: words of one (lane, episode, step), made when first asked for, so that a step that draws
/// nothing costs nothing.
#[derive(Debug, Clone)]
pub struct Counter {
    key: Key,
    lane: u32,
    episode: u32,
    step: u32,
    draw: u32,
    folded: Option<Key>,
    spare: Option<u32>,
}

impl Counter {
    /// Draws for `step` of `episode` in `lane`; the reset is step 0, the first transition step 1.
    #[inline]
    pub fn new(key: Key, lane: u32, episode: u32, step: u32) -> Self {
        Self {
            key,
            lane,
            episode,
            step,
            draw: 0,
            folded: None,
            spare: None,
        }
    }
}

impl Draw for Counter {
    #[inline]
    fn word(&mut self) -> u32 {
        if let Some(word) = self.spare.take() {
            return word;
        }
        let (lane, episode) = (self.lane, self.episode);
        let key = self.key;
        let key = *self.folded.get_or_insert_with(|| key.fold(lane, episode));
        let [first, second] = key.block(self.step, self.draw);
        self.draw += 1;
        self.spare = Some(second);
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known-answer vectors of the authors' Random123 distribution (`kat_vectors`, threefry2x32 with 20 rounds).
    #[test]
    fn published_vectors() {
        let check = |key, counter, expected| assert_eq!(threefry2x32(key, counter), expected);
        check([0, 0], [0, 0], [0x6b20_0159, 0x99ba_4efe]);
        check([u32::MAX, u32::MAX], [u32::MAX, u32::MAX], [0x1cb9_96fc, 0xbb00_2be7]);
        check(
            [0x1319_8a2e, 0x0370_7344],
            [0x243f_6a88, 0x85a3_08d3],
            [0xc492_3a9c, 0x483d_f7a0],
        );
    }

    #[test]
    fn streams_of_purposes_replicas_and_entities_differ() {
        let root = Key::of_seed(7);
        let kitchen = root.entity(&EntityName::new("environment", "kitchen"));
        let chef = root.entity(&EntityName::new("agent", "chef"));
        let blocks = [
            kitchen.replica(0).purpose(Purpose::Environment),
            kitchen.replica(1).purpose(Purpose::Environment),
            kitchen.replica(0).purpose(Purpose::Act),
            chef.replica(0).purpose(Purpose::Environment),
        ]
        .map(|key| key.block(0, 0));
        for (i, a) in blocks.iter().enumerate() {
            assert!(blocks[i + 1..].iter().all(|b| a != b));
        }
    }

    #[test]
    fn unit_and_below_stay_in_range() {
        let mut draw = Counter::new(Key::of_seed(3), 0, 0, 0);
        for _ in 0..10_000 {
            let unit = draw.unit();
            assert!((0.0..1.0).contains(&unit));
            assert!(draw.below(7) < 7);
        }
        assert!(unit_f32(u32::MAX) < 1.0);
        assert_eq!(below(u32::MAX, 5), 4);
    }
}
