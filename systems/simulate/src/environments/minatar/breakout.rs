//! MinAtar's Breakout: a ball, a paddle in the last row, and a wall of three rows of bricks.
//!
//! Without sticky actions a step draws nothing, and lanes are stepped side by side in vector registers.
//!
//! | word | content |
//! |---|---|
//! | 0, 1 | steps done, the move made last |
//! | 2 | from bit 0 in fours: the ball's x and y, its x and y one step ago, the paddle's x; then bits: the ball flies to the right, it flies down, it has struck a brick in the last step |
//! | 3 | bricks: bit `10 (y - 1) + x` for the rows y = 1, 2, 3 |

use super::game::{self, Game, HEAD, LAST, LEFT, RIGHT, SIDE, Terms, damaged, require};
use super::show::{self, Look};
use crate::environments::single::{self, Transit, Transition};
use starling_components::environments::minatar::breakout::BreakoutSettings;
use starling_components::fault::Fault;
use starling_components::picture::{Colour, Picture};
use starling_components::random::Draw;
use starling_components::simulate::{LaneOutcomes, Outcome, Rules};
use starling_components::spaces::EnvironmentShape;
use starling_components::twin::Twin;
use starling_shaders::sources;

/// Three whole rows of bricks.
pub const WALL: u32 = (1 << 30) - 1;
const CHANNELS: usize = 4;
const CELLS: usize = SIDE * SIDE;
const WORDS: usize = HEAD + 2;
const LOOKS: [Look; 4] = [
    (3, '#', Colour::Brown),
    (2, '\'', Colour::Grey),
    (0, '=', Colour::Blue),
    (1, 'o', Colour::White),
];

/// The rules of Breakout.
#[derive(Debug)]
pub struct Breakout {
    game: Game,
    /// The actions that move the paddle.
    left: i32,
    right: i32,
}

/// Where everything is. All numbers are `u32` and 0 or 1 where they say yes or no, so that lanes fit vector registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The ball's column.
    pub ball_x: u32,
    /// The ball's row.
    pub ball_y: u32,
    /// Its column one step ago.
    pub last_x: u32,
    /// Its row one step ago.
    pub last_y: u32,
    /// The paddle's column.
    pub pos: u32,
    /// The ball flies to the right.
    pub rightwards: u32,
    /// The ball flies down.
    pub downwards: u32,
    /// The ball has met a brick in the last step.
    pub strike: u32,
    /// Bit `10 (y - 1) + x`.
    pub bricks: u32,
}

impl State {
    /// The state in the words of a lane after the first two.
    #[inline(always)]
    pub fn of_words([places, bricks]: [u32; 2]) -> Self {
        Self {
            ball_x: places & 15,
            ball_y: places >> 4 & 15,
            last_x: places >> 8 & 15,
            last_y: places >> 12 & 15,
            pos: places >> 16 & 15,
            rightwards: places >> 20 & 1,
            downwards: places >> 21 & 1,
            strike: places >> 22 & 1,
            bricks,
        }
    }

    /// The words of this state.
    #[inline(always)]
    pub fn words(&self) -> [u32; 2] {
        let places = self.ball_x
            | self.ball_y << 4
            | self.last_x << 8
            | self.last_y << 12
            | self.pos << 16
            | self.rightwards << 20
            | self.downwards << 21
            | self.strike << 22;
        [places, self.bricks]
    }

    /// One step with the paddle moved to the left or right (0 or 1 each): the reward, and whether the ball is lost.
    #[inline(always)]
    fn advance(&mut self, left: u32, right: u32) -> (u32, bool) {
        let yes = |condition: bool| u32::from(condition);
        let pos = (self.pos.max(left) - left + right).min(LAST);
        let (old_x, old_y) = (self.ball_x, self.ball_y);
        // From here on one more than the place, so that no number is negative.
        let (x, y) = (old_x + 2 * self.rightwards, old_y + 2 * self.downwards);
        let side = yes(x < 1) | yes(x > LAST + 1);
        let x = x.clamp(1, LAST + 1) - 1;
        let top = yes(y < 1);
        let y = y.max(1) - 1;

        let in_wall = yes(y.wrapping_sub(1) < 3);
        // Rows outside the wall have some bit or other, which `in_wall` takes away.
        let bit = in_wall << (y.wrapping_mul(10).wrapping_add(x).wrapping_sub(10) & 31);
        let brick = yes(self.bricks & bit != 0);
        let hit = brick & (self.strike ^ 1);
        let bricks = self.bricks & !(bit * hit);

        let bottom = yes(y == LAST);
        let refilled = if (bottom & yes(bricks == 0)) == 1 { WALL } else { bricks };
        let straight = bottom & yes(old_x == pos);
        let corner = bottom & (straight ^ 1) & yes(x == pos);
        let back = hit | straight | corner;

        self.rightwards ^= side ^ corner;
        self.downwards ^= top | back;
        self.ball_x = x;
        self.ball_y = if back == 1 { old_y } else { y };
        self.last_x = old_x;
        self.last_y = old_y;
        self.pos = pos;
        self.strike = brick;
        self.bricks = refilled;
        (hit, (bottom & ((straight | corner) ^ 1)) == 1)
    }
}

impl Breakout {
    /// The rules with these settings.
    ///
    /// # Errors
    /// A probability that is none.
    pub fn new(settings: &BreakoutSettings) -> Result<Self, Fault> {
        let game = Game::new(&Terms {
            channels: CHANNELS,
            words: WORDS - HEAD,
            minimal: &[0, LEFT, RIGHT],
            full_action_set: settings.full_action_set,
            sticky_actions: settings.sticky_actions,
            max_steps: settings.max_steps,
        })?;
        let action = |code| {
            game.moves
                .iter()
                .position(|&other| other == code)
                .map_or(-1, |at| at as i32)
        };
        let (left, right) = (action(LEFT), action(RIGHT));
        Ok(Self { game, left, right })
    }

    fn state(&self, words: &[u32]) -> State {
        State::of_words([words[HEAD], words[HEAD + 1]])
    }

    fn seen(&self, words: &[u32]) -> [u8; CELLS * CHANNELS] {
        let mut seen = [0; CELLS * CHANNELS];
        self.observe(words, &mut seen);
        seen
    }
}

impl Transition<WORDS> for Breakout {
    type Action = i32;

    #[inline(always)]
    fn transition(&self, words: &mut [u32; WORDS], action: i32) -> Transit {
        let mut state = State::of_words([words[HEAD], words[HEAD + 1]]);
        let (left, right) = (u32::from(action == self.left), u32::from(action == self.right));
        let (reward, terminated) = state.advance(left, right);
        let time = words[0].saturating_add(1);
        let [places, bricks] = state.words();
        *words = [time, words[1], places, bricks];
        Transit {
            reward: reward as f32,
            terminated,
            truncated: time >= self.game.limit,
        }
    }
}

/// Four cells of bricks as the seat sees them, by which of them are there.
const BRICKS: [[u8; 4 * CHANNELS]; 16] = {
    let mut cells = [[0; 4 * CHANNELS]; 16];
    let mut bits = 0;
    while bits < 16 {
        let mut cell = 0;
        while cell < 4 {
            cells[bits][cell * CHANNELS + 3] = (bits >> cell & 1) as u8;
            cell += 1;
        }
        bits += 1;
    }
    cells
};

impl Rules for Breakout {
    type Action = i32;
    type Observation = u8;

    fn shape(&self) -> &EnvironmentShape {
        &self.game.shape
    }

    #[inline]
    fn reset<D: Draw>(&self, words: &mut [u32], draw: &mut D) {
        self.game.begin(words);
        let right = draw.below(2);
        let ball_x = if right == 1 { LAST } else { 0 };
        let start = State {
            ball_x,
            ball_y: 3,
            last_x: ball_x,
            last_y: 3,
            pos: 4,
            rightwards: 1 - right,
            downwards: 1,
            strike: 0,
            bricks: WALL,
        };
        words[HEAD..].copy_from_slice(&start.words());
    }

    fn restart<D: Draw>(&self, words: &mut [u32], _: &mut D) {
        self.game.begin(words);
    }

    #[inline]
    fn step<D: Draw>(&self, words: &mut [u32], actions: &[i32], draw: &mut D, outcome: &mut Outcome<'_>) {
        let code = self.game.made(words, actions[0], draw);
        let mut state = self.state(words);
        let (reward, terminated) = state.advance(u32::from(code == LEFT), u32::from(code == RIGHT));
        words[HEAD..].copy_from_slice(&state.words());
        self.game.finish(words, reward, terminated, outcome);
    }

    fn step_lanes(&self, states: &mut [u32], actions: &[i32], outcomes: &mut LaneOutcomes<'_>) -> bool {
        self.game.obeys() && single::step_lanes(self, states, actions, outcomes)
    }

    #[inline]
    fn observe(&self, words: &[u32], out: &mut [u8]) {
        let state = self.state(words);
        let (above, rest) = out.split_at_mut(SIDE * CHANNELS);
        // The wall, and two cells below it that are empty.
        let (wall, below) = rest.split_at_mut(8 * 4 * CHANNELS);
        above.fill(0);
        for (four, cells) in wall.chunks_exact_mut(4 * CHANNELS).enumerate() {
            cells.copy_from_slice(&BRICKS[(state.bricks >> (4 * four) & 15) as usize]);
        }
        below[..CELLS * CHANNELS - 42 * CHANNELS].fill(0);
        let mut set = |x: u32, y: u32, channel: usize| out[(y as usize * SIDE + x as usize) * CHANNELS + channel] = 1;
        set(state.pos, LAST, 0);
        set(state.ball_x, state.ball_y, 1);
        set(state.last_x, state.last_y, 2);
    }

    fn check(&self, words: &[u32]) -> Result<(), Fault> {
        let state = self.state(words);
        let inside = [state.ball_x, state.ball_y, state.last_x, state.last_y, state.pos]
            .iter()
            .all(|&place| place <= LAST);
        self.game
            .check(words)
            .and(require(state.words() == words[HEAD..], "it has unknown bits"))
            .and(require(inside, "something is outside the board"))
            .and(require(state.ball_y < LAST, "the ball is lost"))
            .and(require(state.bricks <= WALL, "a brick is outside the wall"))
            .map_err(|what| damaged("Breakout", what))
    }

    fn render(&self, words: &[u32]) -> String {
        let more = format!(
            "step {}  bricks {}",
            game::time(words),
            self.state(words).bricks.count_ones()
        );
        show::text(&self.seen(words), &LOOKS, &more)
    }

    fn twin(&self) -> Option<Twin> {
        Some(self.game.twin(sources::MINATAR_BREAKOUT))
    }

    fn picture(&self, words: &[u32]) -> Option<Picture> {
        let more = format!("bricks {}", self.state(words).bricks.count_ones());
        Some(show::picture(&self.seen(words), &LOOKS, &more))
    }
}
