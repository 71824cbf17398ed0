//! A game from outside the tree: rules, one plugin, one pipeline file, and nothing changed anywhere else.
//!
//! This crate follows `ARCHITECTURE.md`, "How to add an environment", to the letter; the test suite runs its pipeline.

mod rules;

pub use rules::{Beacon, BeaconSettings};

use bevy_app::{App, Plugin};
use starling_components::registry::{Registry, RulesSlot};
use starling_simulate::lanes::Vectorised;
use std::sync::Arc;

/// Adds `rules.beacon`.
#[derive(Debug, Clone, Copy)]
pub struct BeaconPlugin;

impl Plugin for BeaconPlugin {
    fn build(&self, app: &mut App) {
        let mut registry = app.world_mut().get_resource_or_init::<Registry>();
        registry.kind::<RulesSlot, BeaconSettings>(|settings, context| {
            Ok(Arc::new(Vectorised::new(Beacon::new(settings, context.seats)?)))
        });
    }
}
