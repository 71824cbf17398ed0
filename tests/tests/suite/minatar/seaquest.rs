//! Seaquest's states and draws as both references record them.

use super::check;
use super::traces::{Cells, Forced, Recorded, int, list};
use serde_json::Value;
use starling_components::environments::minatar::Variant;
use starling_components::environments::minatar::seaquest::SeaquestSettings;
use starling_simulate::environments::minatar::seaquest::Seaquest;
use starling_simulate::environments::minatar::seaquest::state::{List, Mob, State, WORDS};

pub(crate) struct Game;

/// An entry: x, y, direction, then the timers that it has.
fn mob(numbers: &[i64]) -> Mob {
    let timer = |at: usize| numbers.get(at).map_or(0, |&timer| timer as u8);
    Mob {
        x: numbers[0] as i8,
        y: numbers[1] as i8,
        rightwards: numbers[2] != 0,
        move_timer: timer(3),
        shot_timer: timer(4),
    }
}

fn fill<const N: usize>(mobs: &[Vec<i64>]) -> List<N> {
    let mut list = List::default();
    mobs.iter().for_each(|numbers| list.push(mob(numbers)));
    assert_eq!(
        list.as_slice().len(),
        mobs.len(),
        "a list has room for what is recorded"
    );
    list
}

fn words(number: impl Fn(&str) -> i64, mobs: impl Fn(&str) -> Vec<Vec<i64>>) -> Vec<u32> {
    let small = |name: &str| u8::try_from(number(name)).unwrap_or_else(|_| panic!("{name} is {}", number(name)));
    let state = State {
        sub_x: number("sub_x") as u32,
        sub_y: number("sub_y") as u32,
        sub_or: number("sub_or") != 0,
        surface: number("surface") != 0,
        oxygen: number("oxygen") as i32,
        diver_count: number("diver_count") as i32,
        e_spawn_speed: small("e_spawn_speed"),
        e_spawn_timer: small("e_spawn_timer"),
        d_spawn_timer: small("d_spawn_timer"),
        move_speed: small("move_speed"),
        shot_timer: small("shot_timer"),
        ramp_index: number("ramp_index") as u32,
        divers: fill(&mobs("divers")),
        f_bullets: fill(&mobs("f_bullets")),
        e_bullets: fill(&mobs("e_bullets")),
        e_fish: fill(&mobs("e_fish")),
        e_subs: fill(&mobs("e_subs")),
    };
    let mut words = vec![u32::MAX; WORDS];
    state.write(&mut words);
    assert_eq!(State::of_words(&words), state);
    words
}

impl Recorded for Game {
    type Rules = Seaquest;
    const FIELD: &'static str = "oxygen";

    fn rules(variant: Variant, ramping: bool) -> Seaquest {
        Seaquest::new(&SeaquestSettings {
            max_steps: if variant == Variant::Original { 0 } else { 1000 },
            variant,
            difficulty_ramping: ramping,
            ..SeaquestSettings::default()
        })
        .expect("settings")
    }
    fn of_gymnax(cells: &Cells<'_>) -> Vec<u32> {
        let mobs = |name: &str| {
            let (count, width) = match name {
                "divers" => ("divers_count", 4),
                "f_bullets" => ("f_bullet_count", 3),
                "e_bullets" => ("e_bullet_count", 3),
                "e_fish" => ("e_fish_count", 4),
                _ => ("e_subs_count", 5),
            };
            let rows = cells.ints(name);
            let rows = rows.chunks_exact(width).take(cells.int(count) as usize);
            rows.map(<[i64]>::to_vec).collect()
        };
        words(|name| cells.int(name), mobs)
    }
    fn of_original(state: &Value) -> Vec<u32> {
        let mobs = |name: &str| {
            let mobs = list(&state[name]).iter();
            mobs.map(|mob| list(mob).iter().map(int).collect()).collect()
        };
        words(|name| int(&state[name]), mobs)
    }
    fn drawn_by_gymnax(before: &Cells<'_>) -> Vec<Forced> {
        let drawn = |name: &str| before.drawn(name)[0];
        let row = |name: &str| Forced::Index(drawn(name) as u32 - 1);
        let mut draws = Vec::new();
        if drawn("enemy_used") == 1 {
            draws.push(Forced::first(drawn("enemy_lr") == 1));
            draws.push(Forced::first(drawn("enemy_is_sub") == 1));
            draws.push(row("enemy_y"));
        }
        if drawn("diver_used") == 1 {
            draws.push(Forced::first(drawn("diver_lr") == 1));
            draws.push(row("diver_y"));
        }
        draws
    }
    fn from_zero(drawn: u32) -> u32 {
        drawn - 1
    }
}

#[test]
fn minatar_seaquest_golden() {
    check::<Game>();
}
