//! `[sweep]`: many runs from one file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Many runs from one file: every setting of `merge` with every point of `grid`, every row of `zip`, every draw and every seed, seeds
/// changing fastest. What is left out has one empty choice. `starling sweep FILE` runs them; `starling run FILE` runs the file as if it had
/// no sweep.
///
/// The tables in it hold the same keys as the file and merge in the same way. Values that the sweep sets take the place of the file's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SweepSpec {
    /// Settings, one after the other: each merges its keys into the file, e.g. `[{ agent.cart.replicas = 2 }, {}]`. A key `replace` in one
    /// works as it does in the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "tables")]
    pub merge: Vec<Map<String, Value>>,
    /// A list of values per key; all combinations, the last key changing fastest.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schemars(schema_with = "table")]
    pub grid: Map<String, Value>,
    /// A list of values per key, all of one length: the first values together, then the second ones, ...
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schemars(schema_with = "table")]
    pub zip: Map<String, Value>,
    /// A distribution per key: `{ uniform = [low, high] }`, `{ log_uniform = [low, high] }`, `{ integer = [low, high] }` (both included) or
    /// `{ choice = [...] }`. Draw n of a key is a function of the file's seed, the key and n.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schemars(schema_with = "table")]
    pub draw: Map<String, Value>,
    /// How many draws.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub draws: Option<u32>,
    /// Seeds of every setting: a list, or how many, counted up from the file's own. The file's alone if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<SeedsSpec>,
    /// Jobs that the replicas of every run are split over, to be joined again by `starling batch join`. A replica's bits do not depend on
    /// the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_536))]
    pub split: Option<u32>,
}

/// Seeds by number or by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SeedsSpec {
    /// So many, from the file's seed on.
    Count(#[schemars(range(min = 1, max = 1_000_000))] u64),
    /// These.
    List(#[schemars(length(min = 1))] Vec<u64>),
}

fn table(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "object" })
}

fn tables(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "array", "items": { "type": "object" } })
}
