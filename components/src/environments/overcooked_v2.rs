//! `rules.overcooked_v2`: cooks who must coordinate, some of whom may not know the recipe (Gessler et al., ICLR 2025).

use crate::registry::KindSettings;
use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Cooks share a kitchen: they fill pots with three ingredients, plate the soup and deliver what the recipe asks for
/// (OvercookedV2, as in JaxMARL 0.2.0).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OvercookedV2Settings {
    /// The kitchen: a name such as `cramped_room`, the kitchen itself as text with line breaks, or
    /// a table `{ file = "my.txt", recipes = [[0, 0, 1]] }`.
    pub layout: KitchenChoice,
    /// Steps until an episode is cut off.
    #[schemars(range(min = 1))]
    pub max_steps: u32,
    /// Cells a cook sees in each direction: 2 gives a 5 x 5 window. 0 shows the whole kitchen.
    #[schemars(range(max = 64))]
    pub view: u32,
    /// What the seats see: `"default"`, `"featurized"`, or a list with one of them per seat.
    pub observation: ObservationChoice,
    /// Start from random positions, hands, pots and counters; goes before `random_agent_positions`.
    pub random_reset: bool,
    /// Start from random positions and directions.
    pub random_agent_positions: bool,
    /// Pots start when a cook with empty hands says so, not by themselves when full.
    pub start_cooking_interaction: bool,
    /// A wrong delivery costs 20.
    pub negative_rewards: bool,
    /// Draw a new recipe after every correct delivery.
    pub sample_recipe_on_delivery: bool,
    /// One more channel, which shows at the goals that the last delivery was correct.
    pub indicate_successful_delivery: bool,
    /// Other-play: every cook sees these ingredients under names of its own, drawn per episode. Empty: off.
    pub op_ingredient_permutations: Vec<u32>,
}

impl Default for OvercookedV2Settings {
    fn default() -> Self {
        Self {
            layout: KitchenChoice::Name("cramped_room".into()),
            max_steps: 400,
            view: 0,
            observation: ObservationChoice::All(ObservationKind::Default),
            random_reset: false,
            random_agent_positions: false,
            start_cooking_interaction: false,
            negative_rewards: false,
            sample_recipe_on_delivery: false,
            indicate_successful_delivery: false,
            op_ingredient_permutations: Vec::new(),
        }
    }
}

impl KindSettings for OvercookedV2Settings {
    const NAME: &'static str = "overcooked_v2";
    const EXAMPLE: &'static str = r#"rules.overcooked_v2 = { layout = "grounded_coord_simple", view = 2 }
seats = ["player", "player"]"#;
}

/// Which kitchen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum KitchenChoice {
    /// A registered name, or the kitchen as text if there is a line break in it.
    Name(String),
    /// A kitchen from somewhere, with its recipes.
    Table(KitchenTable),
}

/// A kitchen as a table: exactly one of `name`, `file` and `text`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KitchenTable {
    /// A registered kitchen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A text file, relative to the pipeline's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-inline" = "text"))]
    pub file: Option<String>,
    /// The kitchen itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Possible recipes, three ingredients each. Without it every recipe is possible, and the kitchen needs a recipe indicator `R`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipes: Option<Vec<Vec<u32>>>,
    /// Number the cooks from the last `A` to the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swap_agents: Option<bool>,
}

/// What the seats see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ObservationChoice {
    /// The same kind for all.
    All(ObservationKind),
    /// One per seat.
    PerSeat(Vec<ObservationKind>),
}

/// A way of seeing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ObservationKind {
    /// The kitchen as a grid of channels.
    Default,
    /// Distances to what matters, as in Overcooked-AI; one ingredient and at least two cooks.
    Featurized,
}

// The two enums are read by hand: an untagged derive would forget which key was wrong.

impl<'de> Deserialize<'de> for KitchenChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Choice;
        impl<'de> Visitor<'de> for Choice {
            type Value = KitchenChoice;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the name of a kitchen, or a table with `file`, `text` or `name`")
            }
            fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(KitchenChoice::Name(name.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                KitchenTable::deserialize(MapAccessDeserializer::new(map)).map(KitchenChoice::Table)
            }
        }
        deserializer.deserialize_any(Choice)
    }
}

impl<'de> Deserialize<'de> for ObservationChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Choice;
        impl<'de> Visitor<'de> for Choice {
            type Value = ObservationChoice;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`default`, `featurized`, or a list with one of them per seat")
            }
            fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
                let name = serde::de::value::StrDeserializer::<E>::new(name);
                ObservationKind::deserialize(name).map(ObservationChoice::All)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seats: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seats)).map(ObservationChoice::PerSeat)
            }
        }
        deserializer.deserialize_any(Choice)
    }
}
