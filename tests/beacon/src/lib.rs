//! A subject from outside the tree: a game, a layer and a learner, one plugin, two pipeline files, and nothing changed anywhere else.
//!
//! This crate follows `ARCHITECTURE.md`, "How to add an environment / a layer / a learner", to the letter; the test suite runs its pipelines.

mod reinforce;
mod rules;
mod scale;

pub use reinforce::{Reinforce, ReinforceSettings};
pub use rules::{Beacon, BeaconSettings};
pub use scale::{Scale, ScaleSettings};

use bevy_app::{App, Plugin};
use starling_components::registry::{Registry, RulesSlot};
use starling_learn::learner::LearnerSlot;
use starling_learn::network::layer::LayerSlot;
use starling_simulate::lanes::Vectorised;
use std::sync::Arc;

/// Adds `rules.beacon`, the layer `scale` and `learner.reinforce`.
#[derive(Debug, Clone, Copy)]
pub struct BeaconPlugin;

impl Plugin for BeaconPlugin {
    fn build(&self, app: &mut App) {
        let mut registry = app.world_mut().get_resource_or_init::<Registry>();
        registry
            .kind::<RulesSlot, BeaconSettings>(|settings, context| {
                Ok(Arc::new(Vectorised::new(Beacon::new(settings, context.seats)?)))
            })
            .kind::<LayerSlot, ScaleSettings>(Scale::build)
            .kind::<LearnerSlot, ReinforceSettings>(|settings, context| {
                Ok(Box::new(Reinforce::build(settings, context)?))
            });
    }
}
