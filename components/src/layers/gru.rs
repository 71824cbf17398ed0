//! `gru`: a layer with a memory that it carries from step to step and that ends with the episode.

use super::units;
use crate::registry::KindSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};

/// A gated recurrent unit, which remembers within an episode: `{ gru = 128 }` or `{ gru = { units = 128 } }`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GruSettings {
    /// Outputs, and numbers of its memory.
    pub units: usize,
}

impl KindSettings for GruSettings {
    const NAME: &'static str = "gru";
    const EXAMPLE: &'static str = r#"layers = ["flatten", { dense = 32 }, { gru = 16 }]"#;
}

impl JsonSchema for GruSettings {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "GruSettings".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        units::schema(
            "A gated recurrent unit, which remembers within an episode: `{ gru = 128 }` or `{ gru = { units = 128 } }`.",
            generator,
        )
    }
}

impl<'de> Deserialize<'de> for GruSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self {
            units: units::deserialize(deserializer)?,
        })
    }
}
