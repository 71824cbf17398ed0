//! What is counted agrees with what is paid, and a visited state starts over as the rules say.

use super::properties::{actions, rules_of, settings};
use proptest::prelude::*;
use starling_components::environments::overcooked_v2::{KitchenChoice, KitchenTable, OvercookedV2Settings};
use starling_components::random::{Counter, Key};
use starling_components::registry::RulesContext;
use starling_components::simulate::{Outcome, Rules};
use starling_simulate::environments::overcooked_v2::OvercookedV2;
use starling_simulate::environments::overcooked_v2::state::Cook;

/// One step; the rewards' first and what happened, `[seats, events]`.
fn step(rules: &OvercookedV2, words: &mut [u32], actions: &[i32], draw: &mut Counter) -> (f32, Vec<f32>, Vec<u32>) {
    let seats = rules.shape().seats.len();
    let before = words.to_vec();
    let (mut rewards, mut shaped) = (vec![0.0; seats], vec![0.0; seats]);
    let mut outcome = Outcome {
        rewards: &mut rewards,
        shaped: &mut shaped,
        terminated: false,
        truncated: false,
    };
    rules.step(words, actions, draw, &mut outcome);
    let mut events = vec![0; seats * rules.shape().events.len()];
    rules.events(&before, actions, words, &mut events);
    (rewards[0], shaped, events)
}

/// How often `name` happened, over all seats; `name` may be the beginning of several names.
fn total(rules: &OvercookedV2, events: &[u32], name: &str) -> u32 {
    let names = &rules.shape().events;
    let counts = events.chunks_exact(names.len()).flat_map(|row| names.iter().zip(row));
    counts
        .filter(|(other, _)| other.starts_with(name))
        .map(|(_, n)| n)
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn overcooked_v2_events_add_up_to_the_return(settings in settings(), seed in any::<u64>()) {
        // Dishes lie about at the start, so that random cooks deliver.
        let rules = rules_of(&OvercookedV2Settings { random_reset: true, max_steps: 60, ..settings });
        let key = Key::of_seed(seed);
        let mut play = Counter::new(key, 1, 0, 0);
        let mut words = vec![0; rules.shape().state_words];
        rules.reset(&mut words, &mut Counter::new(key, 0, 0, 0));
        for t in 1..=60 {
            let state = rules.words().read(&words);
            let held = state.cooks.to_vec();
            let moves = actions(&mut play, held.len());
            let (reward, shaped, events) = step(&rules, &mut words, &moves, &mut Counter::new(key, 0, 0, t));
            let count = |name: &str| i64::from(total(&rules, &events, name));
            let wrong = if rules.options().negative_rewards { 20 } else { 0 };
            prop_assert_eq!(reward as i64, 20 * count("deliveries") - wrong * count("wrong_deliveries") - 5 * count("button_presses"));
            prop_assert_eq!(count("deliveries"), count("delivered_"));
            // Shaped rewards are paid for these and nothing else.
            let paid: f32 = shaped.iter().sum();
            let starts = if rules.options().start_cooking_interaction { 5 * held.len() as i64 } else { 0 };
            let most = 3 * count("pot_placements") + 5 * count("dish_pickups") + 3 * count("plate_pickups") + starts;
            prop_assert!(paid as i64 <= most, "{} of {} paid", paid, most);
            let emptied = rules.words().read(&words).cooks.iter().zip(&held).filter(|(now, then)| then.item != 0 && now.item == 0);
            prop_assert!(emptied.count() as i64 >= count("deliveries") + count("wrong_deliveries") + count("pot_placements"));
        }
    }

    #[test]
    fn overcooked_v2_visited_states_start_over(settings in settings(), seed in any::<u64>(), at in 1..30_u32) {
        let rules = rules_of(&OvercookedV2Settings { max_steps: 40, ..settings });
        let key = Key::of_seed(seed);
        let mut play = Counter::new(key, 1, 0, 0);
        let mut words = vec![0; rules.shape().state_words];
        rules.reset(&mut words, &mut Counter::new(key, 0, 0, 0));
        for t in 1..=at {
            let moves = actions(&mut play, rules.shape().seats.len());
            step(&rules, &mut words, &moves, &mut Counter::new(key, 0, 0, t));
        }
        *rules.words().change(&mut words).flags = 1;
        let visited = words.clone();
        rules.restart(&mut words, &mut Counter::new(key, 2, 0, 0));
        rules.check(&words).expect("a start is a state");
        let (old, new) = (rules.words().read(&visited), rules.words().read(&words));
        prop_assert_eq!((old.step, new.step, new.flags), (at, 0, 0));
        prop_assert_eq!((old.recipe, old.cooks, old.items, old.timers), (new.recipe, new.cooks, new.items, new.timers));
        if old.permutations.len() > 3 * new.cooks.len() {
            let others = (0..20).any(|lane| {
                let mut again = visited.clone();
                rules.restart(&mut again, &mut Counter::new(key, lane, 1, 0));
                rules.words().read(&again).permutations != old.permutations
            });
            prop_assert!(others, "names are drawn anew");
        }
    }
}

#[test]
fn overcooked_v2_events_of_single_situations() {
    const ONION: u32 = 4;
    let settings = OvercookedV2Settings {
        layout: KitchenChoice::Table(KitchenTable {
            text: Some("WBPLW\n0A AX\nWWWWW\n".into()),
            recipes: Some(vec![vec![0, 0, 0]]),
            ..KitchenTable::default()
        }),
        ..OvercookedV2Settings::default()
    };
    let context = RulesContext { seats: 2, folder: None };
    let rules = OvercookedV2::new(&settings, context).expect("the kitchen is playable");
    let check = |cooks: [(u32, u32, u32); 2], pot: u32, actions: [i32; 2], expected: [&[&str]; 2]| {
        let mut words = vec![0; rules.shape().state_words];
        let mut draw = Counter::new(Key::of_seed(0), 0, 0, 0);
        rules.reset(&mut words, &mut draw);
        let state = rules.words().change(&mut words);
        state.items[2] = pot;
        for (cook, (cell, direction, item)) in state.cooks.iter_mut().zip(cooks) {
            *cook = Cook { cell, direction, item };
        }
        let (.., events) = step(&rules, &mut words, &actions, &mut draw);
        let names = &rules.shape().events;
        for (row, expected) in events.chunks_exact(names.len()).zip(expected) {
            let happened: Vec<_> = names
                .iter()
                .zip(row)
                .filter(|(_, n)| **n > 0)
                .map(|(name, _)| name)
                .collect();
            assert_eq!(happened, expected, "{cooks:?} {actions:?}");
        }
    };
    let (up, down, right) = (0, 1, 2);
    // Walking into a cook that stands; walking into a counter is no collision.
    check([(6, up, 0), (7, up, 0)], 0, [0, 4], [&["collisions"], &[]]);
    check([(6, up, 0), (8, up, 0)], 0, [3, 3], [&[], &[]]);
    // For the same cell; through each other; one behind the other.
    check([(6, up, 0), (8, up, 0)], 0, [0, 2], [&["collisions"], &["collisions"]]);
    check([(6, up, 0), (7, up, 0)], 0, [0, 2], [&["collisions"], &["collisions"]]);
    check([(6, up, 0), (7, up, 0)], 0, [0, 0], [&[], &[]]);
    check(
        [(6, up, 0), (8, up, 0)],
        0,
        [5, 5],
        [&["plate_pickups"], &["button_presses"]],
    );
    check(
        [(6, up, 1), (8, right, 15)],
        0,
        [5, 5],
        [&[], &["deliveries", "delivered_0_0_0"]],
    );
    check([(6, down, 1), (8, right, 11)], 0, [5, 5], [&[], &["wrong_deliveries"]]);
    check(
        [(7, up, ONION), (8, up, 1)],
        2 * ONION,
        [5, 5],
        [&["pot_placements"], &[]],
    );
    check([(7, up, ONION), (8, right, 1)], (3 * ONION) | 2, [5, 5], [&[], &[]]);
    check(
        [(7, up, 1), (8, right, 1)],
        (3 * ONION) | 2,
        [5, 5],
        [&["dish_pickups"], &[]],
    );
}
