//! Freeway's states and draws as both references record them.

use super::check;
use super::traces::{Cells, Forced, Recorded, int, list};
use serde_json::Value;
use starling_components::environments::minatar::Variant;
use starling_components::environments::minatar::freeway::FreewaySettings;
use starling_simulate::environments::minatar::freeway::{CARS, Car, Freeway, State};

pub(crate) struct Game;

/// Cars are `[x, y, timer, signed speed]`.
fn words(number: impl Fn(&str) -> i64, cars: &[i64]) -> Vec<u32> {
    assert_eq!(cars.len(), 4 * CARS);
    let car = |lane: usize| {
        let [x, y, timer, speed] = [0, 1, 2, 3].map(|at| cars[4 * lane + at]);
        assert_eq!(y, lane as i64 + 1, "the car of a row stays there");
        Car {
            x: x as u32,
            timer: timer as u32,
            speed: speed.unsigned_abs() as u32,
            rightwards: speed > 0,
        }
    };
    let state = State {
        pos: number("pos") as u32,
        move_timer: number("move_timer") as u32,
        cars: std::array::from_fn(car),
    };
    let words = state.words();
    assert_eq!(State::of_words(&words), state);
    words.to_vec()
}

impl Recorded for Game {
    type Rules = Freeway;
    const FIELD: &'static str = "cars";

    fn rules(variant: Variant, _ramping: bool) -> Freeway {
        let original = variant == Variant::Original;
        Freeway::new(&FreewaySettings {
            max_steps: if original { 0 } else { 2500 },
            variant,
            full_action_set: original,
            ..FreewaySettings::default()
        })
        .expect("settings")
    }
    fn of_gymnax(cells: &Cells<'_>) -> Vec<u32> {
        words(|name| cells.int(name), &cells.ints("cars"))
    }
    fn of_original(state: &Value) -> Vec<u32> {
        let cars = list(&state["cars"]).iter().flat_map(|car| list(car).iter().map(int));
        words(|name| int(&state[name]), &cars.collect::<Vec<_>>())
    }
    fn drawn_by_gymnax(before: &Cells<'_>) -> Vec<Forced> {
        if before.drawn("used")[0] == 0 {
            return Vec::new();
        }
        let speeds = before.drawn("speed");
        let fast = speeds
            .iter()
            .map(|speed| Forced::Index(speed.unsigned_abs() as u32 - 1));
        let right = speeds.iter().map(|&speed| Forced::Index(u32::from(speed > 0)));
        fast.chain(right).collect()
    }
    fn from_zero(drawn: u32) -> u32 {
        drawn - 1
    }
    /// The original counts down to its end, from 2500.
    fn time_of_original(state: &Value) -> Option<i64> {
        Some(2500 - int(&state["terminate_timer"]))
    }
}

#[test]
fn minatar_freeway_golden() {
    check::<Game>();
}
