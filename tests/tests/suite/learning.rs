//! Learning components against golden values: JSON files below `learning`, recognised by their `schema`.
//!
//! `f64` values: relative 1e-9, absolute 1e-12. `f32` values, and whole updates (which train in `f32`): relative 2e-5, absolute 1e-6.

mod formulas;
mod normalisation;
mod optimisers;
mod updates;
mod value_targets;

use serde_json::Value;
use starling_tests::golden;

/// How close is close enough.
#[derive(Debug, Clone, Copy)]
struct Tolerance {
    relative: f64,
    absolute: f64,
}

const F64: Tolerance = Tolerance {
    relative: 1e-9,
    absolute: 1e-12,
};
const F32: Tolerance = Tolerance {
    relative: 2e-5,
    absolute: 1e-6,
};

impl Tolerance {
    fn check(self, what: &str, ours: f64, golden: f64) {
        let close = (ours - golden).abs() <= self.absolute + self.relative * golden.abs();
        assert!(close || ours == golden, "{what}: ours {ours:e}, golden {golden:e}");
    }
    fn check_all(self, what: &str, ours: impl IntoIterator<Item = f64>, golden: &[f64]) {
        let ours: Vec<f64> = ours.into_iter().collect();
        assert_eq!(ours.len(), golden.len(), "{what}");
        for (i, (a, b)) in ours.iter().zip(golden).enumerate() {
            self.check(&format!("{what}[{i}]"), *a, *b);
        }
    }
}

/// A number, or a string for one that JSON has not.
fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.parse().unwrap_or_else(|_| panic!("not a number: {text}")),
        Value::Bool(flag) => f64::from(u8::from(*flag)),
        other => other.as_f64().unwrap_or_else(|| panic!("not a number: {other}")),
    }
}

/// Nested lists (or tables of them, in name order) as one flat list.
fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(flat).collect(),
        other => vec![number(other)],
    }
}

fn floats(value: &Value) -> Vec<f32> {
    flat(value).into_iter().map(|x| x as f32).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Runs `compare` on every file of one schema; it returns (cases, steps). Fails if nothing was compared.
fn each(schema: &str, compare: impl Fn(&Value) -> (usize, usize)) {
    let (mut files, mut cases, mut steps) = (0, 0, 0);
    for path in golden::files("learning", "json") {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        if value["schema"] == schema {
            let (c, s) = compare(&value);
            files += 1;
            cases += c;
            steps += s;
        }
    }
    golden::say(&format!(
        "compared {files} files, {cases} cases, {steps} steps ({schema})"
    ));
    assert!(files > 0 && cases > 0, "no golden values with the schema {schema}");
}

/// Schemas that no test compares yet are named, so that nobody takes silence for a pass.
#[test]
fn learning_files_that_are_not_compared_are_listed() {
    const COMPARED: [&str; 7] = [
        "optimizer/1",
        "adam_theory/1",
        "gae/1",
        "ppo_loss/1",
        "distributions/1",
        "ppo_update/1",
        "value_targets/1",
    ];
    const LATER: [&str; 1] = ["es/1"];
    for path in golden::files("learning", "json") {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        let schema = value["schema"].as_str().unwrap_or("none");
        if !COMPARED.contains(&schema) {
            golden::say(&format!("not compared: {} (schema {schema})", path.display()));
            assert!(LATER.contains(&schema), "{}: unknown schema {schema}", path.display());
        }
    }
}
