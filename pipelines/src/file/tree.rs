//! A pipeline as a tree of values that know where they were written, and the merge of several such trees.
//!
//! Merging is key by key and knows no schema: a later value wins, tables grow. What a merge must not do silently, choose another kind in a
//! slot, is seen only by the checker, so every value keeps what the checker needs for it: the layer that wrote it last and the last layer
//! that wrote it with `replace`.

use super::source::Place;
use serde_json::{Map, Value};

/// A value and where it was written.
#[derive(Debug, Clone)]
pub struct Node {
    /// The value's own text; for a table that was written key by key, its key.
    pub place: Place,
    /// The last layer that wrote it or something in it. Layers count files, `replace` parts and arguments in merge order.
    pub layer: u32,
    /// The last layer that wrote it with `replace`.
    pub replaced_at: Option<u32>,
    /// What it is.
    pub data: Data,
    /// What a later layer wrote over, where one of the two was a table: perhaps another kind of a slot.
    pub displaced: Option<Box<Node>>,
}

/// The value itself.
#[derive(Debug, Clone)]
pub enum Data {
    /// A boolean, number or string; null for what could not be read (a problem was already told).
    Leaf(Value),
    /// A list.
    List(Vec<Node>),
    /// A table in the order of writing.
    Table(Vec<Entry>),
}

/// One key of a table.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key was written (last).
    pub key_place: Place,
    /// Its value.
    pub node: Node,
}

impl Node {
    /// An empty table at `place`.
    pub fn empty(place: Place, layer: u32) -> Self {
        Self {
            place,
            layer,
            replaced_at: None,
            data: Data::Table(Vec::new()),
            displaced: None,
        }
    }

    /// Its entries; none if it is no table.
    pub fn entries(&self) -> &[Entry] {
        match &self.data {
            Data::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The entry called `key`.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|e| e.key == key)
    }

    /// Takes the entry called `key` out of a table.
    pub fn take(&mut self, key: &str) -> Option<Entry> {
        let Data::Table(entries) = &mut self.data else {
            return None;
        };
        let at = entries.iter().position(|e| e.key == key)?;
        Some(entries.remove(at))
    }

    /// Puts `later` over this value.
    pub fn merge(&mut self, later: Self) {
        self.layer = later.layer;
        self.replaced_at = later.replaced_at.or(self.replaced_at);
        match (&mut self.data, later.data) {
            (Data::Table(mine), Data::Table(theirs)) => {
                for entry in theirs {
                    if let Some(known) = mine.iter_mut().find(|e| e.key == entry.key) {
                        known.key_place = entry.key_place;
                        known.node.merge(entry.node);
                    } else {
                        mine.push(entry);
                    }
                }
            }
            (_, data) => {
                let earlier = std::mem::replace(&mut self.data, data);
                let either_is_table = matches!(earlier, Data::Table(_)) || matches!(self.data, Data::Table(_));
                self.displaced = either_is_table.then(|| {
                    Box::new(Self {
                        place: self.place.clone(),
                        layer: self.layer,
                        replaced_at: None,
                        data: earlier,
                        displaced: None,
                    })
                });
                self.place = later.place;
            }
        }
    }

    /// Marks everything in it as written with `replace`.
    pub fn mark_replacing(&mut self) {
        self.replaced_at = Some(self.layer);
        match &mut self.data {
            Data::Leaf(_) => {}
            Data::List(items) => items.iter_mut().for_each(Self::mark_replacing),
            Data::Table(entries) => entries.iter_mut().for_each(|e| e.node.mark_replacing()),
        }
    }

    /// Makes everything in it older than anything that a file says.
    pub fn forget_layers(&mut self) {
        self.layer = 0;
        self.replaced_at = None;
        self.displaced = None;
        match &mut self.data {
            Data::Leaf(_) => {}
            Data::List(items) => items.iter_mut().for_each(Self::forget_layers),
            Data::Table(entries) => entries.iter_mut().for_each(|e| e.node.forget_layers()),
        }
    }

    /// Drops table entries that were last written before `layer`.
    pub fn drop_before(&mut self, layer: u32) {
        if let Data::Table(entries) = &mut self.data {
            entries.retain(|e| e.node.layer >= layer);
            entries.iter_mut().for_each(|e| e.node.drop_before(layer));
        }
    }

    /// The plain value.
    pub fn to_json(&self) -> Value {
        match &self.data {
            Data::Leaf(value) => value.clone(),
            Data::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Data::Table(entries) => {
                let pairs = entries.iter().map(|e| (e.key.clone(), e.node.to_json()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }

    /// Something in it could not be read, which was told already.
    pub fn unread(&self) -> bool {
        match &self.data {
            Data::Leaf(value) => value.is_null(),
            Data::List(items) => items.iter().any(Self::unread),
            Data::Table(entries) => entries.iter().any(|e| e.node.unread()),
        }
    }

    /// The place that shows `path` best: the value itself, or the deepest table on the way that was written at all.
    pub fn find<'a>(&'a self, path: &[String]) -> Option<&'a Place> {
        let mut node = self;
        let mut best: Option<&Place> = None;
        for part in path {
            match &node.data {
                Data::Table(entries) => {
                    let Some(entry) = entries.iter().find(|e| e.key == *part) else {
                        break;
                    };
                    node = &entry.node;
                    // A value of its own shows more than its key; a table that was written key by key has only the key.
                    best = Some(if matches!(node.data, Data::Table(_)) {
                        &entry.key_place
                    } else {
                        &node.place
                    });
                }
                Data::List(items) => {
                    let Some(item) = part.parse::<usize>().ok().and_then(|i| items.get(i)) else {
                        break;
                    };
                    node = item;
                    best = Some(&node.place);
                }
                Data::Leaf(_) => break,
            }
        }
        best
    }

    /// The value at `path`; lists are entered by index.
    pub fn get(&self, path: &[String]) -> Option<&Self> {
        let [first, rest @ ..] = path else { return Some(self) };
        match &self.data {
            Data::Table(entries) => entries.iter().find(|e| e.key == *first)?.node.get(rest),
            Data::List(items) => items.get(first.parse::<usize>().ok()?)?.get(rest),
            Data::Leaf(_) => None,
        }
    }

    /// The entry of a table that `path` leads to.
    pub fn entry_at(&self, path: &[String]) -> Option<&Entry> {
        let (last, before) = path.split_last()?;
        self.get(before)?.entry(last)
    }

    /// `value`, all of it at `place`.
    pub fn of(value: &Value, place: &Place) -> Self {
        let data = match value {
            Value::Array(items) => Data::List(items.iter().map(|item| Self::of(item, place)).collect()),
            Value::Object(map) => {
                let entry = |(key, value): (&String, &Value)| Entry {
                    key: key.clone(),
                    key_place: place.clone(),
                    node: Self::of(value, place),
                };
                Data::Table(map.iter().map(entry).collect())
            }
            leaf => Data::Leaf(leaf.clone()),
        };
        Self {
            data,
            ..Self::empty(place.clone(), 0)
        }
    }

    /// What a person calls this kind of value.
    pub fn kind(&self) -> &'static str {
        match &self.data {
            Data::Leaf(Value::String(_)) => "a string",
            Data::Leaf(Value::Bool(_)) => "a boolean",
            Data::Leaf(Value::Number(n)) if n.is_f64() => "a number with a fraction",
            Data::Leaf(Value::Number(_)) => "an integer",
            Data::Leaf(_) => "nothing readable",
            Data::List(_) => "a list",
            Data::Table(_) => "a table",
        }
    }
}
