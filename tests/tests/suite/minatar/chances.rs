//! What the games draw has the references' distributions.

use starling_components::environments::minatar::Variant;
use starling_components::environments::minatar::asterix::AsterixSettings;
use starling_components::environments::minatar::breakout::BreakoutSettings;
use starling_components::environments::minatar::freeway::FreewaySettings;
use starling_components::environments::minatar::seaquest::SeaquestSettings;
use starling_components::random::{Counter, Key};
use starling_components::simulate::{Outcome, Rules};
use starling_simulate::environments::minatar::asterix::{self, Asterix, SLOTS, Thing};
use starling_simulate::environments::minatar::breakout::{self, Breakout};
use starling_simulate::environments::minatar::freeway::{self, CARS, Freeway};
use starling_simulate::environments::minatar::seaquest::{Seaquest, state};

const TRIALS: u32 = 100_000;

/// Every outcome is as frequent as its probability says: within five standard deviations.
fn check(what: &str, counts: &[u32], probabilities: &[f64]) {
    assert_eq!(counts.len(), probabilities.len());
    let total = f64::from(counts.iter().sum::<u32>());
    for (outcome, (&count, &p)) in counts.iter().zip(probabilities).enumerate() {
        let deviation = (total * p * (1.0 - p)).sqrt();
        let off = (f64::from(count) - total * p).abs();
        assert!(
            off <= 5.0 * deviation,
            "{what}, outcome {outcome}: {count} of {total}, p = {p}"
        );
    }
}

fn even(n: usize) -> Vec<f64> {
    vec![1.0 / n as f64; n]
}

/// States after one step from `before`, one per trial, all drawn apart. Action 0.
fn steps<R: Rules<Action = i32>>(rules: &R, before: &[u32], action: i32) -> impl Iterator<Item = Vec<u32>> {
    (0..TRIALS).map(move |trial| {
        let mut words = before.to_vec();
        let mut outcome = Outcome {
            rewards: &mut [0.0],
            shaped: &mut [0.0],
            terminated: false,
            truncated: false,
        };
        let mut draw = Counter::new(Key::of_seed(5), trial, 0, 1);
        rules.step(&mut words, &[action], &mut draw, &mut outcome);
        words
    })
}

fn start<R: Rules>(rules: &R, trial: u32) -> Vec<u32> {
    let mut words = vec![0; rules.shape().state_words];
    rules.reset(&mut words, &mut Counter::new(Key::of_seed(6), trial, 0, 0));
    words
}

#[test]
fn minatar_breakout_starts_on_either_side() {
    let rules = Breakout::new(&BreakoutSettings::default()).expect("settings");
    let mut sides = [0, 0];
    for trial in 0..TRIALS {
        let words = start(&rules, trial);
        let state = breakout::State::of_words([words[2], words[3]]);
        let right = state.ball_x == 9;
        assert_eq!((state.ball_x, state.rightwards), if right { (9, 0) } else { (0, 1) });
        sides[usize::from(right)] += 1;
    }
    check("side of the ball", &sides, &even(2));
}

#[test]
fn minatar_sticky_actions_repeat_the_move_before() {
    let settings = BreakoutSettings {
        sticky_actions: 0.1,
        full_action_set: true,
        ..BreakoutSettings::default()
    };
    let rules = Breakout::new(&settings).expect("settings");
    // The paddle is at 4: left at first, then right.
    let mut words = start(&rules, 0);
    assert_eq!(words[1], 0, "no move counts as made");
    let made = |words: &[u32]| breakout::State::of_words([words[2], words[3]]).pos;
    let mut first = [0, 0];
    steps(&rules, &words, 1).for_each(|after| first[usize::from(made(&after) == 4)] += 1);
    check("nothing instead of the first move", &first, &[0.9, 0.1]);
    words[1] = 1;
    let mut repeated = [0, 0];
    for after in steps(&rules, &words, 3) {
        let left = made(&after) == 3;
        assert!(left || made(&after) == 5);
        // What was made is what is remembered, not what was chosen.
        assert_eq!(after[1], if left { 1 } else { 3 });
        repeated[usize::from(left)] += 1;
    }
    check("the move before", &repeated, &[0.9, 0.1]);
}

#[test]
fn minatar_freeway_draws_speeds_and_directions() {
    let rules = Freeway::new(&FreewaySettings::default()).expect("settings");
    let mut speeds = [[0; 10]; CARS];
    let mut pairs = [0; 100];
    for trial in 0..TRIALS {
        let state = freeway::State::of_words(&start(&rules, trial)[2..]);
        let kinds = state
            .cars
            .map(|car| (car.speed - 1 + 5 * u32::from(car.rightwards)) as usize);
        for (lane, kind) in kinds.into_iter().enumerate() {
            speeds[lane][kind] += 1;
        }
        pairs[kinds[2] * 10 + kinds[3]] += 1;
        assert!(state.cars.iter().all(|car| car.timer == car.speed && car.x == 0));
    }
    for counts in speeds {
        check("speed of a car", &counts, &even(10));
    }
    check("speeds of two cars", &pairs, &even(100));
}

/// Slots in which `full` says that something is; all of it stands still and far from the player.
fn slots(rules: &Asterix, full: [bool; SLOTS]) -> Vec<u32> {
    let mut words = start(rules, 0);
    let mut state = asterix::State::of_words(&words[2..]);
    state.spawn_timer = 0;
    state.entities = full.map(|filled| Thing {
        x: 3 * u32::from(filled),
        filled,
        record: filled,
        ..Thing::default()
    });
    words[2..].copy_from_slice(&state.words());
    words
}

/// How often each slot got something, how often each lost it, and how often nothing changed.
fn entrances(variant: Variant, full: [bool; SLOTS]) -> ([u32; SLOTS], [u32; SLOTS], u32) {
    let settings = AsterixSettings {
        variant,
        ..AsterixSettings::default()
    };
    let rules = Asterix::new(&settings).expect("settings");
    let (mut gained, mut lost, mut same) = ([0; SLOTS], [0; SLOTS], 0);
    for words in steps(&rules, &slots(&rules, full), 0) {
        let after = asterix::State::of_words(&words[2..]).entities.map(|thing| thing.filled);
        same += u32::from(after == full);
        for slot in 0..SLOTS {
            gained[slot] += u32::from(after[slot] && !full[slot]);
            lost[slot] += u32::from(!after[slot] && full[slot]);
        }
    }
    (gained, lost, same)
}

#[test]
fn minatar_asterix_draws_slots() {
    let t = true;
    let f = false;
    let three_free = [t, f, t, t, f, t, t, f];
    for variant in [Variant::Gymnax, Variant::Original] {
        let (gained, lost, same) = entrances(variant, [false; SLOTS]);
        check("slot of eight", &gained, &even(SLOTS));
        assert_eq!((lost, same), ([0; SLOTS], 0));
        let (gained, lost, same) = entrances(variant, three_free);
        check("slot of three", &[gained[1], gained[4], gained[7]], &even(3));
        assert_eq!((lost, same), ([0; SLOTS], 0));
    }
    let one_free = [t, t, t, f, t, t, t, t];
    let (gained, _, same) = entrances(Variant::Original, one_free);
    assert_eq!((gained[3], same), (TRIALS, 0));
    let (gained, lost, same) = entrances(Variant::Gymnax, one_free);
    check(
        "the free slot is left out",
        &[gained[3], TRIALS - gained[3]],
        &[0.875, 0.125],
    );
    let others = [lost[0], lost[1], lost[2], lost[4], lost[5], lost[6], lost[7]];
    check("another one is lost", &others, &even(7));
    assert_eq!((gained[3] + others.iter().sum::<u32>(), same), (TRIALS, 0));

    let (gained, lost, same) = entrances(Variant::Original, [true; SLOTS]);
    assert_eq!((gained, lost, same), ([0; SLOTS], [0; SLOTS], TRIALS));
    let (gained, lost, same) = entrances(Variant::Gymnax, [true; SLOTS]);
    check("one of eight is lost", &lost, &even(SLOTS));
    assert_eq!((gained, same), ([0; SLOTS], 0));
}

#[test]
fn minatar_asterix_draws_direction_and_gold() {
    let rules = Asterix::new(&AsterixSettings::default()).expect("settings");
    let mut kinds = [0; 4];
    for words in steps(&rules, &slots(&rules, [false; SLOTS]), 0) {
        let things = asterix::State::of_words(&words[2..]).entities;
        let thing = things.iter().find(|thing| thing.filled).expect("something entered");
        assert_eq!(thing.x, if thing.rightwards { 0 } else { 9 });
        kinds[usize::from(thing.rightwards) + 2 * usize::from(thing.gold)] += 1;
    }
    let (enemy, gold) = (1.0 / 3.0, 1.0 / 6.0);
    check("direction and gold", &kinds, &[enemy, enemy, gold, gold]);
}

#[test]
fn minatar_seaquest_draws_enemies_and_divers() {
    for variant in [Variant::Original, Variant::Gymnax] {
        let settings = SeaquestSettings {
            variant,
            ..SeaquestSettings::default()
        };
        let rules = Seaquest::new(&settings).expect("settings");
        let mut words = start(&rules, 0);
        let mut before = state::State::of_words(&words[2..]);
        (before.e_spawn_timer, before.d_spawn_timer) = (0, 0);
        // To the right in row 3, so that nothing enters there to the left.
        before.e_fish.push(state::Mob {
            x: 5,
            y: 3,
            rightwards: true,
            move_timer: 4,
            shot_timer: 0,
        });
        before.write(&mut words[2..]);
        let (mut kinds, mut rows, mut refused, mut divers) = ([0; 4], [0; 8], 0, [0; 16]);
        for after in steps(&rules, &words, 0) {
            let after = state::State::of_words(&after[2..]);
            let [diver] = after.divers.as_slice() else {
                panic!("one diver enters");
            };
            divers[(diver.y - 1) as usize * 2 + usize::from(diver.rightwards)] += 1;
            let (fish, subs) = (&after.e_fish.as_slice()[1..], after.e_subs.as_slice());
            let (mob, is_sub) = match (fish, subs) {
                ([], []) => {
                    refused += 1;
                    continue;
                }
                ([fish], []) => (fish, false),
                ([], [sub]) => (sub, true),
                _ => panic!("one enemy enters"),
            };
            assert!(mob.y != 3 || mob.rightwards);
            rows[(mob.y - 1) as usize] += 1;
            kinds[usize::from(mob.rightwards) + 2 * usize::from(is_sub)] += 1;
        }
        check("row and direction of a diver", &divers, &even(16));
        check(
            "against the row",
            &[refused, TRIALS - refused],
            &[1.0 / 16.0, 15.0 / 16.0],
        );
        // 7 of 15 to the left, 8 of 15 to the right.
        let (left, right) = (7.0 / 15.0, 8.0 / 15.0);
        let kind = [left * 2.0 / 3.0, right * 2.0 / 3.0, left / 3.0, right / 3.0];
        check("direction and kind", &kinds, &kind);
        let mut row = [2.0 / 15.0; 8];
        row[2] = 1.0 / 15.0;
        check("row", &rows, &row);
    }
}
