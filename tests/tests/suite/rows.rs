//! Rows and tensors of a run, as text that can be compared, through the record crate's readers.

use arrow::array::{Array, RecordBatch, UInt32Array};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use starling_components::persist::TensorData;
use starling_record::Run;
use std::path::Path;

fn open(run: &Path) -> Run {
    Run::open_read_only(run, None).unwrap_or_else(|fault| panic!("{}: {fault}", run.display()))
}

fn batches(run: &Path, table: &str) -> Vec<RecordBatch> {
    let rows = starling_record::read::read_table(&open(run), table);
    rows.collect::<Result<_, _>>()
        .unwrap_or_else(|fault| panic!("{table} of {}: {fault}", run.display()))
}

fn texts(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_display_error(true);
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).expect("a column that can be shown"))
        .collect();
    let row = |i| {
        columns
            .iter()
            .map(|column| column.value(i).to_string())
            .collect::<Vec<_>>()
            .join("|")
    };
    (0..batch.num_rows()).map(row).collect()
}

/// All committed rows of a table.
pub(crate) fn table(run: &Path, table: &str) -> Vec<String> {
    batches(run, table).iter().flat_map(texts).collect()
}

/// The committed rows of one replica.
pub(crate) fn of_replica(run: &Path, table: &str, replica: u32) -> Vec<String> {
    let mut found = Vec::new();
    for batch in batches(run, table) {
        let column = batch.column_by_name("replica").expect("the table has replicas");
        let numbers = column.as_any().downcast_ref::<UInt32Array>().expect("replica is a u32");
        let rows = texts(&batch);
        found.extend(
            rows.into_iter()
                .enumerate()
                .filter(|(i, _)| numbers.value(*i) == replica)
                .map(|(_, row)| row),
        );
    }
    found
}

/// The saved parameters of one replica of `agent`, at the place `index` among those that are saved, as bits.
pub(crate) fn parameters_of(run: &Path, agent: &str, index: usize) -> Vec<(String, Vec<u64>)> {
    let prefix = format!("agent.{agent}/parameters/");
    let own = tensors_of_replica(run, index).into_iter();
    let own = own.filter_map(|(name, bits)| Some((name.strip_prefix(&prefix)?.to_owned(), bits)));
    own.collect()
}

/// The saved tensors that have a replica axis, cut to the replica at `index`, as bits.
pub(crate) fn tensors_of_replica(run: &Path, index: usize) -> Vec<(String, Vec<u64>)> {
    let run = open(run);
    let commit = run.latest_commit().expect("a commit");
    let snapshot = starling_record::checkpoint::read(&run, commit).unwrap_or_else(|fault| panic!("{fault}"));
    // Of an agent with fewer replicas there is nothing.
    let cut = |shape: &[usize], bits: Vec<u64>| {
        let row = shape.iter().skip(1).product::<usize>();
        bits.get(index * row..(index + 1) * row).unwrap_or_default().to_vec()
    };
    let by_replica = snapshot.tensors.iter().filter(|(name, tensor)| {
        let lanes = name.starts_with("environment.") && tensor.shape.len() > 1;
        (name.starts_with("agent.") || lanes) && tensor.shape.first().is_some_and(|&replicas| index < replicas)
    });
    by_replica
        .map(|(name, tensor)| {
            let bits = match &tensor.data {
                TensorData::U8(values) => values.iter().map(|&v| u64::from(v)).collect(),
                TensorData::F32(values) => values.iter().map(|v| u64::from(v.to_bits())).collect(),
                TensorData::F64(values) => values.iter().map(|v| v.to_bits()).collect(),
                TensorData::U32(values) => values.iter().map(|&v| u64::from(v)).collect(),
                TensorData::U64(values) => values.clone(),
            };
            (name.clone(), cut(&tensor.shape, bits))
        })
        .collect()
}
