//! `dense`: every output is a weighted sum of all inputs.

use super::{Activation, hidden_gain};
use crate::registry::KindSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// A fully connected layer: `{ dense = 64 }` or `{ dense = { units = 64, activation = "tanh", gain = 1.41 } }`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DenseSettings {
    /// Outputs.
    pub units: usize,
    /// What follows; the policy's activation if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// Gain of the orthogonal initialisation.
    pub gain: f64,
}

/// A fully connected layer.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename = "DenseTable")]
struct Table {
    /// Outputs.
    #[schemars(range(min = 1))]
    units: usize,
    /// What follows; the policy's activation if absent.
    #[serde(default)]
    activation: Option<Activation>,
    /// Gain of the orthogonal initialisation.
    #[serde(default = "hidden_gain")]
    gain: f64,
}

impl DenseSettings {
    /// So many units, all else as `{ dense = units }` has it.
    pub fn of_units(units: usize) -> Self {
        Self {
            units,
            activation: None,
            gain: hidden_gain(),
        }
    }
}

impl KindSettings for DenseSettings {
    const NAME: &'static str = "dense";
    const EXAMPLE: &'static str =
        r#"layers = ["flatten", { dense = 32 }, { dense = { units = 16, activation = "tanh", gain = 1.41 } }]"#;
}

impl JsonSchema for DenseSettings {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DenseSettings".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "description": "A fully connected layer: `{ dense = 64 }` or `{ dense = { units = 64, activation = \"tanh\", gain = 1.41 } }`.",
            "anyOf": [{ "type": "integer", "minimum": 1 }, generator.subschema_for::<Table>()]
        })
    }
}

impl<'de> Deserialize<'de> for DenseSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Form)
    }
}

struct Form;

impl<'de> Visitor<'de> for Form {
    type Value = DenseSettings;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the number of outputs, or a table with `units`")
    }
    fn visit_u64<E: Error>(self, units: u64) -> Result<DenseSettings, E> {
        usize::try_from(units).map(DenseSettings::of_units).map_err(E::custom)
    }
    fn visit_i64<E: Error>(self, units: i64) -> Result<DenseSettings, E> {
        self.visit_u64(u64::try_from(units).map_err(|_| E::custom("`units` must be positive"))?)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DenseSettings, A::Error> {
        let table = Table::deserialize(MapAccessDeserializer::new(map))?;
        Ok(DenseSettings {
            units: table.units,
            activation: table.activation,
            gain: table.gain,
        })
    }
}
