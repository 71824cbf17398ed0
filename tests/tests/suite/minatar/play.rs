//! A million random steps of every game: lanes play exactly as the rules say lane by lane, states stay states, damaged ones are refused or
//! played.

use super::seen;
use starling_components::environments::minatar::Variant;
use starling_components::environments::minatar::asterix::AsterixSettings;
use starling_components::environments::minatar::breakout::BreakoutSettings;
use starling_components::environments::minatar::freeway::FreewaySettings;
use starling_components::environments::minatar::seaquest::SeaquestSettings;
use starling_components::environments::minatar::space_invaders::SpaceInvadersSettings;
use starling_components::random::{Counter, Draw, Key};
use starling_components::simulate::{Outcome, Rules, Simulate, StepOutputs};
use starling_components::spaces::{ActionSpace, Actions, ObservationsMut};
use starling_simulate::environments::minatar::asterix::Asterix;
use starling_simulate::environments::minatar::breakout::Breakout;
use starling_simulate::environments::minatar::freeway::Freeway;
use starling_simulate::environments::minatar::seaquest::Seaquest;
use starling_simulate::environments::minatar::seaquest::state::State;
use starling_simulate::environments::minatar::space_invaders::SpaceInvaders;
use starling_simulate::lanes::Vectorised;
use std::sync::Arc;

const LANES: usize = 100;

/// One lane as the rules alone play it.
struct ByHand {
    words: Vec<u32>,
    episode: u32,
    step: u32,
}

/// Plays `steps` steps in each of a hundred lanes, half of which mostly stay where they are. `invariant` holds for every state. How many
/// episodes terminated and how many were cut off.
fn check<R: Rules<Action = i32, Observation = u8>>(
    rules: R,
    steps: u32,
    starts: Option<Arc<[u32]>>,
    mut invariant: impl FnMut(&[u32]),
) -> [u32; 2] {
    let environment = Vectorised::new(rules);
    let rules = environment.rules();
    let (width, size) = (rules.shape().observation_width(), rules.shape().state_words);
    let moves = rules.shape().moves() as u32;
    let key = Key::of_seed(21);
    let mut block = environment.open(key, LANES);
    block.set_starts(starts.clone()).expect("starts are states");
    block.reset();
    let begin = |words: &mut Vec<u32>, lane: u32, episode: u32| {
        let mut draw = Counter::new(key, lane, episode, 0);
        words.fill(u32::MAX);
        match &starts {
            None => rules.reset(words, &mut draw),
            Some(starts) => {
                let entry = draw.below((starts.len() / size) as u32) as usize;
                words.copy_from_slice(&starts[entry * size..(entry + 1) * size]);
                rules.restart(words, &mut draw);
            }
        }
    };
    let mut lanes: Vec<ByHand> = (0..LANES as u32)
        .map(|lane| {
            let mut words = vec![0; size];
            begin(&mut words, lane, 0);
            ByHand {
                words,
                episode: 0,
                step: 0,
            }
        })
        .collect();
    let mut play = Counter::new(Key::of_seed(22), 0, 0, 0);
    let (mut shown, mut finals) = (vec![0; LANES * width], vec![0; LANES * width]);
    let (mut rewards, mut shaped) = (vec![0.0; LANES], vec![0.0; LANES]);
    let (mut terminated, mut truncated) = (vec![0; LANES], vec![0; LANES]);
    let mut ends = [0, 0];
    for _ in 0..steps {
        let stays = |lane: usize, draw: &mut Counter| lane % 2 == 1 && draw.below(8) != 0;
        let actions: Vec<i32> = (0..LANES)
            .map(|lane| {
                let action = play.below(moves) as i32;
                if stays(lane, &mut play) { 0 } else { action }
            })
            .collect();
        let mut outputs = StepOutputs {
            observations: ObservationsMut::Bytes(&mut shown),
            rewards: &mut rewards,
            shaped: &mut shaped,
            terminated: &mut terminated,
            truncated: &mut truncated,
            legal: None,
            active: None,
            final_observations: Some(ObservationsMut::Bytes(&mut finals)),
            events: None,
        };
        block.step(Actions::Discrete(&actions), &mut outputs).expect("a step");
        for (lane, own) in lanes.iter_mut().enumerate() {
            let mut outcome = Outcome {
                rewards: &mut [0.0],
                shaped: &mut [0.0],
                terminated: false,
                truncated: false,
            };
            own.step += 1;
            let mut draw = Counter::new(key, lane as u32, own.episode, own.step);
            rules.step(&mut own.words, &actions[lane..=lane], &mut draw, &mut outcome);
            assert_eq!((rewards[lane], shaped[lane]), (outcome.rewards[0], 0.0));
            let [ended, cut] = [outcome.terminated, outcome.truncated];
            assert_eq!((terminated[lane], truncated[lane]), (ended.into(), cut.into()));
            if ended || cut {
                let row = &finals[lane * width..(lane + 1) * width];
                assert_eq!(row, seen(rules, &own.words));
                ends[0] += u32::from(ended);
                ends[1] += u32::from(cut);
                own.episode += 1;
                own.step = 0;
                begin(&mut own.words, lane as u32, own.episode);
            }
            assert_eq!(block.states()[lane * size..(lane + 1) * size], own.words);
            rules
                .check(&own.words)
                .unwrap_or_else(|fault| panic!("{}\n{}", fault.message, rules.render(&own.words)));
            let row = seen(rules, &own.words);
            assert_eq!(shown[lane * width..(lane + 1) * width], row);
            assert!(row.iter().all(|&bit| bit <= 1), "planes are of zeros and ones");
            invariant(&own.words);
        }
    }
    damage(rules, &lanes);
    ends
}

/// States with a few words that are wrong are refused, or stepped and seen without a panic.
fn damage<R: Rules<Action = i32, Observation = u8>>(rules: &R, lanes: &[ByHand]) {
    let mut draw = Counter::new(Key::of_seed(23), 0, 0, 0);
    let (mut refused, mut played) = (0, 0);
    for round in 0..20_000 {
        let mut words = lanes[round % LANES].words.clone();
        for _ in 0..=draw.below(2) {
            let at = draw.below(words.len() as u32) as usize;
            words[at] = match draw.below(3) {
                0 => draw.word(),
                1 => draw.below(256),
                _ => words[at] ^ 1 << draw.below(32),
            };
        }
        if rules.check(&words).is_err() {
            refused += 1;
            continue;
        }
        played += 1;
        for _ in 0..30 {
            seen(rules, &words);
            let action = draw.below(rules.shape().moves() as u32) as i32;
            let mut outcome = Outcome {
                rewards: &mut [0.0],
                shaped: &mut [0.0],
                terminated: false,
                truncated: false,
            };
            rules.step(&mut words, &[action], &mut draw, &mut outcome);
            if outcome.terminated || outcome.truncated {
                break;
            }
        }
        if round % 100 == 0 {
            assert!(!rules.render(&words).is_empty() && rules.picture(&words).is_some());
        }
    }
    assert!(refused > 0 && played > 0, "{refused} refused, {played} played");
}

fn nothing(_: &[u32]) {}

#[test]
fn minatar_refuses_probabilities_that_are_none() {
    for sticky_actions in [-0.1, 1.5, f64::NAN] {
        let settings = FreewaySettings {
            sticky_actions,
            ..FreewaySettings::default()
        };
        let fault = Freeway::new(&settings).map(|_| ()).expect_err("no probability");
        assert_eq!(fault.key, ["sticky_actions"]);
    }
}

#[test]
fn minatar_actions_are_those_of_the_set() {
    let named = |full_action_set| {
        let settings = SpaceInvadersSettings {
            full_action_set,
            ..SpaceInvadersSettings::default()
        };
        let rules = SpaceInvaders::new(&settings).expect("settings");
        match &rules.shape().seats[0].action {
            ActionSpace::Discrete { names } => names.join(" "),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(named(false), "stay left right fire");
    assert_eq!(named(true), "stay left up right down fire");
}

#[test]
fn minatar_breakout_plays_in_lanes_as_alone() {
    let rules = |sticky_actions, max_steps| {
        Breakout::new(&BreakoutSettings {
            max_steps,
            sticky_actions,
            full_action_set: sticky_actions > 0.0,
        })
        .expect("settings")
    };
    let [lost, cut] = check(rules(0.0, 40), 10_000, None, nothing);
    assert!(lost > 0 && cut > 0);
    let [lost, cut] = check(rules(0.1, 0), 10_000, None, nothing);
    assert!(lost > 0 && cut == 0);
}

#[test]
fn minatar_asterix_plays_in_lanes_as_alone() {
    for (variant, difficulty_ramping) in [
        (Variant::Gymnax, true),
        (Variant::Original, true),
        (Variant::Gymnax, false),
    ] {
        let settings = AsterixSettings {
            max_steps: 200,
            variant,
            sticky_actions: 0.1,
            difficulty_ramping,
            ..AsterixSettings::default()
        };
        let [lost, cut] = check(Asterix::new(&settings).expect("settings"), 10_000, None, nothing);
        assert!(lost > 0 && cut > 0);
    }
}

#[test]
fn minatar_freeway_plays_in_lanes_as_alone() {
    for variant in [Variant::Gymnax, Variant::Original] {
        let settings = FreewaySettings {
            max_steps: if variant == Variant::Original { 0 } else { 2500 },
            variant,
            ..FreewaySettings::default()
        };
        let [over, cut] = check(Freeway::new(&settings).expect("settings"), 10_000, None, nothing);
        // An episode takes 2500 steps, or 2501.
        let wanted = if variant == Variant::Original {
            [300, 0]
        } else {
            [0, 400]
        };
        assert_eq!([over, cut], wanted);
    }
}

#[test]
fn minatar_space_invaders_plays_in_lanes_as_alone() {
    for difficulty_ramping in [true, false] {
        let settings = SpaceInvadersSettings {
            max_steps: 60,
            difficulty_ramping,
            ..SpaceInvadersSettings::default()
        };
        let [lost, cut] = check(SpaceInvaders::new(&settings).expect("settings"), 10_000, None, nothing);
        assert!(lost > 0 && cut > 0);
    }
}

/// Lists are no longer than what their room was made for, also where as much enters as can.
#[test]
fn minatar_seaquest_plays_in_lanes_as_alone() {
    for variant in [Variant::Original, Variant::Gymnax] {
        let settings = SeaquestSettings {
            max_steps: 400,
            variant,
            ..SeaquestSettings::default()
        };
        let rules = || Seaquest::new(&settings).expect("settings");
        let [lost, cut] = check(rules(), 10_000, None, short_lists(&mut 0));
        assert!(lost > 0 && cut > 0);

        // An enemy per step, slow ones and fast ones, at the surface.
        let mut crowded = Vec::new();
        for move_speed in [2, 5] {
            let mut words = vec![0; rules().shape().state_words];
            rules().reset(&mut words, &mut Counter::new(Key::of_seed(0), 0, 0, 0));
            let mut state = State::of_words(&words[2..]);
            (state.e_spawn_speed, state.e_spawn_timer) = (1, 0);
            (state.move_speed, state.ramp_index) = (move_speed, 20);
            state.write(&mut words[2..]);
            crowded.extend(words);
        }
        let mut most = 0;
        check(rules(), 3000, Some(crowded.into()), short_lists(&mut most));
        assert!(most > 24, "crowded games are crowded: {most}");
    }
}

/// See the lengths in the rules' `state`. `most`: enemies at once.
fn short_lists(most: &mut usize) -> impl FnMut(&[u32]) {
    |words| {
        let state = State::of_words(&words[2..]);
        let enemies = state.e_fish.as_slice().len() + state.e_subs.as_slice().len();
        assert!(enemies <= 60 && state.e_bullets.as_slice().len() <= 70);
        assert!(state.f_bullets.as_slice().len() <= 2 && state.divers.as_slice().len() <= 2);
        *most = enemies.max(*most);
    }
}
