//! Every recorded episode is played from its initial state with its actions: map, cooks, reward, both shaped rewards, end and observation
//! must agree bit for bit after every step. Nothing is drawn inside an episode.

use super::rules;
use super::traces::{Episode, grid_of, read_all, words_of};
use starling_components::environments::overcooked_v1::PlateShaping;
use starling_components::random::Draw;
use starling_components::simulate::{Outcome, Rules};
use starling_simulate::environments::overcooked_v1::OvercookedV1;
use starling_tests::golden;

#[test]
fn overcooked_v1_conforms_to_golden_traces() {
    let (files, episodes) = read_all();
    let (mut steps, mut observations) = (0, 0);
    for episode in &episodes {
        let compared = replay(episode);
        (steps, observations) = (steps + compared.0, observations + compared.1);
    }
    golden::say(&format!(
        "compared {files} files, {} episodes of V1, {steps} steps, {observations} observations of both cooks",
        episodes.len()
    ));
    assert!(files > 0 && steps > 0 && observations > 0, "no golden trace was found");
}

pub(crate) struct NoDraw;

impl Draw for NoDraw {
    fn word(&mut self) -> u32 {
        panic!("a transition draws nothing")
    }
}

/// Replays an episode; the numbers of steps and of observations compared.
fn replay(episode: &Episode) -> (usize, usize) {
    let of = |shaping| {
        rules(&episode.layout, |settings| {
            settings.max_steps = episode.max_steps;
            settings.plate_shaping = shaping;
        })
    };
    let (fixed, legacy) = (of(PlateShaping::Fixed), of(PlateShaping::Legacy));
    let kitchen = fixed.engine().kitchen();
    let walls: Vec<i64> = kitchen.cells.iter().map(|code| i64::from(*code != 0)).collect();
    assert_eq!(walls, episode.wall_map, "{}: walls", episode.key);
    let shape = [&[2], &fixed.shape().seats[0].observation.shape[..]].concat();
    assert_eq!(shape, episode.shape, "{}: shape of the observation", episode.key);
    if !episode.random_reset {
        let starts: Vec<i64> = kitchen.starts.iter().map(|cell| i64::from(*cell)).collect();
        let cells = episode.start.x.iter().zip(&episode.start.y);
        let recorded: Vec<i64> = cells.map(|(x, y)| y * kitchen.width as i64 + x).collect();
        assert_eq!(starts, recorded, "{}: starts", episode.key);
    }

    let mut words = words_of(&fixed, &episode.start, 0, false);
    fixed.check(&words).expect("a recorded start is a state");
    assert_eq!(
        grid_of(&fixed, &words),
        episode.start.grid,
        "{}: first map",
        episode.key
    );
    let mut observations = 0;
    observations += check_observation(
        &fixed,
        &words,
        episode.observed.as_ref(),
        &format!("{} start", episode.key),
    );
    for (t, step) in episode.steps.iter().enumerate() {
        let at = format!("{} t {t}", episode.key);
        let mut plain = words.clone();
        let (reward, shaped, done) = advance(&fixed, &mut words, &step.actions);
        assert_eq!(reward, [step.reward; 2], "{at}: reward");
        assert_eq!(shaped[..], step.shaped, "{at}: shaped reward");
        assert_eq!(done, step.done, "{at}: done");
        assert_eq!(
            grid_of(&fixed, &words),
            step.after.grid,
            "{at}: map\n{}",
            fixed.render(&words)
        );
        let delivered = step.reward > 0.0;
        let expected = words_of(&fixed, &step.after, step.step as u32, delivered);
        assert_eq!(words, expected, "{at}: state\n{}", fixed.render(&words));
        let (reward, shaped, done) = advance(&legacy, &mut plain, &step.actions);
        assert_eq!(plain, words, "{at}: shaping changes no state");
        assert_eq!((reward[0], done), (step.reward, step.done), "{at}: legacy reward");
        assert_eq!(shaped[..], step.shaped_legacy, "{at}: legacy shaped reward");
        observations += check_observation(&fixed, &words, step.observed.as_ref(), &at);
    }
    (episode.steps.len(), observations)
}

fn advance(rules: &OvercookedV1, words: &mut [u32], actions: &[i32]) -> ([f32; 2], [f32; 2], bool) {
    let (mut rewards, mut shaped) = ([0.0; 2], [0.0; 2]);
    let mut outcome = Outcome {
        rewards: &mut rewards,
        shaped: &mut shaped,
        terminated: false,
        truncated: false,
    };
    rules.step(words, actions, &mut NoDraw, &mut outcome);
    assert!(!outcome.terminated, "only the clock ends an episode");
    let truncated = outcome.truncated;
    (rewards, shaped, truncated)
}

/// 1 if there was something to compare.
fn check_observation(rules: &OvercookedV1, words: &[u32], recorded: Option<&Vec<u8>>, at: &str) -> usize {
    let Some(recorded) = recorded else { return 0 };
    let mut observed = vec![7; 2 * rules.shape().observation_width()];
    rules.observe(words, &mut observed);
    assert_eq!(observed.len(), recorded.len(), "{at}: length of the observation");
    if let Some(index) = observed.iter().zip(recorded).position(|(a, b)| a != b) {
        let (cell, channel) = (index / 26, index % 26);
        panic!(
            "{at}: cell {cell}, channel {channel} is {} instead of {}",
            observed[index], recorded[index]
        );
    }
    1
}
