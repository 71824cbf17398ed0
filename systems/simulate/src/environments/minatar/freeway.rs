//! MinAtar's Freeway: a chicken in column 4 crosses eight lanes of cars, upwards from the last row.
//!
//! | word | content |
//! |---|---|
//! | 0, 1 | steps done, the move made last |
//! | 2 | the chicken's row, and from bit 4 the steps until it may move |
//! | 3 to 6 | cars of the rows 1 to 8, 16 bits each: x in bits 0 to 3, the timer in bits 4 to 7, steps per move less one (1 to 5) in bits 8 to 10, bit 11: to the right |

use super::game::{self, DOWN, Game, HEAD, LAST, SIDE, Terms, UP, damaged, moved, require};
use super::show::{self, Look};
use starling_components::environments::minatar::Variant;
use starling_components::environments::minatar::freeway::FreewaySettings;
use starling_components::fault::Fault;
use starling_components::picture::{Colour, Picture};
use starling_components::random::Draw;
use starling_components::simulate::{Outcome, Rules};
use starling_components::spaces::EnvironmentShape;
use starling_components::twin::{Constant, Twin};
use starling_shaders::sources;

/// Lanes of the road.
pub const CARS: usize = 8;
const CHANNELS: usize = 7;
const SEEN: usize = SIDE * SIDE * CHANNELS;
const WORDS: usize = 1 + CARS / 2;
/// The chicken's column.
const COLUMN: u32 = 4;
const PLAYER_SPEED: u32 = 3;
const SLOWEST: u32 = 5;
/// The step in which the original ends.
const LAST_STEP: u32 = 2501;
const LOOKS: [Look; 7] = [
    (2, '1', Colour::Grey),
    (3, '2', Colour::Grey),
    (4, '3', Colour::Grey),
    (5, '4', Colour::Grey),
    (6, '5', Colour::Grey),
    (1, '#', Colour::Red),
    (0, '@', Colour::Yellow),
];

/// A car.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Car {
    /// Column.
    pub x: u32,
    /// Steps until it moves.
    pub timer: u32,
    /// It moves every `speed + 1` steps: 1 to 5.
    pub speed: u32,
    /// It moves to the right.
    pub rightwards: bool,
}

impl Car {
    #[inline]
    fn of_bits(bits: u32) -> Self {
        Self {
            x: bits & 15,
            timer: bits >> 4 & 15,
            speed: bits >> 8 & 7,
            rightwards: bits & 1 << 11 != 0,
        }
    }
    #[inline]
    fn bits(self) -> u32 {
        self.x | self.timer << 4 | self.speed << 8 | u32::from(self.rightwards) << 11
    }
    /// The column `cells` beside it, around the board.
    #[inline]
    fn beside(self, rightwards: bool) -> u32 {
        match (rightwards, self.x) {
            (true, x) if x >= LAST => 0,
            (true, x) => x + 1,
            (false, 0) => LAST,
            (false, x) => x - 1,
        }
    }
    #[inline]
    fn drive(&mut self) {
        if self.timer == 0 {
            self.timer = self.speed;
            self.x = self.beside(self.rightwards);
        } else {
            self.timer -= 1;
        }
    }
}

/// Everything but what all games share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The chicken's row.
    pub pos: u32,
    /// Steps until it may move.
    pub move_timer: u32,
    /// Of the rows 1 to 8.
    pub cars: [Car; CARS],
}

impl State {
    /// The state in the words of a lane after the first two.
    #[inline]
    pub fn of_words(words: &[u32]) -> Self {
        Self {
            pos: words[0] & 15,
            move_timer: words[0] >> 4,
            cars: std::array::from_fn(|car| Car::of_bits(words[1 + car / 2] >> (16 * (car % 2)) & 0xffff)),
        }
    }

    /// The words of this state.
    #[inline]
    pub fn words(&self) -> [u32; WORDS] {
        let mut words = [self.pos | self.move_timer << 4; WORDS];
        for (word, pair) in words[1..].iter_mut().zip(self.cars.chunks_exact(2)) {
            *word = pair[0].bits() | pair[1].bits() << 16;
        }
        words
    }

    /// All speeds anew: first how fast, then to which side.
    fn draw_speeds<D: Draw>(&mut self, draw: &mut D) {
        for car in &mut self.cars {
            car.speed = draw.below(SLOWEST) + 1;
            car.timer = car.speed;
        }
        for car in &mut self.cars {
            car.rightwards = draw.below(2) == 1;
        }
    }

    /// The reward.
    #[inline]
    fn advance<D: Draw>(&mut self, code: u32, draw: &mut D) -> u32 {
        if self.move_timer == 0 && (code == UP || code == DOWN) {
            self.pos = moved(self.pos, code == UP, code == DOWN, 0);
            self.move_timer = PLAYER_SPEED;
        }
        let across = self.pos == 0;
        if across {
            self.draw_speeds(draw);
            self.pos = LAST;
        }
        // Nobody but the car of the chicken's own row meets it, before or after that car has moved.
        let row = self.pos.wrapping_sub(1) as usize;
        let met = |state: &Self| state.cars.get(row).is_some_and(|car| car.x == COLUMN);
        let before = met(self);
        self.cars.iter_mut().for_each(Car::drive);
        if before || met(self) {
            self.pos = LAST;
        }
        self.move_timer = self.move_timer.saturating_sub(1);
        u32::from(across)
    }
}

/// The rules of Freeway.
#[derive(Debug)]
pub struct Freeway {
    game: Game,
    variant: Variant,
}

impl Freeway {
    /// The rules with these settings.
    ///
    /// # Errors
    /// A probability that is none.
    pub fn new(settings: &FreewaySettings) -> Result<Self, Fault> {
        let mut game = Game::new(&Terms {
            channels: CHANNELS,
            words: WORDS,
            minimal: &[0, UP, DOWN],
            full_action_set: settings.full_action_set,
            sticky_actions: settings.sticky_actions,
            max_steps: settings.max_steps,
        })?;
        let variant = settings.variant;
        if variant == Variant::Original {
            game.shape.max_steps = Some(game.limit.min(LAST_STEP));
        }
        Ok(Self { game, variant })
    }

    fn seen(&self, words: &[u32]) -> [u8; SEEN] {
        let mut seen = [0; SEEN];
        self.observe(words, &mut seen);
        seen
    }
}

impl Rules for Freeway {
    type Action = i32;
    type Observation = u8;

    fn shape(&self) -> &EnvironmentShape {
        &self.game.shape
    }

    fn reset<D: Draw>(&self, words: &mut [u32], draw: &mut D) {
        self.game.begin(words);
        let parked = Car {
            x: 0,
            timer: 0,
            speed: 1,
            rightwards: false,
        };
        let mut start = State {
            pos: LAST,
            move_timer: PLAYER_SPEED,
            cars: [parked; CARS],
        };
        start.draw_speeds(draw);
        words[HEAD..].copy_from_slice(&start.words());
    }

    fn restart<D: Draw>(&self, words: &mut [u32], _: &mut D) {
        self.game.begin(words);
    }

    #[inline]
    fn step<D: Draw>(&self, words: &mut [u32], actions: &[i32], draw: &mut D, outcome: &mut Outcome<'_>) {
        let code = self.game.made(words, actions[0], draw);
        let mut state = State::of_words(&words[HEAD..]);
        let reward = state.advance(code, draw);
        words[HEAD..].copy_from_slice(&state.words());
        let over = self.variant == Variant::Original && game::time(words) + 1 >= LAST_STEP;
        self.game.finish(words, reward, over, outcome);
    }

    #[inline]
    fn observe(&self, words: &[u32], out: &mut [u8]) {
        let state = State::of_words(&words[HEAD..]);
        out[..SEEN].fill(0);
        let mut set = |x: u32, y: usize, channel: usize| out[(y * SIDE + x as usize) * CHANNELS + channel] = 1;
        set(COLUMN, state.pos as usize, 0);
        for (lane, car) in state.cars.iter().enumerate() {
            set(car.x, lane + 1, 1);
            set(car.beside(!car.rightwards), lane + 1, 1 + car.speed as usize);
        }
    }

    fn check(&self, words: &[u32]) -> Result<(), Fault> {
        let state = State::of_words(&words[HEAD..]);
        let cars = state
            .cars
            .iter()
            .all(|car| car.x <= LAST && (1..=SLOWEST).contains(&car.speed) && car.timer <= car.speed);
        let over = self.variant == Variant::Original && game::time(words) >= LAST_STEP;
        self.game
            .check(words)
            .and(require(state.words() == words[HEAD..], "it has unknown bits"))
            .and(require(!over, "its episode is over"))
            .and(require(state.pos <= LAST, "the chicken is outside the board"))
            .and(require(state.move_timer <= PLAYER_SPEED, "a timer is too long"))
            .and(require(cars, "there is no such car"))
            .map_err(|what| damaged("Freeway", what))
    }

    fn render(&self, words: &[u32]) -> String {
        show::text(&self.seen(words), &LOOKS, &format!("step {}", game::time(words)))
    }

    fn twin(&self) -> Option<Twin> {
        let twin = self.game.twin(sources::MINATAR_FREEWAY);
        Some(twin.with("GYMNAX", Constant::Flag(self.variant == Variant::Gymnax)))
    }

    fn picture(&self, words: &[u32]) -> Option<Picture> {
        let more = format!("step {}", game::time(words));
        Some(show::picture(&self.seen(words), &LOOKS, &more))
    }
}
