//! Recorded episodes of V1, found by their schema, and the state words that a recorded map stands for.

use crate::parquet_table::{Table, batches, columns_of};
use starling_simulate::environments::overcooked_v1::OvercookedV1;
use starling_simulate::environments::overcooked_v2::state::Cook;
use starling_tests::golden;

/// A state as the reference records it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recorded {
    /// Object, colour and status of every cell.
    pub(crate) grid: Vec<u8>,
    pub(crate) x: Vec<i64>,
    pub(crate) y: Vec<i64>,
    pub(crate) direction: Vec<i64>,
    pub(crate) inventory: Vec<i64>,
}

/// One episode with its transitions.
#[derive(Debug)]
pub(crate) struct Episode {
    pub(crate) key: String,
    pub(crate) layout: String,
    pub(crate) random_reset: bool,
    pub(crate) max_steps: u32,
    pub(crate) wall_map: Vec<i64>,
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
    pub(crate) step: i64,
    pub(crate) reward: f32,
    pub(crate) shaped: Vec<f32>,
    pub(crate) shaped_legacy: Vec<f32>,
    pub(crate) done: bool,
    pub(crate) observed: Option<Vec<u8>>,
}

/// All episodes and the number of files they are in.
pub(crate) fn read_all() -> (usize, Vec<Episode>) {
    let mut episodes: Vec<Episode> = Vec::new();
    let (mut files, mut step_files) = (0, Vec::new());
    for path in golden::files("overcooked_v2", "parquet") {
        let columns = columns_of(&path);
        let has = |name: &str| columns.iter().any(|column| column == name);
        if has("wall_map") && has("init_grid") {
            files += 1;
            for batch in batches(&path) {
                episodes.extend((0..batch.num_rows()).map(|row| episode(&Table(&batch), row)));
            }
        } else if has("grid") && has("shaped_legacy") {
            files += 1;
            step_files.push(path);
        }
    }
    for path in step_files {
        for batch in batches(&path) {
            let table = Table(&batch);
            for (row, key) in table.strings("episode").into_iter().enumerate() {
                let Some(episode) = episodes.iter_mut().find(|episode| episode.key == key) else {
                    panic!("{}: no episode is called {key}", path.display())
                };
                assert_eq!(table.int("t", row), episode.steps.len() as i64, "{key}: in order");
                episode.steps.push(step(&table, row));
            }
        }
    }
    (files, episodes)
}

fn episode(table: &Table<'_>, row: usize) -> Episode {
    Episode {
        key: table.string("episode", row),
        layout: table.string("layout", row),
        random_reset: table.string("config", row) == "random_reset",
        max_steps: table.int("max_steps", row) as u32,
        wall_map: table.ints("wall_map", row),
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
        step: table.int("step", row),
        reward: table.float("reward", row),
        shaped: table.floats("shaped", row),
        shaped_legacy: table.floats("shaped_legacy", row),
        done: table.flag("done", row),
        observed: table.bytes("obs", row),
    }
}

fn recorded(table: &Table<'_>, row: usize, prefix: &str) -> Recorded {
    let ints = |name: &str| table.ints(&format!("{prefix}{name}"), row);
    Recorded {
        grid: table.bytes(&format!("{prefix}grid"), row).expect("a state has a grid"),
        x: ints("x"),
        y: ints("y"),
        direction: ints("dir"),
        inventory: ints("inv"),
    }
}

/// V1's codes of items, and ours: nothing, an onion, a plate, a dish.
const ITEMS: [(i64, u32); 4] = [(1, 0), (3, 4), (5, 1), (9, 15)];

fn item_of(code: i64) -> u32 {
    let known = ITEMS.iter().find(|(other, _)| *other == code);
    known.unwrap_or_else(|| panic!("{code} is no item")).1
}

/// The state words of a recorded state after `step` transitions.
pub(crate) fn words_of(rules: &OvercookedV1, state: &Recorded, step: u32, delivered: bool) -> Vec<u32> {
    let mut words = vec![0; rules.words().len()];
    let parts = rules.words().change(&mut words);
    *parts.step = step;
    *parts.recipe = 12;
    *parts.flags = u32::from(delivered);
    for (i, cook) in parts.cooks.iter_mut().enumerate() {
        *cook = Cook {
            cell: state.y[i] as u32 * rules.engine().kitchen().width as u32 + state.x[i] as u32,
            direction: state.direction[i] as u32,
            item: item_of(state.inventory[i]),
        };
    }
    for (cell, bytes) in state.grid.chunks_exact(3).enumerate() {
        let (item, timer) = match (bytes[0], u32::from(bytes[2])) {
            (8, 0) => (14, 0),
            (8, status @ 1..=20) => (12, status),
            (8, status) => (4 * (23 - status), 0),
            (code @ (3 | 5 | 9), _) => (item_of(code.into()), 0),
            _ => (0, 0),
        };
        (parts.items[cell], parts.timers[cell]) = (item, timer);
    }
    words
}

/// The map that the reference would have for `words`.
pub(crate) fn grid_of(rules: &OvercookedV1, words: &[u32]) -> Vec<u8> {
    let state = rules.words().read(words);
    let cell = |cell: usize| -> [u8; 3] {
        if let Some(i) = state.cooks.iter().position(|cook| cook.cell as usize == cell) {
            return [10, 2 * i as u8, state.cooks[i].direction as u8];
        }
        let (item, timer) = (state.items[cell], state.timers[cell]);
        match (rules.engine().kitchen().cells[cell], item) {
            (0, _) => [1, 0, 0],
            (1, 0) => [2, 5, 0],
            (1, 4) => [3, 4, 0],
            (1, 1) => [5, 6, 0],
            (1, 15) => [9, 6, 0],
            (4, _) => [7, 1, 0],
            (5, 14) => [8, 7, 0],
            (5, 12) => [8, 7, timer as u8],
            (5, onions) => [8, 7, 23 - (onions / 4) as u8],
            (9, _) => [6, 6, 0],
            (10, _) => [4, 4, 0],
            (code, item) => panic!("V1 has no cell of code {code} with {item}"),
        }
    };
    (0..state.items.len()).flat_map(cell).collect()
}
