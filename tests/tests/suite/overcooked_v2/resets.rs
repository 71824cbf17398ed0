//! Random starts follow the stated distributions: every frequency lies within six standard deviations.

use starling_components::environments::overcooked_v2::{KitchenChoice, KitchenTable, OvercookedV2Settings};
use starling_components::random::{Counter, Key};
use starling_components::registry::RulesContext;
use starling_components::simulate::Rules;
use starling_simulate::environments::overcooked_v2::OvercookedV2;
use starling_simulate::environments::overcooked_v2::state::State;
use std::collections::BTreeMap;

const RESETS: u32 = 20_000;

fn rules(layout: KitchenChoice, change: impl FnOnce(&mut OvercookedV2Settings)) -> OvercookedV2 {
    let mut settings = OvercookedV2Settings {
        layout,
        ..OvercookedV2Settings::default()
    };
    change(&mut settings);
    let context = RulesContext { seats: 2, folder: None };
    OvercookedV2::new(&settings, context).expect("the kitchen is playable")
}

fn named(name: &str) -> KitchenChoice {
    KitchenChoice::Name(name.into())
}

/// Counts what `looks` says of every reset state.
fn tally<T: Ord>(rules: &OvercookedV2, mut looks: impl FnMut(&State<'_>, &mut dyn FnMut(T))) -> BTreeMap<T, u32> {
    let mut counts = BTreeMap::new();
    let mut words = vec![0; rules.shape().state_words];
    for episode in 0..RESETS {
        rules.reset(&mut words, &mut Counter::new(Key::of_seed(5), 0, episode, 0));
        looks(&rules.words().read(&words), &mut |seen| {
            *counts.entry(seen).or_insert(0) += 1
        });
    }
    counts
}

/// `count` of `trials` is what probability `p` gives.
fn check(what: &str, count: u32, trials: u32, p: f64) {
    let (n, count) = (f64::from(trials), f64::from(count));
    let deviation = (n * p * (1.0 - p)).sqrt();
    assert!(
        (count - n * p).abs() <= 6.0 * deviation + 1e-9,
        "{what}: {count} of {n}, expected {}",
        n * p
    );
}

/// All of `outcomes` and nothing else happens, each equally often.
fn check_uniform<T: Ord + std::fmt::Debug>(what: &str, counts: &BTreeMap<T, u32>, outcomes: usize) {
    let total = counts.values().sum();
    assert_eq!(counts.len(), outcomes, "{what}: {:?}", counts.keys());
    for (outcome, count) in counts {
        check(&format!("{what} {outcome:?}"), *count, total, 1.0 / outcomes as f64);
    }
}

#[test]
fn overcooked_v2_default_start_draws_only_the_recipe() {
    let rules = rules(named("two_rooms"), |_| {});
    let recipes = tally(&rules, |state, seen| {
        assert!(state.items.iter().chain(state.timers).all(|word| *word == 0));
        let starts = state.cooks.iter().map(|cook| (cook.cell, cook.direction, cook.item));
        assert!(starts.eq([(20, 0, 0), (24, 0, 0)]));
        seen(state.recipe);
    });
    check_uniform("recipe", &recipes, 4);
}

#[test]
fn overcooked_v2_random_positions_stay_in_their_room() {
    // Two rooms of nine cells each.
    let rooms = rules(named("two_rooms"), |s| s.random_agent_positions = true);
    let first = tally(&rooms, |state, seen| {
        seen(state.cooks[0].cell % 9 < 4 && state.cooks[1].cell % 9 > 4)
    });
    assert_eq!(first, BTreeMap::from([(true, RESETS)]));
    check_uniform("left cell", &tally(&rooms, |state, seen| seen(state.cooks[0].cell)), 9);
    check_uniform("right cell", &tally(&rooms, |state, seen| seen(state.cooks[1].cell)), 9);
    let directions = |state: &State<'_>, seen: &mut dyn FnMut(_)| seen([0, 1].map(|i: usize| state.cooks[i].direction));
    check_uniform("directions", &tally(&rooms, directions), 16);
    // One room of six cells: 6 x 5 ordered pairs, since the second takes what is left.
    let shared = rules(named("cramped_room"), |s| s.random_agent_positions = true);
    let pairs = tally(&shared, |state, seen| {
        assert_eq!((state.cooks[0].item, state.cooks[1].item), (0, 0));
        seen([0, 1].map(|i: usize| state.cooks[i].cell));
    });
    check_uniform("pair of cells", &pairs, 30);
}

/// What an item is, and its first ingredient.
fn kind(item: u32) -> &'static str {
    match (item & 3, item >> 2) {
        (0, 0) => "nothing",
        (1, 0) => "plate",
        (0, _) => "raw",
        (3, _) => "dish",
        _ => "strange",
    }
}

fn check_kinds(what: &str, counts: &BTreeMap<(&str, u32), u32>, expected: [(&str, f64, usize); 4]) {
    let total = counts.values().sum();
    for (kind, p, items) in expected {
        let of_kind: BTreeMap<_, _> = counts
            .iter()
            .filter(|((k, _), _)| *k == kind)
            .map(|(k, n)| (*k, *n))
            .collect();
        check(&format!("{what} {kind}"), of_kind.values().sum(), total, p);
        check_uniform(&format!("{what} {kind}"), &of_kind, items);
    }
    assert!(counts.keys().all(|(kind, _)| *kind != "strange"));
}

#[test]
fn overcooked_v2_random_hands_and_counters() {
    let rules = rules(named("two_rooms"), |s| s.random_reset = true);
    let hands = tally(&rules, |state, seen| {
        state.cooks.iter().for_each(|cook| seen((kind(cook.item), cook.item)))
    });
    let expected = [
        ("nothing", 0.5, 1),
        ("plate", 0.1, 1),
        ("raw", 0.25, 2),
        ("dish", 0.15, 4),
    ];
    check_kinds("hand", &hands, expected);
    // A corner that nobody reaches and a counter between the rooms; both are counters like any other.
    for wall in [0, 13] {
        assert_eq!(rules.kitchen().cells[wall], 1);
        let counters = tally(&rules, |state, seen| seen((kind(state.items[wall]), state.items[wall])));
        let expected = [
            ("nothing", 0.5, 1),
            ("plate", 0.1, 1),
            ("raw", 0.3, 2),
            ("dish", 0.1, 4),
        ];
        check_kinds("counter", &counters, expected);
    }
    check_uniform("recipe", &tally(&rules, |state, seen| seen(state.recipe)), 4);
}

#[test]
fn overcooked_v2_random_pots() {
    for start_cooking_interaction in [false, true] {
        let rules = rules(named("two_rooms"), |s| {
            s.random_reset = true;
            s.start_cooking_interaction = start_cooking_interaction;
        });
        let pot = rules.kitchen().cells.iter().position(|code| *code == 5).expect("a pot");
        let units = |item: u32| (item >> 2 & 3) + (item >> 4 & 3);
        let pots = tally(&rules, |state, seen| {
            let (item, timer) = (state.items[pot], state.timers[pot]);
            let fate = match (item, timer) {
                (0, 0) => "empty",
                (_, 0) if item & 2 != 0 => "cooked",
                (_, 0) => "waiting",
                _ => "cooking",
            };
            assert!(item & 1 == 0 && (fate == "cooked") == (item & 2 != 0));
            seen((fate, units(item), timer));
        });
        let of = |fate: &str| {
            pots.iter()
                .filter(|((f, _, _), _)| *f == fate)
                .map(|(k, n)| (*k, *n))
                .collect::<BTreeMap<_, _>>()
        };
        for (fate, p) in [("empty", 0.4), ("waiting", 0.35), ("cooking", 0.15), ("cooked", 0.1)] {
            check(fate, of(fate).values().sum(), RESETS, p);
        }
        let soups = if start_cooking_interaction { 3 } else { 1 };
        check_uniform("waiting", &of("waiting"), 3);
        check_uniform("cooked", &of("cooked"), soups);
        check_uniform("cooking", &of("cooking"), 20 * soups);
        // Of two waiting units, none, one or both are ingredient 1: each unit is drawn for itself.
        let mixes = tally(&rules, |state, seen| {
            if state.timers[pot] == 0 && state.items[pot] & 2 == 0 && units(state.items[pot]) == 2 {
                seen(state.items[pot] >> 4 & 3);
            }
        });
        let total = mixes.values().sum();
        for (ones, p) in [(0, 0.25), (1, 0.5), (2, 0.25)] {
            check("mix", mixes[&ones], total, p);
        }
    }
}

#[test]
fn overcooked_v2_permutations_touch_only_listed_ingredients() {
    let text = "WWPWW\n0A A1\n3   R\nWBWXW\n";
    let layout = KitchenChoice::Table(KitchenTable {
        text: Some(text.into()),
        ..KitchenTable::default()
    });
    let rules = rules(layout, |s| s.op_ingredient_permutations = vec![3, 0, 2]);
    let permutations = tally(&rules, |state, seen| {
        assert!(state.permutations[1] == 1 && state.permutations[5] == 1);
        seen(state.permutations.to_vec());
    });
    check_uniform("permutations of both cooks", &permutations, 36);
}
