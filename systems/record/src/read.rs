//! Reading back: committed parts only, in row order, each checked against its commit before a byte of it is interpreted.

use crate::commit::{Chain, PartRecord};
use crate::run::Run;
use crate::store::{self, Store, disk};
use arrow::array::{
    Array, AsArray, BooleanArray, Float64Array, ListArray, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use arrow::datatypes::{Float32Type, Int32Type, UInt32Type};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use starling_components::Fault;
use std::collections::{BTreeMap, VecDeque};
use std::io::ErrorKind;
use std::sync::Arc;

/// Rows per batch.
const BATCH: usize = 8192;

/// Reads the file of `part` and checks length and hash.
///
/// # Errors
/// The file is gone, unreadable, cut or changed.
pub(crate) fn part_bytes(store: &dyn Store, part: &PartRecord) -> Result<Bytes, Fault> {
    let path = store::at(store, &part.file);
    let wrong = |why: String| {
        Fault::records(format!("part `{path}` {why}"))
            .advise("restore the file from a copy; what earlier commits name can still be read with `--commit N`")
    };
    let bytes = store.read(&part.file).map_err(|e| match e.kind() {
        _ if store::is_away(store, &e) => store::unreadable(store, format!("part `{path}` is unreadable: {e}"), &e),
        ErrorKind::NotFound => wrong("is unreadable: there is no such file".into()),
        _ => wrong(format!("is unreadable: {e}")),
    })?;
    if bytes.len() as u64 != part.bytes {
        return Err(wrong(format!(
            "is damaged: {} bytes instead of {}",
            bytes.len(),
            part.bytes
        )));
    }
    if disk::sha256(&bytes) != part.sha256 {
        return Err(wrong("is damaged: its hash is not the one in the commit".into()));
    }
    Ok(bytes)
}

/// The Parquet reader of a part whose bytes were checked.
pub(crate) fn open_part(part: &PartRecord, bytes: Bytes) -> Result<ParquetRecordBatchReaderBuilder<Bytes>, Fault> {
    ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|e| unreadable(part, &e))
}

fn unreadable(part: &PartRecord, error: &dyn std::fmt::Display) -> Fault {
    Fault::records(format!("part `{}` is not readable as Parquet: {error}", part.file))
}

/// All committed rows of `table`, in order, batch by batch. A table that the run never wrote has no rows.
pub fn read_table(run: &Run, table: &str) -> TableRows {
    read_parts(run.shared_store(), run.chain(), table)
}

pub(crate) fn read_parts(store: Arc<dyn Store>, chain: &Chain, table: &str) -> TableRows {
    TableRows {
        store,
        parts: chain.parts(table).cloned().collect(),
        open: None,
    }
}

/// The iterator of [`read_table`]. Ends after the first error.
#[derive(Debug)]
pub struct TableRows {
    store: Arc<dyn Store>,
    parts: VecDeque<PartRecord>,
    open: Option<(PartRecord, ParquetRecordBatchReader)>,
}

impl TableRows {
    fn advance(&mut self) -> Result<Option<RecordBatch>, Fault> {
        loop {
            if let Some((part, reader)) = &mut self.open {
                if let Some(batch) = reader.next() {
                    return batch.map(Some).map_err(|e| unreadable(part, &e));
                }
                self.open = None;
            }
            let Some(part) = self.parts.pop_front() else {
                return Ok(None);
            };
            let bytes = part_bytes(&*self.store, &part)?;
            let reader = open_part(&part, bytes)?.with_batch_size(BATCH).build();
            let reader = reader.map_err(|e| unreadable(&part, &e))?;
            self.open = Some((part, reader));
        }
    }
}

impl Iterator for TableRows {
    type Item = Result<RecordBatch, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance();
        if next.is_err() {
            self.parts.clear();
            self.open = None;
        }
        next.transpose()
    }
}

/// Columns of a batch by name and type.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a>(pub &'a RecordBatch);

impl<'a> Columns<'a> {
    fn typed<T: 'static>(self, name: &str) -> Result<&'a T, Fault> {
        let column = self.0.column_by_name(name);
        let typed = column.and_then(|array| array.as_any().downcast_ref::<T>());
        typed.ok_or_else(|| Fault::records(format!("a part has no column `{name}` of the expected type")))
    }
    /// A `u64` column.
    ///
    /// # Errors
    /// Missing, or of another type; likewise for the others.
    pub fn u64(self, name: &str) -> Result<&'a [u64], Fault> {
        self.typed::<UInt64Array>(name).map(|a| &a.values()[..])
    }
    /// A `u32` column.
    #[allow(clippy::missing_errors_doc)]
    pub fn u32(self, name: &str) -> Result<&'a [u32], Fault> {
        self.typed::<UInt32Array>(name).map(|a| &a.values()[..])
    }
    /// An `f64` column.
    #[allow(clippy::missing_errors_doc)]
    pub fn f64(self, name: &str) -> Result<&'a [f64], Fault> {
        self.typed::<Float64Array>(name).map(|a| &a.values()[..])
    }
    /// A column of names or text.
    #[allow(clippy::missing_errors_doc)]
    pub fn text(self, name: &str) -> Result<&'a StringArray, Fault> {
        self.typed(name)
    }
    /// A column of names or text that parts of an older version of their table lack.
    #[allow(clippy::missing_errors_doc)]
    pub fn text_if_any(self, name: &str) -> Result<Option<&'a StringArray>, Fault> {
        self.0.column_by_name(name).map(|_| self.typed(name)).transpose()
    }
    /// A column of flags.
    #[allow(clippy::missing_errors_doc)]
    pub fn flags(self, name: &str) -> Result<&'a BooleanArray, Fault> {
        self.typed(name)
    }
    /// The `i32` list of one row.
    #[allow(clippy::missing_errors_doc)]
    pub fn i32_list(self, name: &str, row: usize) -> Result<Vec<i32>, Fault> {
        let list = self.typed::<ListArray>(name)?.value(row);
        let values = list.as_primitive_opt::<Int32Type>().map(|a| a.values().to_vec());
        values.ok_or_else(|| Fault::records(format!("column `{name}` does not hold lists of i32")))
    }
    /// The `u32` list of one row.
    #[allow(clippy::missing_errors_doc)]
    pub fn u32_list(self, name: &str, row: usize) -> Result<Vec<u32>, Fault> {
        let list = self.typed::<ListArray>(name)?.value(row);
        let values = list.as_primitive_opt::<UInt32Type>().map(|a| a.values().to_vec());
        values.ok_or_else(|| Fault::records(format!("column `{name}` does not hold lists of u32")))
    }
    /// The `f32` list of one row.
    #[allow(clippy::missing_errors_doc)]
    pub fn f32_list(self, name: &str, row: usize) -> Result<Vec<f32>, Fault> {
        let list = self.typed::<ListArray>(name)?.value(row);
        let values = list.as_primitive_opt::<Float32Type>().map(|a| a.values().to_vec());
        values.ok_or_else(|| Fault::records(format!("column `{name}` does not hold lists of f32")))
    }
}

/// One number of `metrics`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// Completed ticks.
    pub tick: u64,
    /// Environment steps of one replica at that moment.
    pub env_steps: u64,
    /// Number of the replica.
    pub replica: u32,
    /// The number.
    pub value: f64,
}

/// Every metric of a run: (entity, metric) to its points, in row order.
///
/// # Errors
/// A damaged part.
pub fn metric_curves(run: &Run) -> Result<BTreeMap<(String, String), Vec<CurvePoint>>, Fault> {
    let mut curves: BTreeMap<(String, String), Vec<CurvePoint>> = BTreeMap::new();
    for batch in read_table(run, "metrics") {
        let batch = batch?;
        let columns = Columns(&batch);
        let (tick, env_steps) = (columns.u64("tick")?, columns.u64("env_steps")?);
        let (replica, value) = (columns.u32("replica")?, columns.f64("value")?);
        let (entity, metric) = (columns.text("entity")?, columns.text("metric")?);
        for row in 0..batch.num_rows() {
            let point = CurvePoint {
                tick: tick[row],
                env_steps: env_steps[row],
                replica: replica[row],
                value: value[row],
            };
            let key = (entity.value(row).to_owned(), metric.value(row).to_owned());
            curves.entry(key).or_default().push(point);
        }
    }
    Ok(curves)
}

/// One row of `episodes`.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // as the columns of the table
pub struct EpisodeRow {
    pub tick: u64,
    pub entity: String,
    pub replica: u32,
    pub lane: u32,
    pub episode: u32,
    pub length: u32,
    pub mean_return: f64,
    pub returns: Vec<f32>,
    pub truncated: bool,
}

/// Every finished episode of a run, in row order.
///
/// # Errors
/// A damaged part.
pub fn episodes(run: &Run) -> Result<Vec<EpisodeRow>, Fault> {
    let mut rows = Vec::new();
    for batch in read_table(run, "episodes") {
        let batch = batch?;
        let columns = Columns(&batch);
        let (tick, mean_return) = (columns.u64("tick")?, columns.f64("return")?);
        let (replica, lane) = (columns.u32("replica")?, columns.u32("lane")?);
        let (episode, length) = (columns.u32("episode")?, columns.u32("length")?);
        let (entity, truncated) = (columns.text("entity")?, columns.flags("truncated")?);
        for row in 0..batch.num_rows() {
            rows.push(EpisodeRow {
                tick: tick[row],
                entity: entity.value(row).to_owned(),
                replica: replica[row],
                lane: lane[row],
                episode: episode[row],
                length: length[row],
                mean_return: mean_return[row],
                returns: columns.f32_list("returns", row)?,
                truncated: truncated.value(row),
            });
        }
    }
    Ok(rows)
}
