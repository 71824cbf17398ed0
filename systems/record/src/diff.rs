//! Comparing two runs: the same rows in every exact table and the same bits in the last checkpoint, or where they part first.
//!
//! Rows are compared up to the last tick that both runs have committed; `timings` is never compared. NaN equals the same NaN.

use crate::checkpoint;
use crate::commit::Chain;
use crate::read::{Columns, TableRows, read_table};
use crate::run::Run;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int32Type, UInt8Type, UInt32Type, UInt64Type};
use starling_components::Fault;
use starling_components::persist::{SavedTensor, TensorData};
use starling_components::tables;
use std::collections::BTreeSet;
use std::fmt;

/// The outcome of [`diff`].
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Last tick up to which rows were compared.
    pub tick: u64,
    /// Last committed ticks of both.
    pub ticks: [u64; 2],
    /// Rows that agree, per table, in table order.
    pub agreeing: Vec<(String, u64)>,
    /// Where each table parts first, the earliest tick first. Empty: the rows are the same.
    pub rows: Vec<RowDifference>,
    /// Tensors of the last checkpoints that differ; `None` where the runs end at different ticks and it was not compared.
    pub checkpoint: Option<Vec<TensorDifference>>,
    /// Both ran the same resolved pipeline, to the letter.
    pub same_pipeline: bool,
}

/// A table's first row that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowDifference {
    /// The table.
    pub table: String,
    /// Number of the row within the table, from 0.
    pub row: u64,
    /// Tick of the row.
    pub tick: u64,
    /// Entity of the row.
    pub entity: String,
    /// First column that differs; empty where one run lacks the row.
    pub column: String,
    /// Both values; `None` where the run lacks the row.
    pub values: [Option<String>; 2],
}

/// A tensor that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorDifference {
    /// Its name, e.g. `agent.chef/parameters/actor.0.kernel`.
    pub tensor: String,
    /// First element that differs, counted in row-major order.
    pub element: usize,
    /// Both values; `None` where the checkpoint lacks the tensor or the element.
    pub values: [Option<String>; 2],
}

impl Difference {
    /// No difference was found in what could be compared.
    pub fn is_same(&self) -> bool {
        self.rows.is_empty() && self.checkpoint.as_ref().is_none_or(Vec::is_empty)
    }
}

/// Compares the committed rows and last checkpoints of two runs.
///
/// # Errors
/// A damaged part or checkpoint.
pub fn diff(a: &Run, b: &Run) -> Result<Difference, Fault> {
    let last_tick = |run: &Run| run.latest_commit().map_or(0, |c| c.tick);
    let ticks = [last_tick(a), last_tick(b)];
    let mut difference = Difference {
        tick: ticks[0].min(ticks[1]),
        ticks,
        agreeing: Vec::new(),
        rows: Vec::new(),
        checkpoint: None,
        same_pipeline: a.pipeline_sha256() == b.pipeline_sha256(),
    };
    for table in compared_tables(a.chain(), b.chain()) {
        let (agreeing, parting) = compare_table(a, b, &table, difference.tick)?;
        difference.agreeing.push((table, agreeing));
        difference.rows.extend(parting);
    }
    difference.rows.sort_by_key(|row| row.tick); // stable: tables of one tick stay in table order
    if let (Some(last_a), Some(last_b), true) = (a.latest_commit(), b.latest_commit(), ticks[0] == ticks[1]) {
        let (a, b) = (checkpoint::read(a, last_a)?, checkpoint::read(b, last_b)?);
        let names: BTreeSet<&String> = a.tensors.keys().chain(b.tensors.keys()).collect();
        let tensors = names
            .into_iter()
            .filter_map(|name| compare_tensor(name, a.tensors.get(name), b.tensors.get(name)));
        difference.checkpoint = Some(tensors.collect());
    }
    Ok(difference)
}

/// Every table that either run has, but those that are not promised to be exact.
fn compared_tables(a: &Chain, b: &Chain) -> Vec<String> {
    let last = |chain: &Chain| chain.commits.last().map(|c| c.rows.clone()).unwrap_or_default();
    let names: BTreeSet<String> = last(a).into_keys().chain(last(b).into_keys()).collect();
    let inexact = |name: &String| tables::ALL.iter().any(|table| table.name == name && !table.exact);
    names.into_iter().filter(|name| !inexact(name)).collect()
}

/// How many rows agree, and the first that does not.
fn compare_table(a: &Run, b: &Run, table: &str, last_tick: u64) -> Result<(u64, Option<RowDifference>), Fault> {
    let mut sides = [
        Cursor::new(read_table(a, table), last_tick),
        Cursor::new(read_table(b, table), last_tick),
    ];
    let mut row = 0;
    loop {
        let [left, right] = &mut sides;
        let (rows_a, rows_b) = (left.available()?, right.available()?);
        let common = rows_a.min(rows_b);
        if common == 0 {
            let ahead = if rows_a > 0 { &*left } else { &*right };
            let missing = ahead.describe("", rows_a.max(rows_b) > 0)?;
            return Ok((
                row,
                missing.map(|(tick, entity, value)| RowDifference {
                    table: table.to_owned(),
                    row,
                    tick,
                    entity,
                    column: String::new(),
                    values: if rows_a > 0 {
                        [Some(value), None]
                    } else {
                        [None, Some(value)]
                    },
                }),
            ));
        }
        if let Some((at, column)) = first_row(left, right, common, table)? {
            left.skip(at);
            right.skip(at);
            let Some((tick, entity, value)) = left.describe(&column, true)? else {
                return Ok((row, None));
            };
            let other = right.describe(&column, true)?.map(|(_, _, value)| value);
            return Ok((
                row + at as u64,
                Some(RowDifference {
                    table: table.to_owned(),
                    row: row + at as u64,
                    tick,
                    entity,
                    column,
                    values: [Some(value), other],
                }),
            ));
        }
        left.skip(common);
        right.skip(common);
        row += common as u64;
    }
}

/// Walks the rows of one run's table up to a tick.
struct Cursor {
    rows: TableRows,
    last_tick: u64,
    batch: Option<RecordBatch>,
}

impl Cursor {
    fn new(rows: TableRows, last_tick: u64) -> Self {
        Self {
            rows,
            last_tick,
            batch: None,
        }
    }

    /// Rows that can be looked at now; 0 at the end. Ticks rise within a table.
    fn available(&mut self) -> Result<usize, Fault> {
        while self.batch.as_ref().is_none_or(|batch| batch.num_rows() == 0) {
            match self.rows.next() {
                Some(batch) => self.batch = Some(batch?),
                None => return Ok(0),
            }
        }
        let Some(batch) = &self.batch else { return Ok(0) };
        let ticks = Columns(batch).u64("tick")?;
        Ok(ticks
            .iter()
            .position(|tick| *tick > self.last_tick)
            .unwrap_or(ticks.len()))
    }

    fn skip(&mut self, count: usize) {
        self.batch = self
            .batch
            .take()
            .map(|batch| batch.slice(count, batch.num_rows() - count));
    }

    /// Tick, entity and `column`'s value in the current row; without a column the whole row.
    fn describe(&self, column: &str, wanted: bool) -> Result<Option<(u64, String, String)>, Fault> {
        let Some(batch) = self.batch.as_ref().filter(|batch| wanted && batch.num_rows() > 0) else {
            return Ok(None);
        };
        let columns = Columns(batch);
        let tick = columns.u64("tick")?[0];
        let entity = columns
            .text("entity")
            .map(|names| names.value(0).to_owned())
            .unwrap_or_default();
        let value = match batch.column_by_name(column) {
            Some(array) => cell(array, 0),
            None => {
                let fields = batch.schema();
                let all = fields.fields().iter().zip(batch.columns());
                all.map(|(field, array)| format!("{}={}", field.name(), cell(array, 0)))
                    .collect::<Vec<_>>()
                    .join(" ")
            }
        };
        Ok(Some((tick, entity, value)))
    }
}

/// The first of the next `count` rows that differs, and its first column that does.
fn first_row(left: &Cursor, right: &Cursor, count: usize, table: &str) -> Result<Option<(usize, String)>, Fault> {
    let (Some(a), Some(b)) = (&left.batch, &right.batch) else {
        return Ok(None);
    };
    let names = |batch: &RecordBatch| {
        batch
            .schema()
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .collect::<Vec<_>>()
    };
    if names(a) != names(b) {
        let message = format!(
            "the runs have other columns in table `{table}`: {:?} and {:?}",
            names(a),
            names(b)
        );
        return Err(Fault::records(message).advise("compare runs of the same program"));
    }
    let mut first: Option<(usize, String)> = None;
    for ((a, b), name) in a.columns().iter().zip(b.columns()).zip(names(a)) {
        // Only a strictly earlier row takes over, so that of one row the first column is told.
        let limit = first.as_ref().map_or(count, |(row, _)| *row);
        if let Some(row) = first_cell(a, b, limit) {
            first = Some((row, name));
        }
    }
    Ok(first)
}

/// The first of `count` cells that differs in type or bits.
fn first_cell(a: &ArrayRef, b: &ArrayRef, count: usize) -> Option<usize> {
    macro_rules! primitive {
        ($kind:ty, $same:expr) => {{
            let (a, b) = (a.as_primitive::<$kind>().values(), b.as_primitive::<$kind>().values());
            a.iter().zip(b).take(count).position(|(a, b)| !$same(a, b))
        }};
    }
    let blob = |array: &ArrayRef, row: usize| -> Option<Vec<u8>> {
        let there = array.is_valid(row);
        match array.data_type() {
            DataType::Binary => there.then(|| array.as_binary::<i32>().value(row).to_vec()),
            _ => there.then(|| array.as_fixed_size_binary().value(row).to_vec()),
        }
    };
    use DataType::{Binary, FixedSizeBinary};
    match (a.data_type(), b.data_type()) {
        (Binary | FixedSizeBinary(_), Binary | FixedSizeBinary(_)) => {
            (0..count).find(|&row| blob(a, row) != blob(b, row))
        }
        (a, b) if a != b && !matches!(a, DataType::List(_)) => (count > 0).then_some(0),
        (DataType::UInt8, _) => primitive!(UInt8Type, u8::eq),
        (DataType::UInt32, _) => primitive!(UInt32Type, u32::eq),
        (DataType::UInt64, _) => primitive!(UInt64Type, u64::eq),
        (DataType::Int32, _) => primitive!(Int32Type, i32::eq),
        (DataType::Float32, _) => primitive!(Float32Type, |a: &f32, b: &f32| a.to_bits() == b.to_bits()),
        (DataType::Float64, _) => primitive!(Float64Type, |a: &f64, b: &f64| a.to_bits() == b.to_bits()),
        (DataType::List(_), DataType::List(_)) => (0..count).find(|&row| {
            let (a, b) = (a.as_list::<i32>().value(row), b.as_list::<i32>().value(row));
            a.len() != b.len() || first_cell(&a, &b, a.len()).is_some()
        }),
        (DataType::Boolean, _) => (0..count).find(|&row| a.as_boolean().value(row) != b.as_boolean().value(row)),
        (DataType::Utf8, _) => {
            (0..count).find(|&row| a.as_string::<i32>().value(row) != b.as_string::<i32>().value(row))
        }
        // A type that no table has: said to differ rather than passed over.
        _ => (count > 0).then_some(0),
    }
}

/// One cell for people. Floats as the shortest text that gives the same bits back.
fn cell(array: &ArrayRef, row: usize) -> String {
    if array.is_null(row) {
        return "nothing".into();
    }
    let hex = |bytes: &[u8]| match bytes.len() {
        0..=32 => crate::store::disk::hex(bytes),
        n => format!("{}... ({n} bytes)", crate::store::disk::hex(&bytes[..32])),
    };
    match array.data_type() {
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).to_string(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).to_string(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Float32 => format!("{:?}", array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => format!("{:?}", array.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::Binary => hex(array.as_binary::<i32>().value(row)),
        DataType::FixedSizeBinary(_) => hex(array.as_fixed_size_binary().value(row)),
        DataType::List(_) => {
            let list = array.as_list::<i32>().value(row);
            let cells: Vec<String> = (0..list.len()).map(|i| cell(&list, i)).collect();
            format!("[{}]", cells.join(", "))
        }
        other => format!("a value of type {other}"),
    }
}

fn compare_tensor(name: &str, a: Option<&SavedTensor>, b: Option<&SavedTensor>) -> Option<TensorDifference> {
    let number = |tensor: &SavedTensor, at: usize| match &tensor.data {
        TensorData::U8(v) => v.get(at).map(u8::to_string),
        TensorData::F32(v) => v.get(at).map(|x| format!("{x:?}")),
        TensorData::F64(v) => v.get(at).map(|x| format!("{x:?}")),
        TensorData::U32(v) => v.get(at).map(u32::to_string),
        TensorData::U64(v) => v.get(at).map(u64::to_string),
    };
    let element = match (a, b) {
        (Some(a), Some(b)) if a.shape == b.shape => checkpoint::first_different(&a.data, &b.data)?,
        (None, None) => return None,
        _ => 0,
    };
    Some(TensorDifference {
        tensor: name.to_owned(),
        element,
        values: [a.and_then(|t| number(t, element)), b.and_then(|t| number(t, element))],
    })
}

impl fmt::Display for RowDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table `{}`, row {}, tick {}", self.table, self.row, self.tick)?;
        if !self.entity.is_empty() {
            write!(f, ", {}", self.entity)?;
        }
        match &self.values {
            [Some(a), Some(b)] => write!(f, ", column `{}`: {a} in the first run, {b} in the second", self.column),
            [Some(a), None] => write!(f, ": only the first run has the row ({a})"),
            [None, b] => write!(
                f,
                ": only the second run has the row ({})",
                b.as_deref().unwrap_or_default()
            ),
        }
    }
}

impl fmt::Display for TensorDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b] = self.values.each_ref().map(|v| v.as_deref().unwrap_or("nothing"));
        write!(
            f,
            "checkpoint tensor `{}`, element {}: {a} in the first run, {b} in the second",
            self.tensor, self.element
        )
    }
}
