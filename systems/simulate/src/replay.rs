//! Simulates a recorded episode again: from the pipeline, its seed, the row's keys and the recorded actions.
//!
//! Everything that an episode draws is a pure function of the run's seed, the entity's name, the replica, the lane and the episode; for an
//! evaluation also of its cell's seating and of the tick in which it ran (its lanes play one episode each, number 0). The columns `entity`,
//! `replica`, `seating`, `lane`, `episode` and `tick` of `trajectories` and `episodes` are exactly these.

use crate::buffer::StartsFrom;
use crate::evaluate::{EvaluateSeats, lanes_key};
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::fault::Fault;
use starling_components::parameters::Replicas;
use starling_components::random::{Key, Purpose};
use starling_components::schedule::RunSeed;
use starling_components::seating::Seating;
use starling_components::simulate::{Lanes, LiveEnvironment, Simulate};
use std::sync::Arc;

/// Which episode: the keys of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The environment, or the evaluation that played it.
    pub entity: EntityName,
    /// Number of the replica; of an evaluation, of the one in the first seat.
    pub replica: u32,
    /// `agent:replica` of each seat; matters for evaluations only. Empty where it was not recorded: replica r met replica r.
    pub seating: String,
    /// Lane within the replica.
    pub lane: u32,
    /// Number of the episode within the lane.
    pub episode: u32,
    /// Tick of the row; matters for evaluations only, all rows of an evaluation's episode have the same.
    pub tick: u64,
}

/// A block of one lane (number 0 of the block) at the start of `recorded`. Step it with the recorded actions.
pub fn open(environment: &dyn Simulate, seed: RunSeed, recorded: &Recorded) -> Box<dyn Lanes> {
    let key = if recorded.entity.table == "evaluate" {
        lanes_key(
            seed,
            &recorded.entity,
            recorded.replica,
            &recorded.seating,
            recorded.tick,
        )
    } else {
        let key = Key::of_seed(seed.0).entity(&recorded.entity);
        key.replica(recorded.replica).purpose(Purpose::Environment)
    };
    let mut block = environment.open_from(key, recorded.lane, 1);
    block.begin(0, recorded.episode);
    block
}

/// The environment behind an `environment` or `evaluate` table of a built world.
///
/// # Errors
/// No such table in this pipeline; or its episodes begin in states of a buffer, which their rows do not hold.
pub fn environment_of(world: &mut World, entity: &EntityName) -> Result<Arc<dyn Simulate>, Fault> {
    let mut starting = world.query::<(&EntityName, &StartsFrom)>();
    if starting.iter(world).any(|(name, _)| name == entity) {
        let fault = Fault::records(format!(
            "episodes of `{entity}` begin in states of a buffer, which are not recorded"
        ));
        return Err(fault.advise("episodes of evaluations begin where the rules start them: replay one of those"));
    }
    let mut query = world.query::<(&EntityName, Option<&LiveEnvironment>, Option<&EvaluateSeats>)>();
    let found = query.iter(world).find(|(name, ..)| *name == entity);
    let live = found.and_then(|(_, live, seats)| live.or_else(|| world.get(seats?.environment)));
    live.map(|live| Arc::clone(&live.0)).ok_or_else(|| {
        Fault::records(format!(
            "this pipeline has no `{entity}` whose episodes could be replayed"
        ))
    })
}

/// `agent:replica` of each seat of an `environment` or `evaluate` table, with each agent's lowest replica; none where seats are drawn.
pub fn seated_in(world: &mut World, entity: &EntityName) -> Vec<String> {
    let mut tables = world.query::<(&EntityName, Option<&Seating>, Option<&EvaluateSeats>)>();
    let found = tables.iter(world).find(|(name, ..)| *name == entity);
    let agents = match found {
        Some((_, _, Some(seats))) => seats.agents.clone(),
        Some((_, Some(Seating::Fixed(agents)), None)) => agents.clone(),
        _ => Vec::new(),
    };
    let name = |agent: Entity| {
        let (name, replicas) = (world.get::<EntityName>(agent)?, world.get::<Replicas>(agent)?);
        Some(format!("{}:{}", name.key, replicas.0.first()?))
    };
    agents.into_iter().filter_map(name).collect()
}
