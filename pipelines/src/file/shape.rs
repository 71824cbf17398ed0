//! What one schema says about one value: its type, its names, its limits, and how to say so to a person.

use super::schemas::Schemas;
use super::tree::{Data, Node};
use serde_json::Value;

/// The strings that `enum` and `const` allow.
pub(super) fn listed(schema: &Value) -> Vec<&str> {
    let list = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    list.chain(schema.get("const")).filter_map(Value::as_str).collect()
}

/// The only key of a branch that is a table with one required key: how enums with data are written.
pub(super) fn tag(schema: &Value) -> Option<&str> {
    let required = schema.get("required")?.as_array()?;
    let properties = schema.get("properties")?.as_object()?;
    match (&required[..], properties.len()) {
        ([only], 1) => only.as_str(),
        _ => None,
    }
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ if !listed(schema).is_empty() => vec!["string"],
        _ => Vec::new(),
    }
}

pub(super) fn accepts(schema: &Value, node: &Node) -> bool {
    let types = types(schema);
    let Some(_) = types.first() else {
        // A slot takes a name or a table; a schema without types takes anything.
        return Schemas::slot(schema).is_none() || matches!(node.data, Data::Leaf(Value::String(_)) | Data::Table(_));
    };
    types.iter().any(|&t| match (&node.data, t) {
        (Data::Leaf(Value::Number(n)), "integer") => !n.is_f64(),
        (Data::Leaf(Value::Number(_)), "number")
        | (Data::Leaf(Value::String(_)), "string")
        | (Data::Leaf(Value::Bool(_)), "boolean")
        | (Data::List(_), "array")
        | (Data::Table(_), "object") => true,
        _ => false,
    })
}

pub(super) fn describe(schema: &Value) -> String {
    if let Some(tag) = tag(schema) {
        return format!("`{{ {tag} = ... }}`");
    }
    let names = listed(schema);
    if !names.is_empty() {
        return names
            .iter()
            .map(|n| format!("`\"{n}\"`"))
            .collect::<Vec<_>>()
            .join(" or ");
    }
    let one = |t: &str| match t {
        "integer" => "an integer".to_owned(),
        "number" => "a number".to_owned(),
        "string" => "a string".to_owned(),
        "boolean" => "`true` or `false`".to_owned(),
        "array" => "a list".to_owned(),
        _ => "a table".to_owned(),
    };
    let types = types(schema);
    let mut words: Vec<String> = types.into_iter().filter(|&t| t != "null").map(one).collect();
    if words.is_empty() {
        words.push("something else".into());
    }
    words.join(" or ")
}

pub(super) fn range_problem(number: &serde_json::Number, schema: &Value) -> Option<String> {
    let limit = |key: &str| schema.get(key).and_then(Value::as_f64);
    let (low, high) = match schema.get("format").and_then(Value::as_str) {
        Some("uint8") => (0.0, f64::from(u8::MAX)),
        Some("uint16") => (0.0, f64::from(u16::MAX)),
        Some("uint32") => (0.0, f64::from(u32::MAX)),
        Some("uint64" | "uint") => (0.0, f64::INFINITY),
        Some("int32") => (f64::from(i32::MIN), f64::from(i32::MAX)),
        _ => (f64::NEG_INFINITY, f64::INFINITY),
    };
    let low = limit("minimum").map_or(low, |m| m.max(low));
    let high = limit("maximum").map_or(high, |m| m.min(high));
    let value = number.as_f64()?;
    if value < low {
        return Some(format!("{number} is below the least allowed value, {low}"));
    }
    if value > high {
        return Some(format!("{number} is above the largest allowed value, {high}"));
    }
    if let Some(bound) = limit("exclusiveMinimum").filter(|&bound| value <= bound) {
        return Some(format!("{number} must be above {bound}"));
    }
    let bound = limit("exclusiveMaximum").filter(|&bound| value >= bound)?;
    Some(format!("{number} must be below {bound}"))
}

pub(super) fn length_problem(length: usize, schema: &Value, suffix: &str, unit: &str) -> Option<String> {
    let limit = |key: &str| schema.get(format!("{key}{suffix}")).and_then(Value::as_u64);
    let length = length as u64;
    match (limit("min"), limit("max")) {
        (Some(least), _) if length < least => Some(format!("needs at least {least} {unit}, has {length}")),
        (_, Some(most)) if length > most => Some(format!("takes at most {most} {unit}, has {length}")),
        _ => None,
    }
}
