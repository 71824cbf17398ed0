//! Parameters that come from outside the run.

use crate::EntityName;
use crate::fault::Fault;
use crate::persist::{SavedTensor, Snapshot, TensorData};
use crate::specs::NamesSpec;
use bevy_ecs::prelude::*;
use std::collections::BTreeMap;

/// The parameters that an agent starts from in place of initialised ones, before names are matched with its network: on the entity of
/// `[agent.x]`. Derived.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct Imported {
    /// How the tensors are called.
    pub names: NamesSpec,
    /// One per replica of the agent, in order.
    pub sources: Vec<ImportedReplica>,
}

/// The parameters of one replica.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImportedReplica {
    /// The file or the run, for messages.
    pub origin: String,
    /// Without a replica axis.
    pub tensors: BTreeMap<String, SavedTensor>,
}

/// The parameters of one replica of `agent` in a checkpoint, under the network's own names and without the replica axis. `index` counts the
/// replicas that the checkpoint holds; it is not the replica's number.
///
/// # Errors
/// The checkpoint holds no parameters of this agent, fewer replicas, or tensors that are no floats with a replica axis in front.
pub fn replica_of(
    snapshot: &Snapshot,
    agent: &EntityName,
    index: usize,
) -> Result<BTreeMap<String, SavedTensor>, Fault> {
    let prefix = format!("{agent}/parameters/");
    let own = snapshot
        .tensors
        .range(prefix.clone()..)
        .map_while(|(name, tensor)| Some((name.strip_prefix(&prefix)?, tensor)));
    let tensors = own
        .map(|(name, tensor)| {
            let cut = cut(tensor, index).map_err(|why| Fault::records(format!("tensor `{prefix}{name}` {why}")))?;
            Ok((name.to_owned(), cut))
        })
        .collect::<Result<BTreeMap<_, _>, Fault>>()?;
    if tensors.is_empty() {
        return Err(Fault::records(format!(
            "the checkpoint holds no parameters of `{agent}`"
        )));
    }
    Ok(tensors)
}

/// Row `index` of the first axis.
fn cut(tensor: &SavedTensor, index: usize) -> Result<SavedTensor, String> {
    let (Some((&replicas, shape)), TensorData::F32(values)) = (tensor.shape.split_first(), &tensor.data) else {
        return Err("does not hold floats of several replicas".into());
    };
    if index >= replicas {
        return Err(format!("holds {replicas} replicas, so there is none at index {index}"));
    }
    let len = values.len() / replicas;
    Ok(SavedTensor {
        shape: shape.to_vec(),
        data: TensorData::F32(values[index * len..(index + 1) * len].to_vec()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::{Layout, Parameters};
    use crate::persist::{PersistenceTable, save_world};
    use std::sync::Arc;

    fn checkpoint() -> Snapshot {
        let mut world = World::new();
        let mut table = PersistenceTable::default();
        table.saved::<Parameters>();
        world.insert_resource(table);
        let mut layout = Layout::default();
        layout.push("trunk.0.kernel", vec![2, 2]);
        layout.push("trunk.0.bias", vec![2]);
        let layout = Arc::new(layout);
        for (key, first) in [("chef", 0.0), ("chef_2", 100.0)] {
            let values = (0..18).map(|i| first + i as f32).collect();
            world.spawn((
                EntityName::new("agent", key),
                Parameters {
                    layout: layout.clone(),
                    values,
                },
            ));
        }
        save_world(&mut world)
    }

    fn check(agent: &str, index: usize, expected: Result<[&[f32]; 2], &str>) {
        let found = replica_of(&checkpoint(), &EntityName::new("agent", agent), index);
        match (found, expected) {
            (Ok(tensors), Ok([kernel, bias])) => {
                let tensor = |shape: &[usize], values: &[f32]| SavedTensor {
                    shape: shape.to_vec(),
                    data: TensorData::F32(values.to_vec()),
                };
                let expected = [
                    ("trunk.0.bias".to_owned(), tensor(&[2], bias)),
                    ("trunk.0.kernel".to_owned(), tensor(&[2, 2], kernel)),
                ];
                assert_eq!(tensors, BTreeMap::from(expected));
            }
            (Err(fault), Err(part)) => assert!(fault.message.contains(part), "{fault}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn one_replica_is_cut_out_of_a_checkpoint() {
        check("chef", 1, Ok([&[6.0, 7.0, 8.0, 9.0], &[10.0, 11.0]]));
        check("chef_2", 0, Ok([&[100.0, 101.0, 102.0, 103.0], &[104.0, 105.0]]));
        check("chef", 3, Err("holds 3 replicas"));
        check("cook", 0, Err("no parameters of `agent.cook`"));
    }
}
