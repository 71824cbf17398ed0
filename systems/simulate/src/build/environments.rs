//! Build / Environments: rules from their settings.

use super::{path, verdict};
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::fault::Fault;
use starling_components::registry::{Registry, RulesContext, RulesSlot};
use starling_components::schedule::PipelineFolder;
use starling_components::simulate::LiveEnvironment;
use starling_components::specs::EnvironmentSpec;

/// Gives every environment its [`LiveEnvironment`].
///
/// # Errors
/// Settings that the rules refuse; as many seats as the rules do not have; no lanes.
pub fn environments(
    specs: Query<(Entity, &EntityName, &EnvironmentSpec)>,
    registry: Res<Registry>,
    folder: Option<Res<PipelineFolder>>,
    mut commands: Commands,
) -> Result<(), Vec<Fault>> {
    let folder = folder.as_ref().and_then(|f| f.0.as_deref());
    let mut faults = Vec::new();
    let mut sorted: Vec<_> = specs.iter().collect();
    sorted.sort_by_key(|(_, name, _)| *name);
    for (entity, name, spec) in sorted {
        if spec.lanes == 0 {
            faults.push(Fault::pipeline("an environment without lanes").within(path(name, ["lanes"])));
        }
        let context = RulesContext {
            seats: spec.seats.len(),
            folder,
        };
        match registry.build::<RulesSlot>(&spec.rules, context) {
            Err(fault) => faults.push(fault.within(path(name, ["rules"]))),
            Ok(environment) => {
                let seats = environment.shape().seats.len();
                if seats == spec.seats.len() {
                    commands.entity(entity).insert(LiveEnvironment(environment));
                } else {
                    let message = format!(
                        "`{}` has {seats} seats, {} agents are named",
                        spec.rules.kind,
                        spec.seats.len()
                    );
                    let advice = format!("name {seats} agents; one agent may sit in several seats");
                    faults.push(Fault::pipeline(message).advise(advice).within(path(name, ["seats"])));
                }
            }
        }
    }
    verdict(faults)
}
