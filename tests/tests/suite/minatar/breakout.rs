//! Breakout's states as both references record them.

use super::check;
use super::traces::{Cells, Recorded, int, map, map_of};
use serde_json::Value;
use starling_components::environments::minatar::Variant;
use starling_components::environments::minatar::breakout::BreakoutSettings;
use starling_simulate::environments::minatar::breakout::{Breakout, State};

pub(crate) struct Game;

/// From the reference's numbers, by name.
fn words(number: impl Fn(&str) -> i64, bricks: u128) -> Vec<u32> {
    let get = |name: &str| number(name) as u32;
    let direction = get("ball_dir");
    assert!(direction < 4);
    let state = State {
        ball_x: get("ball_x"),
        ball_y: get("ball_y"),
        last_x: get("last_x"),
        last_y: get("last_y"),
        pos: get("pos"),
        rightwards: u32::from(direction == 1 || direction == 2),
        downwards: u32::from(direction >= 2),
        strike: get("strike"),
        bricks: (bricks >> 10) as u32,
    };
    assert_eq!(u128::from(state.bricks) << 10, bricks, "bricks lie in rows 1 to 3");
    assert_eq!(State::of_words(state.words()), state);
    state.words().to_vec()
}

impl Recorded for Game {
    type Rules = Breakout;
    const FIELD: &'static str = "ball_x";

    fn rules(variant: Variant, _ramping: bool) -> Breakout {
        let settings = match variant {
            Variant::Gymnax => BreakoutSettings::default(),
            Variant::Original => BreakoutSettings {
                max_steps: 0,
                full_action_set: true,
                ..BreakoutSettings::default()
            },
        };
        Breakout::new(&settings).expect("settings")
    }
    fn of_gymnax(cells: &Cells<'_>) -> Vec<u32> {
        let bricks = cells.ints("brick_map").into_iter().map(|cell| cell != 0);
        words(|name| cells.int(name), map(bricks))
    }
    fn of_original(state: &Value) -> Vec<u32> {
        words(|name| int(&state[name]), map_of(&state["brick_map"]))
    }
}

#[test]
fn minatar_breakout_golden() {
    check::<Game>();
}
