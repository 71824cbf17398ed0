//! MinAtar's Seaquest: a submarine among fish, enemy submarines and divers, with air for 200 steps.
//!
//! The original moves one fish, submarine or bullet after the other, from the last of its list to the first (`one_by_one`); gymnax does each
//! thing to a whole list at once (`at_once`). What enters, the player's move, and what happens at the surface are here. The words of a
//! state are told in [`state`].

mod at_once;
mod one_by_one;
pub mod state;

use super::game::{self, DOWN, FIRE, Game, HEAD, LAST, LEFT, RIGHT, SIDE, Terms, UP, damaged, moved, require};
use super::show::{self, Look};
use starling_components::environments::minatar::Variant;
use starling_components::environments::minatar::seaquest::SeaquestSettings;
use starling_components::fault::Fault;
use starling_components::picture::{Colour, Picture};
use starling_components::random::Draw;
use starling_components::simulate::{Outcome, Rules};
use starling_components::spaces::EnvironmentShape;
use starling_components::twin::{Constant, Twin};
use starling_shaders::sources;
use state::{DIVER_PACE, MAX_OXYGEN, MOVE_SPEED, Mob, SHOT_INTERVAL, SPAWN_SPEED, State, WORDS};

const CHANNELS: usize = 10;
const SEEN: usize = SIDE * SIDE * CHANNELS;
const DIVER_SPAWN: u8 = 30;
const SHOT_COOL_DOWN: u8 = 5;
/// Divers that fit into the submarine.
const ABOARD: i32 = 6;
/// The lowest row that is water.
const SEABED: u32 = 8;
const LOOKS: [Look; 10] = [
    (7, 'o', Colour::Cyan),
    (8, 'd', Colour::Purple),
    (3, '-', Colour::Grey),
    (9, 'D', Colour::Purple),
    (5, 'f', Colour::Lime),
    (6, 'S', Colour::Red),
    (4, ':', Colour::Orange),
    (2, '*', Colour::White),
    (1, '=', Colour::Tan),
    (0, '@', Colour::Yellow),
];

/// The rules of Seaquest.
#[derive(Debug)]
pub struct Seaquest {
    game: Game,
    variant: Variant,
    ramping: bool,
}

/// What came of a step, or of a part of it.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    reward: u32,
    lost: bool,
}

impl Seaquest {
    /// The rules with these settings.
    ///
    /// # Errors
    /// A probability that is none.
    pub fn new(settings: &SeaquestSettings) -> Result<Self, Fault> {
        let game = Game::new(&Terms {
            channels: CHANNELS,
            words: WORDS,
            minimal: &[0, LEFT, UP, RIGHT, DOWN, FIRE],
            full_action_set: true,
            sticky_actions: settings.sticky_actions,
            max_steps: settings.max_steps,
        })?;
        Ok(Self {
            game,
            variant: settings.variant,
            ramping: settings.difficulty_ramping,
        })
    }

    fn advance<D: Draw>(&self, state: &mut State, code: u32, draw: &mut D) -> Tally {
        if state.e_spawn_timer == 0 {
            spawn_enemy(state, draw);
            state.e_spawn_timer = state.e_spawn_speed;
        }
        if state.d_spawn_timer == 0 {
            let rightwards = draw.below(2) == 0;
            let y = draw.below(SEABED) + 1;
            state.divers.push(Mob::at_edge(y, rightwards, DIVER_PACE));
            state.d_spawn_timer = DIVER_SPAWN;
        }
        act(state, code);
        let mut tally = Tally::default();
        match self.variant {
            Variant::Original => one_by_one::pass(state, &mut tally),
            Variant::Gymnax => at_once::pass(state, &mut tally),
        }
        for timer in [
            &mut state.e_spawn_timer,
            &mut state.d_spawn_timer,
            &mut state.shot_timer,
        ] {
            *timer = timer.saturating_sub(1);
        }
        self.breathe(state, &mut tally);
        tally
    }

    /// Air, and what happens at the surface.
    fn breathe(&self, state: &mut State, tally: &mut Tally) {
        // Asked before the air is used: the submarine lives through the step in which the last of it goes.
        tally.lost |= state.oxygen <= 0;
        if state.sub_y > 0 {
            state.oxygen -= 1;
            state.surface = false;
            return;
        }
        if state.surface {
            return;
        }
        if state.diver_count == 0 {
            tally.lost = true;
            // The game is over, and gymnax goes on as if it were not.
            if self.variant == Variant::Original {
                return;
            }
        }
        state.surface = true;
        if state.diver_count == ABOARD {
            tally.reward += (state.oxygen.max(0) * 10 / MAX_OXYGEN) as u32;
            state.diver_count = 0;
        }
        state.oxygen = MAX_OXYGEN;
        // Also after a rescue, which leaves -1.
        state.diver_count = state.diver_count.saturating_sub(1);
        if self.ramping && (state.e_spawn_speed > 1 || state.move_speed > 2) {
            state.move_speed -= u8::from(state.move_speed > 2 && state.ramp_index % 2 == 1);
            state.e_spawn_speed -= u8::from(state.e_spawn_speed > 1);
            state.ramp_index = state.ramp_index.saturating_add(1);
        }
    }

    fn seen(&self, words: &[u32]) -> [u8; SEEN] {
        let mut seen = [0; SEEN];
        self.observe(words, &mut seen);
        seen
    }

    fn caption(&self, words: &[u32]) -> String {
        let state = State::of_words(&words[HEAD..]);
        let (step, oxygen, divers) = (game::time(words), state.oxygen, state.diver_count);
        format!("step {step}  air {oxygen}  divers {divers}")
    }
}

/// A fish or, one time in three, a submarine enters, unless something in its row moves the other way.
fn spawn_enemy<D: Draw>(state: &mut State, draw: &mut D) {
    let rightwards = draw.below(2) == 0;
    let is_sub = draw.below(3) == 0;
    let y = draw.below(SEABED) + 1;
    let mob = Mob::at_edge(y, rightwards, state.move_speed);
    let against = |other: &Mob| other.y == mob.y && other.rightwards != rightwards;
    if state.e_fish.iter().chain(state.e_subs.iter()).any(against) {
        return;
    }
    if is_sub {
        state.e_subs.push(Mob {
            shot_timer: SHOT_INTERVAL,
            ..mob
        });
    } else {
        state.e_fish.push(mob);
    }
}

/// The player's move.
fn act(state: &mut State, code: u32) {
    if code == FIRE && state.shot_timer == 0 {
        state.f_bullets.push(Mob {
            x: state.sub_x as i8,
            y: state.sub_y as i8,
            rightwards: state.sub_or,
            ..Mob::default()
        });
        state.shot_timer = SHOT_COOL_DOWN;
    }
    state.sub_x = moved(state.sub_x, code == LEFT, code == RIGHT, 0);
    state.sub_y = moved(state.sub_y, code == UP, code == DOWN, 0).min(SEABED);
    state.sub_or = (state.sub_or || code == RIGHT) && code != LEFT;
}

impl Rules for Seaquest {
    type Action = i32;
    type Observation = u8;

    fn shape(&self) -> &EnvironmentShape {
        &self.game.shape
    }

    fn reset<D: Draw>(&self, words: &mut [u32], _: &mut D) {
        self.game.begin(words);
        let start = State {
            sub_x: 5,
            surface: true,
            oxygen: MAX_OXYGEN,
            e_spawn_speed: SPAWN_SPEED,
            e_spawn_timer: SPAWN_SPEED,
            d_spawn_timer: DIVER_SPAWN,
            move_speed: MOVE_SPEED,
            ..State::default()
        };
        start.write(&mut words[HEAD..]);
    }

    fn restart<D: Draw>(&self, words: &mut [u32], _: &mut D) {
        self.game.begin(words);
    }

    #[inline]
    fn step<D: Draw>(&self, words: &mut [u32], actions: &[i32], draw: &mut D, outcome: &mut Outcome<'_>) {
        let code = self.game.made(words, actions[0], draw);
        let mut state = State::of_words(&words[HEAD..]);
        let tally = self.advance(&mut state, code, draw);
        state.write(&mut words[HEAD..]);
        self.game.finish(words, tally.reward, tally.lost, outcome);
    }

    #[inline]
    fn observe(&self, words: &[u32], out: &mut [u8]) {
        let state = State::of_words(&words[HEAD..]);
        let out = &mut out[..SEEN];
        out.fill(0);
        // A cell that is not on the board is not drawn: of trails behind what has just entered.
        let mut set = |x: i32, y: i32, channel: usize| {
            if (0..SIDE as i32).contains(&x) {
                out[(y as usize * SIDE + x as usize) * CHANNELS + channel] = 1;
            }
        };
        let (x, y) = (state.sub_x as i32, state.sub_y as i32);
        set(x, y, 0);
        set(if state.sub_or { x - 1 } else { x + 1 }, y, 1);
        for gauge in 0..state.oxygen.clamp(0, MAX_OXYGEN) * 10 / MAX_OXYGEN {
            set(gauge, LAST as i32, 7);
        }
        for gauge in LAST as i32 - state.diver_count.clamp(0, ABOARD)..LAST as i32 {
            set(gauge, LAST as i32, 8);
        }
        let bullets = [(state.f_bullets.as_slice(), 2), (state.e_bullets.as_slice(), 4)];
        for (list, channel) in bullets {
            list.iter().for_each(|mob| set(mob.x.into(), mob.y.into(), channel));
        }
        let swimmers = [
            (state.e_fish.as_slice(), 5),
            (state.e_subs.as_slice(), 6),
            (state.divers.as_slice(), 9),
        ];
        for (list, channel) in swimmers {
            for mob in list {
                let (x, y) = (i32::from(mob.x), i32::from(mob.y));
                set(x, y, channel);
                set(if mob.rightwards { x - 1 } else { x + 1 }, y, 3);
            }
        }
    }

    fn check(&self, words: &[u32]) -> Result<(), Fault> {
        let own = &words[HEAD..];
        self.game
            .check(words)
            .and(state::check_lengths(own))
            .and_then(|()| {
                let state = State::of_words(own);
                let mut again = [0; WORDS];
                state.write(&mut again);
                require(again == *own, "it has unknown bits")?;
                require(state.sub_y <= SEABED, "the submarine is outside the water")?;
                // Its back, one cell behind its front, is on the board.
                let front = if state.sub_or { 1..=LAST } else { 0..=LAST - 1 };
                require(front.contains(&state.sub_x), "the submarine is outside the board")?;
                require(
                    state.oxygen <= MAX_OXYGEN && state.diver_count <= ABOARD,
                    "it has too much aboard",
                )?;
                let paces =
                    (1..=SPAWN_SPEED).contains(&state.e_spawn_speed) && (1..=MOVE_SPEED).contains(&state.move_speed);
                require(paces, "its pace is unknown")?;
                let timers = state.e_spawn_timer <= SPAWN_SPEED
                    && state.d_spawn_timer <= DIVER_SPAWN
                    && state.shot_timer <= SHOT_COOL_DOWN;
                require(timers, "a timer is too long")?;
                require(state.all_on_board(), "something is outside the water")
            })
            .map_err(|what| damaged("Seaquest", what))
    }

    fn render(&self, words: &[u32]) -> String {
        show::text(&self.seen(words), &LOOKS, &self.caption(words))
    }

    fn twin(&self) -> Option<Twin> {
        let mut twin = self
            .game
            .twin(sources::MINATAR_SEAQUEST)
            .with("GYMNAX", Constant::Flag(self.variant == Variant::Gymnax))
            .with("RAMPING", Constant::Flag(self.ramping));
        twin.sources.extend([
            sources::MINATAR_SEAQUEST_STATE,
            sources::MINATAR_SEAQUEST_AT_ONCE,
            sources::MINATAR_SEAQUEST_ONE_BY_ONE,
            sources::MINATAR_SEAQUEST_OBSERVE,
        ]);
        // Five lists of two hundred things, each of which may be compared with the others of its cell and removed.
        Some(Twin { loops: 15_000, ..twin })
    }

    fn picture(&self, words: &[u32]) -> Option<Picture> {
        Some(show::picture(&self.seen(words), &LOOKS, &self.caption(words)))
    }
}
