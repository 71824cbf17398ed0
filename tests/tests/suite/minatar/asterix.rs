//! Asterix's states and draws as both references record them.

use super::check;
use super::traces::{Cells, Forced, Recorded, int, list};
use serde_json::Value;
use starling_components::environments::minatar::Variant;
use starling_components::environments::minatar::asterix::AsterixSettings;
use starling_simulate::environments::minatar::asterix::{Asterix, SLOTS, State, Thing};

pub(crate) struct Game;

fn words(number: impl Fn(&str) -> i64, entities: [Thing; SLOTS]) -> Vec<u32> {
    assert_eq!(number("shot_timer"), 0, "it is not used");
    let get = |name: &str| number(name) as u32;
    let state = State {
        player_x: get("player_x"),
        player_y: get("player_y"),
        entities,
        spawn_speed: get("spawn_speed"),
        spawn_timer: get("spawn_timer"),
        move_speed: get("move_speed"),
        move_timer: number("move_timer") as i32,
        ramp_timer: number("ramp_timer") as i32,
        ramp_index: get("ramp_index"),
    };
    let words = state.words();
    assert_eq!(State::of_words(&words), state);
    words.to_vec()
}

/// A record `[x, y, lr, gold, filled]` of gymnax's.
fn thing(slot: usize, record: &[i64]) -> Thing {
    let &[x, y, lr, gold, filled] = record else {
        panic!("five numbers instead of {record:?}");
    };
    let thing = Thing {
        x: x as u32,
        rightwards: lr != 0,
        gold: gold != 0,
        filled: filled != 0,
        record: y != 0,
    };
    assert!(y == 0 || y == slot as i64 + 1, "slot {slot} is row {y}");
    assert!(
        thing.record || thing == Thing::default(),
        "a record without a row: {record:?}"
    );
    thing
}

fn things(records: &[i64]) -> [Thing; SLOTS] {
    assert_eq!(records.len(), 5 * SLOTS);
    std::array::from_fn(|slot| thing(slot, &records[5 * slot..5 * slot + 5]))
}

impl Recorded for Game {
    type Rules = Asterix;
    const FIELD: &'static str = "entities";

    fn rules(variant: Variant, ramping: bool) -> Asterix {
        let original = variant == Variant::Original;
        Asterix::new(&AsterixSettings {
            max_steps: if original { 0 } else { 1000 },
            variant,
            difficulty_ramping: ramping,
            full_action_set: original,
            ..AsterixSettings::default()
        })
        .expect("settings")
    }
    fn of_gymnax(cells: &Cells<'_>) -> Vec<u32> {
        words(|name| cells.int(name), things(&cells.ints("entities")))
    }
    fn of_original(state: &Value) -> Vec<u32> {
        let entity = |slot: usize| match &list(&state["entities"])[slot] {
            Value::Null => Thing::default(),
            entity => {
                let [x, y, lr, gold] = [0, 1, 2, 3].map(|at: usize| int(&entity[at]));
                thing(slot, &[x, y, lr, gold, 1])
            }
        };
        words(|name| int(&state[name]), std::array::from_fn(entity))
    }

    /// gymnax records the slot that it took and whether it was free. Of what it left out this tells only that it was another one, with which
    /// the answer comes out: any other, if a free slot was found, else the one that is free, if any.
    fn drawn_by_gymnax(before: &Cells<'_>) -> Vec<Forced> {
        let drawn = |name: &str| before.drawn(name)[0] as usize;
        if before.int("spawn_timer") != 0 {
            return Vec::new();
        }
        assert_eq!(drawn("used"), 1);
        let (slot, found) = (drawn("slot"), drawn("free") == 1);
        let filled = things(&before.ints("entities")).map(|thing| thing.filled);
        assert!(!found || !filled[slot], "a slot that was taken for a free one");
        let other = |other: &usize| *other != slot && (found || !filled[*other]);
        let left_out = (0..SLOTS)
            .find(other)
            .or_else(|| (0..SLOTS).find(|other| *other != slot))
            .expect("eight slots");
        let among = (0..slot).filter(|other| *other != left_out && filled[*other] != found);
        let index = if found {
            among.count()
        } else {
            (0..slot).filter(|other| *other != left_out).count()
        };
        vec![
            Forced::first(drawn("lr") == 1),
            Forced::first(drawn("gold") == 1),
            Forced::Index(left_out as u32),
            Forced::Index(index as u32),
        ]
    }
}

#[test]
fn minatar_asterix_golden() {
    check::<Game>();
}
