//! CartPole against gymnax: every recorded transition is taken again from its recorded state, through the plain rules and through a
//! block of lanes; start states have the reference's distribution.

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Int32Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use starling_components::environments::cart_pole::CartPoleSettings;
use starling_components::random::{Counter, Key};
use starling_components::simulate::{Outcome, Rules, Simulate, StepOutputs};
use starling_components::spaces::{Actions, ObservationsMut};
use starling_simulate::environments::cart_pole::CartPole;
use starling_simulate::lanes::Vectorised;
use starling_tests::golden;
use std::collections::BTreeSet;
use std::fs::File;

/// The state fields in the order of the observation, with the largest absolute difference that counts as equal: twice what a plain
/// evaluation in `f32` shows over the recorded traces.
const FIELDS: [(&str, f32); 4] = [("x", 4.8e-7), ("x_dot", 4.8e-7), ("theta", 6e-8), ("theta_dot", 9.6e-7)];

/// One recorded transition of the bare step.
#[derive(Debug, Clone)]
struct Transition {
    action: i32,
    before: [f32; 4],
    after: [f32; 4],
    time: i32,
    next_time: i32,
    observed: Vec<f32>,
    reward: f32,
    terminated: bool,
    truncated: bool,
    episode: (String, i32),
}

impl Transition {
    fn words(&self) -> [u32; 5] {
        let [x, x_dot, theta, theta_dot] = self.before.map(f32::to_bits);
        [x, x_dot, theta, theta_dot, self.time as u32]
    }
}

fn column(batch: &RecordBatch, name: &str, kind: &DataType) -> ArrayRef {
    let column = batch.column_by_name(name).unwrap_or_else(|| panic!("no column {name}"));
    cast(column, kind).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn floats(batch: &RecordBatch, name: &str) -> Vec<f32> {
    let column = column(batch, name, &DataType::Float32);
    column.as_primitive::<Float32Type>().values().to_vec()
}

fn ints(batch: &RecordBatch, name: &str) -> Vec<i32> {
    let column = column(batch, name, &DataType::Int32);
    column.as_primitive::<Int32Type>().values().to_vec()
}

fn flags(batch: &RecordBatch, name: &str) -> Vec<bool> {
    let column = column(batch, name, &DataType::Boolean);
    column.as_boolean().iter().map(|flag| flag == Some(true)).collect()
}

/// `[rows, 4]`, whichever kind of list it is.
fn observations(batch: &RecordBatch, name: &str) -> Vec<f32> {
    let column = batch.column_by_name(name).unwrap_or_else(|| panic!("no column {name}"));
    let rows = (0..batch.num_rows()).map(|row| match column.data_type() {
        DataType::FixedSizeList(..) => column.as_fixed_size_list().value(row),
        DataType::LargeList(_) => column.as_list::<i64>().value(row),
        _ => column.as_list::<i32>().value(row),
    });
    rows.flat_map(|row| row.as_primitive::<Float32Type>().values().to_vec())
        .collect()
}

fn transitions(batch: &RecordBatch) -> Vec<Transition> {
    let state = |prefix: &str| FIELDS.map(|(field, _)| floats(batch, &format!("{prefix}_{field}")));
    let (before, after) = (state("s"), state("n"));
    let (time, next_time, action) = (ints(batch, "s_time"), ints(batch, "n_time"), ints(batch, "action"));
    let (reward, observed) = (floats(batch, "reward"), observations(batch, "next_obs"));
    let (terminated, truncated) = (flags(batch, "terminated"), flags(batch, "truncated"));
    let (policy, episode) = (column(batch, "policy", &DataType::Utf8), ints(batch, "episode"));
    let row = |row: usize| Transition {
        action: action[row],
        before: [0, 1, 2, 3].map(|field: usize| before[field][row]),
        after: [0, 1, 2, 3].map(|field: usize| after[field][row]),
        time: time[row],
        next_time: next_time[row],
        observed: observed[row * 4..row * 4 + 4].to_vec(),
        reward: reward[row],
        terminated: terminated[row],
        truncated: truncated[row],
        episode: (policy.as_string::<i32>().value(row).to_owned(), episode[row]),
    };
    (0..batch.num_rows()).map(row).collect()
}

/// Every file of CartPole transitions: those with the columns of its state.
fn read_all() -> Vec<Vec<Transition>> {
    let mut files = Vec::new();
    for path in golden::files("classic_control", "parquet") {
        let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("a Parquet file");
        let names: BTreeSet<&str> = reader
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        if !FIELDS
            .iter()
            .all(|(field, _)| names.contains(format!("s_{field}").as_str()))
        {
            continue;
        }
        let batches = reader.build().expect("a readable Parquet file");
        let rows = batches.flat_map(|batch| transitions(&batch.expect("a readable batch")));
        files.push(rows.collect());
    }
    files
}

fn report(files: &[Vec<Transition>]) {
    let episodes: usize = files
        .iter()
        .map(|rows| rows.iter().map(|row| &row.episode).collect::<BTreeSet<_>>().len())
        .sum();
    let steps: usize = files.iter().map(Vec::len).sum();
    golden::say(&format!(
        "compared {} files, {episodes} episodes, {steps} steps",
        files.len()
    ));
    assert!(steps > 0, "no golden trace was found");
}

fn assert_close(row: &Transition, got: &[f32], want: &[f32], what: &str) {
    for ((got, want), (field, tolerance)) in got.iter().zip(want).zip(FIELDS) {
        assert!(
            (got - want).abs() <= tolerance,
            "{what} {field}: {got} instead of {want} after {row:?}"
        );
    }
}

fn rules() -> CartPole {
    CartPole::new(&CartPoleSettings::default()).expect("default settings")
}

#[test]
fn cart_pole_classic_control_golden() {
    let (files, rules) = (read_all(), rules());
    for row in files.iter().flatten() {
        let mut state = row.words();
        let mut outcome = Outcome {
            rewards: &mut [0.0],
            shaped: &mut [0.0],
            terminated: false,
            truncated: false,
        };
        let mut draw = Counter::new(Key::of_seed(0), 0, 0, 1);
        rules.step(&mut state, &[row.action], &mut draw, &mut outcome);
        assert_eq!(outcome.rewards, [row.reward], "{row:?}");
        assert_eq!(
            (outcome.terminated, outcome.truncated),
            (row.terminated, row.truncated),
            "{row:?}"
        );
        assert_eq!(state[4] as i32, row.next_time, "{row:?}");
        let after: Vec<f32> = state[..4].iter().map(|&word| f32::from_bits(word)).collect();
        assert_close(row, &after, &row.after, "state");
        let mut seen = [0.0; 4];
        rules.observe(&state, &mut seen);
        assert_close(row, &seen, &row.observed, "observation");
    }
    report(&files);
}

/// The way that training takes: all rows of a file as lanes of one block, which resets those that end.
#[test]
fn cart_pole_classic_control_golden_in_lanes() {
    let files = read_all();
    let environment = Vectorised::new(rules());
    for rows in &files {
        let lanes = rows.len();
        let mut block = environment.open(Key::of_seed(0), lanes);
        let states: Vec<u32> = rows.iter().flat_map(Transition::words).collect();
        let steps: Vec<u32> = rows.iter().map(|row| row.time as u32).collect();
        block
            .restore(&states, &vec![0; lanes], &steps)
            .expect("as many states as lanes");
        let (mut seen, mut finals) = (vec![0.0; lanes * 4], vec![0.0; lanes * 4]);
        let (mut rewards, mut shaped) = (vec![0.0; lanes], vec![0.0; lanes]);
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
        let actions: Vec<i32> = rows.iter().map(|row| row.action).collect();
        block
            .step(Actions::Discrete(&actions), &mut outputs)
            .expect("buffers of the right size");
        for (lane, row) in rows.iter().enumerate() {
            assert_eq!(rewards[lane], row.reward, "{row:?}");
            assert_eq!(
                (terminated[lane] != 0, truncated[lane] != 0),
                (row.terminated, row.truncated),
                "{row:?}"
            );
            let ended = row.terminated || row.truncated;
            let own = lane * 4..lane * 4 + 4;
            let shown = if ended {
                &finals[own.clone()]
            } else {
                &seen[own.clone()]
            };
            assert_close(row, shown, &row.observed, "observation");
            if ended {
                assert!(
                    seen[own].iter().all(|value| value.abs() <= 0.05),
                    "a start state is seen"
                );
                assert_eq!((block.episodes()[lane], block.episode_steps()[lane]), (1, 0));
            }
        }
    }
    report(&files);
}

#[test]
fn cart_pole_starts_uniformly() {
    const LANES: usize = 100_000;
    let mut block = Vectorised::new(rules()).open(Key::of_seed(17), LANES);
    block.reset();
    for field in 0..4 {
        let values: Vec<f64> = block
            .states()
            .chunks_exact(5)
            .map(|state| f64::from(f32::from_bits(state[field])))
            .collect();
        assert!(values.iter().all(|value| (-0.05..0.05).contains(value)));
        let mean = values.iter().sum::<f64>() / LANES as f64;
        let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / LANES as f64;
        // Standard error of the mean: 0.1 / sqrt(12 x 100 000) = 9.1e-5.
        assert!(mean.abs() < 4.5e-4, "field {field}: mean {mean}");
        assert!(
            (variance - 0.01 / 12.0).abs() < 2e-5,
            "field {field}: variance {variance}"
        );
        // Twenty bins: 5000 each, standard deviation 69.
        let mut bins = [0; 20];
        for value in &values {
            bins[((value + 0.05) * 200.0) as usize] += 1;
        }
        assert!(
            bins.iter().all(|&count: &i32| (count - 5000).abs() < 350),
            "field {field}: {bins:?}"
        );
    }
    let words = block.states().chunks_exact(5);
    assert!(words.map(|state| state[4]).all(|time| time == 0));
}
