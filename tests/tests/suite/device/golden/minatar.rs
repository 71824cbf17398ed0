//! The five games of MinAtar, as both references recorded them.

use super::compare::{Recorded, Sets};
use super::transition::{Played, play};
use crate::minatar::traces::{self, Script, Step};
use crate::minatar::{asterix, breakout, freeway, seaquest, space_invaders};
use starling_components::simulate::Rules;
use starling_tests::golden;

fn check<G: traces::Recorded>() {
    if super::gpu().is_none() {
        return;
    }
    let files = traces::read_all::<G>();
    assert!(!files.is_empty(), "no golden trace was found");
    for file in files {
        let mut sets = Sets::default();
        for ramping in [true, false] {
            let rules = G::rules(file.variant, ramping);
            let steps = file.steps.iter().filter(|step| step.ramping == ramping);
            let transitions: Vec<_> = steps.map(|step| transition(&rules, step)).collect();
            if !transitions.is_empty() {
                sets.add(rules, transitions);
            }
        }
        let counts = sets.compare().expect("the device was there");
        assert_eq!(counts.steps, file.steps.len());
        let drawn = file.steps.iter().filter(|step| !step.draws.is_empty()).count();
        golden::say(&format!(
            "compared {} steps of {} on the device, {drawn} of them with recorded draws, {} with auto-resets",
            counts.steps, file.name, counts.ended
        ));
    }
}

fn transition<R: Rules<Action = i32>>(rules: &R, step: &Step) -> (Played, Recorded) {
    let played = play(
        rules,
        &step.before,
        &[step.action],
        Script::new(&step.draws),
        None::<Script<'_>>,
    );
    let recorded = Recorded {
        name: step.name.clone(),
        state: played.start.clone().unwrap_or_else(|| step.after.clone()),
        rewards: vec![step.reward],
        shaped: vec![0.0],
        terminated: step.terminated,
        truncated: step.truncated,
        seen_before: Some(step.observed.clone()),
        seen_after: Some(step.next_observed.clone()),
        seen_start: None,
    };
    (played, recorded)
}

#[test]
fn device_golden_minatar_asterix() {
    check::<asterix::Game>();
}

#[test]
fn device_golden_minatar_breakout() {
    check::<breakout::Game>();
}

#[test]
fn device_golden_minatar_freeway() {
    check::<freeway::Game>();
}

#[test]
fn device_golden_minatar_seaquest() {
    check::<seaquest::Game>();
}

#[test]
fn device_golden_minatar_space_invaders() {
    check::<space_invaders::Game>();
}
