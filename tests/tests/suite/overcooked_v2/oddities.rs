//! Rules that are easily got wrong and that random play rarely meets, one situation each.

use starling_components::environments::overcooked_v2::{KitchenChoice, KitchenTable, OvercookedV2Settings};
use starling_components::random::{Counter, Key};
use starling_components::registry::RulesContext;
use starling_components::simulate::{Outcome, Rules};
use starling_simulate::environments::overcooked_v2::OvercookedV2;
use starling_simulate::environments::overcooked_v2::state::{Cook, StateMut};

/// Both cooks start below a plate pile, the pot between them.
const KITCHEN: &str = "\
WBPBW
0A AX
WXWWW
";
const UP: u32 = 0;
const DOWN: u32 = 1;
const RIGHT: u32 = 2;
const POT: usize = 2;
const COUNTER: usize = 12;
const ONION: u32 = 4;
const SOUP: u32 = 15;
/// Left, middle and right floor.
const FLOOR: [u32; 3] = [6, 7, 8];

fn cook(cell: u32, direction: u32, item: u32) -> Cook {
    Cook { cell, direction, item }
}

/// Both cooks interact once: task reward, shaped rewards, (item, timer) of the pot.
fn interact(
    change: impl FnOnce(&mut OvercookedV2Settings),
    prepare: impl FnOnce(&mut StateMut<'_>),
) -> (f32, [f32; 2], (u32, u32)) {
    let mut settings = OvercookedV2Settings {
        layout: KitchenChoice::Table(KitchenTable {
            text: Some(KITCHEN.into()),
            recipes: Some(vec![vec![0, 0, 0]]),
            ..KitchenTable::default()
        }),
        ..OvercookedV2Settings::default()
    };
    change(&mut settings);
    let context = RulesContext { seats: 2, folder: None };
    let rules = OvercookedV2::new(&settings, context).expect("the kitchen is playable");
    let mut draw = Counter::new(Key::of_seed(0), 0, 0, 0);
    let mut words = vec![0; rules.shape().state_words];
    rules.reset(&mut words, &mut draw);
    prepare(&mut rules.words().change(&mut words));
    rules.check(&words).expect("a possible state");
    let (mut rewards, mut shaped) = ([0.0; 2], [0.0; 2]);
    let mut outcome = Outcome {
        rewards: &mut rewards,
        shaped: &mut shaped,
        terminated: false,
        truncated: false,
    };
    rules.step(&mut words, &[5, 5], &mut draw, &mut outcome);
    assert_eq!(rewards[0], rewards[1], "the task reward is shared");
    let state = rules.words().read(&words);
    (rewards[0], shaped, (state.items[POT], state.timers[POT]))
}

#[test]
fn overcooked_v2_plates_count_hands_of_before_and_pots_of_now() {
    let shaped = |prepare: &dyn Fn(&mut StateMut<'_>)| interact(|_| {}, prepare).1;
    // Both take a plate for one pot: the second does not see that the first has one now.
    assert_eq!(shaped(&|s| s.items[POT] = ONION), [3.0, 3.0]);
    // No pot in use.
    assert_eq!(shaped(&|_| {}), [0.0, 0.0]);
    // A plate that the first puts down within the step is one that lies about.
    let put_down = |s: &mut StateMut<'_>| {
        s.items[POT] = ONION;
        s.cooks[0] = cook(FLOOR[1], DOWN, 1);
    };
    assert_eq!(shaped(&put_down), [0.0, 0.0]);
    // A plate on a counter: none is needed; nor does taking it pay.
    let lies = |s: &mut StateMut<'_>| {
        s.items[POT] = ONION;
        s.items[COUNTER] = 1;
    };
    assert_eq!(shaped(&lies), [0.0, 0.0]);
    let take = |s: &mut StateMut<'_>| {
        lies(s);
        s.cooks[0] = cook(FLOOR[1], DOWN, 0);
    };
    // Once the first has taken it, nothing lies there for the second.
    assert_eq!(shaped(&take), [0.0, 3.0]);
    // The first fills the pot that makes the second's plate useful.
    let fill = |s: &mut StateMut<'_>| s.cooks[0] = cook(FLOOR[1], UP, ONION);
    assert_eq!(shaped(&fill), [3.0, 3.0]);
}

#[test]
fn overcooked_v2_pots_start_as_the_mode_says() {
    let touch = |start_cooking_interaction: bool, pot: u32, hand: u32| {
        let change = |settings: &mut OvercookedV2Settings| {
            settings.start_cooking_interaction = start_cooking_interaction;
        };
        let (task, shaped, pot) = interact(change, |s| {
            s.items[POT] = pot;
            s.cooks[0] = cook(FLOOR[1], UP, hand);
            s.cooks[1] = cook(FLOOR[2], DOWN, 0);
        });
        assert_eq!(task, 0.0);
        (shaped[0], pot)
    };
    let full = 3 * ONION;
    assert_eq!(touch(false, 2 * ONION, ONION), (3.0, (full, 19)));
    assert_eq!(touch(false, 2 * ONION, 0), (0.0, (2 * ONION, 0)));
    // A pot that was full from the start begins whoever touches it, with whatever in hand.
    for hand in [0, 1, ONION, SOUP] {
        assert_eq!(touch(false, full, hand), (0.0, (full, 19)));
    }
    assert_eq!(touch(true, 2 * ONION, ONION), (3.0, (full, 0)));
    assert_eq!(touch(true, full, 0), (5.0, (full, 19)));
    assert_eq!(touch(true, full, 1), (0.0, (full, 0)));
    assert_eq!(touch(true, 2 * ONION, 0), (0.0, (2 * ONION, 19)));
    assert_eq!(touch(true, 0, 0), (0.0, (0, 0)));
    // Cooked soup leaves with exactly an empty plate.
    for mode in [false, true] {
        assert_eq!(touch(mode, full | 2, 1), (5.0, (0, 0)));
        assert_eq!(touch(mode, (2 * ONION) | 2, 1), (0.0, (0, 0)));
        assert_eq!(touch(mode, full | 2, ONION), (0.0, (full | 2, 0)));
    }
}

#[test]
fn overcooked_v2_deliveries_add_up() {
    let deliver = |negative_rewards: bool, left: u32, right: u32| {
        let (task, shaped, _) = interact(
            |settings| settings.negative_rewards = negative_rewards,
            |s| {
                s.cooks[0] = cook(FLOOR[0], DOWN, left);
                s.cooks[1] = cook(FLOOR[2], RIGHT, right);
            },
        );
        assert_eq!(shaped, [0.0, 0.0]);
        task
    };
    let partial = SOUP - ONION;
    assert_eq!(deliver(false, SOUP, SOUP), 40.0);
    assert_eq!(deliver(true, SOUP, partial), 0.0);
    assert_eq!(deliver(false, SOUP, partial), 20.0);
    assert_eq!(deliver(true, partial, partial), -40.0);
    // What is no dish stays in the hand and costs nothing.
    assert_eq!(deliver(true, ONION, 1), 0.0);
}
