//! The settings of a layer that is a number of units: `{ <name> = 128 }` or `{ <name> = { units = 128 } }`.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A number of units, by name.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename = "UnitsTable")]
struct Table {
    /// Outputs.
    #[schemars(range(min = 1))]
    units: usize,
}

/// The schema of both forms.
pub(super) fn schema(description: &str, generator: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({
        "description": description,
        "anyOf": [{ "type": "integer", "minimum": 1 }, generator.subschema_for::<Table>()]
    })
}

/// The number, in either form.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    deserializer.deserialize_any(Form)
}

struct Form;

impl<'de> Visitor<'de> for Form {
    type Value = usize;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the number of units, or a table with `units`")
    }
    fn visit_u64<E: Error>(self, units: u64) -> Result<usize, E> {
        usize::try_from(units).map_err(E::custom)
    }
    fn visit_i64<E: Error>(self, units: i64) -> Result<usize, E> {
        usize::try_from(units).map_err(|_| E::custom("the number of units must be positive"))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<usize, A::Error> {
        Ok(Table::deserialize(MapAccessDeserializer::new(map))?.units)
    }
}
