//! The registered kitchens have the published sizes, starts, ingredients and numbers of recipes.

use starling_components::environments::overcooked_v2::{KitchenChoice, OvercookedV2Settings};
use starling_components::random::{Counter, Key};
use starling_components::registry::RulesContext;
use starling_components::simulate::Rules;
use starling_simulate::environments::overcooked_v2::{KITCHENS, OvercookedV2};

/// Name, observation shape in full view, starts as (column, row) in the order of the seats, ingredients, recipes.
type Published = (&'static str, [usize; 3], &'static [(u32, u32)], usize, usize);

#[rustfmt::skip]
const PUBLISHED: [Published; 23] = [
    ("cramped_room", [4, 5, 30], &[(3, 1), (1, 1)], 1, 1),
    ("asymm_advantages", [5, 9, 30], &[(2, 3), (5, 3)], 1, 1),
    ("coord_ring", [5, 5, 30], &[(2, 1), (1, 2)], 1, 1),
    ("forced_coord", [5, 5, 30], &[(3, 1), (1, 2)], 1, 1),
    ("counter_circuit", [5, 8, 30], &[(6, 3), (2, 1)], 1, 1),
    ("cramped_room_v2", [4, 5, 35], &[(1, 1), (3, 1)], 2, 4),
    ("asymm_advantages_recipes_center", [5, 9, 35], &[(2, 3), (5, 3)], 2, 4),
    ("asymm_advantages_recipes_right", [5, 9, 35], &[(2, 3), (5, 3)], 2, 4),
    ("asymm_advantages_recipes_left", [5, 9, 35], &[(2, 3), (5, 3)], 2, 4),
    ("two_rooms", [5, 9, 35], &[(2, 2), (6, 2)], 2, 4),
    ("two_rooms_both", [5, 9, 35], &[(2, 2), (6, 2)], 2, 4),
    ("long_room", [4, 15, 30], &[(13, 1)], 1, 1),
    ("fun_coordination", [5, 9, 45], &[(1, 2), (7, 2)], 4, 2),
    ("more_fun_coordination", [6, 9, 40], &[(1, 2), (7, 2)], 3, 2),
    ("fun_symmetries", [5, 7, 40], &[(2, 2), (4, 2)], 3, 2),
    ("fun_symmetries_plates", [5, 7, 35], &[(2, 2), (4, 2)], 2, 2),
    ("fun_symmetries1", [5, 8, 40], &[(2, 2), (5, 2)], 3, 2),
    ("grounded_coord_simple", [5, 8, 40], &[(2, 2), (5, 2)], 3, 2),
    ("grounded_coord_ring", [9, 9, 40], &[(1, 4), (3, 4)], 3, 2),
    ("test_time_simple", [5, 8, 40], &[(2, 2), (5, 2)], 3, 2),
    ("test_time_wide", [7, 6, 45], &[(2, 1), (2, 4)], 4, 2),
    ("demo_cook_simple", [5, 11, 40], &[(6, 2), (8, 2)], 3, 2),
    ("demo_cook_wide", [6, 11, 45], &[(5, 1), (5, 3)], 4, 2),
];

#[test]
fn overcooked_v2_registered_kitchens_are_the_published_ones() {
    assert_eq!(KITCHENS.len(), PUBLISHED.len());
    for (name, shape, starts, ingredients, recipes) in PUBLISHED {
        let settings = OvercookedV2Settings {
            layout: KitchenChoice::Name(name.into()),
            ..OvercookedV2Settings::default()
        };
        let context = RulesContext {
            seats: starts.len(),
            folder: None,
        };
        let rules = OvercookedV2::new(&settings, context).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let kitchen = rules.kitchen();
        assert_eq!(rules.shape().seats[0].observation.shape, shape, "{name}");
        assert_eq!(
            (kitchen.ingredients, kitchen.recipes.len()),
            (ingredients, recipes),
            "{name}"
        );
        let mut words = vec![0; rules.shape().state_words];
        rules.reset(&mut words, &mut Counter::new(Key::of_seed(0), 0, 0, 0));
        let width = kitchen.width as u32;
        let cooks = rules
            .words()
            .read(&words)
            .cooks
            .iter()
            .map(|cook| (cook.cell % width, cook.cell / width));
        assert!(cooks.eq(starts.iter().copied()), "{name}: starts");
    }
}

#[test]
fn overcooked_v2_renders_a_kitchen_for_people() {
    let settings = OvercookedV2Settings {
        layout: KitchenChoice::Name("grounded_coord_simple".into()),
        ..OvercookedV2Settings::default()
    };
    let context = RulesContext { seats: 2, folder: None };
    let rules = OvercookedV2::new(&settings, context).expect("a registered kitchen");
    let mut words = vec![0; rules.shape().state_words];
    let state = rules.words().change(&mut words);
    *state.step = 7;
    *state.recipe = 12;
    (state.cooks[0].cell, state.cooks[0].direction, state.cooks[0].item) = (18, 3, 15);
    (state.cooks[1].cell, state.cooks[1].direction) = (21, 2);
    state.items[0] = 1;
    state.items[1] = 16;
    state.items[3] = 15;
    (state.items[20], state.timers[20]) = (16 + 16 + 64, 13);
    state.timers[19] = 4;
    let expected = "\
step 7/400, recipe 0+0+0
#p#12 #d########
##    ##B     0
R   <0L*P~>1  X
##    ##B     1
####2 ##########
cook 0 faces left, holds cooked 0+0+0 on a plate
cook 1 faces right, holds nothing
pot at 4,2: 1+1+2, 13 steps left
";
    assert_eq!(rules.render(&words), expected);
}
