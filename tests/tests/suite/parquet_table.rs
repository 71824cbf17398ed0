//! Cells of golden Parquet tables by column name, whatever the width of their integers.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::path::Path;

pub(crate) fn columns_of(path: &Path) -> Vec<String> {
    let file = File::open(path).expect("a golden file opens");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("a golden file is Parquet");
    reader
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect()
}

pub(crate) fn batches(path: &Path) -> impl Iterator<Item = RecordBatch> {
    let file = File::open(path).expect("a golden file opens");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| builder.build());
    reader
        .expect("a golden file is Parquet")
        .map(|batch| batch.expect("a golden file is whole"))
}

/// Columns by name, whatever the width of their integers.
pub(crate) struct Table<'a>(pub(crate) &'a RecordBatch);

impl Table<'_> {
    fn column(&self, name: &str) -> &ArrayRef {
        self.0
            .column_by_name(name)
            .unwrap_or_else(|| panic!("golden traces have a column `{name}`"))
    }
    fn numbers(&self, name: &str, row: usize, kind: &DataType) -> ArrayRef {
        let column = self.column(name);
        let values = match column.data_type() {
            DataType::List(_) => column.as_list::<i32>().value(row),
            DataType::LargeList(_) => column.as_list::<i64>().value(row),
            DataType::FixedSizeList(..) => column.as_fixed_size_list().value(row),
            _ => column.slice(row, 1),
        };
        cast(&values, kind).unwrap_or_else(|error| panic!("column `{name}`: {error}"))
    }
    pub(crate) fn ints(&self, name: &str, row: usize) -> Vec<i64> {
        self.numbers(name, row, &DataType::Int64)
            .as_primitive::<Int64Type>()
            .values()
            .to_vec()
    }
    pub(crate) fn int(&self, name: &str, row: usize) -> i64 {
        self.ints(name, row)[0]
    }
    pub(crate) fn floats(&self, name: &str, row: usize) -> Vec<f32> {
        let values = self.numbers(name, row, &DataType::Float64);
        values
            .as_primitive::<Float64Type>()
            .values()
            .iter()
            .map(|v| *v as f32)
            .collect()
    }
    pub(crate) fn float(&self, name: &str, row: usize) -> f32 {
        self.floats(name, row)[0]
    }
    pub(crate) fn flag(&self, name: &str, row: usize) -> bool {
        self.column(name).as_boolean().value(row)
    }
    pub(crate) fn strings(&self, name: &str) -> Vec<String> {
        let strings = cast(self.column(name), &DataType::Utf8).expect("a column of strings");
        strings
            .as_string::<i32>()
            .iter()
            .map(|s| s.unwrap_or_default().to_owned())
            .collect()
    }
    pub(crate) fn string(&self, name: &str, row: usize) -> String {
        let one = cast(&self.column(name).slice(row, 1), &DataType::Utf8).expect("a column of strings");
        one.as_string::<i32>().value(0).to_owned()
    }
    pub(crate) fn bytes(&self, name: &str, row: usize) -> Option<Vec<u8>> {
        let column = cast(&self.column(name).slice(row, 1), &DataType::LargeBinary).expect("a column of bytes");
        let column = column.as_binary::<i64>();
        column.is_valid(0).then(|| column.value(0).to_vec())
    }
}
