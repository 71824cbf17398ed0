//! OvercookedV2: every recorded step from the state that is recorded before it.

use super::compare::{Recorded, Sets};
use super::transition::{Played, play};
use crate::overcooked_v2::conformance::{RecipeOnRecord, expected, rules_of, words_of};
use crate::overcooked_v2::traces::{Episode, read_all};
use starling_simulate::environments::overcooked_v2::OvercookedV2;
use starling_tests::golden;

#[test]
fn device_golden_overcooked_v2() {
    if super::gpu().is_none() {
        return;
    }
    let (files, episodes) = read_all();
    let mut sets = Sets::default();
    for episode in &episodes {
        let rules = rules_of(episode);
        let transitions = transitions(&rules, episode);
        sets.add(rules, transitions);
    }
    let counts = sets.compare().expect("the device was there");
    assert!(files > 0 && counts.steps > 0, "no golden trace was found");
    golden::say(&format!(
        "compared {} steps of {} episodes of OvercookedV2 on the device by {} kernels, {} of them with draws, {} with auto-resets, {} \
         observations of all cooks",
        counts.steps,
        episodes.len(),
        counts.kernels,
        counts.drawn,
        counts.ended,
        counts.observations
    ));
}

fn transitions(rules: &OvercookedV2, episode: &Episode) -> Vec<(Played, Recorded)> {
    let mut before = words_of(rules, &episode.start, &episode.permutations, 0, false);
    let mut observed = episode.observed.clone();
    let mut transitions = Vec::new();
    for (t, step) in episode.steps.iter().enumerate() {
        let draw = || RecipeOnRecord {
            rules,
            recipe: step.after.recipe as u32,
        };
        let resets = episode.flags["auto_reset"];
        let played = play(rules, &before, &step.actions, draw(), resets.then(draw));
        let after = expected(rules, episode, step);
        // What is recorded after an end is the next start where the recorder reset, else the last state.
        let shows_start = step.done && resets;
        let recorded = Recorded {
            name: format!("{} t {t}", episode.key),
            state: match &played.start {
                Some(start) if !shows_start => start.clone(),
                _ => after.clone(),
            },
            rewards: vec![step.reward; episode.agents],
            shaped: step.shaped.clone(),
            terminated: false,
            truncated: step.done,
            seen_before: observed,
            seen_after: step.observed.clone().filter(|_| !shows_start),
            seen_start: step.observed.clone().filter(|_| shows_start),
        };
        transitions.push((played, recorded));
        (before, observed) = (after, step.observed.clone());
    }
    transitions
}
