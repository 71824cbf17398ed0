//! Build / Plans: which lanes of an environment this process steps, and what several processes cannot share.

use super::path;
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::fault::Fault;
use starling_components::learn::Learner;
use starling_components::ranks::Ranks;
use starling_components::seating::Seating;
use starling_components::specs::{AgentSpec, Backend, BufferSpec, EnvironmentSpec};
use std::ops::Range;

/// The lanes of `environment` that this process steps: those of its shards, or all where it is alone.
///
/// # Errors
/// Several processes, and an environment that cannot be shared out.
pub(super) fn own_lanes(
    name: &EntityName,
    spec: &EnvironmentSpec,
    seating: &Seating,
    learners: &[(&EntityName, &Learner)],
    ranks: &Ranks,
) -> Result<Range<usize>, Fault> {
    let lanes = spec.lanes as usize;
    if !ranks.several() {
        return Ok(0..lanes);
    }
    let refused = |what: &str, advice: &str| {
        let message = format!("{what}, which {} processes cannot share", ranks.size());
        Fault::pipeline(message).advise(advice.to_owned())
    };
    if matches!(seating, Seating::Changing(_)) {
        let fault = refused("who sits here changes", "run the pipeline in one process");
        return Err(fault.within(path(name, ["seats"])));
    }
    if spec.backend == Backend::Gpu {
        let fault = refused("a device steps the lanes", "say backend = \"cpu\"");
        return Err(fault.within(path(name, ["backend"])));
    }
    let Some((first, shards)) = learners.first().map(|(name, learner)| (name, learner.0.shards())) else {
        let fault = refused(
            "nobody learns here by shards",
            "seat an agent with `learner.ppo.shards`",
        );
        return Err(fault.within(path(name, [])));
    };
    if let Some((other, learner)) = learners.iter().find(|(_, learner)| learner.0.shards() != shards) {
        let message = format!(
            "`{}` and `{}` cut the lanes of `{name}` into {shards} and {} shards",
            first.key,
            other.key,
            learner.0.shards()
        );
        let fault = Fault::pipeline(message).advise("give both learners the same `shards`");
        return Err(fault.within(path(other, ["learner"])));
    }
    // The learner refuses shards that do not divide the lanes.
    let (each, share) = (lanes / shards.max(1), ranks.share(shards));
    Ok(share.start * each..share.end * each)
}

/// Finds what several processes cannot share.
///
/// # Errors
/// Agents that normalise; buffers of states.
pub fn shareable(
    agents: Query<(&EntityName, &AgentSpec)>,
    buffers: Query<&EntityName, With<BufferSpec>>,
    ranks: Option<Res<Ranks>>,
) -> Result<(), Vec<Fault>> {
    let Some(ranks) = ranks.filter(|ranks| ranks.several()) else {
        return Ok(());
    };
    let several = ranks.size();
    let normalising = agents.iter().filter(|(_, spec)| spec.normalize.is_some());
    let mut faults: Vec<(&EntityName, Fault)> = normalising
        .map(|(name, _)| {
            let fault = Fault::pipeline(format!("{several} processes cannot count together what an agent sees"));
            let fault = fault.advise("leave `normalize` out, or run the pipeline in one process");
            (name, fault.within(path(name, ["normalize"])))
        })
        .collect();
    faults.extend(buffers.iter().map(|name| {
        let fault = Fault::pipeline(format!("{several} processes cannot fill a buffer of states together"));
        (
            name,
            fault.advise("run the pipeline in one process").within(path(name, [])),
        )
    }));
    faults.sort_by_key(|(name, _)| *name);
    super::verdict(faults.into_iter().map(|(_, fault)| fault).collect())
}
