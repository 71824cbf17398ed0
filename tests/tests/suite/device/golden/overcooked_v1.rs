//! Overcooked V1: every recorded step from the state that is recorded before it, with both shaped rewards.

use super::compare::{Recorded, Sets};
use super::transition::{Played, play};
use crate::overcooked_v1::conformance::NoDraw;
use crate::overcooked_v1::rules;
use crate::overcooked_v1::traces::{Episode, read_all, words_of};
use starling_components::environments::overcooked_v1::PlateShaping;
use starling_simulate::environments::overcooked_v1::OvercookedV1;
use starling_tests::golden;

#[test]
fn device_golden_overcooked_v1() {
    if super::gpu().is_none() {
        return;
    }
    let (files, episodes) = read_all();
    let mut sets = Sets::default();
    for episode in &episodes {
        for shaping in [PlateShaping::Fixed, PlateShaping::Legacy] {
            let rules = rules(&episode.layout, |settings| {
                settings.max_steps = episode.max_steps;
                settings.plate_shaping = shaping;
            });
            let transitions = transitions(&rules, episode, shaping);
            sets.add(rules, transitions);
        }
    }
    let counts = sets.compare().expect("the device was there");
    assert!(files > 0 && counts.steps > 0, "no golden trace was found");
    golden::say(&format!(
        "compared {} steps of {} episodes of V1 on the device with either shaped reward by {} kernels, {} with auto-resets, {} observations \
         of both cooks",
        counts.steps / 2,
        episodes.len(),
        counts.kernels,
        counts.ended / 2,
        counts.observations
    ));
}

fn transitions(rules: &OvercookedV1, episode: &Episode, shaping: PlateShaping) -> Vec<(Played, Recorded)> {
    let mut before = words_of(rules, &episode.start, 0, false);
    let mut observed = episode.observed.clone();
    let mut transitions = Vec::new();
    for (t, step) in episode.steps.iter().enumerate() {
        let played = play(rules, &before, &step.actions, NoDraw, None::<NoDraw>);
        let after = words_of(rules, &step.after, step.step as u32, step.reward > 0.0);
        let shaped = match shaping {
            PlateShaping::Fixed => &step.shaped,
            PlateShaping::Legacy => &step.shaped_legacy,
        };
        let recorded = Recorded {
            name: format!("{} t {t}, {shaping:?}", episode.key),
            state: played.start.clone().unwrap_or_else(|| after.clone()),
            rewards: vec![step.reward; 2],
            shaped: shaped.clone(),
            terminated: false,
            truncated: step.done,
            seen_before: observed,
            seen_after: step.observed.clone(),
            seen_start: None,
        };
        transitions.push((played, recorded));
        (before, observed) = (after, step.observed.clone());
    }
    transitions
}
