//! Build: specs become live components. Every system reports all problems that it finds; nothing large is allocated.

pub mod agents;
pub mod buffers;
pub mod ends;
pub mod environments;
pub mod evolve;
pub mod inherit;
pub mod normalize;
pub mod plans;
pub mod ranks;
pub mod seats;
pub mod stages;

mod chain;
mod changing;
mod groups;

use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::fault::Fault;
use std::collections::BTreeMap;

/// Key path of a table, with what follows.
fn path<const N: usize>(name: &EntityName, rest: [&str; N]) -> Vec<String> {
    let head = [name.table.clone(), name.key.clone()];
    head.into_iter().chain(rest.map(str::to_owned)).collect()
}

/// Ok without faults.
fn verdict(faults: Vec<Fault>) -> Result<(), Vec<Fault>> {
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// Keys of one kind of table, sorted, with their entities.
type ByKey<'a> = BTreeMap<&'a str, Entity>;

fn by_key<'a>(names: impl Iterator<Item = (Entity, &'a EntityName)>) -> ByKey<'a> {
    names.map(|(entity, name)| (name.key.as_str(), entity)).collect()
}
