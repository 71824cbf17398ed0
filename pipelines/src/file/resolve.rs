//! Fills in every default, of tables and of the kinds chosen inside them, and checks what needs the other values of its table.

use super::schemas::Schemas;
use serde_json::{Map, Value};
use starling_components::quantity::Quantity;
use starling_components::registry::{Choice, INLINE_KEY, Registry, SettingsError};
use std::path::PathBuf;

/// What a walk over one table's values needs.
pub(super) struct Resolver<'a> {
    /// The kinds.
    pub(super) registry: &'a Registry,
    /// Their schemas.
    pub(super) schemas: &'a Schemas,
    /// First replica and number of replicas of the agent that the values belong to; none elsewhere.
    pub(super) replicas: (u32, u32),
    /// The folder that paths are relative to.
    pub(super) folder: Option<PathBuf>,
    /// What was found.
    pub(super) problems: Vec<SettingsError>,
    path: Vec<String>,
}

impl<'a> Resolver<'a> {
    /// A resolver for values without replicas.
    pub(super) fn new(registry: &'a Registry, schemas: &'a Schemas) -> Self {
        Self {
            registry,
            schemas,
            replicas: (0, 0),
            folder: None,
            problems: Vec::new(),
            path: Vec::new(),
        }
    }

    /// Resolves the choices in `value`, which has its own defaults already.
    pub(super) fn choices(&mut self, value: &mut Value, schema: &Value) {
        if Schemas::reference(schema) == Some("Quantity") {
            self.quantity(value);
        }
        let schemas = self.schemas;
        let schema = schemas.resolve(schema);
        if let Some(slot) = Schemas::slot(schema) {
            return self.choice(value, slot);
        }
        if schema.get("anyOf").is_some() || schema.get("oneOf").is_some() {
            // Only slots change anything, and values of the wrong shape have none.
            for branch in schemas.alternatives(schema) {
                self.choices(value, branch);
            }
            return;
        }
        match value {
            Value::Object(map) => {
                let properties = schema.get("properties").and_then(Value::as_object);
                let others = schema.get("additionalProperties").filter(|s| s.is_object());
                self.inline(map, properties);
                for (key, inner) in map {
                    if let Some(schema) = properties.and_then(|p| p.get(key)).or(others) {
                        self.path.push(key.clone());
                        self.choices(inner, schema);
                        self.path.pop();
                    }
                }
            }
            Value::Array(items) => {
                let first = schema.get("prefixItems").and_then(Value::as_array);
                for (i, inner) in items.iter_mut().enumerate() {
                    if let Some(schema) = first.and_then(|f| f.get(i)).or_else(|| schema.get("items")) {
                        self.path.push(i.to_string());
                        self.choices(inner, schema);
                        self.path.pop();
                    }
                }
            }
            _ => {}
        }
    }

    /// Puts the text of a file in the place of its path. Without a folder a relative path is left to whoever reads it to refuse.
    fn inline(&mut self, map: &mut Map<String, Value>, properties: Option<&Map<String, Value>>) {
        for (key, schema) in properties.into_iter().flatten() {
            let Some(target) = schema.get(INLINE_KEY).and_then(Value::as_str) else {
                continue;
            };
            let Some(Value::String(path)) = map.get(key) else {
                continue;
            };
            let path = PathBuf::from(path);
            let path = match &self.folder {
                Some(folder) => folder.join(path),
                None if path.is_absolute() => path,
                None => continue,
            };
            if map.contains_key(target) {
                continue;
            }
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    map.shift_remove(key);
                    map.insert(target.to_owned(), Value::String(text));
                }
                Err(error) => {
                    let message = format!("cannot read `{}`: {error}", path.display());
                    let path = vec![key.clone()];
                    self.tell(SettingsError { path, message });
                }
            }
        }
    }

    fn choice(&mut self, value: &mut Value, slot: &str) {
        let Ok(mut choice) = serde_json::from_value::<Choice>(value.clone()) else {
            return;
        };
        let (Some(info), Some(schema)) = (
            self.registry.kind_info(slot, &choice.kind),
            self.schemas
                .slots
                .get(slot)
                .and_then(|kinds| kinds.get(choice.kind.as_str())),
        ) else {
            return;
        };
        self.path.push(choice.kind.clone());
        match (info.resolve)(&choice.settings) {
            Ok(settings) => {
                choice.settings = settings;
                self.choices(&mut choice.settings, schema);
                // Once more, so that what was filled in stands in the order of the settings' type: the text of a resolved file must be
                // the text of the same file resolved again.
                if let Ok(settings) = (info.resolve)(&choice.settings) {
                    choice.settings = settings;
                }
                *value = serde_json::to_value(&choice).unwrap_or_else(|_| value.take());
            }
            Err(error) => self.tell(error),
        }
        self.path.pop();
    }

    fn quantity(&mut self, value: &Value) {
        let (first, count) = self.replicas;
        let quantity = serde_json::from_value::<Quantity>(value.clone());
        if let Ok(Some(message)) = quantity.map(|q| q.problem(first, count)) {
            let path = Vec::new();
            self.tell(SettingsError { path, message });
        }
    }

    fn tell(&mut self, error: SettingsError) {
        let mut path = self.path.clone();
        path.extend(error.path);
        let message = error.message;
        self.problems.push(SettingsError { path, message });
    }
}

/// First replica and count as `[agent.x]` says them, from its values with defaults.
pub(super) fn replicas_of(agent: &Map<String, Value>) -> (u32, u32) {
    let spec = agent.get("replicas").cloned().unwrap_or(Value::Null);
    serde_json::from_value::<starling_components::specs::ReplicasSpec>(spec).map_or((0, 0), |r| (r.first(), r.count()))
}
