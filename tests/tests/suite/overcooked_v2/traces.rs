//! Recorded episodes, found by their schema: any Parquet file with the columns of an episode table or of a step table.

use crate::parquet_table::{Table, batches, columns_of};
use starling_tests::golden;
use std::collections::BTreeMap;
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
