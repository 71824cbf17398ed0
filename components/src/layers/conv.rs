//! `conv`: a two-dimensional convolution over a grid `[height, width, channels]`, SAME padding, stride 1.

use super::{Activation, hidden_gain};
use crate::registry::KindSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// A convolution with SAME padding and stride 1: `{ conv = [32, 3] }` is 32 features and a 3 x 3 kernel; or a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConvSettings {
    /// Output channels.
    pub features: usize,
    /// Side of the square kernel.
    pub kernel: usize,
    /// What follows; the policy's activation if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// Gain of the orthogonal initialisation.
    pub gain: f64,
}

/// A convolution with SAME padding and stride 1.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename = "ConvTable")]
struct Table {
    /// Output channels.
    #[schemars(range(min = 1))]
    features: usize,
    /// Side of the square kernel.
    #[schemars(range(min = 1))]
    kernel: usize,
    /// What follows; the policy's activation if absent.
    #[serde(default)]
    activation: Option<Activation>,
    /// Gain of the orthogonal initialisation.
    #[serde(default = "hidden_gain")]
    gain: f64,
}

impl KindSettings for ConvSettings {
    const NAME: &'static str = "conv";
    const EXAMPLE: &'static str = r#"layers = [{ conv = [8, 3] }, "flatten", { dense = 32 }]"#;
}

impl JsonSchema for ConvSettings {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ConvSettings".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "description": "A convolution with SAME padding and stride 1: `{ conv = [32, 3] }` is 32 features and a 3 x 3 kernel; or a table.",
            "anyOf": [
                { "type": "array", "items": { "type": "integer", "minimum": 1 }, "minItems": 2, "maxItems": 2 },
                generator.subschema_for::<Table>()
            ]
        })
    }
}

impl<'de> Deserialize<'de> for ConvSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Form)
    }
}

struct Form;

impl<'de> Visitor<'de> for Form {
    type Value = ConvSettings;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("`[features, kernel]`, or a table with `features` and `kernel`")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ConvSettings, A::Error> {
        let mut next = |index| {
            list.next_element::<usize>()?
                .ok_or_else(|| A::Error::invalid_length(index, &"`[features, kernel]`"))
        };
        let (features, kernel) = (next(0)?, next(1)?);
        if list.next_element::<usize>()?.is_some() {
            return Err(A::Error::invalid_length(3, &"`[features, kernel]`"));
        }
        Ok(ConvSettings {
            features,
            kernel,
            activation: None,
            gain: hidden_gain(),
        })
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ConvSettings, A::Error> {
        let table = Table::deserialize(MapAccessDeserializer::new(map))?;
        Ok(ConvSettings {
            features: table.features,
            kernel: table.kernel,
            activation: table.activation,
            gain: table.gain,
        })
    }
}
