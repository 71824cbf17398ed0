//! Persist / Gather: before a commit rank 0 takes in the lanes that the others simulate.

use super::LaneBlocks;
use super::held::Held;
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::fault::Fault;
use starling_components::ranks::{Ranks, Reader, Writer};
use starling_components::schedule::CommitDue;

/// Brings the lanes of all ranks together on rank 0, where a commit is due.
///
/// # Errors
/// A rank is gone, or its lanes are damaged.
pub fn gather(
    mut environments: Query<(&EntityName, &mut LaneBlocks)>,
    ranks: Option<Res<Ranks>>,
    due: Option<Res<CommitDue>>,
) -> Result<(), Vec<Fault>> {
    let (Some(ranks), true) = (ranks.filter(|ranks| ranks.several()), due.is_some_and(|due| due.0)) else {
        return Ok(());
    };
    let mut sorted: Vec<_> = environments.iter_mut().collect();
    sorted.sort_by_key(|(name, _)| *name);
    let mut own = Writer::default();
    for (_, blocks) in &sorted {
        for replica in &blocks.replicas {
            Held::of(replica).write(&mut own);
        }
    }
    let all = ranks.gather(Ok(own.finish())).map_err(|fault| vec![fault])?;
    if !ranks.leads() {
        return Ok(());
    }
    let mut others: Vec<Reader<'_>> = all[1..].iter().map(|message| Reader::new(message)).collect();
    for (_, blocks) in &mut sorted {
        let mut beyond = vec![Held::default(); blocks.replicas.len()];
        for other in &mut others {
            for replica in &mut beyond {
                replica.extend(&Held::read(other).map_err(|fault| vec![fault])?);
            }
        }
        blocks.beyond = beyond;
    }
    Ok(())
}
