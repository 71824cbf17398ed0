//! In random kitchens with random cooks and options: nothing panics, the invariants of the game hold, and the fast rules step and see
//! exactly what the plain ones do.

use super::plain::Plain;
use proptest::prelude::*;
use proptest::sample::select;
use starling_components::environments::overcooked_v2::{
    KitchenChoice, KitchenTable, ObservationChoice, ObservationKind, OvercookedV2Settings,
};
use starling_components::random::{Counter, Draw, Key};
use starling_components::registry::RulesContext;
use starling_components::simulate::{Outcome, Rules};
use starling_simulate::environments::overcooked_v2::OvercookedV2;

/// A kitchen as text: random cells, a closed border, and one of everything that cooking needs.
fn kitchen_text() -> impl Strategy<Value = String> {
    (3..9_usize, 4..9_usize).prop_flat_map(|(height, width)| {
        let symbols = vec![
            ' ', ' ', ' ', ' ', ' ', ' ', 'A', 'A', 'W', 'W', 'X', 'P', 'B', 'R', 'L', '0', '1', '3',
        ];
        let cells = prop::collection::vec(select(symbols), height * width);
        cells.prop_map(move |mut cells| {
            for y in 0..height {
                for x in 0..width {
                    let border = x == 0 || y == 0 || x + 1 == width || y + 1 == height;
                    let cell = &mut cells[y * width + x];
                    if border && matches!(*cell, ' ' | 'A') {
                        *cell = 'W';
                    }
                }
            }
            cells[1] = 'X';
            cells[2] = 'R';
            cells[width] = 'P';
            cells[(height - 1) * width + 1] = 'B';
            cells[(height - 1) * width + 2] = '0';
            cells[width + 1] = 'A';
            cells
                .chunks(width)
                .map(|row| row.iter().collect::<String>() + "\n")
                .collect()
        })
    })
}

pub(crate) fn settings() -> impl Strategy<Value = OvercookedV2Settings> {
    let flags = prop::array::uniform7(any::<bool>());
    (kitchen_text(), flags, 0..4_u32, any::<bool>(), 5..40_u32).prop_map(|(text, flags, view, permute, max_steps)| {
        let piles = text.chars().filter_map(|symbol| symbol.to_digit(10));
        let ingredients = piles.max().unwrap_or(0) + 1;
        OvercookedV2Settings {
            layout: KitchenChoice::Table(KitchenTable {
                text: Some(text),
                swap_agents: Some(flags[0]),
                ..KitchenTable::default()
            }),
            max_steps,
            view,
            random_reset: flags[1],
            random_agent_positions: flags[2],
            start_cooking_interaction: flags[3],
            negative_rewards: flags[4],
            sample_recipe_on_delivery: flags[5],
            indicate_successful_delivery: flags[6],
            op_ingredient_permutations: if permute {
                (0..ingredients).rev().collect()
            } else {
                Vec::new()
            },
            ..OvercookedV2Settings::default()
        }
    })
}

pub(crate) fn rules_of(settings: &OvercookedV2Settings) -> OvercookedV2 {
    let KitchenChoice::Table(table) = &settings.layout else {
        panic!("random kitchens are text")
    };
    let cooks = table
        .text
        .iter()
        .flat_map(|text| text.chars())
        .filter(|symbol| *symbol == 'A')
        .count();
    let context = RulesContext {
        seats: cooks,
        folder: None,
    };
    OvercookedV2::new(settings, context).expect("the kitchen is playable")
}

/// Random actions, many of them interactions.
pub(super) fn actions(draw: &mut Counter, cooks: usize) -> Vec<i32> {
    let action = |_| match draw.below(8) {
        6 | 7 => 5,
        action => action as i32,
    };
    (0..cooks).map(action).collect()
}

fn check_invariants(rules: &OvercookedV2, words: &[u32]) {
    rules.check(words).expect("a state of play is a state");
    let kitchen = rules.kitchen();
    let state = rules.words().read(words);
    let unit_sum = |item: u32| (0..10).map(|k| item >> (2 + 2 * k) & 3).sum::<u32>();
    assert!(kitchen.recipes.contains(&state.recipe));
    for (i, cook) in state.cooks.iter().enumerate() {
        assert_eq!(kitchen.cells[cook.cell as usize], 0, "cooks stand on floor");
        assert!(
            state.cooks[..i].iter().all(|other| other.cell != cook.cell),
            "no two cooks on one cell"
        );
        assert!(cook.direction < 4);
        assert!(
            cook.item & 2 == 0 || cook.item & 1 == 1,
            "cooked food is carried on a plate"
        );
    }
    for (cell, (&item, &timer)) in state.items.iter().zip(state.timers).enumerate() {
        let limit = match kitchen.cells[cell] {
            5 => 20,
            7 => 9,
            _ => 0,
        };
        assert!(
            timer <= limit,
            "timer {timer} at a cell of code {}",
            kitchen.cells[cell]
        );
        match kitchen.cells[cell] {
            1 => assert!(unit_sum(item) <= 3),
            5 => assert!(
                unit_sum(item) <= 3 && item & 1 == 0,
                "a pot holds three units at most and no plate"
            ),
            _ => assert_eq!(item, 0, "only counters and pots hold items"),
        }
    }
}

fn check_observations(rules: &OvercookedV2, words: &[u32]) {
    let state = rules.words().read(words);
    let n = rules.kitchen().ingredients;
    let plain = Plain::of(rules.kitchen(), &state);
    let width = rules.shape().observation_width();
    let mut observed = vec![0xAA; state.cooks.len() * width];
    rules.observe(words, &mut observed);
    for (i, row) in observed.chunks(width).enumerate() {
        let names = state.permutations.get(i * n..(i + 1) * n).unwrap_or(&[]);
        assert_eq!(
            row,
            plain.observe(i, n, names, rules.options()),
            "cook {i}\n{}",
            rules.render(words)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn overcooked_v2_steps_and_sees_as_the_plain_rules(settings in settings(), seed in any::<u64>()) {
        let rules = rules_of(&settings);
        let seats = rules.shape().seats.len();
        let key = Key::of_seed(seed);
        let mut play = Counter::new(key, 1, 0, 0);
        let mut words = vec![u32::MAX; rules.shape().state_words];
        rules.reset(&mut words, &mut Counter::new(key, 0, 0, 0));
        for step in 1..=rules.options().max_steps {
            check_invariants(&rules, &words);
            check_observations(&rules, &words);
            let mut plain = Plain::of(rules.kitchen(), &rules.words().read(&words));
            let actions = actions(&mut play, seats);
            let expected = plain.step(&actions, rules.options());
            let (mut rewards, mut shaped) = (vec![0.0; seats], vec![0.0; seats]);
            let mut outcome = Outcome { rewards: &mut rewards, shaped: &mut shaped, terminated: false, truncated: false };
            rules.step(&mut words, &actions, &mut Counter::new(key, 0, 0, step), &mut outcome);
            prop_assert_eq!(outcome.truncated, expected.done);
            prop_assert_eq!(&rewards, &vec![expected.reward; seats]);
            prop_assert_eq!(&shaped, &expected.shaped);
            let state = rules.words().read(&words);
            if plain.new_correct_delivery && rules.options().sample_recipe_on_delivery {
                plain.recipe = state.recipe;
            }
            prop_assert_eq!(Plain::of(rules.kitchen(), &state), plain);
            prop_assert!(!rules.render(&words).is_empty());
        }
    }

    #[test]
    fn overcooked_v2_damaged_states_are_refused_or_played(
        settings in settings(), seed in any::<u64>(), damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u32>(), 0..32_u32), 1..4)
    ) {
        let rules = rules_of(&settings);
        let seats = rules.shape().seats.len();
        let mut words = vec![0; rules.shape().state_words];
        rules.reset(&mut words, &mut Counter::new(Key::of_seed(seed), 0, 0, 0));
        for (index, word, shift) in damage {
            *index.get_mut(&mut words) = word >> shift;
        }
        if rules.check(&words).is_err() {
            return Ok(());
        }
        let mut play = Counter::new(Key::of_seed(seed), 1, 0, 0);
        for step in rules.words().read(&words).step..rules.options().max_steps {
            check_observations(&rules, &words);
            let (mut rewards, mut shaped) = (vec![0.0; seats], vec![0.0; seats]);
            let mut outcome = Outcome { rewards: &mut rewards, shaped: &mut shaped, terminated: false, truncated: false };
            let actions = actions(&mut play, seats);
            rules.step(&mut words, &actions, &mut Counter::new(Key::of_seed(seed), 0, 0, step), &mut outcome);
        }
    }

    #[test]
    fn overcooked_v2_features_are_the_plain_ones(settings in settings(), seed in any::<u64>()) {
        let settings = OvercookedV2Settings {
            layout: match settings.layout {
                KitchenChoice::Table(table) => KitchenChoice::Table(KitchenTable {
                    text: table.text.map(|text| text.replace(['1', '3'], "0")),
                    ..table
                }),
                name => name,
            },
            view: 0,
            op_ingredient_permutations: Vec::new(),
            observation: ObservationChoice::All(ObservationKind::Featurized),
            random_reset: true,
            ..settings
        };
        let KitchenChoice::Table(table) = &settings.layout else { unreachable!() };
        let cooks = table.text.iter().flat_map(|text| text.chars()).filter(|symbol| *symbol == 'A').count();
        prop_assume!(cooks > 1);
        let rules = rules_of(&settings);
        let mut words = vec![0; rules.shape().state_words];
        rules.reset(&mut words, &mut Counter::new(Key::of_seed(seed), 0, 0, 0));
        let mut observed = vec![0xAA; cooks * cooks * 48];
        rules.observe(&words, &mut observed);
        let plain = Plain::of(rules.kitchen(), &rules.words().read(&words));
        for (me, row) in observed.chunks(cooks * 48).enumerate() {
            prop_assert_eq!(row, plain.features(me), "cook {}\n{}", me, rules.render(&words));
        }
    }
}
