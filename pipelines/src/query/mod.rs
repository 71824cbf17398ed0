//! SQL over every run of a folder.
//!
//! A query sees the runs as they are when it is planned: each run's commits are read once, only what they name is scanned, and a run in which
//! something is missing or wrong takes no part; it is told of, never silently counted. Conditions on `run` decide which commits are opened at
//! all. Read [`runs`] first, then the tables, then [`output`].

mod batches;
mod errors;
mod functions;
pub(crate) mod output;
mod parts_table;
mod prune;
mod records_table;
mod runs;
mod runs_table;
mod settings;
mod text;
mod words;

use datafusion::arrow::array::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use futures_util::TryStreamExt as _;
use parts_table::PartsTable;
use records_table::RecordsTable;
use runs::Runs;
use runs_table::RunsTable;
use starling_components::{Fault, tables};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// Who uses memory is named, so many, when it runs out.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::new(3).unwrap();
/// Threads that may wait for files at once.
const READERS: usize = 16;

/// How to run queries.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The folder of the runs.
    pub(crate) folder: PathBuf,
    /// Bytes that sorting, grouping and joining may hold; what is more goes to temporary files where the operation can.
    pub(crate) memory: usize,
    /// Threads. With one, rows without an order come in the order of runs and commits, and sums of floats have the same bits every time.
    pub(crate) threads: usize,
    /// Check every hash of a run before its rows count.
    pub(crate) verify: bool,
}

/// The runs of a folder, ready for queries.
pub(crate) struct Database {
    runs: Arc<Runs>,
    context: SessionContext,
    runtime: Runtime,
}

impl Database {
    /// Finds the runs.
    ///
    /// # Errors
    /// There is no such folder, or the system gives no threads.
    pub(crate) fn open(options: &Options) -> Result<Self, Fault> {
        let runs = Runs::find(&options.folder, options.verify)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(options.threads)
            .max_blocking_threads(READERS)
            .build()
            .map_err(|e| Fault::storage(format!("failed to start threads: {e}")))?;
        let pool = TrackConsumersPool::new(FairSpillPool::new(options.memory), NAMED_CONSUMERS);
        let environment = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(pool))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::OsTmpDirectory))
            .build_arc()
            .map_err(|e| errors::running(&e))?;
        let mut config = SessionConfig::new()
            .with_target_partitions(options.threads)
            .with_information_schema(true);
        let settings = config.options_mut();
        settings.sql_parser.collect_spans = true;
        // Readers of Arrow files know plain strings better than views.
        settings.optimizer.expand_views_at_output = true;
        // Parts have neither page indexes nor Bloom filters.
        settings.execution.parquet.enable_page_index = false;
        settings.execution.parquet.bloom_filter_on_read = false;
        let context = SessionContext::new_with_config_rt(config, environment);
        for function in functions::all() {
            context.register_udaf(function);
        }
        Ok(Self { runs, context, runtime })
    }

    /// Runs one query and hands its rows to `use_rows` as they come.
    ///
    /// # Errors
    /// The text is no query, asks for what there is not or changes something; it fails while it runs; or `use_rows` fails.
    pub(crate) fn query<T>(
        &self,
        sql: &str,
        use_rows: impl AsyncFnOnce(SendableRecordBatchStream) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let task = async {
            let tables = self.register(sql)?;
            let options = SQLOptions::new()
                .with_allow_ddl(false)
                .with_allow_dml(false)
                .with_allow_statements(false);
            let wrong = |e: DataFusionError| errors::planning(&e, &tables);
            let rows = self.context.sql_with_options(sql, options).await.map_err(wrong)?;
            let stream = rows.execute_stream().await.map_err(wrong)?;
            use_rows(stream).await
        };
        // Bytes that were changed without changing their number reach a decoder that may not expect them.
        let outcome = catch_unwind(AssertUnwindSafe(|| self.runtime.block_on(task)));
        outcome.unwrap_or_else(|_| Err(errors::unreadable("its bytes are no rows")))
    }

    /// Runs whose rows were left out of the queries so far, each with its state and what is wrong.
    pub(crate) fn left_out(&self) -> Vec<String> {
        let left_out = self.runs.left_out().into_iter();
        left_out
            .map(|(run, state, why)| format!("{run} ({}): {why}", state.name()))
            .collect()
    }

    /// How many runs there are.
    pub(crate) fn runs(&self) -> usize {
        self.runs.list.len()
    }

    /// Makes the tables that `sql` may name, and gives all names.
    fn register(&self, sql: &str) -> Result<Vec<String>, Fault> {
        let runs = || Arc::clone(&self.runs);
        let mut all: Vec<(String, Arc<dyn TableProvider>)> = vec![
            ("runs".into(), Arc::new(RunsTable::new(runs(), &words::wanted(sql)))),
            ("parts".into(), Arc::new(PartsTable::new(runs()))),
        ];
        for table in tables::ALL {
            all.push((table.name.into(), Arc::new(RecordsTable::known(runs(), table))));
        }
        for name in self.named(sql) {
            if all.iter().all(|(known, _)| *known != name)
                && let Some(table) = RecordsTable::found(runs(), &name)
            {
                all.push((name, Arc::new(table)));
            }
        }
        for (name, table) in &all {
            let _ = self.context.deregister_table(name.as_str());
            let registered = self.context.register_table(name.as_str(), Arc::clone(table));
            registered.map_err(|e| errors::running(&e))?;
        }
        Ok(all.into_iter().map(|(name, _)| name).collect())
    }

    /// Tables that `sql` names; none where it is no SQL, which planning it tells.
    fn named(&self, sql: &str) -> Vec<String> {
        let state = self.context.state();
        let dialect = state.config().options().sql_parser.dialect;
        let statement = state.sql_to_statement(sql, &dialect);
        let names = statement.and_then(|statement| state.resolve_table_references(&statement));
        let names = names.unwrap_or_default().into_iter();
        // With a schema before it, it is one of the tables about tables.
        names
            .filter(|name| name.schema().is_none())
            .map(|name| name.table().to_owned())
            .collect()
    }
}

/// All rows of a small answer.
///
/// # Errors
/// The query fails while it runs.
pub(crate) async fn collect(rows: SendableRecordBatchStream) -> Result<Vec<RecordBatch>, Fault> {
    rows.try_collect().await.map_err(|e| errors::running(&e))
}
