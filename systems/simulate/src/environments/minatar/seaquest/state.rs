//! The words of Seaquest, and lists that cannot overflow.
//!
//! | word | content |
//! |---|---|
//! | 0, 1 | steps done, the move made last |
//! | 2 | the submarine's x, from bit 4 its y; bit 8: faces right; bit 9: is at the surface since it last came up |
//! | 3, 4 | oxygen, divers aboard; signed numbers |
//! | 5 | bytes: steps to the next enemy, to the next diver, to the player's next shot; steps between two moves of an enemy less one |
//! | 6 | bytes: steps between two enemies, lengths of the lists of divers, of the player's bullets, of the enemies' bullets |
//! | 7 | bytes: lengths of the lists of fish, of submarines |
//! | 8 | increases of difficulty so far |
//! | 9 to 116 | the lists, 16 bits each: divers, the player's bullets, the enemies' bullets, fish, submarines |
//!
//! An entry has its x in bits 0 to 3, its y in bits 4 to 7, bit 8: to the right, then the move timer (3 bits) and the shot timer (4 bits).
//! What lies beyond a list's length is zero.
//!
//! # Lengths
//!
//! No list of a game that began at a reset outgrows its room:
//!
//! * **fish, submarines** (64 each): at most one enemy enters per step. It leaves with its tenth move at the latest and moves at least every
//!   sixth step, its move timer being 5 at most: no enemy is older than 60 steps, so there are 60 at most.
//! * **enemies' bullets** (72): a bullet moves every step and is gone after ten. A submarine shoots every 11th step, so it has one bullet on
//!   the way at most, and those that shot in the last ten steps entered in the last 70.
//! * **player's bullets** (8): one every five steps, each gone after ten: two.
//! * **divers** (8): one every 30 steps, each gone after 60: two.
//!
//! Where words from outside fill a list, what would enter does not.

use super::super::game::{LAST, require};
use super::SEABED;

/// Words of a state after the first two.
pub const WORDS: usize = LISTS + (2 * FEW + BULLETS + 2 * MANY) / 2;
const LISTS: usize = 7;
const FEW: usize = 8;
const BULLETS: usize = 72;
const MANY: usize = 64;

pub(super) const MAX_OXYGEN: i32 = 200;
pub(super) const SPAWN_SPEED: u8 = 20;
pub(super) const MOVE_SPEED: u8 = 5;
pub(super) const SHOT_INTERVAL: u8 = 10;
/// A diver's move timer.
pub(super) const DIVER_PACE: u8 = 5;

/// A fish, a submarine, a diver or a bullet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mob {
    /// Column; outside the board only within a step.
    pub x: i8,
    /// Row.
    pub y: i8,
    /// Moves to the right.
    pub rightwards: bool,
    /// Steps to its next move; 0 for bullets, which always move.
    pub move_timer: u8,
    /// Steps to its next shot; of submarines only.
    pub shot_timer: u8,
}

impl Mob {
    /// Enters in row `y`.
    pub(super) fn at_edge(y: u32, rightwards: bool, move_timer: u8) -> Self {
        Self {
            x: if rightwards { 0 } else { LAST as i8 },
            y: y as i8,
            rightwards,
            move_timer,
            shot_timer: 0,
        }
    }
    #[inline]
    fn of_bits(bits: u32) -> Self {
        Self {
            x: (bits & 15) as i8,
            y: (bits >> 4 & 15) as i8,
            rightwards: bits & 256 != 0,
            move_timer: (bits >> 9 & 7) as u8,
            shot_timer: (bits >> 12 & 15) as u8,
        }
    }
    #[inline]
    fn bits(self) -> u32 {
        let place = (self.x as u32 & 15) | (self.y as u32 & 15) << 4;
        place | u32::from(self.rightwards) << 8 | u32::from(self.move_timer) << 9 | u32::from(self.shot_timer) << 12
    }
    #[inline]
    pub(super) fn is_at(&self, x: i8, y: i8) -> bool {
        self.x == x && self.y == y
    }
    #[inline]
    pub(super) fn is_inside(&self) -> bool {
        (0..=LAST as i8).contains(&self.x)
    }
    #[inline]
    pub(super) fn forward(&mut self) {
        self.x += if self.rightwards { 1 } else { -1 };
    }
}

/// At most `N` mobs in the order in which they appeared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct List<const N: usize> {
    len: usize,
    /// Default beyond `len`.
    mobs: [Mob; N],
}

impl<const N: usize> Default for List<N> {
    fn default() -> Self {
        Self {
            len: 0,
            mobs: [Mob::default(); N],
        }
    }
}

impl<const N: usize> List<N> {
    /// Those that are there.
    #[inline]
    pub fn as_slice(&self) -> &[Mob] {
        &self.mobs[..self.len]
    }
    #[inline]
    pub(super) fn iter(&self) -> std::slice::Iter<'_, Mob> {
        self.as_slice().iter()
    }
    #[inline]
    pub(super) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Mob> {
        self.mobs[..self.len].iter_mut()
    }
    /// Adds a mob at the end; none where the list is full.
    #[inline]
    pub fn push(&mut self, mob: Mob) {
        if self.len < N {
            self.mobs[self.len] = mob;
            self.len += 1;
        }
    }
    #[inline]
    pub(super) fn remove(&mut self, at: usize) {
        self.mobs[at..self.len].rotate_left(1);
        self.len -= 1;
        self.mobs[self.len] = Mob::default();
    }
    /// Keeps those for whose place `keep` holds.
    #[inline]
    pub(super) fn retain(&mut self, keep: impl Fn(usize, &Mob) -> bool) {
        let mut kept = 0;
        for at in 0..self.len {
            if keep(at, &self.mobs[at]) {
                self.mobs[kept] = self.mobs[at];
                kept += 1;
            }
        }
        self.mobs[kept..self.len].fill(Mob::default());
        self.len = kept;
    }

    fn read(words: &[u32], len: usize) -> Self {
        let mut list = Self::default();
        for at in 0..len.min(N) {
            list.push(Mob::of_bits(words[at / 2] >> (16 * (at % 2))));
        }
        list
    }
    fn write(&self, words: &mut [u32]) {
        words.fill(0);
        for (at, mob) in self.iter().enumerate() {
            words[at / 2] |= mob.bits() << (16 * (at % 2));
        }
    }
}

/// Everything but what all games share, by the reference's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)] // told at the top
pub struct State {
    pub sub_x: u32,
    pub sub_y: u32,
    /// Faces right.
    pub sub_or: bool,
    pub surface: bool,
    pub oxygen: i32,
    /// Below 0 after a rescue.
    pub diver_count: i32,
    pub e_spawn_speed: u8,
    pub e_spawn_timer: u8,
    pub d_spawn_timer: u8,
    pub move_speed: u8,
    pub shot_timer: u8,
    pub ramp_index: u32,
    pub divers: List<FEW>,
    pub f_bullets: List<FEW>,
    pub e_bullets: List<BULLETS>,
    pub e_fish: List<MANY>,
    pub e_subs: List<MANY>,
}

/// Where the lists begin, in the order of their words.
const DIVERS: usize = LISTS;
const F_BULLETS: usize = DIVERS + FEW / 2;
const E_BULLETS: usize = F_BULLETS + FEW / 2;
const FISH: usize = E_BULLETS + BULLETS / 2;
const SUBS: usize = FISH + MANY / 2;

/// Whether lists are no longer than their room.
pub(super) fn check_lengths(words: &[u32]) -> Result<(), &'static str> {
    let [_, divers, f_bullets, e_bullets] = words[4].to_le_bytes().map(usize::from);
    let [fish, subs, ..] = words[5].to_le_bytes().map(usize::from);
    let fits = divers <= FEW && f_bullets <= FEW && e_bullets <= BULLETS && fish <= MANY && subs <= MANY;
    require(fits, "a list is too long")
}

impl State {
    /// The state in the words of a lane after the first two.
    #[inline]
    pub fn of_words(words: &[u32]) -> Self {
        let [e_spawn_timer, d_spawn_timer, shot_timer, move_speed] = words[3].to_le_bytes();
        let [e_spawn_speed, divers, f_bullets, e_bullets] = words[4].to_le_bytes();
        let [fish, subs, ..] = words[5].to_le_bytes();
        Self {
            sub_x: words[0] & 15,
            sub_y: words[0] >> 4 & 15,
            sub_or: words[0] & 256 != 0,
            surface: words[0] & 512 != 0,
            oxygen: words[1] as i32,
            diver_count: words[2] as i32,
            e_spawn_speed,
            e_spawn_timer,
            d_spawn_timer,
            move_speed,
            shot_timer,
            ramp_index: words[6],
            divers: List::read(&words[DIVERS..], divers.into()),
            f_bullets: List::read(&words[F_BULLETS..], f_bullets.into()),
            e_bullets: List::read(&words[E_BULLETS..], e_bullets.into()),
            e_fish: List::read(&words[FISH..], fish.into()),
            e_subs: List::read(&words[SUBS..], subs.into()),
        }
    }

    /// Writes the state into the words of a lane after the first two.
    #[inline]
    pub fn write(&self, words: &mut [u32]) {
        let length = |len: usize| len as u8;
        words[0] = self.sub_x | self.sub_y << 4 | u32::from(self.sub_or) << 8 | u32::from(self.surface) << 9;
        words[1] = self.oxygen as u32;
        words[2] = self.diver_count as u32;
        words[3] = u32::from_le_bytes([self.e_spawn_timer, self.d_spawn_timer, self.shot_timer, self.move_speed]);
        words[4] = u32::from_le_bytes([
            self.e_spawn_speed,
            length(self.divers.len),
            length(self.f_bullets.len),
            length(self.e_bullets.len),
        ]);
        words[5] = u32::from_le_bytes([length(self.e_fish.len), length(self.e_subs.len), 0, 0]);
        words[6] = self.ramp_index;
        self.divers.write(&mut words[DIVERS..F_BULLETS]);
        self.f_bullets.write(&mut words[F_BULLETS..E_BULLETS]);
        self.e_bullets.write(&mut words[E_BULLETS..FISH]);
        self.e_fish.write(&mut words[FISH..SUBS]);
        self.e_subs.write(&mut words[SUBS..WORDS]);
    }

    /// Everything is in the water, and every timer is one that it may have.
    pub(super) fn all_on_board(&self) -> bool {
        let bullets = self.f_bullets.iter().chain(self.e_bullets.iter());
        let swimmers = self.e_fish.iter().chain(self.divers.iter());
        let fits = |mob: &Mob, top: i8, timers: [u8; 2]| {
            mob.is_inside()
                && (top..=SEABED as i8).contains(&mob.y)
                && mob.move_timer <= timers[0]
                && mob.shot_timer <= timers[1]
        };
        bullets.into_iter().all(|mob| fits(mob, 0, [0, 0]))
            && swimmers.into_iter().all(|mob| fits(mob, 1, [MOVE_SPEED, 0]))
            && self.e_subs.iter().all(|mob| fits(mob, 1, [MOVE_SPEED, SHOT_INTERVAL]))
    }
}
