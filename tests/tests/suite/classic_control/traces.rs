//! Recorded transitions of the reference, read from Parquet.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Int32Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use starling_components::spaces::{ActionElement, Actions};
use starling_tests::golden;
use std::fmt::Debug;
use std::fs::File;

/// The action of one seat: a move, or one float.
pub(crate) trait Action: ActionElement + Debug {
    /// The actions of a batch of rows, or `None` if they are of the other kind.
    fn column(batch: &RecordBatch) -> Option<Vec<Self>>;
    /// Many of them as lanes take them.
    fn batch(actions: &[Self]) -> Actions<'_>;
}

impl Action for i32 {
    fn column(batch: &RecordBatch) -> Option<Vec<Self>> {
        (!is_list(batch, "action")).then(|| ints(batch, "action"))
    }
    fn batch(actions: &[Self]) -> Actions<'_> {
        Actions::Discrete(actions)
    }
}

impl Action for f32 {
    fn column(batch: &RecordBatch) -> Option<Vec<Self>> {
        is_list(batch, "action").then(|| lists(batch, "action").into_iter().flatten().collect())
    }
    fn batch(actions: &[Self]) -> Actions<'_> {
        Actions::Continuous(actions)
    }
}

/// One recorded transition of the bare step.
#[derive(Debug, Clone)]
pub(crate) struct Transition<A> {
    /// As given to the step, also outside the legal range.
    pub(crate) action: A,
    /// The float words of the state.
    pub(crate) before: Vec<f32>,
    pub(crate) after: Vec<f32>,
    pub(crate) time: i32,
    pub(crate) next_time: i32,
    pub(crate) observed: Vec<f32>,
    pub(crate) reward: f32,
    pub(crate) terminated: bool,
    pub(crate) truncated: bool,
    /// Policy and number.
    pub(crate) episode: (String, i32),
}

impl<A> Transition<A> {
    /// The state before, as rules lay it out.
    pub(crate) fn words(&self) -> Vec<u32> {
        let floats = self.before.iter().map(|value| value.to_bits());
        floats.chain([self.time as u32]).collect()
    }
}

/// Every file of transitions of one game: those with exactly the columns of its state and with its kind of actions.
pub(crate) fn read_all<A: Action>(state: &[(&str, f32)]) -> Vec<Vec<Transition<A>>> {
    let mut files = Vec::new();
    for path in golden::files("classic_control", "parquet") {
        let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("a Parquet file");
        let fields = reader.schema().fields().clone();
        let mut recorded: Vec<&str> = fields
            .iter()
            .filter_map(|field| field.name().strip_prefix("s_"))
            .collect();
        let mut wanted: Vec<&str> = state.iter().map(|(field, _)| *field).chain(["time"]).collect();
        recorded.sort_unstable();
        wanted.sort_unstable();
        if recorded != wanted {
            continue;
        }
        let batches = reader.build().expect("a readable Parquet file");
        let batches: Vec<RecordBatch> = batches.map(|batch| batch.expect("a readable batch")).collect();
        let rows: Option<Vec<_>> = batches.iter().map(|batch| transitions(batch, state)).collect();
        files.extend(rows.map(|rows| rows.concat()));
    }
    files
}

fn transitions<A: Action>(batch: &RecordBatch, state: &[(&str, f32)]) -> Option<Vec<Transition<A>>> {
    let action = A::column(batch)?;
    let words = |prefix: &str| -> Vec<Vec<f32>> {
        let names = state.iter().map(|(field, _)| format!("{prefix}_{field}"));
        names.map(|name| floats(batch, &name)).collect()
    };
    let (before, after) = (words("s"), words("n"));
    let (time, next_time) = (ints(batch, "s_time"), ints(batch, "n_time"));
    let (reward, observed) = (floats(batch, "reward"), lists(batch, "next_obs"));
    let (terminated, truncated) = (flags(batch, "terminated"), flags(batch, "truncated"));
    let (policy, episode) = (column(batch, "policy", &DataType::Utf8), ints(batch, "episode"));
    let row = |row: usize| Transition {
        action: action[row],
        before: before.iter().map(|field| field[row]).collect(),
        after: after.iter().map(|field| field[row]).collect(),
        time: time[row],
        next_time: next_time[row],
        observed: observed[row].clone(),
        reward: reward[row],
        terminated: terminated[row],
        truncated: truncated[row],
        episode: (policy.as_string::<i32>().value(row).to_owned(), episode[row]),
    };
    Some((0..batch.num_rows()).map(row).collect())
}

fn named<'a>(batch: &'a RecordBatch, name: &str) -> &'a ArrayRef {
    batch.column_by_name(name).unwrap_or_else(|| panic!("no column {name}"))
}

fn column(batch: &RecordBatch, name: &str, kind: &DataType) -> ArrayRef {
    cast(named(batch, name), kind).unwrap_or_else(|error| panic!("{name}: {error}"))
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

fn is_list(batch: &RecordBatch, name: &str) -> bool {
    matches!(
        named(batch, name).data_type(),
        DataType::FixedSizeList(..) | DataType::LargeList(_) | DataType::List(_)
    )
}

/// The floats of every row, whichever kind of list it is.
fn lists(batch: &RecordBatch, name: &str) -> Vec<Vec<f32>> {
    let column = named(batch, name);
    let row = |row: usize| match column.data_type() {
        DataType::FixedSizeList(..) => column.as_fixed_size_list().value(row),
        DataType::LargeList(_) => column.as_list::<i64>().value(row),
        _ => column.as_list::<i32>().value(row),
    };
    (0..batch.num_rows())
        .map(|number| row(number).as_primitive::<Float32Type>().values().to_vec())
        .collect()
}
