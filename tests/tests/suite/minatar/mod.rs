//! The MinAtar games against both references: every recorded transition is taken again from its recorded state with the recorded draws forced,
//! and where it draws nothing also through lanes. Everything is integer and compared exactly. One module per game says what its states are.

pub(crate) mod asterix;
pub(crate) mod breakout;
mod chances;
pub(crate) mod freeway;
mod play;
pub(crate) mod seaquest;
pub(crate) mod space_invaders;
pub(crate) mod traces;

use starling_components::random::Key;
use starling_components::simulate::{Outcome, Rules, Simulate, StepOutputs};
use starling_components::spaces::{Actions, ObservationsMut};
use starling_simulate::lanes::Vectorised;
use starling_tests::golden;
use traces::{Recorded, Script, Step};

/// The one door: all files of a game.
fn check<G: Recorded>() {
    let files = traces::read_all::<G>();
    assert!(!files.is_empty(), "no golden trace was found");
    for file in files {
        assert!(!file.steps.is_empty(), "{}: no step", file.name);
        for ramping in [true, false] {
            let steps: Vec<&Step> = file.steps.iter().filter(|step| step.ramping == ramping).collect();
            if steps.is_empty() {
                continue;
            }
            let rules = G::rules(file.variant, ramping);
            steps.iter().for_each(|step| check_step(&rules, step));
            check_lanes(rules, &steps);
        }
        let drawn = file.steps.iter().filter(|step| !step.draws.is_empty()).count();
        golden::say(&format!(
            "compared {}: {} episodes, {} steps, {drawn} of them with forced draws",
            file.name,
            file.episodes,
            file.steps.len()
        ));
    }
}

/// What the seat sees in `words`.
fn seen<R: Rules<Observation = u8>>(rules: &R, words: &[u32]) -> Vec<u8> {
    let mut seen = vec![0xAA; rules.shape().observation_width()];
    rules.observe(words, &mut seen);
    seen
}

fn check_step<R: Rules<Action = i32, Observation = u8>>(rules: &R, step: &Step) {
    rules
        .check(&step.before)
        .unwrap_or_else(|fault| panic!("{}: {}", step.name, fault.message));
    assert_eq!(
        seen(rules, &step.before),
        step.observed,
        "{}: observation before",
        step.name
    );
    let mut words = step.before.clone();
    let mut outcome = Outcome {
        rewards: &mut [0.0],
        shaped: &mut [0.0],
        terminated: false,
        truncated: false,
    };
    let mut script = Script::new(&step.draws);
    rules.step(&mut words, &[step.action], &mut script, &mut outcome);
    assert!(script.is_used_up(), "{}: fewer draws than recorded", step.name);
    assert_eq!(words, step.after, "{}: state\n{}", step.name, rules.render(&words));
    assert_eq!(outcome.rewards, [step.reward], "{}: reward", step.name);
    let ends = (outcome.terminated, outcome.truncated);
    assert_eq!(ends, (step.terminated, step.truncated), "{}: ends", step.name);
    assert_eq!(
        seen(rules, &words),
        step.next_observed,
        "{}: observation after",
        step.name
    );
}

/// The way that training takes: all steps without draws as lanes of one block, which resets those that end.
fn check_lanes<R: Rules<Action = i32, Observation = u8>>(rules: R, steps: &[&Step]) {
    let steps: Vec<&Step> = steps.iter().copied().filter(|step| step.draws.is_empty()).collect();
    let (lanes, width, size) = (
        steps.len(),
        rules.shape().observation_width(),
        rules.shape().state_words,
    );
    let environment = Vectorised::new(rules);
    let mut block = environment.open(Key::of_seed(0), lanes);
    let states: Vec<u32> = steps.iter().flat_map(|step| step.before.clone()).collect();
    block
        .restore(&states, &vec![0; lanes], &vec![3; lanes])
        .expect("recorded states are states");
    let (mut seen, mut finals) = (vec![0xAA; lanes * width], vec![0xAA; lanes * width]);
    let (mut rewards, mut shaped) = (vec![f32::NAN; lanes], vec![f32::NAN; lanes]);
    let (mut terminated, mut truncated) = (vec![9; lanes], vec![9; lanes]);
    let mut outputs = StepOutputs {
        observations: ObservationsMut::Bytes(&mut seen),
        rewards: &mut rewards,
        shaped: &mut shaped,
        terminated: &mut terminated,
        truncated: &mut truncated,
        legal: None,
        active: None,
        final_observations: Some(ObservationsMut::Bytes(&mut finals)),
        events: None,
    };
    let actions: Vec<i32> = steps.iter().map(|step| step.action).collect();
    block
        .step(Actions::Discrete(&actions), &mut outputs)
        .expect("buffers of the right size");
    for (lane, step) in steps.iter().enumerate() {
        assert_eq!((rewards[lane], shaped[lane]), (step.reward, 0.0), "{}", step.name);
        let ends = (terminated[lane], truncated[lane]);
        assert_eq!(ends, (step.terminated.into(), step.truncated.into()), "{}", step.name);
        let own = lane * width..(lane + 1) * width;
        let ended = step.terminated || step.truncated;
        let shown = if ended { &finals[own] } else { &seen[own] };
        assert_eq!(shown, step.next_observed, "{}", step.name);
        let state = &block.states()[lane * size..(lane + 1) * size];
        if ended {
            assert_eq!(
                (state[0], block.episodes()[lane], block.episode_steps()[lane]),
                (0, 1, 0)
            );
        } else {
            assert_eq!(state, step.after, "{}", step.name);
        }
    }
}
