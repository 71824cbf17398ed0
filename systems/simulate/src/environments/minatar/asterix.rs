//! MinAtar's Asterix: eight rows in which gold and enemies cross the board, faster and faster.
//!
//! Slot i holds at most one thing, which moves in row i + 1. What the two references do differently is where a thing enters, and how far the
//! pace of movement falls; see `Asterix::spawn` and `Asterix::ramp`.
//!
//! | word | content |
//! |---|---|
//! | 0, 1 | steps done, the move made last |
//! | 2 | the player's x, and from bit 4 its y |
//! | 3, 4 | one byte per slot: x in bits 0 to 3; bit 4: moves to the right; bit 5: gold; bit 6: filled; bit 7: a record |
//! | 5, 6 | steps between two entrances, steps to the next |
//! | 7, 8 | steps between two movements, steps to the next (a signed number) |
//! | 9, 10 | steps to the next increase of difficulty (a signed number), increases so far |

use super::game::{self, DOWN, Game, HEAD, LAST, LEFT, RIGHT, SIDE, Terms, UP, damaged, moved, require};
use super::show::{self, Look};
use starling_components::environments::minatar::Variant;
use starling_components::environments::minatar::asterix::AsterixSettings;
use starling_components::fault::Fault;
use starling_components::picture::{Colour, Picture};
use starling_components::random::Draw;
use starling_components::simulate::{Outcome, Rules};
use starling_components::spaces::EnvironmentShape;
use starling_components::twin::{Constant, Twin};
use starling_shaders::sources;

/// Rows in which things move.
pub const SLOTS: usize = 8;
const CHANNELS: usize = 4;
const SEEN: usize = SIDE * SIDE * CHANNELS;
const WORDS: usize = 9;
const SPAWN_SPEED: u32 = 10;
const MOVE_SPEED: u32 = 5;
const RAMP_INTERVAL: i32 = 100;
const LOOKS: [Look; 4] = [
    (2, '-', Colour::Grey),
    (1, 'x', Colour::Red),
    (3, '$', Colour::Yellow),
    (0, '@', Colour::Cyan),
];

/// What a slot holds. All zero, or a record; gymnax leaves unfilled records behind, which nobody meets or sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Thing {
    /// Column.
    pub x: u32,
    /// Moves to the right.
    pub rightwards: bool,
    /// Gold; else an enemy.
    pub gold: bool,
    /// Something is there.
    pub filled: bool,
    /// Not all zero.
    pub record: bool,
}

impl Thing {
    #[inline]
    fn of_byte(byte: u8) -> Self {
        Self {
            x: u32::from(byte & 15),
            rightwards: byte & 16 != 0,
            gold: byte & 32 != 0,
            filled: byte & 64 != 0,
            record: byte & 128 != 0,
        }
    }
    #[inline]
    fn byte(self) -> u8 {
        let flags = [self.rightwards, self.gold, self.filled, self.record];
        let bits = flags.iter().rev().fold(0, |bits, &flag| bits << 1 | u8::from(flag));
        self.x as u8 | bits << 4
    }
    /// The column of its trail, if that is on the board.
    #[inline]
    fn trail(self) -> Option<u32> {
        let behind = if self.rightwards {
            self.x.checked_sub(1)
        } else {
            Some(self.x + 1)
        };
        behind.filter(|&x| x <= LAST)
    }
}

/// Everything but what all games share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the reference's names, told at the top
pub struct State {
    pub player_x: u32,
    pub player_y: u32,
    pub entities: [Thing; SLOTS],
    pub spawn_speed: u32,
    pub spawn_timer: u32,
    pub move_speed: u32,
    pub move_timer: i32,
    pub ramp_timer: i32,
    pub ramp_index: u32,
}

impl State {
    /// The state in the words of a lane after the first two.
    #[inline]
    pub fn of_words(words: &[u32]) -> Self {
        let thing = |slot: usize| Thing::of_byte((words[1 + slot / 4] >> (8 * (slot % 4))) as u8);
        Self {
            player_x: words[0] & 15,
            player_y: words[0] >> 4 & 15,
            entities: std::array::from_fn(thing),
            spawn_speed: words[3],
            spawn_timer: words[4],
            move_speed: words[5],
            move_timer: words[6] as i32,
            ramp_timer: words[7] as i32,
            ramp_index: words[8],
        }
    }

    /// The words of this state.
    #[inline]
    pub fn words(&self) -> [u32; WORDS] {
        let four = |first: usize| u32::from_le_bytes(std::array::from_fn(|slot| self.entities[first + slot].byte()));
        [
            self.player_x | self.player_y << 4,
            four(0),
            four(4),
            self.spawn_speed,
            self.spawn_timer,
            self.move_speed,
            self.move_timer as u32,
            self.ramp_timer as u32,
            self.ramp_index,
        ]
    }

    /// What the player meets in `slot`, which takes gold away: the reward, and whether it was an enemy.
    #[inline]
    fn meet(&mut self, slot: usize) -> (u32, bool) {
        let thing = self.entities[slot];
        if !thing.filled || slot as u32 + 1 != self.player_y || thing.x != self.player_x {
            return (0, false);
        }
        if thing.gold {
            self.entities[slot] = Thing::default();
        }
        (u32::from(thing.gold), !thing.gold)
    }

    /// One step of what is in `slot`; an unfilled record goes.
    #[inline]
    fn drift(&mut self, slot: usize) {
        let thing = &mut self.entities[slot];
        let x = if thing.rightwards {
            thing.x + 1
        } else {
            thing.x.wrapping_sub(1)
        };
        *thing = if thing.filled && x <= LAST {
            Thing { x, ..*thing }
        } else {
            Thing::default()
        };
    }
}

/// The rules of Asterix.
#[derive(Debug)]
pub struct Asterix {
    game: Game,
    variant: Variant,
    ramping: bool,
}

impl Asterix {
    /// The rules with these settings.
    ///
    /// # Errors
    /// A probability that is none.
    pub fn new(settings: &AsterixSettings) -> Result<Self, Fault> {
        let game = Game::new(&Terms {
            channels: CHANNELS,
            words: WORDS,
            minimal: &[0, LEFT, UP, RIGHT, DOWN],
            full_action_set: settings.full_action_set,
            sticky_actions: settings.sticky_actions,
            max_steps: settings.max_steps,
        })?;
        Ok(Self {
            game,
            variant: settings.variant,
            ramping: settings.difficulty_ramping,
        })
    }

    /// Something enters: its direction is drawn, whether it is gold (one in three), then the slot. The original draws one of the empty
    /// slots. gymnax goes through a random order of the eight and never looks at the first, so one slot is left out at random; where no other
    /// is empty, the last of the order is overwritten with an unfilled record.
    fn spawn<D: Draw>(&self, state: &mut State, draw: &mut D) {
        let rightwards = draw.below(2) == 0;
        let gold = draw.below(3) == 0;
        let left_out = match self.variant {
            Variant::Gymnax => Some(draw.below(SLOTS as u32) as usize),
            Variant::Original => None,
        };
        let of_those = |state: &State, filled: Option<bool>| -> u8 {
            let wanted = |slot: &usize| {
                Some(*slot) != left_out && filled.is_none_or(|filled| state.entities[*slot].filled == filled)
            };
            (0..SLOTS).filter(wanted).fold(0, |slots, slot| slots | 1 << slot)
        };
        let empty = of_those(state, Some(false));
        let (slots, filled) = match (empty, self.variant) {
            (0, Variant::Original) => return,
            (0, Variant::Gymnax) => (of_those(state, None), false),
            (empty, _) => (empty, true),
        };
        let slot = nth(slots, draw.below(slots.count_ones()));
        state.entities[slot] = Thing {
            x: if rightwards { 0 } else { LAST },
            rightwards,
            gold,
            filled,
            record: true,
        };
    }

    /// Every 102 steps things enter more often and, every second time, move more often. In gymnax the pace of movement may fall to 0, which
    /// stops all movement; it takes a start that no game has.
    fn ramp(&self, state: &mut State) {
        if !self.ramping || (state.spawn_speed <= 1 && state.move_speed <= 1) {
            if self.variant == Variant::Gymnax {
                state.ramp_timer = RAMP_INTERVAL;
            }
            return;
        }
        if state.ramp_timer >= 0 {
            state.ramp_timer -= 1;
            return;
        }
        let least = match self.variant {
            Variant::Gymnax => 0,
            Variant::Original => 1,
        };
        state.move_speed -= u32::from(state.move_speed > least && state.ramp_index % 2 == 1);
        state.spawn_speed -= u32::from(state.spawn_speed > 1);
        state.ramp_index = state.ramp_index.saturating_add(1);
        state.ramp_timer = RAMP_INTERVAL;
    }

    /// The reward, and whether the player is lost.
    fn advance<D: Draw>(&self, state: &mut State, code: u32, draw: &mut D) -> (u32, bool) {
        if state.spawn_timer == 0 {
            self.spawn(state, draw);
            state.spawn_timer = state.spawn_speed;
        }
        state.player_x = moved(state.player_x, code == LEFT, code == RIGHT, 0);
        state.player_y = moved(state.player_y, code == UP, code == DOWN, 1).min(SLOTS as u32);

        // Only the slot of the player's own row can meet it.
        let row = (state.player_y as usize).wrapping_sub(1).min(SLOTS - 1);
        let (mut reward, mut lost) = state.meet(row);
        if state.move_timer == 0 {
            state.move_timer = state.move_speed as i32;
            (0..SLOTS).for_each(|slot| state.drift(slot));
            let (more, hit) = state.meet(row);
            reward += more;
            lost |= hit;
        }
        state.spawn_timer = state.spawn_timer.wrapping_sub(1);
        state.move_timer = state.move_timer.wrapping_sub(1);
        self.ramp(state);
        (reward, lost)
    }

    fn seen(&self, words: &[u32]) -> [u8; SEEN] {
        let mut seen = [0; SEEN];
        self.observe(words, &mut seen);
        seen
    }

    fn caption(&self, words: &[u32]) -> String {
        let state = State::of_words(&words[HEAD..]);
        let things = state.entities.iter().filter(|thing| thing.filled).count();
        format!("step {}  things {things}  pace {}", game::time(words), state.move_speed)
    }
}

/// The slot of the `n`th bit that is set.
fn nth(slots: u8, n: u32) -> usize {
    let mut left = slots;
    for _ in 0..n {
        left &= left.wrapping_sub(1);
    }
    (left.trailing_zeros() as usize).min(SLOTS - 1)
}

impl Rules for Asterix {
    type Action = i32;
    type Observation = u8;

    fn shape(&self) -> &EnvironmentShape {
        &self.game.shape
    }

    fn reset<D: Draw>(&self, words: &mut [u32], _: &mut D) {
        self.game.begin(words);
        let start = State {
            player_x: 5,
            player_y: 5,
            entities: [Thing::default(); SLOTS],
            spawn_speed: SPAWN_SPEED,
            spawn_timer: SPAWN_SPEED,
            move_speed: MOVE_SPEED,
            move_timer: MOVE_SPEED as i32,
            ramp_timer: RAMP_INTERVAL,
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
        let (reward, lost) = self.advance(&mut state, code, draw);
        words[HEAD..].copy_from_slice(&state.words());
        self.game.finish(words, reward, lost, outcome);
    }

    #[inline]
    fn observe(&self, words: &[u32], out: &mut [u8]) {
        let state = State::of_words(&words[HEAD..]);
        out[..SEEN].fill(0);
        let mut set = |x: u32, y: usize, channel: usize| out[(y * SIDE + x as usize) * CHANNELS + channel] = 1;
        set(state.player_x, state.player_y as usize, 0);
        for (slot, thing) in state.entities.iter().enumerate() {
            if thing.filled {
                set(thing.x, slot + 1, if thing.gold { 3 } else { 1 });
                if let Some(x) = thing.trail() {
                    set(x, slot + 1, 2);
                }
            }
        }
    }

    fn check(&self, words: &[u32]) -> Result<(), Fault> {
        let state = State::of_words(&words[HEAD..]);
        let rows = 1..=SLOTS as u32;
        let things = state.entities.iter().all(|thing| {
            let record = thing.record || *thing == Thing::default();
            record && thing.x <= LAST
        });
        let paces = (1..=SPAWN_SPEED).contains(&state.spawn_speed) && state.move_speed <= MOVE_SPEED;
        let timers = state.spawn_timer <= SPAWN_SPEED && state.move_timer <= MOVE_SPEED as i32;
        self.game
            .check(words)
            .and(require(state.words() == words[HEAD..], "it has unknown bits"))
            .and(require(
                state.player_x <= LAST && rows.contains(&state.player_y),
                "the player is outside the board",
            ))
            .and(require(things, "something is outside the board"))
            .and(require(paces, "its pace is unknown"))
            .and(require(
                timers && (-1..=RAMP_INTERVAL).contains(&state.ramp_timer),
                "a timer is too long",
            ))
            .map_err(|what| damaged("Asterix", what))
    }

    fn render(&self, words: &[u32]) -> String {
        show::text(&self.seen(words), &LOOKS, &self.caption(words))
    }

    fn twin(&self) -> Option<Twin> {
        let twin = self
            .game
            .twin(sources::MINATAR_ASTERIX)
            .with("GYMNAX", Constant::Flag(self.variant == Variant::Gymnax))
            .with("RAMPING", Constant::Flag(self.ramping));
        Some(twin)
    }

    fn picture(&self, words: &[u32]) -> Option<Picture> {
        Some(show::picture(&self.seen(words), &LOOKS, &self.caption(words)))
    }
}
