//! Resolved settings as columns: every value of a run's `pipeline.toml` under its dotted key.

use super::runs::Run;
use datafusion::arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringViewArray};
use datafusion::arrow::datatypes::DataType;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The settings of one run.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// By dotted key. Empty where the pipeline cannot be read.
    values: BTreeMap<String, toml::Value>,
}

impl Settings {
    /// Reads the pipeline of the run in `dir`.
    pub(super) fn of(dir: &Path) -> Self {
        let text = std::fs::read_to_string(dir.join("pipeline.toml")).unwrap_or_default();
        let mut values = BTreeMap::new();
        if let Ok(table) = toml::from_str::<toml::Table>(&text) {
            flatten(&mut String::new(), table, &mut values);
        }
        Self { values }
    }

    pub(super) fn get(&self, key: &str) -> Option<&toml::Value> {
        self.values.get(key)
    }
}

fn flatten(prefix: &mut String, table: toml::Table, values: &mut BTreeMap<String, toml::Value>) {
    for (key, value) in table {
        let before = prefix.len();
        if before > 0 {
            prefix.push('.');
        }
        prefix.push_str(&key);
        match value {
            toml::Value::Table(table) if !table.is_empty() => flatten(prefix, table, values),
            value => {
                values.insert(prefix.clone(), value);
            }
        }
        prefix.truncate(before);
    }
}

/// The value of a top-level key, without reading the tables below it where that can be helped.
///
/// TOML has the top-level keys before the first table, so the text before the first line that begins with `[` is enough, unless that line
/// lies within a value; then it is no TOML by itself, and everything is read.
pub(super) fn heads(run: &Run) -> toml::Table {
    let text = std::fs::read_to_string(run.dir.join("pipeline.toml")).unwrap_or_default();
    let head = text.find("\n[").map_or(text.as_str(), |at| &text[..=at]);
    let parsed = toml::from_str(head).or_else(|_| toml::from_str(&text));
    parsed.unwrap_or_default()
}

/// The type of a setting over all runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int,
    Float,
    /// Text, and whatever is not one of the others in some run: lists and dates as JSON and TOML write them.
    Text,
}

impl Kind {
    fn of(value: &toml::Value) -> Self {
        match value {
            toml::Value::Boolean(_) => Self::Bool,
            toml::Value::Integer(_) => Self::Int,
            toml::Value::Float(_) => Self::Float,
            _ => Self::Text,
        }
    }

    /// A type that holds both: a whole number is also a float, everything is also text.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Int, Self::Float) | (Self::Float, Self::Int) => Self::Float,
            _ => Self::Text,
        }
    }

    pub(super) fn data_type(self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Text => DataType::Utf8View,
        }
    }

    /// A column; null where a run has no such setting.
    pub(super) fn array<'a>(self, values: impl Iterator<Item = Option<&'a toml::Value>>) -> ArrayRef {
        match self {
            Self::Bool => Arc::new(values.map(|v| v?.as_bool()).collect::<BooleanArray>()),
            Self::Int => Arc::new(values.map(|v| v?.as_integer()).collect::<Int64Array>()),
            Self::Float => {
                let float = |v: &toml::Value| v.as_float().map(shortest).or_else(|| v.as_integer().map(|i| i as f64));
                Arc::new(values.map(|v| float(v?)).collect::<Float64Array>())
            }
            Self::Text => Arc::new(values.map(|v| v.map(text)).collect::<StringViewArray>()),
        }
    }
}

/// Settings of single precision are written with all their digits, 0.1 as 0.10000000149011612. The shortest number that means the same in single
/// precision is what the file said, and what a query compares with.
fn shortest(value: f64) -> f64 {
    let single = value as f32;
    if f64::from(single) == value {
        single.to_string().parse().unwrap_or(value)
    } else {
        value
    }
}

fn text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(_) | toml::Value::Table(_) => {
            serde_json::to_string(value).unwrap_or_else(|_| value.to_string())
        }
        other => other.to_string(),
    }
}

/// Every setting that some run has, with its type.
pub(super) fn kinds(runs: &[Run]) -> BTreeMap<String, Kind> {
    runs.par_iter().for_each(|run| {
        run.settings();
    });
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    for (key, value) in runs.iter().flat_map(|run| &run.settings().values) {
        let kind = Kind::of(value);
        match kinds.get_mut(key) {
            Some(known) => *known = known.or(kind),
            None => {
                kinds.insert(key.clone(), kind);
            }
        }
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::{Kind, flatten, shortest, text};
    use std::collections::BTreeMap;

    fn flat(source: &str) -> BTreeMap<String, toml::Value> {
        let mut values = BTreeMap::new();
        flatten(&mut String::new(), toml::from_str(source).unwrap(), &mut values);
        values
    }

    #[test]
    fn settings_have_dotted_keys_and_lists_are_json() {
        let values = flat("seed = 3\n[agent.cart]\npolicy.layers = [{ dense = 64 }, \"tanh\"]\nlearner.ppo = {}");
        let keys: Vec<_> = values.keys().map(String::as_str).collect();
        assert_eq!(keys, ["agent.cart.learner.ppo", "agent.cart.policy.layers", "seed"]);
        assert_eq!(text(&values["agent.cart.policy.layers"]), r#"[{"dense":64},"tanh"]"#);
        assert_eq!(text(&values["agent.cart.learner.ppo"]), "{}");
    }

    #[test]
    fn settings_of_several_types_become_the_type_that_holds_all() {
        let kind = |values: &[&str]| {
            let kinds = values.iter().map(|v| Kind::of(&flat(&format!("a = {v}"))["a"]));
            kinds.reduce(Kind::or).unwrap()
        };
        assert_eq!(kind(&["1", "2"]), Kind::Int);
        assert_eq!(kind(&["1", "2.5"]), Kind::Float);
        assert_eq!(kind(&["true", "false"]), Kind::Bool);
        assert_eq!(kind(&["true", "1"]), Kind::Text);
        assert_eq!(kind(&["1", "'linear'", "2.5"]), Kind::Text);
    }

    #[test]
    fn single_precision_reads_as_the_file_said() {
        assert_eq!(shortest(0.10000000149011612), 0.1);
        assert_eq!(shortest(0.1), 0.1, "said in double precision");
        assert_eq!(shortest(0.5), 0.5);
        assert_eq!(shortest(f64::INFINITY), f64::INFINITY);
    }
}
