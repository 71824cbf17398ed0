//! What V1 does in its own way, one situation each, and that everything else is OvercookedV2.

use super::rules;
use proptest::prelude::*;
use starling_components::environments::overcooked_v1::{OvercookedV1Settings, PlateShaping, Seen};
use starling_components::environments::overcooked_v2::KitchenChoice;
use starling_components::random::{Counter, Draw, Key};
use starling_components::registry::RulesContext;
use starling_components::simulate::{Outcome, Rules};
use starling_simulate::environments::overcooked_v1::{CLASSIC_KITCHENS, OvercookedV1};
use starling_simulate::environments::overcooked_v2::state::{Cook, StateMut};

/// One step; task and shaped rewards.
fn step(rules: &OvercookedV1, words: &mut [u32], actions: [i32; 2]) -> (f32, [f32; 2]) {
    let (mut rewards, mut shaped) = ([0.0; 2], [0.0; 2]);
    let mut outcome = Outcome {
        rewards: &mut rewards,
        shaped: &mut shaped,
        terminated: false,
        truncated: false,
    };
    rules.step(
        words,
        &actions,
        &mut Counter::new(Key::of_seed(0), 0, 0, 1),
        &mut outcome,
    );
    assert_eq!(rewards[0], rewards[1], "the task reward is shared");
    (rewards[0], shaped)
}

#[test]
fn overcooked_v1_plates_count_hands_of_now() {
    // Both cooks start below a plate pile, the pot between them.
    let check = |shaping: PlateShaping, prepare: &dyn Fn(&mut StateMut<'_>), expected: [f32; 2]| {
        let settings = OvercookedV1Settings {
            layout: KitchenChoice::Name("WBPBW\n0A AX\nWXPWW\n".into()),
            plate_shaping: shaping,
            ..OvercookedV1Settings::default()
        };
        let context = RulesContext { seats: 2, folder: None };
        let rules = OvercookedV1::new(&settings, context).expect("the kitchen is playable");
        let mut words = vec![0; rules.shape().state_words];
        rules.reset(&mut words, &mut Counter::new(Key::of_seed(0), 0, 0, 0));
        let mut state = rules.words().change(&mut words);
        state.cooks.iter_mut().for_each(|cook| cook.direction = 0);
        prepare(&mut state);
        rules.check(&words).expect("a possible state");
        assert_eq!(step(&rules, &mut words, [5, 5]).1, expected, "{shaping:?}");
    };
    let (one, two) = (2, 12);
    // Both take a plate for one pot: the second sees that the first has one now, which V2 does not.
    let one_pot = |s: &mut StateMut<'_>| s.items[one] = 4;
    check(PlateShaping::Fixed, &one_pot, [3.0, 0.0]);
    check(PlateShaping::Legacy, &one_pot, [0.0, 0.0]);
    let two_pots = |s: &mut StateMut<'_>| (s.items[one], s.items[two]) = (4, 8);
    check(PlateShaping::Fixed, &two_pots, [3.0, 3.0]);
    // The first's plate becomes a dish within the step; one pot stays in use, and nobody has a plate for it.
    let serve = |s: &mut StateMut<'_>| {
        (s.items[one], s.items[two]) = (14, 4);
        let up = 0;
        s.cooks[0] = Cook {
            cell: 7,
            direction: up,
            item: 1,
        };
    };
    check(PlateShaping::Fixed, &serve, [5.0, 3.0]);
    check(PlateShaping::Legacy, &serve, [5.0, 0.0]);
    check(PlateShaping::Fixed, &|_| {}, [0.0, 0.0]);
}

#[test]
fn overcooked_v1_says_when_time_runs_out() {
    let rules = rules("cramped_room", |settings| settings.max_steps = 100);
    let mut words = vec![0; rules.shape().state_words];
    rules.reset(&mut words, &mut Counter::new(Key::of_seed(0), 0, 0, 0));
    let mut observed = vec![9; 2 * 4 * 5 * 26];
    for t in 0..100 {
        rules.observe(&words, &mut observed);
        let urgent = u8::from(100 - t < 40);
        assert!(
            observed.iter().skip(25).step_by(26).all(|one| *one == urgent),
            "step {t}"
        );
        step(&rules, &mut words, [4, 4]);
    }
}

#[test]
fn overcooked_v1_seen_as_v2_is_seen_by_v2() {
    for (name, _) in CLASSIC_KITCHENS {
        for seen in [Seen::V2, Seen::Featurized] {
            let rules = rules(name, |settings| {
                settings.observation = seen;
                settings.random_reset = true;
            });
            let mut words = vec![0; rules.shape().state_words];
            rules.reset(&mut words, &mut Counter::new(Key::of_seed(4), 0, 0, 0));
            let width = 2 * rules.shape().observation_width();
            let (mut ours, mut theirs) = (vec![8; width], vec![9; width]);
            rules.observe(&words, &mut ours);
            rules.engine().observe(&words, &mut theirs);
            assert_eq!(ours, theirs, "{name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn overcooked_v1_is_v2_with_other_numbers(kitchen in 0..5_usize, seed in any::<u64>(), random_reset in any::<bool>()) {
        let rules = rules(CLASSIC_KITCHENS[kitchen].0, |settings| settings.random_reset = random_reset);
        let key = Key::of_seed(seed);
        let mut play = Counter::new(key, 1, 0, 0);
        let mut words = vec![0; rules.shape().state_words];
        rules.reset(&mut words, &mut Counter::new(key, 0, 0, 0));
        for _ in 0..100 {
            rules.check(&words).expect("a state of play is a state");
            let actions = [0, 1].map(|_: usize| play.below(8).min(5) as i32);
            let mut as_v2 = words.clone();
            let before = words.clone();
            let (reward, _) = step(&rules, &mut words, actions);
            // up, down, right, left, stay, interact
            let renumbered = actions.map(|action| [3, 1, 0, 2, 4, 5][action as usize]);
            let (mut rewards, mut shaped) = ([0.0; 2], [0.0; 2]);
            let mut outcome = Outcome { rewards: &mut rewards, shaped: &mut shaped, terminated: false, truncated: false };
            rules.engine().step(&mut as_v2, &renumbered, &mut play, &mut outcome);
            prop_assert_eq!(&words, &as_v2);
            prop_assert_eq!([reward; 2], rewards);
            let events = rules.shape().events.len();
            let mut counts = vec![0; 2 * events];
            rules.events(&before, &actions, &words, &mut counts);
            prop_assert_eq!(reward, 20.0 * (counts[0] + counts[events]) as f32);
        }
    }

    #[test]
    fn overcooked_v1_damaged_states_are_refused_or_played(
        kitchen in 0..5_usize, seed in any::<u64>(), damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u32>(), 0..32_u32), 1..4)
    ) {
        let rules = rules(CLASSIC_KITCHENS[kitchen].0, |settings| settings.random_reset = true);
        let mut words = vec![0; rules.shape().state_words];
        rules.reset(&mut words, &mut Counter::new(Key::of_seed(seed), 0, 0, 0));
        for (index, word, shift) in damage {
            *index.get_mut(&mut words) = word >> shift;
        }
        if rules.check(&words).is_ok() {
            let mut observed = vec![0; 2 * rules.shape().observation_width()];
            for _ in rules.words().read(&words).step..400 {
                rules.observe(&words, &mut observed);
                step(&rules, &mut words, [5, 5]);
            }
            prop_assert!(!rules.render(&words).is_empty());
        }
    }
}
