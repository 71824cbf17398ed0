//! Recorded transitions of both references, read from Parquet, with the draws that were made.

use crate::parquet_table::{Table, batches, columns_of};
use serde_json::Value;
use starling_components::environments::minatar::Variant;
use starling_components::random::Draw;
use starling_components::simulate::Rules;
use starling_tests::golden;
use std::collections::BTreeSet;

/// A draw as recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Forced {
    /// A uniform in [0, 1), of which the rules ask into which of n equal parts it falls.
    Unit(f64),
    /// Which of n.
    Index(u32),
}

impl Forced {
    /// The answer to a question that the rules put as "is it the first of so many?".
    pub(crate) fn first(yes: bool) -> Self {
        Self::Index(u32::from(!yes))
    }
}

/// Recorded draws instead of drawn ones.
pub(crate) struct Script<'a>(std::slice::Iter<'a, Forced>);

impl<'a> Script<'a> {
    pub(crate) fn new(draws: &'a [Forced]) -> Self {
        Self(draws.iter())
    }
    pub(crate) fn is_used_up(&self) -> bool {
        self.0.len() == 0
    }
}

impl Draw for Script<'_> {
    fn word(&mut self) -> u32 {
        panic!("the games ask for one of n only");
    }
    fn below(&mut self, n: u32) -> u32 {
        let index = match self.0.next().expect("a draw that was not recorded") {
            Forced::Unit(unit) => (unit * f64::from(n)) as u32,
            Forced::Index(index) => *index,
        };
        assert!(index < n, "a draw of {index} among {n}");
        index
    }
}

/// One transition of the bare step.
#[derive(Debug)]
pub(crate) struct Step {
    /// Where it is recorded.
    pub(crate) name: String,
    /// Words of the state.
    pub(crate) before: Vec<u32>,
    pub(crate) after: Vec<u32>,
    pub(crate) action: i32,
    pub(crate) draws: Vec<Forced>,
    pub(crate) observed: Vec<u8>,
    pub(crate) next_observed: Vec<u8>,
    pub(crate) reward: f32,
    pub(crate) terminated: bool,
    pub(crate) truncated: bool,
    pub(crate) ramping: bool,
}

/// One file of one game.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) variant: Variant,
    pub(crate) episodes: usize,
    pub(crate) steps: Vec<Step>,
}

/// A row of gymnax's files, before (`s`) or after (`n`) the step.
pub(crate) struct Cells<'a> {
    table: &'a Table<'a>,
    row: usize,
    side: char,
}

impl Cells<'_> {
    pub(crate) fn ints(&self, name: &str) -> Vec<i64> {
        self.table.ints(&format!("{}_{name}", self.side), self.row)
    }
    pub(crate) fn int(&self, name: &str) -> i64 {
        self.ints(name)[0]
    }
    /// A draw, which belongs to the step.
    pub(crate) fn drawn(&self, name: &str) -> Vec<i64> {
        self.table.ints(&format!("rnd_{name}"), self.row)
    }
}

/// How the references record a game.
pub(crate) trait Recorded {
    type Rules: Rules<Action = i32, Observation = u8>;
    /// A field that only states of this game have.
    const FIELD: &'static str;
    /// The rules that were recorded.
    fn rules(variant: Variant, ramping: bool) -> Self::Rules;
    /// The words of a state after the first two, from gymnax.
    fn of_gymnax(cells: &Cells<'_>) -> Vec<u32>;
    /// The same from the original.
    fn of_original(state: &Value) -> Vec<u32>;
    /// The draws that the rules ask for in this step of gymnax's.
    fn drawn_by_gymnax(before: &Cells<'_>) -> Vec<Forced> {
        let _ = before;
        Vec::new()
    }
    /// An integer drawn by the original, as the rules ask for it: from 0 on.
    fn from_zero(drawn: u32) -> u32 {
        drawn
    }
    /// Steps done, where the original's state tells it.
    fn time_of_original(state: &Value) -> Option<i64> {
        let _ = state;
        None
    }
}

/// Every file of one game below `minatar`.
pub(crate) fn read_all<G: Recorded>() -> Vec<File> {
    let mut files = Vec::new();
    for path in golden::files("minatar", "parquet") {
        let columns = columns_of(&path);
        let has = |name: &str| columns.iter().any(|column| column == name);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let gymnax = has(&format!("s_{}", G::FIELD));
        if !gymnax && !has("next_state") {
            continue;
        }
        let ramping_told = has("s_ramping");
        let (mut steps, mut episodes) = (Vec::new(), BTreeSet::new());
        for batch in batches(&path) {
            let table = Table(&batch);
            for row in 0..batch.num_rows() {
                let read = if gymnax { of_gymnax::<G> } else { of_original::<G> };
                let Some(mut step) = read(&table, row) else {
                    break;
                };
                let episode = (table.string("policy", row), table.int("episode", row));
                step.name = format!("{name}, {} {}, step {}", episode.0, episode.1, table.int("t", row));
                step.ramping &= !ramping_told || table.flag("s_ramping", row);
                episodes.insert(episode);
                steps.push(step);
            }
        }
        if !steps.is_empty() {
            let variant = if gymnax { Variant::Gymnax } else { Variant::Original };
            let episodes = episodes.len();
            files.push(File {
                name,
                variant,
                episodes,
                steps,
            });
        }
    }
    files
}

fn bytes(table: &Table<'_>, name: &str, row: usize) -> Vec<u8> {
    table.ints(name, row).into_iter().map(|byte| byte as u8).collect()
}

fn words(time: i64, state: Vec<u32>) -> Vec<u32> {
    [time as u32, 0].into_iter().chain(state).collect()
}

fn of_gymnax<G: Recorded>(table: &Table<'_>, row: usize) -> Option<Step> {
    let cells = |side| Cells { table, row, side };
    let state = |side| words(cells(side).int("time"), G::of_gymnax(&cells(side)));
    Some(Step {
        name: String::new(),
        before: state('s'),
        after: state('n'),
        action: table.int("action", row) as i32,
        draws: G::drawn_by_gymnax(&cells('s')),
        observed: bytes(table, "obs", row),
        next_observed: bytes(table, "next_obs", row),
        reward: table.float("reward", row),
        terminated: table.flag("terminated", row),
        truncated: table.flag("truncated", row),
        ramping: true,
    })
}

/// `None` if it is of another game.
fn of_original<G: Recorded>(table: &Table<'_>, row: usize) -> Option<Step> {
    let json = |name: &str| -> Value { serde_json::from_str(&table.string(name, row)).expect("recorded as JSON") };
    let before = json("state");
    before.get(G::FIELD)?;
    let after = json("next_state");
    let recorded = table.int("t", row);
    let time = |state: &Value, counted: i64| G::time_of_original(state).unwrap_or(counted);
    Some(Step {
        name: String::new(),
        before: words(time(&before, recorded), G::of_original(&before)),
        after: words(time(&after, recorded + 1), G::of_original(&after)),
        action: table.int("action", row) as i32,
        draws: drawn_by_original::<G>(&json("draws")),
        observed: bytes(table, "obs", row),
        next_observed: bytes(table, "next_obs", row),
        reward: table.float("reward", row),
        terminated: table.flag("done", row),
        truncated: false,
        ramping: before.get("ramping") != Some(&Value::Bool(false)),
    })
}

/// The original's calls of its generator, one after the other; a call may draw several numbers.
fn drawn_by_original<G: Recorded>(calls: &Value) -> Vec<Forced> {
    let mut draws = Vec::new();
    for call in list(calls) {
        let integers = call[0] == "randint";
        assert!(integers || call[0] == "rand", "an unknown draw: {call}");
        let values = if call[1].is_array() {
            list(&call[1]).clone()
        } else {
            vec![call[1].clone()]
        };
        draws.extend(values.iter().map(|value| {
            if integers {
                Forced::Index(G::from_zero(int(value) as u32))
            } else {
                Forced::Unit(value.as_f64().expect("a drawn number"))
            }
        }));
    }
    draws
}

/// A list of the original's states.
pub(crate) fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("a list instead of {value}"))
}

/// A number, or whether something holds.
pub(crate) fn int(value: &Value) -> i64 {
    let flag = value.as_bool().map(i64::from);
    flag.or_else(|| value.as_i64())
        .unwrap_or_else(|| panic!("a number instead of {value}"))
}

/// A map of the board, `bit 10 y + x`.
pub(crate) fn map(cells: impl IntoIterator<Item = bool>) -> u128 {
    let cells = cells.into_iter().enumerate();
    cells.fold(0, |map, (cell, full)| map | u128::from(full) << cell)
}

/// The same from a string of zeros and ones.
pub(crate) fn map_of(value: &Value) -> u128 {
    map(value
        .as_str()
        .expect("a map as a string")
        .bytes()
        .map(|byte| byte == b'1'))
}
