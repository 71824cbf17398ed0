//! Space Invaders' states as both references record them.

use super::check;
use super::traces::{Cells, Recorded, int, map, map_of};
use serde_json::Value;
use starling_components::environments::minatar::Variant;
use starling_components::environments::minatar::space_invaders::SpaceInvadersSettings;
use starling_simulate::environments::minatar::space_invaders::{SpaceInvaders, State};

pub(crate) struct Game;

fn words(number: impl Fn(&str) -> i64, map: impl Fn(&str) -> u128) -> Vec<u32> {
    let get = |name: &str| u8::try_from(number(name)).unwrap_or_else(|_| panic!("{name} is {}", number(name)));
    let direction = number("alien_dir");
    assert_eq!(direction.abs(), 1);
    let state = State {
        alien_map: map("alien_map"),
        f_bullet_map: map("f_bullet_map"),
        e_bullet_map: map("e_bullet_map"),
        pos: get("pos").into(),
        rightwards: direction > 0,
        enemy_move_interval: get("enemy_move_interval"),
        alien_move_timer: get("alien_move_timer"),
        alien_shot_timer: get("alien_shot_timer"),
        shot_timer: get("shot_timer"),
        ramp_index: get("ramp_index").into(),
    };
    let words = state.words();
    assert_eq!(State::of_words(&words), state);
    words.to_vec()
}

impl Recorded for Game {
    type Rules = SpaceInvaders;
    const FIELD: &'static str = "alien_map";

    fn rules(variant: Variant, ramping: bool) -> SpaceInvaders {
        let original = variant == Variant::Original;
        SpaceInvaders::new(&SpaceInvadersSettings {
            max_steps: if original { 0 } else { 1000 },
            difficulty_ramping: ramping,
            full_action_set: original,
            ..SpaceInvadersSettings::default()
        })
        .expect("settings")
    }
    fn of_gymnax(cells: &Cells<'_>) -> Vec<u32> {
        let full = |name: &str| map(cells.ints(name).into_iter().map(|cell| cell != 0));
        words(|name| cells.int(name), full)
    }
    fn of_original(state: &Value) -> Vec<u32> {
        words(|name| int(&state[name]), |name| map_of(&state[name]))
    }
}

#[test]
fn minatar_space_invaders_golden() {
    check::<Game>();
}
