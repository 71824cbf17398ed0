//! What a person is told that a cook sees is what its observation says: the recipe, every object in the window, and ingredients by their names.

use super::properties::{actions, rules_of, settings};
use proptest::prelude::*;
use starling_components::random::{Counter, Key};
use starling_components::simulate::{Outcome, Rules};
use starling_simulate::environments::overcooked_v2::OvercookedV2;

/// First digit of a pile's code.
const FIRST_PILE: u8 = 10;

/// The text of `seat` against its row of the observation.
fn check(rules: &OvercookedV2, words: &[u32], observation: &[u8], seat: usize) {
    let (kitchen, options) = (rules.kitchen(), rules.options());
    let (width, view) = (kitchen.width, options.view);
    let partial = view > 0 || !options.op_ingredient_permutations.is_empty();
    let text = rules.view(words, seat);
    assert_eq!(text.is_some(), partial);
    let Some(text) = text else { return };
    let [rows, columns, channels] = rules.shape().seats[seat].observation.shape[..] else {
        panic!("a grid")
    };
    let n = kitchen.ingredients;
    let cell_of_cook = rules.words().read(words).cooks[seat].cell as usize;
    let (left, top) = match view {
        0 => (0, 0),
        _ => (cell_of_cook % width, cell_of_cook / width),
    };
    let place = |cell: usize| {
        let (x, y) = (cell % width + view, cell / width + view);
        let (x, y) = (x.checked_sub(left)?, y.checked_sub(top)?);
        (x < columns && y < rows).then_some((y * columns + x) * channels)
    };

    let recipe = observation
        .chunks(channels)
        .any(|cell| cell[22 + 4 * n..24 + 5 * n].iter().any(|c| *c > 0));
    assert_eq!(!text.starts_with("recipe not seen\n"), recipe, "{text}");
    let mut lines = text.lines().skip(1);
    for row in 0..kitchen.height {
        let line = format!("{:<1$}", lines.next().unwrap_or_default(), 2 * width);
        for column in 0..width {
            let (cell, drawn) = (row * width + column, &line[2 * column..2 * column + 2]);
            let Some(at) = place(cell) else {
                assert_eq!(drawn, "..", "({column}, {row}) is not seen:\n{text}");
                continue;
            };
            assert_ne!(drawn, "..", "({column}, {row}) is seen:\n{text}");
            if kitchen.cells[cell] >= FIRST_PILE {
                let named = (0..n).find(|k| observation[at + 20 + 2 * n + k] == 1).expect("a pile");
                assert_eq!(drawn.trim(), named.to_string(), "({column}, {row}):\n{text}");
            }
            let cooks = observation[at] + observation[at + 7 + n];
            assert_eq!(
                drawn.starts_with(['^', 'v', '<', '>']),
                cooks > 0,
                "({column}, {row}):\n{text}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn overcooked_v2_tells_people_what_a_cook_sees(settings in settings(), seed in any::<u64>()) {
        let rules = rules_of(&settings);
        let shape = rules.shape().clone();
        let cooks = shape.seats.len();
        let key = Key::of_seed(seed);
        let mut draw = Counter::new(key, 0, 0, 0);
        let mut words = vec![0; shape.state_words];
        rules.reset(&mut words, &mut draw);
        let width = shape.observation_width();
        let mut observations = vec![0; cooks * width];
        for step in 1..30 {
            rules.observe(&words, &mut observations);
            for (seat, row) in observations.chunks(width).enumerate() {
                check(&rules, &words, row, seat);
            }
            let mut draw = Counter::new(key, 1, 0, step);
            let actions = actions(&mut draw, cooks);
            let (mut rewards, mut shaped) = (vec![0.0; cooks], vec![0.0; cooks]);
            let mut outcome = Outcome { rewards: &mut rewards, shaped: &mut shaped, terminated: false, truncated: false };
            rules.step(&mut words, &actions, &mut draw, &mut outcome);
        }
    }
}
