//! What the games share: the board, the moves, sticky actions and the time limit.
//!
//! | word | content |
//! |---|---|
//! | 0 | steps done |
//! | 1 | the move made last, of the full set; always 0 where moves are not sticky |

use starling_components::fault::Fault;
use starling_components::random::Draw;
use starling_components::simulate::Outcome;
use starling_components::spaces::{ActionSpace, ElementKind, EnvironmentShape, ObservationSpace, SeatShape};
use starling_components::twin::{Constant, Twin};
use starling_shaders::sources;

/// Cells of a side of the board.
pub(super) const SIDE: usize = 10;
/// The last row or column.
pub(super) const LAST: u32 = 9;

/// The full set of moves.
pub(super) const LEFT: u32 = 1;
pub(super) const UP: u32 = 2;
pub(super) const RIGHT: u32 = 3;
pub(super) const DOWN: u32 = 4;
pub(super) const FIRE: u32 = 5;
const MOVES: [&str; 6] = ["stay", "left", "up", "right", "down", "fire"];
const ALL: [u32; 6] = [0, LEFT, UP, RIGHT, DOWN, FIRE];

/// Words before those of a game.
pub(super) const HEAD: usize = 2;
const TIME: usize = 0;
const MADE: usize = 1;

/// The settings that games share.
pub(super) struct Terms {
    pub(super) channels: usize,
    /// Words of a state after the first [`HEAD`].
    pub(super) words: usize,
    /// Moves that matter, of the full set.
    pub(super) minimal: &'static [u32],
    pub(super) full_action_set: bool,
    pub(super) sticky_actions: f64,
    /// 0: none.
    pub(super) max_steps: u32,
}

/// A game without its rules.
#[derive(Debug)]
pub(super) struct Game {
    pub(super) shape: EnvironmentShape,
    /// The move of the full set behind every action.
    pub(super) moves: Vec<u32>,
    sticky: Option<f32>,
    /// Steps at which an episode is cut off.
    pub(super) limit: u32,
}

impl Game {
    /// # Errors
    /// A probability that is none.
    pub(super) fn new(terms: &Terms) -> Result<Self, Fault> {
        let sticky = terms.sticky_actions as f32;
        if !(0.0..=1.0).contains(&sticky) {
            let message = format!("a probability of {}", terms.sticky_actions);
            return Err(Fault::pipeline(message)
                .advise("take one from 0 to 1; MinAtar's is 0.1")
                .within(["sticky_actions"]));
        }
        let moves = if terms.full_action_set {
            ALL.to_vec()
        } else {
            terms.minimal.to_vec()
        };
        let names = moves.iter().map(|&code| MOVES[code as usize].to_owned());
        let seat = SeatShape {
            observation: ObservationSpace {
                shape: vec![SIDE, SIDE, terms.channels],
                element: ElementKind::U8,
            },
            action: ActionSpace::Discrete { names: names.collect() },
        };
        let shape = EnvironmentShape {
            seats: vec![seat],
            state_words: HEAD + terms.words,
            max_steps: (terms.max_steps != 0).then_some(terms.max_steps),
            global_len: 0,
            masks: false,
            turns: false,
            events: Vec::new(),
        };
        Ok(Self {
            shape,
            moves,
            sticky: (sticky > 0.0).then_some(sticky),
            limit: if terms.max_steps == 0 {
                u32::MAX
            } else {
                terms.max_steps
            },
        })
    }

    /// The shared words of a state in which nothing has been done.
    pub(super) fn begin(&self, state: &mut [u32]) {
        state[TIME] = 0;
        state[MADE] = 0;
    }

    /// No move is replaced by the one before it.
    pub(super) fn obeys(&self) -> bool {
        self.sticky.is_none()
    }

    /// The move that `action` makes, of the full set; the same one as in the step before where it sticks.
    #[inline]
    pub(super) fn made<D: Draw>(&self, state: &mut [u32], action: i32, draw: &mut D) -> u32 {
        let chosen = self.moves.get(action as usize).copied().unwrap_or(0);
        let Some(sticky) = self.sticky else {
            return chosen;
        };
        if draw.unit() >= sticky {
            state[MADE] = chosen;
        }
        state[MADE]
    }

    /// Counts the step and says what came of it.
    #[inline]
    pub(super) fn finish(&self, state: &mut [u32], reward: u32, terminated: bool, outcome: &mut Outcome<'_>) {
        state[TIME] = state[TIME].saturating_add(1);
        outcome.rewards[0] = reward as f32;
        outcome.terminated = terminated;
        outcome.truncated = state[TIME] >= self.limit;
    }

    /// The game in WGSL, `source` being its own rules: planes of zeros and ones.
    pub(super) fn twin(&self, source: &'static str) -> Twin {
        let channels = self.shape.seats[0].observation.shape[2];
        let mut twin = Twin::new(vec![sources::MINATAR_GAME, source])
            .with("STICKY", Constant::Float(self.sticky.unwrap_or(0.0)))
            .with("LIMIT", Constant::Word(self.limit))
            .with_words("MOVES_AT", self.moves.iter().copied());
        twin.channels = vec![1; channels];
        twin.loops = 1024;
        twin
    }

    /// Whether the shared words are those of a state that may be stepped.
    pub(super) fn check(&self, state: &[u32]) -> Result<(), &'static str> {
        require(state[TIME] < self.limit, "its episode is over")?;
        require(state[MADE] < ALL.len() as u32, "no move has that number")?;
        require(self.sticky.is_some() || state[MADE] == 0, "it remembers a move")
    }
}

/// Steps done.
pub(super) fn time(state: &[u32]) -> u32 {
    state[TIME]
}

pub(super) fn require(holds: bool, what: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(what) }
}

/// A state that no game reaches.
pub(super) fn damaged(game: &str, what: &str) -> Fault {
    Fault::records(format!("a state of {game} is damaged: {what}"))
}

/// `by` cells from `at`, not beyond `low` and [`LAST`].
#[inline]
pub(super) fn moved(at: u32, back: bool, forth: bool, low: u32) -> u32 {
    let at = if back { at.saturating_sub(1).max(low) } else { at };
    if forth { (at + 1).min(LAST) } else { at }
}
