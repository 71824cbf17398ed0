//! Parameters from elsewhere: the tensors of a source, matched with a network's by name and shape.
//!
//! Axes are never reordered: flax stores kernels as the networks here do, `[inputs, outputs]` for dense layers and `[height, width, channels,
//! features]` for convolutions, and flattens grids in the same order. Nothing is left out, filled up or guessed: a source either has every tensor
//! of the network in its shape and no other, or is refused with all that is wrong.

mod jaxmarl;
mod problems;

use super::Network;
use problems::Problems;
use starling_components::fault::Fault;
use starling_components::imports::ImportedReplica;
use starling_components::parameters::Layout;
use starling_components::persist::TensorData;
use starling_components::specs::{KnownNames, NamesSpec};
use std::collections::{BTreeMap, BTreeSet};

impl Network {
    /// The parameters of one replica, `[n]`, out of a source whose tensors are called as `names` says.
    ///
    /// # Errors
    /// One fault that lists every tensor that is missing, unknown, of another shape or type, or not finite, and every name in the table that
    /// the network does not have.
    pub fn adopt(&self, names: &NamesSpec, source: &ImportedReplica) -> Result<Vec<f32>, Fault> {
        let theirs = self.names_in(names, source)?;
        let mut problems = Problems::default();
        if let NamesSpec::Table(table) = names {
            let known = |ours: &&String| !self.layout.entries.iter().any(|entry| entry.name == **ours);
            problems.strangers.extend(table.keys().filter(known).cloned());
        }
        let mut values = vec![0.0; self.layout.len()];
        let mut wanted = BTreeSet::new();
        for (entry, name) in self.layout.entries.iter().zip(&theirs) {
            wanted.insert(name.as_str());
            let Some(tensor) = source.tensors.get(name) else {
                problems.missing(entry, name);
                continue;
            };
            match &tensor.data {
                _ if tensor.shape != entry.shape => problems.misshapen(entry, name, &tensor.shape),
                TensorData::F32(floats) if floats.len() != entry.len() => {
                    problems.misshapen(entry, name, &[floats.len()])
                }
                TensorData::F32(floats) if floats.iter().all(|x| x.is_finite()) => {
                    values[entry.range()].copy_from_slice(floats);
                }
                TensorData::F32(_) => problems
                    .unusable
                    .push(format!("`{name}` has numbers that are not finite")),
                TensorData::F64(_) => problems
                    .unusable
                    .push(format!("`{name}` has double precision, parameters are single")),
                TensorData::U8(_) | TensorData::U32(_) | TensorData::U64(_) => {
                    problems.unusable.push(format!("`{name}` holds whole numbers"));
                }
            }
        }
        let extra = source
            .tensors
            .iter()
            .filter(|(name, _)| !wanted.contains(name.as_str()));
        problems
            .extra
            .extend(extra.map(|(name, tensor)| (name.clone(), tensor.shape.clone())));
        match problems.fault(names, &source.origin) {
            Some(fault) => Err(fault),
            None => Ok(values),
        }
    }

    /// What each tensor of the layout is called in the source, in the layout's order.
    fn names_in(&self, names: &NamesSpec, source: &ImportedReplica) -> Result<Vec<String>, Fault> {
        let own = |layout: &Layout, table: &BTreeMap<String, String>| {
            let name = |ours: &String| table.get(ours).unwrap_or(ours).clone();
            layout.entries.iter().map(|entry| name(&entry.name)).collect()
        };
        match names {
            NamesSpec::Known(KnownNames::Starling) => Ok(own(&self.layout, &BTreeMap::new())),
            NamesSpec::Table(table) => Ok(own(&self.layout, table)),
            NamesSpec::Known(KnownNames::Jaxmarl) => jaxmarl::names(&self.layout, &source.tensors),
        }
    }
}
