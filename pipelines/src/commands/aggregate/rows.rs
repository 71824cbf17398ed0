//! Rows of scores from a file or a query, and the methods that they make.

use crate::statistics::Scores;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use starling_components::{Fault, suggest};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The names of the columns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns<'a> {
    pub(crate) method: &'a str,
    pub(crate) task: &'a str,
    pub(crate) run: &'a str,
    pub(crate) score: &'a str,
}

/// By name: the tasks in order, and the scores.
pub(super) type Methods = BTreeMap<String, (Vec<String>, Scores)>;

/// Scores by method, task and run; rows without a run are numbered.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    scores: BTreeMap<String, BTreeMap<String, BTreeMap<String, f64>>>,
    count: u64,
}

impl Rows {
    fn add(&mut self, method: String, task: String, run: Option<String>, score: Option<f64>) -> Result<(), Fault> {
        self.count += 1;
        // Numbers of one width, so that their order is that of the rows.
        let run = run.unwrap_or_else(|| format!("row {:09}", self.count));
        let about = || format!("run `{run}` of method `{method}`, task `{task}`,");
        let Some(score) = score else {
            return Err(Fault::pipeline(format!("{} has no score", about()))
                .advise("decide what a run that failed is worth: `coalesce(score, 0)`"));
        };
        let runs = self
            .scores
            .entry(method.clone())
            .or_default()
            .entry(task.clone())
            .or_default();
        if runs.contains_key(&run) {
            return Err(Fault::pipeline(format!("{} has more than one score", about())).advise(
                "one row per run and task: group by them, or name the column that tells them apart with `--run`",
            ));
        }
        runs.insert(run, score);
        Ok(())
    }

    /// The methods; the order of rows changes nothing.
    pub(super) fn methods(self) -> Result<Methods, Fault> {
        if self.scores.is_empty() {
            return Err(Fault::pipeline("there are no scores to aggregate"));
        }
        let method = |(method, tasks): (String, BTreeMap<String, BTreeMap<String, f64>>)| {
            let names = tasks.keys().cloned().collect();
            let scores = tasks.into_values().map(|runs| runs.into_values().collect()).collect();
            let scores = Scores::new(scores).map_err(|mut fault| {
                fault.message = format!("method `{method}`: {}", fault.message);
                fault
            })?;
            Ok((method, (names, scores)))
        };
        self.scores.into_iter().map(method).collect()
    }
}

/// What a reader of the numbers should know: methods that were not scored alike.
pub(super) fn unevenness(methods: &Methods) -> Option<String> {
    let mut notes = Vec::new();
    for (method, (tasks, scores)) in methods {
        let (fewest, most) = scores.runs();
        if fewest < most {
            notes.push(format!("`{method}` has {fewest} to {most} runs per task"));
        }
        if methods.values().any(|(others, _)| others != tasks) {
            notes.push(format!("`{method}` was scored on {}", tasks.join(", ")));
        }
    }
    (!notes.is_empty()).then(|| format!("methods were not scored alike: {}", notes.join("; ")))
}

/// Where the columns are among `names`.
struct Places {
    method: usize,
    task: Option<usize>,
    run: Option<usize>,
    score: usize,
}

impl Places {
    fn find(names: &[String], wanted: Columns<'_>) -> Result<Self, Fault> {
        let place = |name: &str| names.iter().position(|known| known == name);
        let must = |name: &str, option: &str| {
            place(name).ok_or_else(|| {
                let near = suggest::advice(name, names.iter().map(String::as_str));
                Fault::pipeline(format!("there is no column `{name}`"))
                    .advise(format!("name another with `{option}`; {near}"))
            })
        };
        Ok(Self {
            method: must(wanted.method, "--method")?,
            score: must(wanted.score, "--score")?,
            task: place(wanted.task),
            run: place(wanted.run),
        })
    }
}

/// The rows of a CSV file with a head, or of a Parquet file.
pub(super) fn of_file(path: &Path, columns: Columns<'_>) -> Result<Rows, Fault> {
    let unreadable = |e: &dyn std::fmt::Display| Fault::pipeline(format!("cannot read `{}`: {e}", path.display()));
    if path.extension().is_some_and(|kind| kind == "parquet") {
        let file = fs::File::open(path).map_err(|e| unreadable(&e))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| builder.build());
        let reader = reader.map_err(|e| unreadable(&e))?;
        let batches: Result<Vec<_>, _> = reader.collect();
        return of_batches(&batches.map_err(|e| unreadable(&e))?, columns);
    }
    let text = fs::read_to_string(path).map_err(|e| unreadable(&e))?;
    let mut records = records(&text).into_iter();
    let names = records.next().ok_or_else(|| unreadable(&"it is empty"))?;
    let places = Places::find(&names, columns)?;
    let mut rows = Rows::default();
    for (number, record) in records.enumerate() {
        let cell = |place: usize| record.get(place).cloned().unwrap_or_default();
        let score = cell(places.score);
        let score = match score.trim() {
            "" => None,
            text => Some(
                text.parse()
                    .map_err(|_| unreadable(&format!("row {}: `{text}` is no score", number + 1)))?,
            ),
        };
        let task = places.task.map(cell).unwrap_or_default();
        rows.add(cell(places.method), task, places.run.map(cell), score)?;
    }
    Ok(rows)
}

/// The rows of batches that have the columns.
pub(crate) fn of_batches(batches: &[RecordBatch], columns: Columns<'_>) -> Result<Rows, Fault> {
    let mut rows = Rows::default();
    for batch in batches {
        let names: Vec<String> = batch.schema().fields().iter().map(|f| f.name().clone()).collect();
        let places = Places::find(&names, columns)?;
        let as_kind = |place: usize, kind| {
            let wrong = |e| Fault::pipeline(format!("column `{}`: {e}", names[place]));
            cast(batch.column(place), &kind).map_err(wrong)
        };
        let text = |place| as_kind(place, DataType::Utf8);
        let (method, score) = (text(places.method)?, as_kind(places.score, DataType::Float64)?);
        let (task, run) = (places.task.map(text).transpose()?, places.run.map(text).transpose()?);
        let score = score.as_primitive::<Float64Type>();
        for row in 0..batch.num_rows() {
            let cell = |array: &dyn Array| match array.as_string::<i32>() {
                array if array.is_valid(row) => array.value(row).to_owned(),
                _ => "null".to_owned(),
            };
            let value = score.is_valid(row).then(|| score.value(row));
            let task = task.as_ref().map(|t| cell(t)).unwrap_or_default();
            rows.add(cell(&method), task, run.as_ref().map(|r| cell(r)), value)?;
        }
    }
    Ok(rows)
}

/// The records of a CSV text as RFC 4180 has them. Empty lines are passed over.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut any) = (false, false);
    let mut letters = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' => (quoted, any) = (!quoted, true),
            letter if quoted => cell.push(letter),
            ',' => {
                record.push(std::mem::take(&mut cell));
                any = true;
            }
            '\r' => {}
            '\n' => {
                if any {
                    record.push(std::mem::take(&mut cell));
                    records.push(std::mem::take(&mut record));
                }
                any = false;
            }
            letter => {
                cell.push(letter);
                any = true;
            }
        }
    }
    if any {
        record.push(cell);
        records.push(record);
    }
    records
}

#[cfg(test)]
mod tests {
    use super::records;

    #[test]
    fn commas_and_quotes_within_quotes_belong_to_the_cell() {
        let found = records("\u{feff}method,score\r\n\"a, \"\"b\"\"\",1.5\n\n,\"two\nlines\"");
        assert_eq!(found, [["method", "score"], ["a, \"b\"", "1.5"], ["", "two\nlines"]]);
        assert!(records("").is_empty());
    }
}
