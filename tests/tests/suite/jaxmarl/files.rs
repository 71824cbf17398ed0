//! The tables of observations, logits and values.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float32Type, UInt8Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::path::Path;

fn batches(path: &Path) -> Vec<RecordBatch> {
    let file = std::fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(ParquetRecordBatchReaderBuilder::build);
    let reader = reader.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    reader.map(|batch| batch.expect("rows")).collect()
}

/// Observations `[rows, width]`, logits `[rows, moves]`, values `[rows]`.
pub(super) fn table(path: &Path) -> (Vec<u8>, Vec<f32>, Vec<f32>) {
    let (mut observations, mut logits, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for batch in batches(path) {
        let column = |name: &str| {
            batch
                .column_by_name(name)
                .unwrap_or_else(|| panic!("no column `{name}`"))
        };
        let bytes = column("observation").as_fixed_size_binary();
        observations.extend(bytes.iter().flatten().flatten());
        let lists = column("logits").as_fixed_size_list();
        logits.extend_from_slice(lists.values().as_primitive::<Float32Type>().values());
        values.extend_from_slice(column("value").as_primitive::<Float32Type>().values());
    }
    (observations, logits, values)
}

/// Whether an episode begins, 0/1, `[rows]`; of recurrent policies.
pub(super) fn resets(path: &Path) -> Vec<u8> {
    let all = batches(path);
    let column = |batch: &RecordBatch| {
        batch
            .column_by_name("reset")
            .expect("a column `reset`")
            .as_primitive::<UInt8Type>()
            .values()
            .to_vec()
    };
    all.iter().flat_map(column).collect()
}
