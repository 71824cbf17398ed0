//! How a table looks in Arrow and Parquet: types, field metadata, encodings, and blocks of rows as record batches.

use arrow::array::{
    Array, ArrayRef, BinaryBuilder, BooleanArray, FixedSizeBinaryArray, Float32Array, Float64Array, Int32Array,
    ListArray, RecordBatch, StringArray, UInt8Array, UInt32Array, UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;
use starling_components::Fault;
use starling_components::table::{Block, ColumnData, ColumnKind, ColumnSpec, TableSpec};
use std::collections::HashMap;
use std::sync::Arc;

/// Keys of the file metadata that say which table a part belongs to.
pub(crate) const TABLE_KEY: &str = "starling.table";
/// Version of the table's columns.
pub(crate) const VERSION_KEY: &str = "starling.table_version";
/// Units, shapes and documentation as JSON, for readers that do not know Arrow's own schema.
pub(crate) const COLUMNS_KEY: &str = "starling.columns";

/// The schema of a part whose byte columns hold `width` bytes per row; 0: no bytes in any row.
///
/// `FixedSizeBinary` has its width in the type, so rows of another width need another part, and a part without any bytes
/// falls back to `Binary` (no width may be 0). Both read as blobs everywhere.
pub(crate) fn schema(table: &TableSpec, width: usize) -> SchemaRef {
    let fields: Vec<Field> = table.columns.iter().map(|c| field(c, width)).collect();
    let metadata = HashMap::from([
        (TABLE_KEY.to_owned(), table.name.to_owned()),
        (VERSION_KEY.to_owned(), table.version.to_string()),
        ("starling.doc".to_owned(), table.doc.to_owned()),
    ]);
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

fn field(column: &ColumnSpec, width: usize) -> Field {
    let item = |kind| DataType::List(Arc::new(Field::new("element", kind, false)));
    let kind = match column.kind {
        ColumnKind::Bool => DataType::Boolean,
        ColumnKind::U8 => DataType::UInt8,
        ColumnKind::U32 => DataType::UInt32,
        ColumnKind::U64 => DataType::UInt64,
        ColumnKind::F32 => DataType::Float32,
        ColumnKind::F64 => DataType::Float64,
        ColumnKind::Name | ColumnKind::Text => DataType::Utf8,
        ColumnKind::Bytes if width == 0 => DataType::Binary,
        ColumnKind::Bytes => DataType::FixedSizeBinary(i32::try_from(width).unwrap_or(i32::MAX)),
        ColumnKind::ListI32 => item(DataType::Int32),
        ColumnKind::ListU32 => item(DataType::UInt32),
        ColumnKind::ListF32 => item(DataType::Float32),
    };
    let metadata = [("unit", column.unit), ("shape", column.shape), ("doc", column.doc)];
    let metadata = metadata.into_iter().filter(|(_, text)| !text.is_empty());
    Field::new(column.name, kind, column.kind == ColumnKind::Bytes)
        .with_metadata(metadata.map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
}

/// How the columns are written; `examples/record_speed.rs` measures it.
///
/// Counters grow slowly or repeat, so delta packing shrinks them before zstd sees them. A dictionary helps names and costs
/// everything else. Statistics serve queries on scalar columns; over bytes and lists they cost and tell nothing.
pub(crate) fn properties(table: &TableSpec) -> WriterProperties {
    let columns = table
        .columns
        .iter()
        .map(|c| serde_json::json!({ "name": c.name, "unit": c.unit, "shape": c.shape, "doc": c.doc }));
    let entry = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default()))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(None)
        .set_key_value_metadata(Some(vec![
            entry(TABLE_KEY, table.name.to_owned()),
            entry(VERSION_KEY, table.version.to_string()),
            entry(COLUMNS_KEY, columns.collect::<serde_json::Value>().to_string()),
        ]));
    for column in table.columns {
        let path = leaf(column);
        builder = match column.kind {
            ColumnKind::Name => builder.set_column_dictionary_enabled(path, true),
            ColumnKind::U8 | ColumnKind::U32 | ColumnKind::U64 => {
                builder.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED)
            }
            ColumnKind::Bytes | ColumnKind::Text | ColumnKind::ListI32 | ColumnKind::ListU32 | ColumnKind::ListF32 => {
                builder.set_column_statistics_enabled(path, EnabledStatistics::None)
            }
            ColumnKind::Bool | ColumnKind::F32 | ColumnKind::F64 => builder,
        };
    }
    builder.build()
}

/// The path of a column's values inside a Parquet file.
fn leaf(column: &ColumnSpec) -> ColumnPath {
    match column.kind {
        ColumnKind::ListI32 | ColumnKind::ListU32 | ColumnKind::ListF32 => {
            ColumnPath::new(vec![column.name.into(), "list".into(), "element".into()])
        }
        _ => ColumnPath::new(vec![column.name.into()]),
    }
}

/// Bytes per row of the block's byte columns; 0 where it has none.
pub(crate) fn byte_width(block: &Block) -> usize {
    let width = |column: &ColumnData| match column {
        ColumnData::Bytes { width, .. } => *width,
        _ => 0,
    };
    block.columns.iter().map(width).max().unwrap_or(0)
}

/// The block as a batch of `schema`, which was made with `width` bytes per row; buffers move, only flags and names are copied.
///
/// # Errors
/// A block that does not match its own table: a bug of the system that made it.
pub(crate) fn batch(block: Block, schema: &SchemaRef, width: usize) -> Result<RecordBatch, Fault> {
    let (table, rows) = (block.table, block.rows());
    let wrong = |why: String| Fault::run(format!("a block of table `{}` does not fit it: {why}", table.name));
    if block.columns.len() != table.columns.len() {
        let (has, needs) = (block.columns.len(), table.columns.len());
        return Err(wrong(format!("{has} columns instead of {needs}")));
    }
    let mut arrays = Vec::with_capacity(table.columns.len());
    for (column, spec) in block.columns.into_iter().zip(table.columns) {
        let array =
            array(column, spec.kind, rows, width).map_err(|why| wrong(format!("column `{}`: {why}", spec.name)))?;
        arrays.push(array);
    }
    RecordBatch::try_new(Arc::clone(schema), arrays).map_err(|e| wrong(e.to_string()))
}

fn array(column: ColumnData, kind: ColumnKind, rows: usize, width: usize) -> Result<ArrayRef, String> {
    let array: ArrayRef = match (column, kind) {
        (ColumnData::Bool(v), ColumnKind::Bool) => Arc::new(BooleanArray::from(v)),
        (ColumnData::U8(v), ColumnKind::U8) => Arc::new(UInt8Array::from(v)),
        (ColumnData::U32(v), ColumnKind::U32) => Arc::new(UInt32Array::from(v)),
        (ColumnData::U64(v), ColumnKind::U64) => Arc::new(UInt64Array::from(v)),
        (ColumnData::F32(v), ColumnKind::F32) => Arc::new(Float32Array::from(v)),
        (ColumnData::F64(v), ColumnKind::F64) => Arc::new(Float64Array::from(v)),
        (ColumnData::Name(v), ColumnKind::Name) | (ColumnData::Text(v), ColumnKind::Text) => {
            Arc::new(StringArray::from_iter_values(v))
        }
        (ColumnData::OneName { name, rows }, ColumnKind::Name) => {
            Arc::new(StringArray::from_iter_values(std::iter::repeat_n(name, rows)))
        }
        (ColumnData::FewNames { names, rows }, ColumnKind::Name) => {
            let name = |&row: &u32| names.get(row as usize).map(String::as_str);
            let named: Option<Vec<&str>> = rows.iter().map(name).collect();
            Arc::new(StringArray::from_iter_values(named.ok_or("a row without a name")?))
        }
        (ColumnData::Bytes { width: own, data }, ColumnKind::Bytes) => bytes(data, own, rows, width)?,
        (ColumnData::ListI32 { width, data }, ColumnKind::ListI32) => {
            list(Arc::new(Int32Array::from(data)), DataType::Int32, width, rows)?
        }
        (ColumnData::ListU32 { width, data }, ColumnKind::ListU32) => {
            list(Arc::new(UInt32Array::from(data)), DataType::UInt32, width, rows)?
        }
        (ColumnData::ListF32 { width, data }, ColumnKind::ListF32) => {
            list(Arc::new(Float32Array::from(data)), DataType::Float32, width, rows)?
        }
        _ => return Err(format!("not of kind {kind:?}")),
    };
    if array.len() != rows {
        return Err(format!("{} rows instead of {rows}", array.len()));
    }
    Ok(array)
}

fn list(values: ArrayRef, kind: DataType, width: usize, rows: usize) -> Result<ArrayRef, String> {
    if values.len() != width * rows {
        return Err(format!("{} values instead of {rows} x {width}", values.len()));
    }
    let end = i32::try_from(values.len()).map_err(|_| "more than 2^31 values in one block")?;
    let offsets = (0..=rows)
        .map(|row| (row * width) as i32)
        .collect::<ScalarBuffer<i32>>();
    debug_assert_eq!(offsets.last(), Some(&end));
    let field = Arc::new(Field::new("element", kind, false));
    let array = ListArray::try_new(field, OffsetBuffer::new(offsets), values, None);
    array.map(|a| Arc::new(a) as ArrayRef).map_err(|e| e.to_string())
}

/// Rows without bytes are null, whatever the width of their part.
fn bytes(data: Vec<u8>, own: usize, rows: usize, width: usize) -> Result<ArrayRef, String> {
    if data.len() != own * rows || (own != 0 && own != width) {
        return Err(format!("{} bytes instead of {rows} x {width}", data.len()));
    }
    if width == 0 {
        let mut nothing = BinaryBuilder::new();
        (0..rows).for_each(|_| nothing.append_null());
        return Ok(Arc::new(nothing.finish()));
    }
    let size = i32::try_from(width).map_err(|_| "more than 2^31 bytes per row")?;
    let (data, nulls) = match own {
        0 => (vec![0; width * rows], Some(NullBuffer::new_null(rows))),
        _ => (data, None),
    };
    let array = FixedSizeBinaryArray::try_new(size, data.into(), nulls);
    array.map(|a| Arc::new(a) as ArrayRef).map_err(|e| e.to_string())
}
