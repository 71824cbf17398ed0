//! Walks a merged tree along the schemas and tells every problem, each in its place.
//!
//! Covers what schemars derives: references, types, enumerations, ranges, lengths, required and unknown keys, alternatives, and the slots
//! of the registry. Choosing a kind is where merges can go wrong, so this is also where `replace` takes effect.

use super::schemas::Schemas;
use super::shape::{accepts, describe, length_problem, listed, range_problem, tag};
use super::source::Place;
use super::tree::{Data, Entry, Node};
use crate::problem::Problem;
use serde_json::Value;
use starling_components::registry::ENTITY_KEY;
use starling_components::suggest;
use std::collections::BTreeMap;

/// The keys of every table of a file, by table.
pub(super) type Entities = BTreeMap<String, Vec<String>>;

/// The state of one walk.
#[derive(Debug)]
pub(super) struct Checker<'a> {
    schemas: &'a Schemas,
    /// The keys of every table of the file, sound or not.
    entities: &'a Entities,
    /// Keys from the root to what is being checked.
    path: Vec<String>,
    /// What was found.
    pub(super) problems: Vec<Problem>,
    /// Names that no entity has: problems of the file, not of the table that says them.
    pub(super) strangers: Vec<Problem>,
}

impl<'a> Checker<'a> {
    /// A walk that starts at the keys `path`.
    pub(super) fn new(schemas: &'a Schemas, entities: &'a Entities, path: &[&str]) -> Self {
        Self {
            schemas,
            entities,
            path: path.iter().map(|&p| p.to_owned()).collect(),
            problems: Vec::new(),
            strangers: Vec::new(),
        }
    }

    /// Checks `node`; `at` is the key it was given under, the place for what is missing.
    pub(super) fn value(&mut self, node: &mut Node, schema: &Value, at: &Place) {
        if matches!(node.data, Data::Leaf(Value::Null)) {
            return;
        }
        let schemas = self.schemas;
        let schema = schemas.resolve(schema);
        if let Some(slot) = Schemas::slot(schema) {
            return self.slot(node, slot, at);
        }
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.value(node, part, at);
        }
        if schema.get("anyOf").is_some() || schema.get("oneOf").is_some() {
            return self.alternatives(node, &schemas.alternatives(schema), at);
        }
        if !accepts(schema, node) {
            let message = format!("expected {}, found {}", describe(schema), node.kind());
            return self.problem(&node.place, message);
        }
        self.names(node, &listed(schema));
        if let Some(table) = schema.get(ENTITY_KEY).and_then(Value::as_str) {
            self.entity(node, table);
        }
        match &mut node.data {
            Data::Leaf(Value::Number(number)) => {
                let problem = range_problem(number, schema);
                self.tell(&node.place, problem);
            }
            Data::Leaf(Value::String(text)) => {
                let problem = length_problem(text.chars().count(), schema, "Length", "characters");
                self.tell(&node.place, problem);
            }
            Data::Leaf(_) => {}
            Data::List(items) => {
                let problem = length_problem(items.len(), schema, "Items", "entries");
                self.tell(&node.place, problem);
                let first = schema.get("prefixItems").and_then(Value::as_array);
                for (i, item) in items.iter_mut().enumerate() {
                    let schema = first.and_then(|f| f.get(i)).or_else(|| schema.get("items"));
                    let place = item.place.clone();
                    self.within(&i.to_string(), |this| {
                        if let Some(schema) = schema {
                            this.value(item, schema, &place);
                        }
                    });
                }
            }
            Data::Table(entries) => self.table(entries, schema, at),
        }
    }

    fn table(&mut self, entries: &mut [Entry], schema: &Value, at: &Place) {
        let properties = schema.get("properties").and_then(Value::as_object);
        let known = || properties.into_iter().flat_map(|p| p.keys().map(String::as_str));
        let others = schema.get("additionalProperties");
        for entry in entries.iter_mut() {
            let Entry { key, key_place, node } = entry;
            if let Some(schema) = properties.and_then(|p| p.get(key)) {
                self.within(key, |this| this.value(node, schema, key_place));
            } else if let Some(schema @ Value::Object(_)) = others {
                self.within(key, |this| this.value(node, schema, key_place));
            } else if others == Some(&Value::Bool(false)) {
                let advice = suggest::advice(key, known().collect::<Vec<_>>());
                let problem = Problem::at(key_place, format!("unknown key `{key}`")).advise(advice);
                self.problems.push(problem);
            }
        }
        let required = schema.get("required").and_then(Value::as_array);
        for key in required.into_iter().flatten().filter_map(Value::as_str) {
            if !entries.iter().any(|e| e.key == key) {
                let what = if self.path.is_empty() {
                    "the file".into()
                } else {
                    format!("`{}`", self.path.join("."))
                };
                let problem = Problem::at(at, format!("{what} lacks the key `{key}`"));
                let doc = properties.and_then(|p| p.get(key)?.get("description")?.as_str());
                self.problems.push(match doc {
                    Some(doc) => problem.advise(format!("{key}: {}", doc.lines().next().unwrap_or(doc))),
                    None => problem,
                });
            }
        }
    }

    fn slot(&mut self, node: &mut Node, slot: &str, at: &Place) {
        let none = std::collections::BTreeMap::new();
        let kinds = self.schemas.slots.get(slot).unwrap_or(&none);
        let names: Vec<&str> = kinds.keys().copied().collect();
        if let Data::Leaf(Value::String(kind)) = &node.data {
            let kind = kind.clone();
            self.displaced(node, slot, &kind, &names);
            let Some(schema) = kinds.get(kind.as_str()).map(|s| self.schemas.resolve(s)) else {
                return self.unknown_kind(&node.place, slot, &kind, &names);
            };
            let mut nothing = Node::empty(node.place.clone(), node.layer);
            if !accepts(schema, &nothing) {
                let message = format!("`{kind}` needs a value: {}", describe(schema));
                self.problems
                    .push(Problem::at(&node.place, message).advise(format!("{{ {kind} = ... }}")));
                return;
            }
            return self.within(&kind, |this| this.value(&mut nothing, schema, at));
        }
        if !matches!(node.data, Data::Table(_)) {
            let message = format!("expected a kind of {slot}, found {}", node.kind());
            let advice = format!("known: {}", names.join(", "));
            self.problems.push(Problem::at(&node.place, message).advise(advice));
            return;
        }
        if let Some(entry) = self.one_kind(node, slot, &names, at) {
            let schema = &kinds[entry.key.as_str()];
            let Entry { key, key_place, node } = entry;
            self.within(key, |this| this.value(node, schema, key_place));
        }
    }

    /// The one entry of a table that chooses a kind, after `replace` has had its say.
    fn one_kind<'n>(&mut self, node: &'n mut Node, what: &str, names: &[&str], at: &Place) -> Option<&'n mut Entry> {
        if let Some(cut) = node.entries().iter().filter_map(|e| e.node.replaced_at).max() {
            node.drop_before(cut);
        }
        let known: Vec<&Entry> = node
            .entries()
            .iter()
            .filter(|e| names.contains(&e.key.as_str()))
            .collect();
        for entry in node.entries().iter().filter(|e| !names.contains(&e.key.as_str())) {
            self.unknown_kind(&entry.key_place, what, &entry.key, names);
        }
        match known[..] {
            [] => {
                if node.entries().is_empty() {
                    let problem = Problem::at(at, format!("no kind of {what} is chosen"));
                    self.problems
                        .push(problem.advise(format!("known: {}", names.join(", "))));
                }
                None
            }
            [one] => {
                let key = one.key.clone();
                self.displaced(node, what, &key, names);
                let Data::Table(entries) = &mut node.data else {
                    return None;
                };
                entries.iter_mut().find(|e| e.key == key)
            }
            [first, .., last] => {
                let message = format!("two kinds of {what}: `{}` and `{}`", first.key, last.key);
                let advice = if first.node.layer == last.node.layer {
                    "choose one".to_owned()
                } else {
                    self.replace_advice(&first.key, &last.key)
                };
                self.problems.push(Problem::at(&last.key_place, message).advise(advice));
                None
            }
        }
    }

    /// A kind that was written over by a value of another shape is a replacement too, and must be said.
    fn displaced(&mut self, node: &Node, what: &str, kind: &str, names: &[&str]) {
        let earlier = node.displaced.as_ref().and_then(|d| match &d.data {
            Data::Leaf(Value::String(kind)) => Some(kind.clone()),
            Data::Table(entries) => entries.first().map(|e| e.key.clone()),
            _ => None,
        });
        let Some(earlier) = earlier.filter(|e| e != kind && names.contains(&e.as_str())) else {
            return;
        };
        if node.replaced_at.is_none() {
            let message = format!("two kinds of {what}: `{earlier}` and `{kind}`");
            let advice = self.replace_advice(&earlier, kind);
            self.problems.push(Problem::at(&node.place, message).advise(advice));
        }
    }

    fn replace_advice(&self, old: &str, new: &str) -> String {
        let path = self.path.join(".");
        format!(
            "merging keeps both; to put `{new}` in the place of `{old}`: `replace.{path}.{new} = {{ ... }}` in the file, or --replace {path}.{new}={{...}}"
        )
    }

    fn unknown_kind(&mut self, place: &Place, what: &str, kind: &str, names: &[&str]) {
        let message = format!("no {what} is called `{kind}`");
        let advice = suggest::advice(kind, names.iter().copied());
        self.problems.push(Problem::at(place, message).advise(advice));
    }

    fn alternatives(&mut self, node: &mut Node, branches: &[&Value], at: &Place) {
        let fitting: Vec<&Value> = branches.iter().copied().filter(|b| accepts(b, node)).collect();
        if fitting.is_empty() {
            let mut ways: Vec<String> = branches.iter().map(|b| describe(b)).collect();
            ways.dedup();
            let message = format!("expected {}, found {}", ways.join(" or "), node.kind());
            return self.problem(&node.place, message);
        }
        if matches!(node.data, Data::Table(_)) {
            let tags: Option<Vec<&str>> = fitting.iter().map(|b| tag(b)).collect();
            if let Some(tags) = tags {
                let what = self
                    .path
                    .last()
                    .map_or_else(|| "value".to_owned(), |key| format!("`{key}`"));
                if let Some(entry) = self.one_kind(node, &what, &tags, at) {
                    let schema = fitting.iter().find_map(|b| b.get("properties")?.get(&entry.key));
                    let Entry { key, key_place, node } = entry;
                    self.within(key, |this| {
                        if let Some(schema) = schema {
                            this.value(node, schema, key_place);
                        }
                    });
                }
                return;
            }
        }
        let names: Vec<&str> = fitting.iter().flat_map(|b| listed(b)).collect();
        if !names.is_empty() && matches!(node.data, Data::Leaf(Value::String(_))) {
            return self.names(node, &names);
        }
        // Several shapes fit: the one with the fewest problems is the one that was meant.
        let mut best: Option<(Node, Checker<'_>)> = None;
        for branch in fitting {
            let mut scratch = Checker {
                schemas: self.schemas,
                entities: self.entities,
                path: self.path.clone(),
                problems: Vec::new(),
                strangers: Vec::new(),
            };
            let mut copy = node.clone();
            scratch.value(&mut copy, branch, at);
            if best
                .as_ref()
                .is_none_or(|(_, best)| scratch.problems.len() < best.problems.len())
            {
                best = Some((copy, scratch));
            }
        }
        if let Some((checked, best)) = best {
            *node = checked;
            self.problems.extend(best.problems);
            self.strangers.extend(best.strangers);
        }
    }

    /// A string must be one of `names`, if there are any.
    fn names(&mut self, node: &Node, names: &[&str]) {
        if let Data::Leaf(Value::String(text)) = &node.data
            && !names.is_empty()
            && !names.contains(&text.as_str())
        {
            let key = self.path.last().map_or("value", String::as_str);
            let problem = Problem::at(&node.place, format!("`{text}` is no `{key}`"));
            self.problems
                .push(problem.advise(suggest::advice(text, names.iter().copied())));
        }
    }

    /// A string must name an entity of `table`.
    fn entity(&mut self, node: &Node, table: &str) {
        let names = self.entities.get(table).map_or(&[][..], Vec::as_slice);
        if let Data::Leaf(Value::String(name)) = &node.data
            && !names.contains(name)
        {
            let problem = Problem::at(&node.place, format!("no {table} is called `{name}`"));
            let advice = if names.is_empty() {
                format!("add a table [{table}.{name}]")
            } else {
                suggest::advice(name, names.iter().map(String::as_str))
            };
            self.strangers.push(problem.advise(advice));
        }
    }

    fn within(&mut self, key: &str, check: impl FnOnce(&mut Self)) {
        self.path.push(key.to_owned());
        check(self);
        self.path.pop();
    }

    fn tell(&mut self, place: &Place, message: Option<String>) {
        if let Some(message) = message {
            self.problem(place, message);
        }
    }

    fn problem(&mut self, place: &Place, message: String) {
        self.problems.push(Problem::at(place, message));
    }
}
