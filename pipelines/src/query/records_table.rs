//! A recorded table over all runs: the committed parts of the chosen runs, with the run as a column of its own.

use super::prune;
use super::runs::{Run, Runs};
use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ScalarValue, Statistics, project_schema};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::object_store::ObjectMeta;
use datafusion::object_store::path::Path as StorePath;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use rayon::prelude::*;
use starling_components::table::TableSpec;
use starling_record::commit::PartRecord;
use starling_record::read;
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub(super) struct RecordsTable {
    runs: Arc<Runs>,
    name: String,
    /// The columns of a part.
    columns: SchemaRef,
    /// `run`, and then those.
    schema: SchemaRef,
}

impl RecordsTable {
    /// A table that this program knows. A part of an older version lacks columns, and has nulls there.
    pub(super) fn known(runs: Arc<Runs>, table: &TableSpec) -> Self {
        Self::new(runs, table.name.to_owned(), &read::table_schema(table))
    }

    /// A table that the parts of some run belong to, with the columns of the newest version that is found.
    pub(super) fn found(runs: Arc<Runs>, name: &str) -> Option<Self> {
        runs.list.par_iter().for_each(|run| {
            runs.inspect(run);
        });
        let mut newest: Option<(u32, SchemaRef)> = None;
        for run in &runs.list {
            for part in runs.inspect(run).chain.parts(name) {
                if newest.as_ref().is_none_or(|(version, _)| *version < part.version)
                    && let Ok(schema) = read::part_schema(&run.dir, part)
                {
                    newest = Some((part.version, schema));
                }
            }
        }
        let (_, schema) = newest?;
        Some(Self::new(runs, name.to_owned(), &schema))
    }

    fn new(runs: Arc<Runs>, name: String, written: &Schema) -> Self {
        let columns = written.fields().iter().map(|field| {
            let kind = match field.data_type() {
                DataType::Utf8 => DataType::Utf8View,
                DataType::FixedSizeBinary(_) => DataType::Binary,
                // Beside a signed number an unsigned one of 64 bits becomes a decimal, and `env_steps / 1000` a fraction with four digits.
                DataType::UInt64 => DataType::Int64,
                other => other.clone(),
            };
            Field::new(field.name(), kind, true).with_metadata(field.metadata().clone())
        });
        let columns: Vec<Field> = columns.collect();
        let schema = std::iter::once(prune::field()).chain(columns.iter().cloned());
        Self {
            runs,
            name,
            schema: Arc::new(Schema::new(schema.collect::<Vec<_>>())),
            columns: Arc::new(Schema::new(columns)),
        }
    }

    /// One part, with what its commit says of it: neither its length nor its number of rows is asked for again.
    fn file(&self, run: &Run, part: &PartRecord) -> Result<PartitionedFile> {
        let path = run.dir.join(&part.file);
        let location = StorePath::from_absolute_path(&path).map_err(|e| DataFusionError::External(Box::new(e)))?;
        let meta = ObjectMeta {
            location,
            last_modified: std::time::UNIX_EPOCH.into(),
            size: part.bytes,
            e_tag: None,
            version: None,
        };
        let known = statistics(&self.columns, part.rows, part.bytes);
        let file = PartitionedFile::new_from_meta(meta);
        let name = ScalarValue::Utf8View(Some(run.name.clone()));
        Ok(file.with_partition_values(vec![name]).with_statistics(Arc::new(known)))
    }
}

/// What commits say of rows with the columns of `schema`.
fn statistics(schema: &Schema, rows: u64, bytes: u64) -> Statistics {
    Statistics {
        num_rows: Precision::Exact(rows as usize),
        total_byte_size: Precision::Inexact(bytes as usize),
        column_statistics: Statistics::unknown_column(schema),
    }
}

#[async_trait]
impl TableProvider for RecordsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(prune::support(filters))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let chosen = prune::chosen(state, &self.runs, filters)?;
        let (mut files, mut rows, mut bytes) = (Vec::new(), 0, 0);
        for (run, looked) in self.runs.readable(&chosen) {
            for part in looked.chain.parts(&self.name).filter(|part| part.rows > 0) {
                if limit.is_some_and(|limit| rows >= limit as u64) {
                    break;
                }
                files.push(self.file(run, part)?);
                rows += part.rows;
                bytes += part.bytes;
            }
        }
        if files.is_empty() {
            return Ok(Arc::new(EmptyExec::new(project_schema(&self.schema, projection)?)));
        }
        // A file's own columns come first here and the run last, so places are shifted by one.
        let width = self.columns.fields().len();
        let all = (0..=width).collect();
        let places = projection
            .unwrap_or(&all)
            .iter()
            .map(|&i| if i == 0 { width } else { i - 1 });
        let table = TableSchema::builder(Arc::clone(&self.columns))
            .with_table_partition_cols(vec![Arc::new(prune::field())])
            .build();
        let options = state.default_table_options().parquet;
        let source = ParquetSource::new(table.clone()).with_table_parquet_options(options);
        let scan = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
            .with_statistics(statistics(table.table_schema(), rows, bytes))
            .with_file_groups(groups(files, state.config().target_partitions()))
            .with_limit(limit)
            .with_projection_indices(Some(places.collect()))?
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}

/// Neighbouring files in at most `wanted` groups of about the same size.
fn groups(files: Vec<PartitionedFile>, wanted: usize) -> Vec<FileGroup> {
    let total: u64 = files.iter().map(|file| file.object_meta.size).sum();
    let share = total / wanted.max(1) as u64 + 1;
    let mut groups = vec![Vec::new()];
    let mut filled = 0;
    for file in files {
        if filled >= share && groups.len() < wanted {
            groups.push(Vec::new());
            filled = 0;
        }
        filled += file.object_meta.size;
        if let Some(group) = groups.last_mut() {
            group.push(file);
        }
    }
    groups.into_iter().map(FileGroup::new).collect()
}
