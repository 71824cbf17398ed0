//! Recorded episodes, found by their schema: any Parquet file with the columns of an episode table or of a step table.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use starling_tests::golden;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// A state as the reference records it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recorded {
    pub(crate) dynamic: Vec<i64>,
    pub(crate) extra: Vec<i64>,
    pub(crate) x: Vec<i64>,
    pub(crate) y: Vec<i64>,
    pub(crate) direction: Vec<i64>,
    pub(crate) inventory: Vec<i64>,
    pub(crate) recipe: i64,
}

/// One episode with its transitions.
#[derive(Debug)]
pub(crate) struct Episode {
    pub(crate) key: String,
    pub(crate) layout: String,
    pub(crate) text: String,
    pub(crate) agents: usize,
    pub(crate) ingredients: usize,
    /// Triples of ingredients.
    pub(crate) recipes: Vec<Vec<u32>>,
    pub(crate) max_steps: u32,
    /// 0: the whole kitchen.
    pub(crate) view: u32,
    pub(crate) observation: String,
    pub(crate) flags: BTreeMap<&'static str, bool>,
    pub(crate) op_ingredient_permutations: Vec<u32>,
    pub(crate) permutations: Vec<u32>,
    pub(crate) from_reset: bool,
    pub(crate) fixed: Vec<i64>,
    pub(crate) start: Recorded,
    pub(crate) observed: Option<Vec<u8>>,
    pub(crate) shape: Vec<usize>,
    pub(crate) steps: Vec<Step>,
}

/// One transition and the state after it.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) actions: Vec<i32>,
    pub(crate) after: Recorded,
    pub(crate) correct_delivery: bool,
    pub(crate) step: i64,
    pub(crate) reward: f32,
    pub(crate) shaped: Vec<f32>,
    pub(crate) done: bool,
    pub(crate) observed: Option<Vec<u8>>,
}

const FLAGS: [&str; 7] = [
    "random_reset",
    "random_agent_positions",
    "start_cooking_interaction",
    "negative_rewards",
    "sample_recipe_on_delivery",
    "indicate_successful_delivery",
    "auto_reset",
];

/// All episodes and the number of files they are in.
pub(crate) fn read_all() -> (usize, Vec<Episode>) {
    let mut episodes: Vec<(PathBuf, Episode)> = Vec::new();
    let mut step_files = Vec::new();
    let mut files = 0;
    for path in golden::files("overcooked_v2", "parquet") {
        let columns = columns_of(&path);
        let has = |name: &str| columns.iter().any(|column| column == name);
        if has("layout_text") && has("init_static") {
            files += 1;
            for batch in batches(&path) {
                episodes.extend((0..batch.num_rows()).map(|row| (path.clone(), episode(&Table(&batch), row))));
            }
        } else if has("episode") && has("actions") && has("dyn") && has("new_correct_delivery") {
            files += 1;
            step_files.push(path);
        }
    }
    for path in step_files {
        let mut current = None;
        for batch in batches(&path) {
            let table = Table(&batch);
            let keys = table.strings("episode");
            for (row, key) in keys.into_iter().enumerate() {
                let same = |index: &usize| episodes[*index].1.key == key;
                let index = current.filter(same).unwrap_or_else(|| find(&episodes, &path, &key));
                current = Some(index);
                let steps = &mut episodes[index].1.steps;
                assert_eq!(
                    table.int("t", row),
                    steps.len() as i64,
                    "{key}: transitions are in order"
                );
                steps.push(step(&table, row));
            }
        }
    }
    (files, episodes.into_iter().map(|(_, episode)| episode).collect())
}

/// The episode of that name, in the same folder if there is one.
fn find(episodes: &[(PathBuf, Episode)], steps: &Path, key: &str) -> usize {
    let named = |same_folder: bool| {
        let fits = |(path, episode): &(PathBuf, Episode)| {
            episode.key == key && (!same_folder || path.parent() == steps.parent())
        };
        episodes.iter().position(fits)
    };
    named(true)
        .or_else(|| named(false))
        .unwrap_or_else(|| panic!("{}: no episode is called {key}", steps.display()))
}

fn episode(table: &Table<'_>, row: usize) -> Episode {
    let unsigned = |name: &str| table.ints(name, row).into_iter().map(|v| v as u32).collect::<Vec<_>>();
    let view = table.int("agent_view_size", row);
    Episode {
        key: table.string("episode", row),
        layout: table.string("layout", row),
        text: table.string("layout_text", row),
        agents: table.int("num_agents", row) as usize,
        ingredients: table.int("num_ingredients", row) as usize,
        recipes: unsigned("possible_recipes").chunks(3).map(<[u32]>::to_vec).collect(),
        max_steps: table.int("max_steps", row) as u32,
        view: view.max(0) as u32,
        observation: table.string("observation_type", row),
        flags: FLAGS.iter().map(|name| (*name, table.flag(name, row))).collect(),
        op_ingredient_permutations: unsigned("op_ingredient_permutations"),
        permutations: unsigned("ingredient_permutations"),
        from_reset: table.string("init_source", row) == "reset",
        fixed: table.ints("init_static", row),
        start: recorded(table, row, "init_"),
        observed: table.bytes("init_obs", row),
        shape: table.ints("obs_shape", row).into_iter().map(|n| n as usize).collect(),
        steps: Vec::new(),
    }
}

fn step(table: &Table<'_>, row: usize) -> Step {
    Step {
        actions: table.ints("actions", row).into_iter().map(|a| a as i32).collect(),
        after: recorded(table, row, ""),
        correct_delivery: table.flag("new_correct_delivery", row),
        step: table.int("step", row),
        reward: table.float("reward", row),
        shaped: table.floats("shaped", row),
        done: table.flag("done", row),
        observed: table.bytes("obs", row),
    }
}

fn recorded(table: &Table<'_>, row: usize, prefix: &str) -> Recorded {
    let ints = |name: &str| table.ints(&format!("{prefix}{name}"), row);
    Recorded {
        dynamic: ints("dyn"),
        extra: ints("extra"),
        x: ints("x"),
        y: ints("y"),
        direction: ints("dir"),
        inventory: ints("inv"),
        recipe: table.int(&format!("{prefix}recipe"), row),
    }
}

fn columns_of(path: &Path) -> Vec<String> {
    let file = File::open(path).expect("a golden file opens");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("a golden file is Parquet");
    reader
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect()
}

fn batches(path: &Path) -> impl Iterator<Item = RecordBatch> {
    let file = File::open(path).expect("a golden file opens");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| builder.build());
    reader
        .expect("a golden file is Parquet")
        .map(|batch| batch.expect("a golden file is whole"))
}

/// Columns by name, whatever the width of their integers.
struct Table<'a>(&'a RecordBatch);

impl Table<'_> {
    fn column(&self, name: &str) -> &ArrayRef {
        self.0
            .column_by_name(name)
            .unwrap_or_else(|| panic!("golden traces have a column `{name}`"))
    }
    fn numbers(&self, name: &str, row: usize, kind: &DataType) -> ArrayRef {
        let column = self.column(name);
        let values = match column.data_type() {
            DataType::List(_) => column.as_list::<i32>().value(row),
            DataType::LargeList(_) => column.as_list::<i64>().value(row),
            _ => column.slice(row, 1),
        };
        cast(&values, kind).unwrap_or_else(|error| panic!("column `{name}`: {error}"))
    }
    fn ints(&self, name: &str, row: usize) -> Vec<i64> {
        self.numbers(name, row, &DataType::Int64)
            .as_primitive::<Int64Type>()
            .values()
            .to_vec()
    }
    fn int(&self, name: &str, row: usize) -> i64 {
        self.ints(name, row)[0]
    }
    fn floats(&self, name: &str, row: usize) -> Vec<f32> {
        let values = self.numbers(name, row, &DataType::Float64);
        values
            .as_primitive::<Float64Type>()
            .values()
            .iter()
            .map(|v| *v as f32)
            .collect()
    }
    fn float(&self, name: &str, row: usize) -> f32 {
        self.floats(name, row)[0]
    }
    fn flag(&self, name: &str, row: usize) -> bool {
        self.column(name).as_boolean().value(row)
    }
    fn strings(&self, name: &str) -> Vec<String> {
        let strings = cast(self.column(name), &DataType::Utf8).expect("a column of strings");
        strings
            .as_string::<i32>()
            .iter()
            .map(|s| s.unwrap_or_default().to_owned())
            .collect()
    }
    fn string(&self, name: &str, row: usize) -> String {
        let one = cast(&self.column(name).slice(row, 1), &DataType::Utf8).expect("a column of strings");
        one.as_string::<i32>().value(0).to_owned()
    }
    fn bytes(&self, name: &str, row: usize) -> Option<Vec<u8>> {
        let column = cast(&self.column(name).slice(row, 1), &DataType::LargeBinary).expect("a column of bytes");
        let column = column.as_binary::<i64>();
        column.is_valid(0).then(|| column.value(0).to_vec())
    }
}
