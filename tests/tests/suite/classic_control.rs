//! The games of classic control against gymnax: every recorded transition is taken again from its recorded state, through the plain rules and
//! through a block of lanes; start states have the reference's distribution. One module per game says what it is compared on.

pub(crate) mod traces;

use starling_components::random::{Counter, Key};
use starling_components::simulate::{Outcome, Rules, Simulate, StepOutputs};
use starling_components::spaces::ObservationsMut;
use starling_simulate::lanes::Vectorised;
use starling_tests::golden;
use std::collections::BTreeSet;
use traces::{Action, Transition};

/// What a game is compared on. Tolerances are the largest absolute differences that count as equal: twice what a plain evaluation in `f32`
/// shows over the recorded traces.
pub(crate) struct Reference {
    /// The float words of the state, in order, by the reference's names, with tolerances. The steps done follow as the last word.
    pub(crate) state: &'static [(&'static str, f32)],
    /// Tolerances of the observation.
    pub(crate) observation: &'static [f32],
    /// Tolerance of the reward; 0 asks for the same bits, the sign of zero included.
    pub(crate) reward: f32,
    /// Start values of the state's floats lie in `[low, high)`; where both are equal they are that value.
    pub(crate) starts: &'static [(f32, f32)],
}

/// The one door: `reference` through the plain rules, through lanes, and from its start states.
pub(crate) fn check<R: Rules<Observation = f32>>(reference: &Reference, rules: R)
where
    R::Action: Action,
{
    let files = traces::read_all::<R::Action>(reference.state);
    files
        .iter()
        .flatten()
        .for_each(|row| check_step(reference, &rules, row));
    let environment = Vectorised::new(rules);
    files.iter().for_each(|rows| check_lanes(reference, &environment, rows));
    let episodes: usize = files
        .iter()
        .map(|rows| rows.iter().map(|row| &row.episode).collect::<BTreeSet<_>>().len())
        .sum();
    let steps: usize = files.iter().map(Vec::len).sum();
    let name = reference.state.iter().map(|(field, _)| *field).collect::<Vec<_>>();
    golden::say(&format!(
        "compared {} files, {episodes} episodes, {steps} steps of {}",
        files.len(),
        name.join(", ")
    ));
    assert!(steps > 0, "no golden trace was found");
    check_starts(reference, &environment);
}

pub(crate) fn assert_near<A: Action>(row: &Transition<A>, what: &str, got: f32, want: f32, tolerance: f32) {
    let equal = got.to_bits() == want.to_bits() || (tolerance > 0.0 && (got - want).abs() <= tolerance);
    assert!(equal, "{what}: {got} instead of {want} after {row:?}");
}

pub(crate) fn assert_observed<A: Action>(reference: &Reference, row: &Transition<A>, seen: &[f32]) {
    assert_eq!(seen.len(), row.observed.len());
    for (index, (&got, &want)) in seen.iter().zip(&row.observed).enumerate() {
        let what = format!("observation {index}");
        assert_near(row, &what, got, want, reference.observation[index]);
    }
}

/// One transition by the plain rules.
fn check_step<R: Rules<Observation = f32>>(reference: &Reference, rules: &R, row: &Transition<R::Action>)
where
    R::Action: Action,
{
    let mut state = row.words();
    let mut outcome = Outcome {
        rewards: &mut [0.0],
        shaped: &mut [0.0],
        terminated: false,
        truncated: false,
    };
    let mut draw = Counter::new(Key::of_seed(0), 0, 0, 1);
    rules.step(&mut state, &[row.action], &mut draw, &mut outcome);
    assert_near(row, "reward", outcome.rewards[0], row.reward, reference.reward);
    assert_eq!(
        (outcome.terminated, outcome.truncated),
        (row.terminated, row.truncated),
        "{row:?}"
    );
    let (&time, floats) = state.split_last().expect("a state has words");
    assert_eq!(time as i32, row.next_time, "{row:?}");
    for ((&word, &want), (field, tolerance)) in floats.iter().zip(&row.after).zip(reference.state) {
        assert_near(row, field, f32::from_bits(word), want, *tolerance);
    }
    let mut seen = vec![0.0; row.observed.len()];
    rules.observe(&state, &mut seen);
    assert_observed(reference, row, &seen);
    // A visited state as a start: the same place, no step done.
    rules.restart(&mut state, &mut draw);
    assert_eq!(state.last(), Some(&0), "{row:?}");
    let mut again = vec![0.0; row.observed.len()];
    rules.observe(&state, &mut again);
    assert_eq!(seen, again, "{row:?}");
}

/// The way that training takes: all rows of a file as lanes of one block, which resets those that end.
fn check_lanes<R: Rules<Observation = f32>>(
    reference: &Reference,
    environment: &Vectorised<R>,
    rows: &[Transition<R::Action>],
) where
    R::Action: Action,
{
    let (lanes, width) = (rows.len(), environment.shape().observation_width());
    let mut block = environment.open(Key::of_seed(0), lanes);
    let states: Vec<u32> = rows.iter().flat_map(Transition::words).collect();
    let steps: Vec<u32> = rows.iter().map(|row| row.time as u32).collect();
    block
        .restore(&states, &vec![0; lanes], &steps)
        .expect("as many states as lanes");
    let (mut seen, mut finals) = (vec![0.0; lanes * width], vec![0.0; lanes * width]);
    let (mut rewards, mut shaped) = (vec![0.0; lanes], vec![f32::NAN; lanes]);
    let (mut terminated, mut truncated) = (vec![0; lanes], vec![0; lanes]);
    let mut outputs = StepOutputs {
        observations: ObservationsMut::Floats(&mut seen),
        rewards: &mut rewards,
        shaped: &mut shaped,
        terminated: &mut terminated,
        truncated: &mut truncated,
        legal: None,
        active: None,
        final_observations: Some(ObservationsMut::Floats(&mut finals)),
        events: None,
    };
    let actions: Vec<R::Action> = rows.iter().map(|row| row.action).collect();
    block
        .step(Action::batch(&actions), &mut outputs)
        .expect("buffers of the right size");
    assert!(shaped.iter().all(|&reward| reward == 0.0));
    let words = environment.shape().state_words;
    for (lane, row) in rows.iter().enumerate() {
        assert_near(row, "reward", rewards[lane], row.reward, reference.reward);
        assert_eq!(
            (terminated[lane] != 0, truncated[lane] != 0),
            (row.terminated, row.truncated),
            "{row:?}"
        );
        let ended = row.terminated || row.truncated;
        let own = lane * width..(lane + 1) * width;
        let shown = if ended { &finals[own] } else { &seen[own] };
        assert_observed(reference, row, shown);
        if ended {
            assert_start(reference, &block.states()[lane * words..(lane + 1) * words]);
            assert_eq!((block.episodes()[lane], block.episode_steps()[lane]), (1, 0));
        }
    }
}

pub(crate) fn assert_start(reference: &Reference, state: &[u32]) {
    for (&word, &(low, high)) in state.iter().zip(reference.starts) {
        let value = f32::from_bits(word);
        let inside = if low == high {
            value == low
        } else {
            (low..high).contains(&value)
        };
        assert!(inside, "a start value {value} outside {low} to {high}");
    }
    assert_eq!(state.last(), Some(&0), "no step is done");
}

/// Start values are uniform and independent of one another.
fn check_starts<R: Rules<Observation = f32>>(reference: &Reference, environment: &Vectorised<R>) {
    const LANES: usize = 100_000;
    let mut block = environment.open(Key::of_seed(17), LANES);
    block.reset();
    let words = environment.shape().state_words;
    let states: Vec<&[u32]> = block.states().chunks_exact(words).collect();
    states.iter().for_each(|state| assert_start(reference, state));
    // Every drawn value from 0 to 1.
    let drawn: Vec<Vec<f64>> = (0..reference.starts.len())
        .filter(|&field| reference.starts[field].0 < reference.starts[field].1)
        .map(|field| {
            let (low, high) = reference.starts[field];
            let share = |state: &&[u32]| f64::from(f32::from_bits(state[field]) - low) / f64::from(high - low);
            states.iter().map(share).collect()
        })
        .collect();
    for (field, values) in drawn.iter().enumerate() {
        let mean = values.iter().sum::<f64>() / LANES as f64;
        let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / LANES as f64;
        // Standard error of the mean: 1 / sqrt(12 x 100 000) = 9.1e-4; of the variance: 2.4e-4.
        assert!((mean - 0.5).abs() < 4.5e-3, "field {field}: mean {mean}");
        assert!(
            (variance - 1.0 / 12.0).abs() < 1.2e-3,
            "field {field}: variance {variance}"
        );
        // Twenty bins: 5000 each, standard deviation 69.
        let mut bins = [0_i32; 20];
        for value in values {
            bins[((value * 20.0) as usize).min(19)] += 1;
        }
        assert!(
            bins.iter().all(|&count| (count - 5000).abs() < 350),
            "field {field}: {bins:?}"
        );
        for other in &drawn[..field] {
            let products = values.iter().zip(other).map(|(a, b)| (a - 0.5) * (b - 0.5));
            // Standard error: 1 / (12 sqrt(100 000)) = 2.6e-4.
            let covariance = products.sum::<f64>() / LANES as f64;
            assert!(covariance.abs() < 1.4e-3, "field {field}: covariance {covariance}");
        }
    }
}
