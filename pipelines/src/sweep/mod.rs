//! `[sweep]`: from its lists and distributions to runs. The n-th run is a function of the file and n.
//!
//! A sweep is a product of axes, each a list of choices: settings of `merge`, keys of `grid`, rows of `zip`, draws, seeds. The last axis changes
//! fastest.

mod draws;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};
use starling_components::Fault;
use starling_components::specs::{SeedsSpec, SweepSpec};

/// Runs that one file may ask for.
const MOST: usize = 1_000_000;

/// Something that one run says in the place of the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    /// Keys from the file's root; none for a table that is merged as a whole.
    pub(crate) path: Vec<String>,
    /// Where it is written: keys below `[sweep]`.
    pub(crate) written: Vec<String>,
    /// The value.
    pub(crate) value: Value,
    /// Kinds in it take the place of the file's.
    pub(crate) replace: bool,
}

/// One choice of an axis, or all that one run says.
pub(crate) type Point = Vec<Setting>;

/// All runs of a sweep.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Sweep {
    axes: Vec<Vec<Point>>,
    /// Jobs per run.
    pub(crate) split: u32,
}

impl Sweep {
    /// The runs that `spec` asks for, in a file whose seed is `seed`.
    ///
    /// # Errors
    /// Every mistake, with keys below `[sweep]`.
    pub(crate) fn of(spec: &SweepSpec, seed: u64) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut axes = Vec::new();
        if !spec.merge.is_empty() {
            axes.push(merged(&spec.merge));
        }
        for (path, value) in leaves(&spec.grid, &|value| !value.is_object()) {
            match listed("grid", &path, value) {
                Ok(choices) => axes.push(choices.into_iter().map(|choice| vec![choice]).collect()),
                Err(fault) => faults.push(fault),
            }
        }
        match zipped(&spec.zip) {
            Ok(None) => {}
            Ok(Some(rows)) => axes.push(rows),
            Err(mut wrong) => faults.append(&mut wrong),
        }
        match draws::drawn(spec, seed) {
            Ok(None) => {}
            Ok(Some(draws)) => axes.push(draws),
            Err(mut wrong) => faults.append(&mut wrong),
        }
        axes.extend(seeds(spec.seeds.as_ref(), seed));
        let product = axes
            .iter()
            .try_fold(1_usize, |product, axis| product.checked_mul(axis.len()));
        if product.is_none_or(|runs| runs > MOST) {
            faults.push(Fault::pipeline(format!("more than {MOST} runs")).advise("draw from the grid instead: `draw`"));
        }
        if faults.is_empty() {
            Ok(Self {
                axes,
                split: spec.split.unwrap_or(1),
            })
        } else {
            Err(faults)
        }
    }

    /// Number of runs, before they are split into jobs.
    pub(crate) fn len(&self) -> usize {
        self.axes.iter().map(Vec::len).product()
    }

    /// What run `n` says, in the order of merging.
    pub(crate) fn point(&self, n: usize) -> Point {
        let mut rest = n;
        let mut choices: Vec<&Point> = Vec::with_capacity(self.axes.len());
        for axis in self.axes.iter().rev() {
            choices.push(&axis[rest % axis.len()]);
            rest /= axis.len();
        }
        choices.into_iter().rev().flatten().cloned().collect()
    }
}

fn seeds(spec: Option<&SeedsSpec>, first: u64) -> Option<Vec<Point>> {
    let seeds: Vec<u64> = match spec? {
        SeedsSpec::Count(count) => (0..*count).map(|n| first.wrapping_add(n)).collect(),
        SeedsSpec::List(list) => list.clone(),
    };
    let point = |seed: u64| {
        vec![Setting {
            path: vec!["seed".to_owned()],
            written: vec!["seeds".to_owned()],
            value: seed.into(),
            replace: false,
        }]
    };
    Some(seeds.into_iter().map(point).collect())
}

/// One choice per table: what it merges, then what it replaces.
fn merged(tables: &[Map<String, Value>]) -> Vec<Point> {
    let choice = |(index, table): (usize, &Map<String, Value>)| {
        let written = vec!["merge".to_owned(), index.to_string()];
        let mut rest = table.clone();
        let replace = rest.shift_remove("replace");
        let setting = |value: Value, written: Vec<String>, replace: bool| Setting {
            path: Vec::new(),
            written,
            value,
            replace,
        };
        let merged = setting(Value::Object(rest), written.clone(), false);
        let within = [written, vec!["replace".to_owned()]].concat();
        std::iter::once(merged)
            .chain(replace.map(|value| setting(value, within, true)))
            .collect()
    };
    tables.iter().enumerate().map(choice).collect()
}

/// Every value below `table` at which a search for keys ends, with its keys, in the order of writing.
pub(crate) fn leaves<'a>(
    table: &'a Map<String, Value>,
    ends: &dyn Fn(&Value) -> bool,
) -> Vec<(Vec<String>, &'a Value)> {
    let mut found = Vec::new();
    for (key, value) in table {
        match value {
            Value::Object(inner) if !ends(value) => {
                for (mut path, leaf) in leaves(inner, ends) {
                    path.insert(0, key.clone());
                    found.push((path, leaf));
                }
            }
            _ => found.push((vec![key.clone()], value)),
        }
    }
    found
}

/// The choices of a key that has a list of values. A first key `replace` says that kinds take the place of others.
fn listed(table: &str, path: &[String], value: &Value) -> Result<Vec<Setting>, Fault> {
    let within = |fault: Fault| fault.within(path.iter().map(String::as_str)).within([table]);
    let Some(values) = value.as_array().filter(|values| !values.is_empty()) else {
        let fault = Fault::pipeline(format!("`{}` needs a list of values", path.join(".")));
        return Err(within(
            fault.advise(format!("e.g. {table}.{} = [1, 2]", path.join("."))),
        ));
    };
    let (replace, keys) = match path {
        [first, rest @ ..] if first == "replace" && !rest.is_empty() => (true, rest),
        _ => (false, path),
    };
    let choice = |(index, value): (usize, &Value)| Setting {
        path: keys.to_vec(),
        written: [&[table.to_owned()], path, &[index.to_string()]].concat(),
        value: value.clone(),
        replace,
    };
    Ok(values.iter().enumerate().map(choice).collect())
}

/// One choice per row, if there are any keys.
fn zipped(table: &Map<String, Value>) -> Result<Option<Vec<Point>>, Vec<Fault>> {
    let (mut columns, mut faults) = (Vec::new(), Vec::new());
    for (path, value) in leaves(table, &|value| !value.is_object()) {
        match listed("zip", &path, value) {
            Ok(column) => columns.push((path, column)),
            Err(fault) => faults.push(fault),
        }
    }
    let Some((_, first)) = columns.first() else {
        return if faults.is_empty() { Ok(None) } else { Err(faults) };
    };
    let rows = first.len();
    for (path, column) in columns.iter().filter(|(_, column)| column.len() != rows) {
        let message = format!(
            "lists that go together have one length: the first has {rows} values, this one {}",
            column.len()
        );
        let fault = Fault::pipeline(message).advise("`grid` combines lists of any length");
        faults.push(fault.within(path.iter().map(String::as_str)).within(["zip"]));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let row = |row: usize| columns.iter().map(|(_, column)| column[row].clone()).collect();
    Ok(Some((0..rows).map(row).collect()))
}
