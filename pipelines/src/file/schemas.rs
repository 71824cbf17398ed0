//! The schemas of everything that a pipeline file may say, gathered from the registry: what the checker walks, and the JSON schema for editors.

use super::like::LIKE;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};
use starling_components::registry::{Registry, SLOT_KEY};
use starling_components::specs::PipelineSpec;
use std::collections::BTreeMap;

/// Where schemars keeps shared definitions.
const DEFINITIONS: &str = "#/$defs/";

/// One table of a file.
#[derive(Debug)]
pub struct TableSchema {
    /// At most one instance per file.
    pub single: bool,
    /// Schema of one instance.
    pub schema: Value,
}

/// All schemas of a program.
#[derive(Debug)]
pub struct Schemas {
    /// The keys at the top of a file.
    pub head: Value,
    /// By name.
    pub tables: BTreeMap<&'static str, TableSchema>,
    /// Slot, kind, schema of its settings.
    pub slots: BTreeMap<&'static str, BTreeMap<&'static str, Value>>,
    pub(crate) definitions: Map<String, Value>,
}

impl Schemas {
    /// Gathers them.
    pub fn of(registry: &Registry) -> Self {
        let mut generator = SchemaGenerator::default();
        let head = PipelineSpec::json_schema(&mut generator).to_value();
        let tables = registry.tables().map(|table| {
            let schema = (table.schema)(&mut generator).to_value();
            let single = table.single;
            (table.name, TableSchema { single, schema })
        });
        let tables = tables.collect();
        let mut slots = BTreeMap::new();
        for (slot, _) in registry.slots() {
            let kinds = registry
                .kinds(slot)
                .map(|k| (k.name, (k.schema)(&mut generator).to_value()));
            slots.insert(slot, kinds.collect::<BTreeMap<_, _>>());
        }
        Self {
            head,
            tables,
            slots,
            definitions: generator.take_definitions(true),
        }
    }

    /// The name of the shared definition that `schema` refers to.
    pub fn reference(schema: &Value) -> Option<&str> {
        schema.get("$ref")?.as_str()?.strip_prefix(DEFINITIONS)
    }

    /// `schema`, or what it refers to.
    pub fn resolve<'a>(&'a self, mut schema: &'a Value) -> &'a Value {
        // Definitions do not refer to each other in circles, but a foreign plugin's might.
        for _ in 0..16 {
            match Self::reference(schema).and_then(|name| self.definitions.get(name)) {
                Some(target) => schema = target,
                None => break,
            }
        }
        schema
    }

    /// The slot that `schema` marks.
    pub fn slot(schema: &Value) -> Option<&str> {
        schema.get(SLOT_KEY)?.as_str()
    }

    /// The branches of `anyOf` and `oneOf`, nested ones and references followed, without null.
    pub fn alternatives<'a>(&'a self, schema: &'a Value) -> Vec<&'a Value> {
        let mut found = Vec::new();
        self.collect_alternatives(schema, 0, &mut found);
        found
    }

    fn collect_alternatives<'a>(&'a self, schema: &'a Value, depth: usize, found: &mut Vec<&'a Value>) {
        let schema = self.resolve(schema);
        let branches = ["anyOf", "oneOf"].iter().filter_map(|key| schema.get(key)?.as_array());
        let branches: Vec<&Value> = branches.flatten().collect();
        if branches.is_empty() || depth > 8 {
            if schema.get("type").and_then(Value::as_str) != Some("null") {
                found.push(schema);
            }
            return;
        }
        for branch in branches {
            self.collect_alternatives(branch, depth + 1, found);
        }
    }

    /// The JSON schema of whole pipeline files, for editors.
    pub fn document(&self) -> Value {
        let mut properties = Map::new();
        properties.insert(
            "extends".into(),
            json!({
                "description": "A file, or files in order, whose tables this one merges into, relative to this file.",
                "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
            }),
        );
        if let Some(head) = self.head.get("properties").and_then(Value::as_object) {
            properties.extend(head.clone());
        }
        for (name, table) in &self.tables {
            let schema = if table.single {
                table.schema.clone()
            } else {
                let mut schema = table.schema.clone();
                schema["properties"][LIKE] = json!({
                    "type": "string",
                    "description": format!("Another {name}, by name: this one is the same but for its own keys."),
                });
                json!({ "type": "object", "additionalProperties": schema })
            };
            properties.insert((*name).to_owned(), schema);
        }
        properties.insert(
            "replace".into(),
            json!({
                "type": "object",
                "description": "Merged like the file itself, but a kind named here takes the place of another kind in its slot.",
            }),
        );
        let mut definitions = self.definitions.clone();
        for (slot, kinds) in &self.slots {
            definitions.insert(format!("slot.{slot}"), slot_schema(kinds));
        }
        let mut document = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Starling pipeline",
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
            "$defs": definitions,
        });
        fill_slots(&mut document);
        document
    }
}

/// One of the kinds: a table with exactly one key, or its bare name.
fn slot_schema(kinds: &BTreeMap<&'static str, Value>) -> Value {
    let names: Vec<&str> = kinds.keys().copied().collect();
    let properties: Map<_, _> = kinds
        .iter()
        .map(|(name, schema)| ((*name).to_owned(), schema.clone()))
        .collect();
    json!({
        "anyOf": [
            { "type": "string", "enum": names },
            {
                "type": "object",
                "properties": properties,
                "additionalProperties": false,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ]
    })
}

/// Turns every slot marker into a reference to the slot's schema.
fn fill_slots(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(slot) = map.shift_remove(SLOT_KEY)
                && let Some(slot) = slot.as_str()
            {
                map.insert("$ref".into(), json!(format!("{DEFINITIONS}slot.{slot}")));
            }
            map.values_mut().for_each(fill_slots);
        }
        Value::Array(items) => items.iter_mut().for_each(fill_slots),
        _ => {}
    }
}
