//! Build / Environments: agents that take their parameters from an agent of this pipeline get its policy and as many replicas.

use super::{by_key, path, verdict};
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::fault::Fault;
use starling_components::specs::{AgentSpec, FromSpec, Pick, ReplicasSpec};
use starling_components::stage::Inherits;
use starling_components::suggest;
use std::collections::BTreeMap;

/// The agent of this pipeline that `spec` takes from.
pub(super) fn source(spec: &AgentSpec) -> Option<&str> {
    let from = spec.from.as_ref()?;
    from.agent
        .as_deref()
        .filter(|_| from.runs.is_none() && from.file.is_none())
}

/// Completes the specs of agents that take from others, sources first, and marks them with [`Inherits`].
///
/// # Errors
/// A source that does not exist, has no network, or takes from the agent itself; moments outside of a training; replicas that are not those
/// that the source gives.
pub fn inherit(
    mut agents: Query<(Entity, &EntityName, &mut AgentSpec)>,
    mut commands: Commands,
) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    let names: Vec<(Entity, EntityName)> = agents.iter().map(|(entity, name, _)| (entity, name.clone())).collect();
    let keys = by_key(names.iter().map(|(entity, name)| (*entity, name)));
    // What is known of everyone who takes from nobody; then, round by round, of those who take from them.
    let mut known: BTreeMap<Entity, AgentSpec> = BTreeMap::new();
    let mut open: Vec<(EntityName, Entity, Entity)> = Vec::new();
    for (entity, name, spec) in &agents {
        let Some(key) = source(spec) else {
            known.insert(entity, spec.clone());
            continue;
        };
        match keys.get(key) {
            Some(&source) => open.push((name.clone(), entity, source)),
            None => {
                let fault = Fault::pipeline(format!("no agent is called `{key}`"))
                    .advise(suggest::advice(key, keys.keys().copied()));
                faults.push(fault.within(path(name, ["from", "agent"])));
            }
        }
    }
    open.sort();
    loop {
        let before = open.len();
        for (name, entity, source) in std::mem::take(&mut open) {
            let (Some(from), Ok((.., mut spec))) = (known.get(&source), agents.get_mut(entity)) else {
                open.push((name, entity, source));
                continue;
            };
            let found = complete(&mut spec, from);
            faults.extend(found.into_iter().map(|fault| fault.within(path(&name, []))));
            known.insert(entity, spec.clone());
            commands.entity(entity).insert(Inherits { source, filled: false });
        }
        if open.len() == before {
            break;
        }
    }
    for (name, ..) in &open {
        let circle = open
            .iter()
            .any(|(.., source)| keys.get(name.key.as_str()) == Some(source));
        if circle {
            let fault = Fault::pipeline(format!("`{}` takes its parameters from itself", name.key));
            let fault = fault.advise("one agent of a circle must have parameters of its own");
            faults.push(fault.within(path(name, ["from", "agent"])));
        }
    }
    verdict(faults)
}

/// Gives `spec` what it has from `source`.
fn complete(spec: &mut AgentSpec, source: &AgentSpec) -> Vec<Fault> {
    let mut faults = Vec::new();
    let Some(from) = spec.from.clone() else { return faults };
    let key = from.agent.as_deref().unwrap_or_default();
    if spec.script.is_some() {
        let fault = Fault::pipeline("a script has no parameters to take from anywhere");
        faults.push(fault.advise("leave out `from` or `script`").within(["from"]));
    } else if source.policy.is_none() {
        let fault = Fault::pipeline(format!("`{key}` has no network whose parameters could be taken"));
        faults.push(fault.advise("name an agent with a `policy`").within(["from", "agent"]));
    } else if spec.policy.is_none() {
        spec.policy.clone_from(&source.policy);
    }
    if source.normalize.is_some() || spec.normalize.is_some() {
        let fault = Fault::pipeline(format!(
            "what `{key}` has seen cannot be taken along with its parameters"
        ));
        faults.push(
            fault
                .advise("agents that normalise can be taken `from` an earlier run")
                .within(["from"]),
        );
    }
    faults.extend(moments(&from));
    let per_source = from.progress.len().max(1) as u32;
    let (first, count) = (source.replicas.first(), source.replicas.count());
    let (Some(first), Some(count)) = (first.checked_mul(per_source), count.checked_mul(per_source)) else {
        let fault = Fault::pipeline("more replicas than can be numbered");
        faults.push(fault.advise("name fewer moments").within(["from", "progress"]));
        return faults;
    };
    let given = ReplicasSpec::Range { first, count };
    let own = (spec.replicas.first(), spec.replicas.count());
    if spec.replicas != ReplicasSpec::default() && own != (first, count) {
        let message = format!("`{key}` gives {count} replicas, numbered from {first} on");
        let advice = "leave `replicas` out: one per replica of the source and moment";
        faults.push(Fault::pipeline(message).advise(advice).within(["replicas"]));
    }
    spec.replicas = given;
    faults
}

fn moments(from: &FromSpec) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, moment) in from.progress.iter().enumerate() {
        if !(0.0..=1.0).contains(moment) {
            let fault = Fault::pipeline(format!("{moment} is no fraction of a training"));
            let fault = fault.advise("from 0.0, before the first update, to 1.0, after the last");
            faults.push(fault.within(["from", "progress", &index.to_string()]));
        }
    }
    if matches!(from.pick, Pick::Best(_)) && !from.progress.is_empty() {
        let fault = Fault::pipeline("`pick` and `progress` both say which moment");
        faults.push(fault.advise("leave one of them out").within(["from", "pick"]));
    }
    faults
}
