//! Rows that were read, as rows to be written.

use arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch};
use arrow::datatypes::{ArrowPrimitiveType, Float32Type, Float64Type, Int32Type, UInt8Type, UInt32Type, UInt64Type};
use starling_components::Fault;
use starling_components::table::{Block, ColumnData, ColumnKind, TableSpec};

/// The rows of `batch`, which were read from `table`.
///
/// # Errors
/// A column is missing, or not what the table says.
pub(crate) fn block(table: &'static TableSpec, batch: &RecordBatch) -> Result<Block, Fault> {
    let column = |spec: &starling_components::table::ColumnSpec| {
        let wrong = || {
            let (name, column) = (table.name, spec.name);
            Fault::records(format!(
                "table `{name}` has no column `{column}` as this program writes it"
            ))
        };
        let array = batch.column_by_name(spec.name).ok_or_else(wrong)?;
        data(spec.kind, array).ok_or_else(wrong)
    };
    let columns = table.columns.iter().map(column).collect::<Result<_, _>>()?;
    Ok(Block { table, columns })
}

fn data(kind: ColumnKind, array: &ArrayRef) -> Option<ColumnData> {
    let text = || {
        let strings = array.as_string_opt::<i32>()?;
        Some(
            (0..strings.len())
                .map(|row| strings.value(row).to_owned())
                .collect::<Vec<_>>(),
        )
    };
    Some(match kind {
        ColumnKind::Bool => ColumnData::Bool(array.as_boolean_opt()?.values().iter().collect()),
        ColumnKind::U8 => ColumnData::U8(numbers::<UInt8Type>(array)?),
        ColumnKind::U32 => ColumnData::U32(numbers::<UInt32Type>(array)?),
        ColumnKind::U64 => ColumnData::U64(numbers::<UInt64Type>(array)?),
        ColumnKind::F32 => ColumnData::F32(numbers::<Float32Type>(array)?),
        ColumnKind::F64 => ColumnData::F64(numbers::<Float64Type>(array)?),
        ColumnKind::Name => ColumnData::Name(text()?),
        ColumnKind::Text => ColumnData::Text(text()?),
        // Rows without bytes.
        ColumnKind::Bytes if array.null_count() == array.len() => ColumnData::Bytes {
            width: 0,
            data: Vec::new(),
        },
        ColumnKind::Bytes => {
            let bytes = array.as_fixed_size_binary_opt()?;
            let width = usize::try_from(bytes.value_length()).ok()?;
            let data = (0..bytes.len())
                .flat_map(|row| bytes.value(row).iter().copied())
                .collect();
            ColumnData::Bytes { width, data }
        }
        ColumnKind::ListI32 => {
            let (width, data) = lists::<Int32Type>(array)?;
            ColumnData::ListI32 { width, data }
        }
        ColumnKind::ListU32 => {
            let (width, data) = lists::<UInt32Type>(array)?;
            ColumnData::ListU32 { width, data }
        }
        ColumnKind::ListF32 => {
            let (width, data) = lists::<Float32Type>(array)?;
            ColumnData::ListF32 { width, data }
        }
    })
}

fn numbers<T: ArrowPrimitiveType>(array: &ArrayRef) -> Option<Vec<T::Native>> {
    array.as_primitive_opt::<T>().map(|numbers| numbers.values().to_vec())
}

/// Lists of one length, and it.
fn lists<T: ArrowPrimitiveType>(array: &ArrayRef) -> Option<(usize, Vec<T::Native>)> {
    let lists: &ListArray = array.as_list_opt::<i32>()?;
    let (mut width, mut data) = (None, Vec::new());
    for row in 0..lists.len() {
        let list = lists.value(row);
        if *width.get_or_insert(list.len()) != list.len() {
            return None;
        }
        data.extend_from_slice(list.as_primitive_opt::<T>()?.values());
    }
    Some((width.unwrap_or(0), data))
}
