//! A resolved pipeline as TOML text: the head, then one header per table, values on one line each.

use serde_json::{Map, Value};
use std::fmt::Write as _;

/// The text of a file with the keys `head` and the tables `(header, keys)`.
pub(super) fn document<'a>(
    head: &Map<String, Value>,
    tables: impl IntoIterator<Item = (String, &'a Map<String, Value>)>,
) -> String {
    let mut text = String::new();
    pairs(&mut text, head);
    for (header, keys) in tables {
        // Writing to a string does not fail.
        let _ = writeln!(text, "\n[{header}]");
        pairs(&mut text, keys);
    }
    text
}

/// A key, quoted where it must be.
pub(super) fn key(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(bare) {
        return key.to_owned();
    }
    string(key)
}

fn pairs(text: &mut String, map: &Map<String, Value>) {
    for (name, value) in map {
        if !value.is_null() {
            let _ = writeln!(text, "{} = {}", key(name), inline(value));
        }
    }
}

fn inline(value: &Value) -> String {
    match value {
        // Nothing is how an absent key reads; the checker lets none into lists.
        Value::Null => "\"\"".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => string(text),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(map) if map.is_empty() => "{}".into(),
        Value::Object(map) => {
            let pairs = map.iter().filter(|(_, v)| !v.is_null());
            let pairs: Vec<_> = pairs.map(|(k, v)| format!("{} = {}", key(k), inline(v))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
    }
}

/// A basic string: JSON's escapes are TOML's, except that TOML refuses a raw DEL.
fn string(text: &str) -> String {
    Value::String(text.to_owned()).to_string().replace('\u{7f}', "\\u007F")
}
