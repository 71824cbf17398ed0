//! Starts follow the stated distributions: every frequency lies within six standard deviations.

use super::rules;
use starling_components::random::{Counter, Key};
use starling_components::simulate::Rules;
use starling_simulate::environments::overcooked_v1::OvercookedV1;
use starling_simulate::environments::overcooked_v2::state::State;
use std::collections::BTreeMap;

const RESETS: u32 = 20_000;

/// All `outcomes` of what `looks` says of reset states happen, nothing else does, and each equally often.
fn check_uniform<T: Ord + std::fmt::Debug>(
    what: &str,
    rules: &OvercookedV1,
    outcomes: usize,
    looks: impl Fn(&State<'_>) -> T,
) {
    let mut counts: BTreeMap<T, u32> = BTreeMap::new();
    let mut words = vec![u32::MAX; rules.shape().state_words];
    for episode in 0..RESETS {
        rules.reset(&mut words, &mut Counter::new(Key::of_seed(5), 0, episode, 0));
        rules.check(&words).expect("a start is a state");
        *counts.entry(looks(&rules.words().read(&words))).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), outcomes, "{what}: {:?}", counts.keys());
    let (n, p) = (f64::from(RESETS), 1.0 / outcomes as f64);
    for (outcome, count) in counts {
        let off = (f64::from(count) - n * p).abs();
        assert!(
            off <= 6.0 * (n * p * (1.0 - p)).sqrt() + 1e-9,
            "{what} {outcome:?}: {count}"
        );
    }
}

#[test]
fn overcooked_v1_default_starts_draw_directions_only() {
    let published = [
        ("cramped_room", [(1, 1), (3, 1)]),
        ("asymm_advantages", [(2, 3), (5, 3)]),
        ("coord_ring", [(2, 1), (1, 2)]),
        ("forced_coord", [(1, 2), (3, 1)]),
        ("counter_circuit", [(2, 1), (6, 3)]),
    ];
    for (name, starts) in published {
        let rules = rules(name, |_| {});
        let width = rules.engine().kitchen().width as u32;
        check_uniform(name, &rules, 16, |state| {
            let cells = state.cooks.iter().map(|cook| (cook.cell % width, cook.cell / width));
            assert!(cells.eq(starts), "{name}");
            assert!(state.items.iter().chain(state.timers).all(|word| *word == 0));
            assert!(state.cooks.iter().all(|cook| cook.item == 0));
            [0, 1].map(|i: usize| state.cooks[i].direction)
        });
    }
}

#[test]
fn overcooked_v1_random_starts_follow_their_law() {
    // Two rooms of three cells each: both cooks may start in the same one, unlike in V2.
    let forced = rules("forced_coord", |settings| settings.random_reset = true);
    check_uniform("cells", &forced, 6 * 5, |state| {
        [0, 1].map(|i: usize| state.cooks[i].cell)
    });
    check_uniform("directions", &forced, 16, |state| {
        [0, 1].map(|i: usize| state.cooks[i].direction)
    });
    check_uniform("hands", &forced, 16, |state| [0, 1].map(|i: usize| state.cooks[i].item));
    let pots = [3, 9];
    for pot in pots {
        check_uniform("pot", &forced, 24, |state| (state.items[pot], state.timers[pot]));
    }
    check_uniform("counters", &forced, 1, |state| {
        let counters = (0..state.items.len()).filter(|cell| !pots.contains(cell));
        counters.map(|cell| state.items[cell] + state.timers[cell]).sum::<u32>()
    });
}
