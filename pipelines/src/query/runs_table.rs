//! The table `runs`: one row per run directory, readable or not, with every resolved setting as a column.

use super::batches::{self, Place};
use super::prune;
use super::runs::{Run, Runs};
use super::settings::{self, Kind};
use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, StringViewArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::project_schema;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use rayon::prelude::*;
use starling_components::clock::ClockValues;
use starling_record::commit::Commit;
use starling_record::survey;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a row always has, and how it looks. Settings follow, by their keys.
static COLUMNS: [(&str, DataType); 18] = [
    ("run", DataType::Utf8View),
    ("pipeline", DataType::Utf8View),
    ("batch", DataType::Utf8View),
    ("part_of", DataType::Utf8View),
    ("state", DataType::Utf8View),
    ("problem", DataType::Utf8View),
    ("failure", DataType::Utf8View),
    ("status", DataType::Utf8View),
    ("seed", DataType::Int64),
    ("tick", DataType::Int64),
    ("env_steps", DataType::Int64),
    ("updates", DataType::Int64),
    ("commits", DataType::Int64),
    ("parts", DataType::Int64),
    ("bytes", DataType::Int64),
    ("uncommitted_files", DataType::Int64),
    ("program", DataType::Utf8View),
    ("instruction_set", DataType::Utf8View),
];

/// See the module.
#[derive(Debug)]
pub(super) struct RunsTable {
    runs: Arc<Runs>,
    settings: BTreeMap<String, Kind>,
    schema: SchemaRef,
}

impl RunsTable {
    /// The table; with no setting, unless some are wanted.
    pub(super) fn new(runs: Arc<Runs>, wanted: &Wanted) -> Self {
        let mut settings = match wanted {
            Wanted::None => BTreeMap::new(),
            Wanted::All | Wanted::Keys(_) => settings::kinds(&runs.list),
        };
        settings.retain(|key, _| match wanted {
            Wanted::Keys(keys) => keys.contains(key),
            // These are columns of their own.
            _ => key != "name" && key != "seed",
        });
        let fixed = COLUMNS.iter().map(|(name, kind)| (name.to_string(), kind.clone()));
        let settable = settings.iter().map(|(key, kind)| (key.clone(), kind.data_type()));
        let fields = fixed.chain(settable).map(|(name, kind)| Field::new(name, kind, true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Self { runs, settings, schema }
    }

    fn column(&self, name: &str, chosen: &[&Run]) -> ArrayRef {
        let commit = |of: fn(&Commit) -> u64| {
            let values = chosen.par_iter().map(|run| run.newest().commit.as_ref().map(of));
            whole(values)
        };
        let said = |of: fn(&Commit) -> String| {
            let values = chosen.par_iter().map(|run| run.newest().commit.as_ref().map(of));
            Arc::new(StringViewArray::from_iter(values.collect::<Vec<_>>())) as ArrayRef
        };
        let looked = |of: fn(&Run, &survey::Inspection) -> Option<u64>| {
            let values = chosen.par_iter().map(|run| of(run, self.runs.inspect(run)));
            whole(values)
        };
        let in_batches = |of: &dyn Fn(&Place) -> Option<String>| {
            let places = batches::places(&self.runs, chosen);
            Arc::new(
                places
                    .iter()
                    .map(|place| of(place.as_ref()?))
                    .collect::<StringViewArray>(),
            ) as ArrayRef
        };
        match name {
            "run" => Arc::new(StringViewArray::from_iter_values(chosen.iter().map(|run| &run.name))),
            "pipeline" | "seed" => self.head(name, chosen),
            "batch" => in_batches(&|place| Some(place.batch.clone())),
            "part_of" => in_batches(&|place| place.part_of.clone()),
            "failure" => in_batches(&|place| place.failure.clone()),
            "state" => {
                let states = chosen.par_iter().map(|run| self.runs.inspect(run).state.name());
                Arc::new(StringViewArray::from_iter_values(states.collect::<Vec<_>>()))
            }
            "problem" => {
                let problem = |run: &&Run| {
                    self.runs
                        .inspect(run)
                        .problem
                        .as_ref()
                        .map(|fault| fault.message.clone())
                };
                Arc::new(StringViewArray::from_iter(
                    chosen.par_iter().map(problem).collect::<Vec<_>>(),
                ))
            }
            "status" => said(|commit| commit.status.to_string()),
            "program" => said(|commit| commit.program.clone()),
            "instruction_set" => said(|commit| commit.instruction_set.clone()),
            "tick" => commit(|commit| commit.tick),
            "env_steps" => commit(|commit| furthest(commit, |clocks| clocks.env_steps)),
            "updates" => commit(|commit| furthest(commit, |clocks| clocks.updates)),
            "commits" => {
                let files = chosen.par_iter().map(|run| run.newest().files);
                whole(files.map(Some))
            }
            "parts" => looked(|_, looked| Some(looked.chain.commits.iter().map(|c| c.parts.len() as u64).sum())),
            "bytes" => looked(|run, looked| {
                let parts = looked
                    .chain
                    .commits
                    .iter()
                    .flat_map(|c| &c.parts)
                    .map(|part| part.bytes);
                let kept = survey::checkpoints(&run.dir, &looked.chain);
                Some(parts.sum::<u64>() + kept.iter().map(|(_, _, bytes)| bytes).sum::<u64>())
            }),
            "uncommitted_files" => looked(|run, looked| Some(survey::uncommitted(&run.dir, &looked.chain))),
            key => {
                let kind = self.settings.get(key).copied().unwrap_or(Kind::Text);
                kind.array(chosen.iter().map(|run| run.settings().get(key)))
            }
        }
    }

    /// What the first lines of the pipeline say.
    fn head(&self, column: &str, chosen: &[&Run]) -> ArrayRef {
        let heads: Vec<toml::Table> = chosen.par_iter().map(|run| settings::heads(run)).collect();
        if column == "seed" {
            let seeds = heads.iter().map(|head| head.get("seed")?.as_integer());
            return Arc::new(seeds.collect::<Int64Array>());
        }
        let names = heads.iter().map(|head| head.get("name")?.as_str());
        Arc::new(names.collect::<StringViewArray>())
    }
}

/// A column of whole numbers.
fn whole(values: impl ParallelIterator<Item = Option<u64>>) -> ArrayRef {
    let values = values.map(|value| value.map(|value| value as i64));
    Arc::new(Int64Array::from(values.collect::<Vec<_>>()))
}

/// The largest of a clock over stages or groups.
fn furthest(commit: &Commit, of: fn(&ClockValues) -> u64) -> u64 {
    commit.clocks.values().map(|c| of(&c.now)).max().unwrap_or(0)
}

/// Which settings a query asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// None: no pipeline file is read.
    None,
    /// Those of these names that exist.
    Keys(Vec<String>),
    /// All, for `SELECT *` and `DESCRIBE`.
    All,
}

#[async_trait]
impl TableProvider for RunsTable {
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
        let mut chosen = prune::chosen(state, &self.runs, filters)?;
        chosen.truncate(limit.unwrap_or(usize::MAX));
        let schema = project_schema(&self.schema, projection)?;
        let columns = schema.fields().iter().map(|f| self.column(f.name(), &chosen));
        let rows = RecordBatchOptions::new().with_row_count(Some(chosen.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns.collect(), &rows)?;
        Ok(MemorySourceConfig::try_new_exec(&[vec![batch]], schema, None)?)
    }
}
