//! Open slots: every plugin lists the kinds it brings, each with schema, defaults, documentation and build function in one place.
//!
//! No enum anywhere knows all algorithms. A slot is a type ([`Slot`]); a kind is a settings type ([`KindSettings`]) plus a build
//! function. The same lists give the JSON schema, `starling list`, the reference pages, and the defaults of the resolved pipeline.

use crate::fault::Fault;
use bevy_ecs::prelude::*;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::any::Any;
use std::collections::BTreeMap;

/// A place in a pipeline file that takes one of several registered kinds: `rules.overcooked_v2 = { ... }`.
pub trait Slot: 'static {
    /// E.g. `rules`.
    const NAME: &'static str;
    /// One sentence for the reference pages.
    const DOC: &'static str;
    /// A small pipeline that is whole once the line [`EXAMPLE_LINE`] is replaced by a kind's [`KindSettings::EXAMPLE`]; empty where every
    /// kind brings a pipeline of its own.
    const EXAMPLE: &'static str = "";
    /// What a build function gets besides the settings.
    type Context<'a>;
    /// What it makes.
    type Built;
}

/// The settings of one kind: a serde type whose schema and documentation are derived from it. Use `deny_unknown_fields`, and give every
/// field that has a default one, so that the resolved pipeline shows it.
pub trait KindSettings: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The name in the file, e.g. `overcooked_v2`.
    const NAME: &'static str;
    /// How it is used, in a pipeline that runs: the lines that go into the slot's own example ([`Slot::EXAMPLE`]), or a whole pipeline, which
    /// begins with `name`. Empty: the reference page shows none.
    const EXAMPLE: &'static str = "";
}

/// The line of a slot's example that a kind's lines replace.
pub const EXAMPLE_LINE: &str = "# KIND";

/// A kind chosen in a file: `{ dense = 64 }`, `rules.cart_pole = {}`, or a bare string for a kind without settings (`"flatten"`).
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The kind's name.
    pub kind: String,
    /// Its settings; an empty table for a bare string.
    pub settings: Value,
}

impl Serialize for Choice {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.settings.as_object().is_some_and(serde_json::Map::is_empty) {
            return serializer.serialize_str(&self.kind);
        }
        serializer.collect_map([(&self.kind, &self.settings)])
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let empty = || Value::Object(serde_json::Map::new());
        match value {
            Value::String(kind) => Ok(Self {
                kind,
                settings: empty(),
            }),
            Value::Object(map) if map.len() == 1 => {
                let (kind, settings) = map.into_iter().next().unwrap_or_else(|| (String::new(), empty()));
                Ok(Self { kind, settings })
            }
            _ => Err(serde::de::Error::custom(
                "expected one kind: a name, or a table with exactly one key",
            )),
        }
    }
}

/// The key under which a schema marks a slot: the value is the slot's name. Whoever walks a schema replaces it with the slot's kinds.
pub const SLOT_KEY: &str = "x-slot";

/// The key under which a schema marks the path of a text file: the value names the key beside it that holds such a text itself. The resolved
/// pipeline says the text, so that it stands alone and a run does not change with the file.
pub const INLINE_KEY: &str = "x-inline";

/// The key under which a schema marks a string that names an entity: the value is the entity's table. A checker can then tell a name that no
/// such table has, together with every other problem of the file.
pub const ENTITY_KEY: &str = "x-entity";

/// The schema of a string that names an entity of `table`; for `#[schemars(schema_with = ...)]`.
pub fn entity_schema(table: &'static str) -> Schema {
    let mut schema = Schema::default();
    schema.insert("type".to_owned(), Value::String("string".to_owned()));
    schema.insert(ENTITY_KEY.to_owned(), Value::String(table.to_owned()));
    schema
}

/// The schema of a list of names of entities of `table`.
pub fn entities_schema(table: &'static str) -> Schema {
    let mut schema = Schema::default();
    schema.insert("type".to_owned(), Value::String("array".to_owned()));
    schema.insert("items".to_owned(), entity_schema(table).to_value());
    schema
}

/// The schema of a [`Choice`] of the slot called `slot`; for `#[schemars(schema_with = ...)]`.
pub fn choice_schema(slot: &'static str) -> Schema {
    let mut schema = Schema::default();
    schema.insert(SLOT_KEY.to_owned(), Value::String(slot.to_owned()));
    schema
}

/// The schema of a list of [`Choice`]s.
pub fn choices_schema(slot: &'static str) -> Schema {
    let mut schema = Schema::default();
    schema.insert("type".to_owned(), Value::String("array".to_owned()));
    schema.insert("items".to_owned(), choice_schema(slot).to_value());
    schema
}

/// A settings value that a kind refuses: the path inside the settings and why.
#[derive(Debug, Clone)]
pub struct SettingsError {
    /// Keys and list indices from the settings' root.
    pub path: Vec<String>,
    /// What is wrong.
    pub message: String,
}

type SchemaFn = fn(&mut SchemaGenerator) -> Schema;
type ResolveFn = fn(&Value) -> Result<Value, SettingsError>;

/// What is known of one kind without its types.
#[derive(Debug, Clone, Copy)]
pub struct KindInfo {
    /// The name in the file.
    pub name: &'static str,
    /// Schema of its settings; the `description` is its documentation.
    pub schema: SchemaFn,
    /// Settings with every default filled in.
    pub resolve: ResolveFn,
    /// See [`KindSettings::EXAMPLE`]; [`Registry::example`] gives the whole pipeline.
    pub example: &'static str,
}

struct KindEntry {
    info: KindInfo,
    /// A `BuildFn<S>`.
    build: Box<dyn Any + Send + Sync>,
}

struct SlotEntry {
    doc: &'static str,
    example: &'static str,
    kinds: BTreeMap<&'static str, KindEntry>,
}

/// A table of the pipeline file: `[environment.x]`.
#[derive(Debug, Clone, Copy)]
pub struct TableInfo {
    /// The table's kind, e.g. `environment`.
    pub name: &'static str,
    /// One instance per file (`[record]`) instead of one per key (`[environment.kitchen]`).
    pub single: bool,
    /// Schema of one instance.
    pub schema: SchemaFn,
    /// An instance with every default filled in.
    pub resolve: ResolveFn,
    /// Puts an instance's spec component on its entity.
    pub insert: fn(&mut EntityWorldMut<'_>, &Value) -> Result<(), SettingsError>,
}

type BuildFn<S> =
    Box<dyn for<'a> Fn(&Value, <S as Slot>::Context<'a>) -> Result<<S as Slot>::Built, Fault> + Send + Sync>;

/// All slots, kinds and tables of this program.
#[derive(Resource, Default)]
pub struct Registry {
    slots: BTreeMap<&'static str, SlotEntry>,
    tables: BTreeMap<&'static str, TableInfo>,
}

impl Registry {
    /// Adds a kind to a slot. Later registrations of the same name win, so that a user's crate may replace a kind.
    pub fn kind<S: Slot, T: KindSettings>(
        &mut self,
        build: impl for<'a> Fn(&T, S::Context<'a>) -> Result<S::Built, Fault> + Send + Sync + 'static,
    ) -> &mut Self {
        let erased: BuildFn<S> = Box::new(move |value, context| {
            let settings = from_value::<T>(value).map_err(|e| Fault::pipeline(e.message).within(e.path))?;
            build(&settings, context)
        });
        let info = KindInfo {
            name: T::NAME,
            schema: schema_of::<T>,
            resolve: resolve::<T>,
            example: T::EXAMPLE,
        };
        let entry = KindEntry {
            info,
            build: Box::new(erased),
        };
        self.slot_entry::<S>().kinds.insert(T::NAME, entry);
        self
    }

    /// Declares a slot that may stay without kinds.
    pub fn slot<S: Slot>(&mut self) -> &mut Self {
        self.slot_entry::<S>();
        self
    }

    fn slot_entry<S: Slot>(&mut self) -> &mut SlotEntry {
        let new = || SlotEntry {
            doc: S::DOC,
            example: S::EXAMPLE,
            kinds: BTreeMap::new(),
        };
        self.slots.entry(S::NAME).or_insert_with(new)
    }

    /// Adds a table kind, one entity per key, whose spec is the component `T`.
    pub fn table<T: Component + Serialize + DeserializeOwned + JsonSchema>(&mut self, name: &'static str) -> &mut Self {
        self.insert_table::<T>(name, false)
    }

    /// Adds a table that a file has at most once.
    pub fn single_table<T: Component + Serialize + DeserializeOwned + JsonSchema>(
        &mut self,
        name: &'static str,
    ) -> &mut Self {
        self.insert_table::<T>(name, true)
    }

    fn insert_table<T: Component + Serialize + DeserializeOwned + JsonSchema>(
        &mut self,
        name: &'static str,
        single: bool,
    ) -> &mut Self {
        let insert = |entity: &mut EntityWorldMut<'_>, value: &Value| {
            entity.insert(from_value::<T>(value)?);
            Ok(())
        };
        let info = TableInfo {
            name,
            single,
            schema: schema_of::<T>,
            resolve: resolve::<T>,
            insert,
        };
        self.tables.insert(name, info);
        self
    }

    /// Builds what `choice` says.
    ///
    /// # Errors
    /// An unknown kind (with the known ones as advice), settings that do not parse, or what the kind's build function refuses; the key path
    /// starts with the kind's name.
    pub fn build<S: Slot>(&self, choice: &Choice, context: S::Context<'_>) -> Result<S::Built, Fault> {
        let known = self.slots.get(S::NAME);
        let Some(entry) = known.and_then(|s| s.kinds.get(choice.kind.as_str())) else {
            let names: Vec<_> = self.kinds(S::NAME).map(|k| k.name).collect();
            return Err(Fault::pipeline(format!("no {} is called `{}`", S::NAME, choice.kind))
                .advise(format!("known: {}", names.join(", ")))
                .within([choice.kind.clone()]));
        };
        let Some(build) = entry.build.downcast_ref::<BuildFn<S>>() else {
            return Err(Fault::pipeline(format!(
                "slot `{}` is registered with two types",
                S::NAME
            )));
        };
        build(&choice.settings, context).map_err(|f| f.within([choice.kind.clone()]))
    }

    /// All slots: name and documentation, in name order.
    pub fn slots(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.slots.iter().map(|(name, entry)| (*name, entry.doc))
    }
    /// The kinds of a slot, in name order.
    pub fn kinds(&self, slot: &str) -> impl Iterator<Item = &KindInfo> {
        self.slots
            .get(slot)
            .into_iter()
            .flat_map(|s| s.kinds.values().map(|k| &k.info))
    }
    /// One kind.
    pub fn kind_info(&self, slot: &str, kind: &str) -> Option<&KindInfo> {
        self.slots.get(slot)?.kinds.get(kind).map(|k| &k.info)
    }
    /// A pipeline that uses the kind and runs; `None` where it brings no example.
    pub fn example(&self, slot: &str, kind: &str) -> Option<String> {
        let entry = self.slots.get(slot)?;
        let lines = entry.kinds.get(kind)?.info.example.trim();
        if lines.is_empty() || lines.starts_with("name") {
            return (!lines.is_empty()).then(|| format!("{lines}\n"));
        }
        let around = entry.example.trim();
        around
            .contains(EXAMPLE_LINE)
            .then(|| format!("{}\n", around.replace(EXAMPLE_LINE, lines)))
    }
    /// All tables, in name order.
    pub fn tables(&self) -> impl Iterator<Item = &TableInfo> {
        self.tables.values()
    }
    /// One table.
    pub fn table_info(&self, name: &str) -> Option<&TableInfo> {
        self.tables.get(name)
    }
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    T::json_schema(generator)
}

fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, SettingsError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error
            .path()
            .iter()
            .filter_map(|segment| match segment {
                serde_path_to_error::Segment::Map { key } => Some(key.clone()),
                serde_path_to_error::Segment::Seq { index } => Some(index.to_string()),
                _ => None,
            })
            .collect();
        SettingsError {
            path,
            message: error.into_inner().to_string(),
        }
    })
}

fn resolve<T: Serialize + DeserializeOwned>(value: &Value) -> Result<Value, SettingsError> {
    let settings: T = from_value(value)?;
    serde_json::to_value(&settings).map_err(|error| SettingsError {
        path: Vec::new(),
        message: error.to_string(),
    })
}

/// `rules`: what an environment plays.
#[derive(Debug)]
pub struct RulesSlot;

/// What a rules builder gets.
#[derive(Debug, Clone, Copy)]
pub struct RulesContext<'a> {
    /// How many seats the file fills, to be checked against the rules.
    pub seats: usize,
    /// Folder of the pipeline file, against which paths in settings are resolved; `None` for an embedded pipeline.
    pub folder: Option<&'a std::path::Path>,
}

impl Slot for RulesSlot {
    const NAME: &'static str = "rules";
    const DOC: &'static str = "What an environment plays.";
    const EXAMPLE: &'static str = r#"
name  = "example/rules"
until = { ticks = 1 }

[environment.place]
# KIND
lanes = 2

[agent.player]
script = "random"
"#;
    type Context<'a> = RulesContext<'a>;
    type Built = std::sync::Arc<dyn crate::simulate::Simulate>;
}

/// `script`: an agent without parameters.
#[derive(Debug)]
pub struct ScriptSlot;

impl Slot for ScriptSlot {
    const NAME: &'static str = "script";
    const DOC: &'static str = "A scripted agent: acts by rule, has no parameters, never learns.";
    const EXAMPLE: &'static str = r#"
name  = "example/script"
until = { ticks = 1 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "cramped_room" }
lanes = 2
seats = ["partner", "partner"]

[agent.partner]
# KIND
"#;
    /// The seats that it plays; all have the same shape.
    type Context<'a> = &'a crate::spaces::SeatShape;
    type Built = std::sync::Arc<dyn crate::act::Act>;
}
