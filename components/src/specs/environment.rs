//! `[environment.x]`.

use super::evaluate::Pair;
use crate::quantity::Quantity;
use crate::registry::{Choice, choice_schema, entities_schema, entity_schema};
use bevy_ecs::prelude::*;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// Parallel copies of one game or task.
#[derive(Component, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentSpec {
    /// What it plays.
    #[schemars(schema_with = "rules")]
    pub rules: Choice,
    /// Parallel copies per replica.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub lanes: u32,
    /// Who plays in each seat: an agent's name, or a draw from several.
    #[schemars(length(min = 1))]
    pub seats: Vec<SeatSpec>,
    /// Lane l's seats are shifted by l: seat s is played by what `seats` says of seat s - l, so that every agent sits everywhere.
    #[serde(default, skip_serializing_if = "is_false")]
    pub rotate: bool,
    /// Which replicas meet. With `product`, the seats of agents that do not learn here are taken by any of their replicas: drawn with the
    /// agent where it is drawn, spread over the lanes where it is fixed.
    #[serde(default, skip_serializing_if = "Pair::is_index")]
    pub pair: Pair,
    /// Where episodes start, if not where the rules would start them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<StartsSpec>,
    /// What steps the lanes while they are trained in: `"cpu"`; `"gpu"`, kernels on the device that `STARLING_ADAPTER` chooses; or `"auto"`, a device
    /// where there is hardware. Integer worlds give the same bits on all; policies that act on a device round differently.
    #[serde(default, skip_serializing_if = "Backend::is_cpu")]
    pub backend: Backend,
}

/// What steps the lanes of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// The processor.
    #[default]
    Cpu,
    /// Kernels on a device; without one the run does not start.
    Gpu,
    /// Kernels where there is a device that is hardware, else the processor, and says which.
    Auto,
}

impl Backend {
    fn is_cpu(&self) -> bool {
        *self == Self::Cpu
    }
}

/// Who plays in a seat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SeatSpec {
    /// Always this agent, by name.
    Agent(#[schemars(schema_with = "agent")] String),
    /// One of several, drawn anew.
    Draw(DrawSpec),
}

/// A seat whose player is drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DrawSpec {
    /// The agents to draw from, by name.
    #[schemars(schema_with = "agents", length(min = 1))]
    pub draw: Vec<String>,
    /// How often.
    #[serde(default)]
    pub per: DrawPer,
    /// One weight per agent, at least 0, read when the draw is made; equal ones if empty. An agent's weight is shared equally by those
    /// of its replicas that may sit here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<Quantity>,
}

/// How often a seat's player is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DrawPer {
    /// At the start of every episode of every lane.
    #[default]
    Episode,
}

/// Where the episodes of an environment start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartsSpec {
    /// A buffer of visited states, by name: every episode starts from one of them, each with equal probability.
    #[schemars(schema_with = "buffer")]
    pub buffer: String,
}

impl SeatSpec {
    /// Everyone who may sit here, by name.
    pub fn agents(&self) -> &[String] {
        match self {
            Self::Agent(agent) => std::slice::from_ref(agent),
            Self::Draw(draw) => &draw.draw,
        }
    }
}

impl From<&str> for SeatSpec {
    fn from(agent: &str) -> Self {
        Self::Agent(agent.to_owned())
    }
}

impl EnvironmentSpec {
    /// Everyone sits in a seat of their own from the first episode to the last: one name per seat; `None` where seats change.
    pub fn fixed_seats(&self) -> Option<Vec<String>> {
        let name = |seat: &SeatSpec| match seat {
            SeatSpec::Agent(agent) => Some(agent.clone()),
            SeatSpec::Draw(_) => None,
        };
        let still = !self.rotate && self.pair == Pair::Index;
        self.seats.iter().map(name).collect::<Option<_>>().filter(|_| still)
    }
    /// The seats that `agent` may sit in, rising.
    pub fn seats_of(&self, agent: &str) -> Vec<usize> {
        let sits = |seat: &SeatSpec| seat.agents().iter().any(|name| name == agent);
        if self.rotate && self.seats.iter().any(sits) {
            return (0..self.seats.len()).collect();
        }
        (0..self.seats.len()).filter(|&seat| sits(&self.seats[seat])).collect()
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

fn rules(_: &mut SchemaGenerator) -> Schema {
    choice_schema("rules")
}

fn agent(_: &mut SchemaGenerator) -> Schema {
    entity_schema("agent")
}

fn agents(_: &mut SchemaGenerator) -> Schema {
    entities_schema("agent")
}

fn buffer(_: &mut SchemaGenerator) -> Schema {
    entity_schema("buffer")
}
