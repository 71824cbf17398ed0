//! `lstm`: a layer with a memory of cells that it carries from step to step and that ends with the episode.

use super::units;
use crate::registry::KindSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};

/// A layer of long short-term memory, which remembers within an episode: `{ lstm = 128 }` or `{ lstm = { units = 128 } }`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LstmSettings {
    /// Outputs, and numbers of its memory twice: its cells and what they show.
    pub units: usize,
}

impl KindSettings for LstmSettings {
    const NAME: &'static str = "lstm";
    const EXAMPLE: &'static str = r#"layers = ["flatten", { dense = 32 }, { lstm = 16 }]"#;
}

impl JsonSchema for LstmSettings {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "LstmSettings".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        units::schema(
            "A layer of long short-term memory, which remembers within an episode: `{ lstm = 128 }` or `{ lstm = { units = 128 } }`.",
            generator,
        )
    }
}

impl<'de> Deserialize<'de> for LstmSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self {
            units: units::deserialize(deserializer)?,
        })
    }
}
