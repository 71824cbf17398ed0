//! Conditions on `run` alone choose the runs before a commit is opened.

use super::runs::{Run, Runs};
use datafusion::arrow::array::{Array, RecordBatch, RecordBatchOptions, StringViewArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::common::cast::as_boolean_array;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use std::sync::Arc;

/// The name of the column.
pub(super) const RUN: &str = "run";

/// The column.
pub(super) fn field() -> Field {
    Field::new(RUN, DataType::Utf8View, true)
}

/// Which of `filters` choose runs, and need not be looked at again.
pub(super) fn support(filters: &[&Expr]) -> Vec<TableProviderFilterPushDown> {
    let one = |filter: &&Expr| {
        if is_about_runs(filter) {
            TableProviderFilterPushDown::Exact
        } else {
            TableProviderFilterPushDown::Unsupported
        }
    };
    filters.iter().map(one).collect()
}

/// Subqueries and outer columns are known only while the query runs, so those choose nothing here.
fn is_about_runs(filter: &Expr) -> bool {
    let columns = filter.column_refs();
    let own = columns.len() == 1 && columns.iter().all(|column| column.name == RUN);
    own && !filter.is_volatile() && !filter.contains_outer() && !has_subquery(filter)
}

fn has_subquery(filter: &Expr) -> bool {
    use datafusion::common::tree_node::TreeNode;
    let subquery = |expr: &Expr| {
        Ok(matches!(
            expr,
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_)
        ))
    };
    filter.exists(subquery).unwrap_or(true)
}

/// The runs for which every one of `filters` is true, in order.
pub(super) fn chosen<'a>(state: &dyn Session, runs: &'a Runs, filters: &[Expr]) -> Result<Vec<&'a Run>> {
    let schema = Arc::new(Schema::new(vec![field()]));
    let names = StringViewArray::from_iter_values(runs.list.iter().map(|run| &run.name));
    let rows = RecordBatchOptions::new().with_row_count(Some(names.len()));
    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), vec![Arc::new(names)], &rows)?;
    let schema = DFSchema::try_from(schema)?;
    let mut kept = vec![true; runs.list.len()];
    for filter in filters.iter().filter(|filter| is_about_runs(filter)) {
        let values = state.create_physical_expr(filter.clone(), &schema)?.evaluate(&batch)?;
        let values = values.into_array(batch.num_rows())?;
        let values = as_boolean_array(&values)?;
        for (kept, value) in kept.iter_mut().zip(values) {
            *kept &= value.unwrap_or(false);
        }
    }
    let pairs = runs.list.iter().zip(kept);
    Ok(pairs.filter_map(|(run, kept)| kept.then_some(run)).collect())
}
