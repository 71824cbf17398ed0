//! Recorded tables: what their columns mean, and blocks of rows on their way to disk.

use bevy_ecs::prelude::*;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the variants are the element types
pub enum ColumnKind {
    Bool,
    U8,
    U32,
    U64,
    F32,
    F64,
    /// Text that repeats (names): stored as a dictionary.
    Name,
    /// Text that does not.
    Text,
    /// A fixed number of bytes per row, the same in a whole block.
    Bytes,
    /// A list of `i32`.
    ListI32,
    /// A list of `u32`.
    ListU32,
    /// A list of `f32`.
    ListF32,
}

/// One column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnSpec {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: ColumnKind,
    /// Unit, e.g. `steps`, `reward`, `us`; empty for names and flags.
    pub unit: &'static str,
    /// Shape of a list or byte column, e.g. `[seats]`; empty for single values.
    pub shape: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// A recorded table. Any change to `columns` raises `version`.
#[derive(Debug, PartialEq, Eq)]
pub struct TableSpec {
    /// Folder name under the run.
    pub name: &'static str,
    /// Version of the columns.
    pub version: u32,
    /// What one row is.
    pub doc: &'static str,
    /// The columns in order.
    pub columns: &'static [ColumnSpec],
    /// The rows are promised to be the same in every execution; false only for readings of the clock.
    pub exact: bool,
}

/// The values of one column of a block.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // the variants mirror `ColumnKind`
pub enum ColumnData {
    Bool(Vec<bool>),
    U8(Vec<u8>),
    U32(Vec<u32>),
    U64(Vec<u64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Name(Vec<String>),
    /// The same name in all rows, for a column of kind `Name`: building and encoding it costs nothing per row.
    OneName {
        name: String,
        rows: usize,
    },
    /// Few names in many rows, for a column of kind `Name`: row i holds `names[rows[i]]`.
    FewNames {
        names: Vec<String>,
        rows: Vec<u32>,
    },
    Text(Vec<String>),
    /// `data` is `[rows, width]`.
    Bytes {
        width: usize,
        data: Vec<u8>,
    },
    /// `data` is `[rows, width]`.
    ListI32 {
        width: usize,
        data: Vec<i32>,
    },
    /// `data` is `[rows, width]`.
    ListU32 {
        width: usize,
        data: Vec<u32>,
    },
    /// `data` is `[rows, width]`.
    ListF32 {
        width: usize,
        data: Vec<f32>,
    },
}

impl ColumnData {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Bool(v) => v.len(),
            Self::U8(v) => v.len(),
            Self::U32(v) => v.len(),
            Self::U64(v) => v.len(),
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::Name(v) | Self::Text(v) => v.len(),
            Self::OneName { rows, .. } => *rows,
            Self::FewNames { rows, .. } => rows.len(),
            Self::Bytes { width, data } => data.len().checked_div(*width).unwrap_or(0),
            Self::ListI32 { width, data } => data.len().checked_div(*width).unwrap_or(0),
            Self::ListU32 { width, data } => data.len().checked_div(*width).unwrap_or(0),
            Self::ListF32 { width, data } => data.len().checked_div(*width).unwrap_or(0),
        }
    }
}

/// Rows of one table. Every column has the same number of rows; columns are in the table's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Which table.
    pub table: &'static TableSpec,
    /// One entry per column of the table.
    pub columns: Vec<ColumnData>,
}

impl Block {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, ColumnData::rows)
    }
}

/// Rows that systems produced in this tick, in an order that depends on the pipeline only. Emptied by `record` in every tick.
#[derive(Resource, Debug, Default)]
pub struct Outbox(pub Vec<Block>);
