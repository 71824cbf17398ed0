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
        for (entry, parts) in self.layout.entries.iter().zip(&theirs) {
            // Where the source has several tensors for one here, they lie side by side on the last axis.
            let mut shape = entry.shape.clone();
            let columns = shape.last().copied().unwrap_or(1);
            let width = columns / parts.len().max(1);
            shape.pop();
            shape.push(width);
            for (part, name) in parts.iter().enumerate() {
                wanted.insert(name.as_str());
                let Some(tensor) = source.tensors.get(name) else {
                    problems.missing(entry, &shape, name);
                    continue;
                };
                match &tensor.data {
                    _ if tensor.shape != shape => problems.misshapen(entry, &shape, name, &tensor.shape),
                    TensorData::F32(floats) if floats.len() * parts.len() != entry.len() => {
                        problems.misshapen(entry, &shape, name, &[floats.len()]);
                    }
                    TensorData::F32(floats) if floats.iter().all(|x| x.is_finite()) => {
                        let rows = values[entry.range()].chunks_exact_mut(columns.max(1));
                        for (row, floats) in rows.zip(floats.chunks_exact(width.max(1))) {
                            row[part * width..][..width].copy_from_slice(floats);
                        }
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

    /// What each tensor of the layout is called in the source, in the layout's order; several names where the source has it in parts.
    fn names_in(&self, names: &NamesSpec, source: &ImportedReplica) -> Result<Vec<Vec<String>>, Fault> {
        let own = |layout: &Layout, table: &BTreeMap<String, String>| {
            let name = |ours: &String| table.get(ours).unwrap_or(ours).clone();
            layout.entries.iter().map(|entry| vec![name(&entry.name)]).collect()
        };
        match names {
            NamesSpec::Known(KnownNames::Starling) => Ok(own(&self.layout, &BTreeMap::new())),
            NamesSpec::Table(table) => Ok(own(&self.layout, table)),
            NamesSpec::Known(KnownNames::Jaxmarl) => jaxmarl::names(&self.layout, &source.tensors),
        }
    }
}
