//! MinAtar's Space Invaders: a cannon in the last row against a block of aliens. Nothing in it is drawn.
//!
//! Maps are boards of 100 bits, bit `10 y + x`, so that everything on a map moves by one shift.
//!
//! | word | content |
//! |---|---|
//! | 0, 1 | steps done, the move made last |
//! | 2 to 5, 6 to 9, 10 to 13 | maps of the aliens, of the cannon's bullets and of the aliens' bullets, 32 bits a word |
//! | 14 | the cannon's x; bit 4: the aliens move to the right |
//! | 15 | bytes: steps between two moves of the aliens, steps to the next, to their next shot, to the cannon's next shot |
//! | 16 | waves after which the aliens became faster |

use super::game::{self, FIRE, Game, HEAD, LAST, LEFT, RIGHT, SIDE, Terms, damaged, moved, require};
use super::show::{self, Look};
use starling_components::environments::minatar::space_invaders::SpaceInvadersSettings;
use starling_components::fault::Fault;
use starling_components::picture::{Colour, Picture};
use starling_components::random::Draw;
use starling_components::simulate::{Outcome, Rules};
use starling_components::spaces::EnvironmentShape;
use starling_components::twin::{Constant, Twin};
use starling_shaders::sources;

const CHANNELS: usize = 6;
const CELLS: usize = SIDE * SIDE;
const SEEN: usize = CELLS * CHANNELS;
const WORDS: usize = 15;
const BOARD: u128 = (1 << CELLS) - 1;
/// Ten bits of a row.
const ROW: u128 = (1 << SIDE) - 1;
const BOTTOM: u128 = ROW << (CELLS - SIDE);
/// Column 0.
const COLUMN: u128 = {
    let (mut bits, mut y) = (0, 0);
    while y < SIDE {
        bits |= 1 << (SIDE * y);
        y += 1;
    }
    bits
};
/// A wave: rows 0 to 3, columns 2 to 7.
const WAVE: u128 = {
    let six = 0b00_1111_1100;
    six | six << SIDE | six << (2 * SIDE) | six << (3 * SIDE)
};
const SHOT_COOL_DOWN: u8 = 5;
const MOVE_INTERVAL: u8 = 12;
const FASTEST: u8 = 6;
const SHOT_INTERVAL: u8 = 10;
const LOOKS: [Look; 4] = [
    (4, '|', Colour::White),
    (1, 'W', Colour::Lime),
    (5, ':', Colour::Orange),
    (0, '^', Colour::Cyan),
];

/// Everything but what all games share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the reference's names, told at the top
pub struct State {
    pub alien_map: u128,
    pub f_bullet_map: u128,
    pub e_bullet_map: u128,
    pub pos: u32,
    /// The aliens move to the right.
    pub rightwards: bool,
    pub enemy_move_interval: u8,
    pub alien_move_timer: u8,
    pub alien_shot_timer: u8,
    pub shot_timer: u8,
    pub ramp_index: u32,
}

fn map_of(words: &[u32]) -> u128 {
    words[..4]
        .iter()
        .rev()
        .fold(0, |map, &word| map << 32 | u128::from(word))
}

fn put_map(map: u128, words: &mut [u32]) {
    for (place, word) in words[..4].iter_mut().enumerate() {
        *word = (map >> (32 * place)) as u32;
    }
}

impl State {
    /// The state in the words of a lane after the first two.
    #[inline]
    pub fn of_words(words: &[u32]) -> Self {
        let [interval, move_timer, alien_shot_timer, shot_timer] = words[13].to_le_bytes();
        Self {
            alien_map: map_of(words),
            f_bullet_map: map_of(&words[4..]),
            e_bullet_map: map_of(&words[8..]),
            pos: words[12] & 15,
            rightwards: words[12] & 16 != 0,
            enemy_move_interval: interval,
            alien_move_timer: move_timer,
            alien_shot_timer,
            shot_timer,
            ramp_index: words[14],
        }
    }

    /// The words of this state.
    #[inline]
    pub fn words(&self) -> [u32; WORDS] {
        let mut words = [0; WORDS];
        put_map(self.alien_map, &mut words);
        put_map(self.f_bullet_map, &mut words[4..]);
        put_map(self.e_bullet_map, &mut words[8..]);
        words[12] = self.pos | u32::from(self.rightwards) << 4;
        words[13] = u32::from_le_bytes([
            self.enemy_move_interval,
            self.alien_move_timer,
            self.alien_shot_timer,
            self.shot_timer,
        ]);
        words[14] = self.ramp_index;
        words
    }

    /// The aliens take a step to the side, or down where one has come to the side; whether one of them was in the last row then.
    fn march(&mut self) -> bool {
        let aliens = self.alien_map;
        let side = if self.rightwards { COLUMN << LAST } else { COLUMN };
        if aliens & side == 0 {
            self.alien_map = if self.rightwards { aliens << 1 } else { aliens >> 1 };
            return false;
        }
        self.rightwards = !self.rightwards;
        self.alien_map = (aliens << SIDE | aliens >> (CELLS - SIDE)) & BOARD;
        aliens & BOTTOM != 0
    }

    /// The lowest alien of the column nearest to the cannon, of two at the same distance the left one: one bit, or none.
    fn shooter(&self) -> u128 {
        let rows = (0..SIDE).fold(0, |rows, y| rows | self.alien_map >> (SIDE * y) & ROW) as u32;
        let (here, there) = (rows & ((2 << self.pos) - 1), rows >> self.pos);
        if rows == 0 {
            return 0;
        }
        let left = if here == 0 { u32::MAX } else { self.pos - here.ilog2() };
        let right = if there == 0 { u32::MAX } else { there.trailing_zeros() };
        let x = if left <= right {
            self.pos - left
        } else {
            self.pos + right
        };
        1 << (self.alien_map & (COLUMN << x)).ilog2()
    }

    /// The reward, and whether the cannon is lost.
    fn advance(&mut self, code: u32, ramping: bool) -> (u32, bool) {
        if code == FIRE && self.shot_timer == 0 {
            self.f_bullet_map |= 1 << (LAST * SIDE as u32 + self.pos);
            self.shot_timer = SHOT_COOL_DOWN;
        }
        self.pos = moved(self.pos, code == LEFT, code == RIGHT, 0);
        let cannon: u128 = 1 << (LAST * SIDE as u32 + self.pos);

        self.f_bullet_map >>= SIDE;
        self.e_bullet_map = self.e_bullet_map << SIDE & BOARD;
        let mut lost = (self.e_bullet_map | self.alien_map) & cannon != 0;

        if self.alien_move_timer == 0 {
            let aliens = self.alien_map.count_ones() as u8;
            self.alien_move_timer = aliens.min(self.enemy_move_interval);
            lost |= self.march();
            lost |= self.alien_map & cannon != 0;
        }
        if self.alien_shot_timer == 0 {
            self.alien_shot_timer = SHOT_INTERVAL;
            self.e_bullet_map |= self.shooter();
        }

        let kills = self.alien_map & self.f_bullet_map;
        self.alien_map ^= kills;
        self.f_bullet_map ^= kills;

        self.shot_timer = self.shot_timer.saturating_sub(1);
        self.alien_move_timer = self.alien_move_timer.saturating_sub(1);
        self.alien_shot_timer = self.alien_shot_timer.saturating_sub(1);
        if self.alien_map == 0 {
            if self.enemy_move_interval > FASTEST && ramping {
                self.enemy_move_interval -= 1;
                self.ramp_index = self.ramp_index.saturating_add(1);
            }
            self.alien_map = WAVE;
        }
        (kills.count_ones(), lost)
    }
}

/// The rules of Space Invaders.
#[derive(Debug)]
pub struct SpaceInvaders {
    game: Game,
    ramping: bool,
}

impl SpaceInvaders {
    /// The rules with these settings.
    ///
    /// # Errors
    /// A probability that is none.
    pub fn new(settings: &SpaceInvadersSettings) -> Result<Self, Fault> {
        let game = Game::new(&Terms {
            channels: CHANNELS,
            words: WORDS,
            minimal: &[0, LEFT, RIGHT, FIRE],
            full_action_set: settings.full_action_set,
            sticky_actions: settings.sticky_actions,
            max_steps: settings.max_steps,
        })?;
        Ok(Self {
            game,
            ramping: settings.difficulty_ramping,
        })
    }

    fn seen(&self, words: &[u32]) -> [u8; SEEN] {
        let mut seen = [0; SEEN];
        self.observe(words, &mut seen);
        seen
    }

    fn caption(&self, words: &[u32]) -> String {
        let state = State::of_words(&words[HEAD..]);
        let (step, aliens) = (game::time(words), state.alien_map.count_ones());
        format!("step {step}  aliens {aliens}")
    }
}

/// Calls `set` with every cell of `map`.
#[inline]
fn each(mut map: u128, mut set: impl FnMut(usize)) {
    while map != 0 {
        set(map.trailing_zeros() as usize);
        map &= map - 1;
    }
}

impl Rules for SpaceInvaders {
    type Action = i32;
    type Observation = u8;

    fn shape(&self) -> &EnvironmentShape {
        &self.game.shape
    }

    fn reset<D: Draw>(&self, words: &mut [u32], _: &mut D) {
        self.game.begin(words);
        let start = State {
            alien_map: WAVE,
            f_bullet_map: 0,
            e_bullet_map: 0,
            pos: 5,
            rightwards: false,
            enemy_move_interval: MOVE_INTERVAL,
            alien_move_timer: MOVE_INTERVAL,
            alien_shot_timer: SHOT_INTERVAL,
            shot_timer: 0,
            ramp_index: 0,
        };
        words[HEAD..].copy_from_slice(&start.words());
    }

    fn restart<D: Draw>(&self, words: &mut [u32], _: &mut D) {
        self.game.begin(words);
    }

    #[inline]
    fn step<D: Draw>(&self, words: &mut [u32], actions: &[i32], draw: &mut D, outcome: &mut Outcome<'_>) {
        let code = self.game.made(words, actions[0], draw);
        let mut state = State::of_words(&words[HEAD..]);
        let (reward, lost) = state.advance(code, self.ramping);
        words[HEAD..].copy_from_slice(&state.words());
        self.game.finish(words, reward, lost, outcome);
    }

    #[inline]
    fn observe(&self, words: &[u32], out: &mut [u8]) {
        let state = State::of_words(&words[HEAD..]);
        let out = &mut out[..SEEN];
        out.fill(0);
        out[(LAST as usize * SIDE + state.pos as usize) * CHANNELS] = 1;
        let direction = if state.rightwards { 3 } else { 2 };
        each(state.alien_map, |cell| {
            out[cell * CHANNELS + 1] = 1;
            out[cell * CHANNELS + direction] = 1;
        });
        each(state.f_bullet_map, |cell| out[cell * CHANNELS + 4] = 1);
        each(state.e_bullet_map, |cell| out[cell * CHANNELS + 5] = 1);
    }

    fn check(&self, words: &[u32]) -> Result<(), Fault> {
        let state = State::of_words(&words[HEAD..]);
        let maps = (state.alien_map | state.f_bullet_map | state.e_bullet_map) <= BOARD;
        let interval = (1..=MOVE_INTERVAL).contains(&state.enemy_move_interval);
        let timers = state.alien_move_timer <= MOVE_INTERVAL
            && state.alien_shot_timer <= SHOT_INTERVAL
            && state.shot_timer <= SHOT_COOL_DOWN;
        self.game
            .check(words)
            .and(require(state.words() == words[HEAD..], "it has unknown bits"))
            .and(require(maps, "a map is larger than the board"))
            .and(require(state.alien_map != 0, "no alien is left"))
            .and(require(state.pos <= LAST, "the cannon is outside the board"))
            .and(require(interval && timers, "a timer is too long"))
            .map_err(|what| damaged("Space Invaders", what))
    }

    fn render(&self, words: &[u32]) -> String {
        show::text(&self.seen(words), &LOOKS, &self.caption(words))
    }

    fn twin(&self) -> Option<Twin> {
        let twin = self.game.twin(sources::MINATAR_SPACE_INVADERS);
        Some(twin.with("RAMPING", Constant::Flag(self.ramping)))
    }

    fn picture(&self, words: &[u32]) -> Option<Picture> {
        Some(show::picture(&self.seen(words), &LOOKS, &self.caption(words)))
    }
}
