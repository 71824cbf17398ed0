//! The table `parts`: every file that commits name, for questions about disks.

use super::prune;
use super::runs::Runs;
use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use starling_record::survey;
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub(super) struct PartsTable {
    runs: Arc<Runs>,
    schema: SchemaRef,
}

impl PartsTable {
    pub(super) fn new(runs: Arc<Runs>) -> Self {
        let fields = vec![
            prune::field(),
            Field::new("table_name", DataType::Utf8View, true),
            Field::new("commit_number", DataType::Int64, true),
            Field::new("file", DataType::Utf8View, true),
            Field::new("rows", DataType::Int64, true),
            Field::new("bytes", DataType::Int64, true),
            Field::new("sha256", DataType::Utf8View, true),
        ];
        Self {
            runs,
            schema: Arc::new(Schema::new(fields)),
        }
    }
}

/// Rows, column by column.
#[derive(Default)]
struct Rows<'a> {
    run: Vec<&'a str>,
    table: Vec<&'a str>,
    commit: Vec<i64>,
    file: Vec<String>,
    rows: Vec<Option<i64>>,
    bytes: Vec<i64>,
    sha256: Vec<&'a str>,
}

#[async_trait]
impl TableProvider for PartsTable {
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
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let chosen = prune::chosen(state, &self.runs, filters)?;
        let mut rows = Rows::default();
        for (run, looked) in self.runs.readable(&chosen) {
            for commit in &looked.chain.commits {
                for part in &commit.parts {
                    rows.run.push(&run.name);
                    rows.table.push(&part.table);
                    rows.commit.push(commit.commit as i64);
                    rows.file.push(part.file.clone());
                    rows.rows.push(Some(part.rows as i64));
                    rows.bytes.push(part.bytes as i64);
                    rows.sha256.push(&part.sha256);
                }
            }
            for (commit, file, bytes) in survey::checkpoints(&run.dir, &looked.chain) {
                let sha256 = looked
                    .chain
                    .commits
                    .get(commit as usize)
                    .map(|c| c.checkpoint.sha256.as_str());
                rows.run.push(&run.name);
                rows.table.push("checkpoints");
                rows.commit.push(commit as i64);
                rows.file.push(file.to_string_lossy().into_owned());
                rows.rows.push(None);
                rows.bytes.push(bytes as i64);
                rows.sha256.push(sha256.unwrap_or_default());
            }
        }
        let names = |values: Vec<&str>| Arc::new(StringViewArray::from_iter_values(values)) as ArrayRef;
        let columns: Vec<ArrayRef> = vec![
            names(rows.run),
            names(rows.table),
            Arc::new(Int64Array::from(rows.commit)),
            Arc::new(StringViewArray::from_iter_values(rows.file)),
            Arc::new(Int64Array::from(rows.rows)),
            Arc::new(Int64Array::from(rows.bytes)),
            names(rows.sha256),
        ];
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        Ok(MemorySourceConfig::try_new_exec(
            &[vec![batch]],
            Arc::clone(&self.schema),
            projection.cloned(),
        )?)
    }
}
