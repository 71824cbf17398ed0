//! `starling list`: what pipeline files may say.

use super::Context;
use crate::engine::Starling;
use crate::exit::Exit;
use crate::file::schemas::Schemas;
use crate::problem::Problems;
use crate::{builtin, problem::Problem};
use clap::Args;
use serde_json::{Value, json};
use starling_components::Fault;
use starling_components::registry::Registry;
use starling_components::suggest;
use std::fmt::Write as _;

/// What to list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// One table or slot, e.g. `rules`, with the keys of its kinds
    name: Option<String>,
}

pub(crate) fn run(starling: &Starling, context: Context, args: ListArgs) -> Result<Exit, Problems> {
    let app = starling.app();
    let registry = app.world().resource::<Registry>();
    let entries = entries(registry);
    let chosen: Vec<&Entry> = match &args.name {
        None => entries.iter().collect(),
        Some(name) => entries.iter().filter(|e| e.slot == *name || e.name == *name).collect(),
    };
    if let Some(name) = args.name.as_ref().filter(|_| chosen.is_empty()) {
        let known = entries.iter().flat_map(|e| [e.slot.as_str(), e.name.as_str()]);
        let known: std::collections::BTreeSet<&str> = known.collect();
        let fault = Fault::pipeline(format!("no table, slot or kind is called `{name}`"));
        return Err(Problem::from(fault.advise(suggest::advice(name, known))).into());
    }
    if context.json {
        let list = chosen.iter().map(|e| e.json());
        context.data(&format!("{:#}\n", Value::Array(list.collect())));
        return Ok(Exit::Finished);
    }
    let mut text = String::new();
    let mut group = "";
    for entry in &chosen {
        if entry.slot != group {
            group = &entry.slot;
            let _ = writeln!(text, "{}{group}", if text.is_empty() { "" } else { "\n" });
        }
        let _ = writeln!(
            text,
            "  {:<18} {}",
            entry.name,
            entry.doc.lines().next().unwrap_or_default()
        );
        if args.name.is_some() {
            for (key, doc) in &entry.keys {
                let _ = writeln!(text, "    {key:<16} {doc}");
            }
        }
    }
    if args.name.is_none() {
        let _ = writeln!(text, "\npipelines that come with the program");
        for name in builtin::names() {
            let _ = writeln!(text, "  {name}");
        }
    }
    context.data(&text);
    Ok(Exit::Finished)
}

/// A table or a kind.
pub(crate) struct Entry {
    /// `table` or the slot's name.
    pub(crate) slot: String,
    /// Its own name.
    pub(crate) name: String,
    /// What it is.
    pub(crate) doc: String,
    /// Keys and what they mean.
    pub(crate) keys: Vec<(String, String)>,
    /// A pipeline that uses the kind.
    pub(crate) example: Option<String>,
}

impl Entry {
    fn json(&self) -> Value {
        let keys: serde_json::Map<_, _> = self.keys.iter().map(|(k, doc)| (k.clone(), json!(doc))).collect();
        json!({ "slot": self.slot, "name": self.name, "doc": self.doc, "keys": keys, "example": self.example })
    }
}

/// Everything: tables first, then slot by slot.
pub(crate) fn entries(registry: &Registry) -> Vec<Entry> {
    let schemas = Schemas::of(registry);
    let mut entries = Vec::new();
    for (name, table) in &schemas.tables {
        entries.push(entry("table", name, &table.schema, &schemas));
    }
    // A table of the head: no entity comes of it.
    if let Some(sweep) = schemas.definitions.get("SweepSpec") {
        entries.push(entry("table", "sweep", sweep, &schemas));
    }
    for (slot, kinds) in &schemas.slots {
        for (name, schema) in kinds {
            let entry = entry(slot, name, schema, &schemas);
            let example = registry.example(slot, name);
            entries.push(Entry { example, ..entry });
        }
    }
    entries
}

fn entry(slot: &str, name: &str, schema: &Value, schemas: &Schemas) -> Entry {
    let doc = |schema: &Value| {
        schema
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let schema = schemas.resolve(schema);
    let mut keys = Vec::new();
    for branch in schemas.alternatives(schema) {
        let properties = branch.get("properties").and_then(Value::as_object);
        for (key, property) in properties.into_iter().flatten() {
            let text = doc(property);
            let text = if text.is_empty() {
                doc(schemas.resolve(property))
            } else {
                text
            };
            keys.push((key.clone(), text.lines().collect::<Vec<_>>().join(" ")));
        }
    }
    Entry {
        slot: slot.to_owned(),
        name: name.to_owned(),
        doc: doc(schema),
        keys,
        example: None,
    }
}
