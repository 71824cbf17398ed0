//! What an agent of an earlier run has seen: it goes with the parameters, which mean nothing without it.

use bevy_ecs::world::World;
use starling_components::normalize::{Moments, Normalization};
use starling_components::persist::{Snapshot, TensorData};
use starling_components::{EntityName, Fault};
use std::collections::BTreeMap;

/// The statistics of one replica.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statistics {
    observations: Moments,
    returns: Moments,
}

/// The statistics of the replica at `index` in a checkpoint.
///
/// # Errors
/// The checkpoint does not hold them.
pub(super) fn statistics_of(snapshot: &Snapshot, agent: &EntityName, index: usize) -> Result<Statistics, Fault> {
    let row = |name: &str| -> Result<Vec<f64>, Fault> {
        let full = format!("{agent}/normalize/{name}");
        let tensor = snapshot.tensors.get(&full);
        let row = tensor.and_then(|tensor| match (&tensor.data, &tensor.shape[..]) {
            (TensorData::F64(values), &[_, width]) => values.get(index * width..(index + 1) * width),
            _ => None,
        });
        let row = row.ok_or_else(|| Fault::records(format!("the checkpoint has no `{full}` of replica {index}")))?;
        Ok(row.to_vec())
    };
    let moments = |what: &str| -> Result<Moments, Fault> {
        Ok(Moments {
            mean: row(&format!("{what}_mean"))?,
            variance: row(&format!("{what}_variance"))?,
            count: row(&format!("{what}_count"))?.first().copied().unwrap_or(0.0),
        })
    };
    Ok(Statistics {
        observations: moments("observation")?,
        returns: moments("return")?,
    })
}

/// Gives the agents of a built world what they have seen.
pub(crate) fn put_statistics(world: &mut World, statistics: &BTreeMap<String, Vec<Statistics>>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, mut normalization) in world.query::<(&EntityName, &mut Normalization)>().iter_mut(world) {
        let Some(own) = statistics.get(&name.key).filter(|own| !own.is_empty()) else {
            continue;
        };
        for (replica, statistics) in normalization.replicas.iter_mut().zip(own) {
            let (theirs, ours) = (statistics.observations.mean.len(), replica.observations.mean.len());
            if theirs != ours {
                let message = format!("`{}` has seen {theirs} numbers, and sees {ours} here", name.key);
                let fault = Fault::pipeline(message).advise("play the environment that it was trained in");
                faults.push(fault.within([name.table.clone(), name.key.clone(), "from".to_owned()]));
                break;
            }
            replica.observations = statistics.observations.clone();
            replica.returns = statistics.returns.clone();
        }
    }
    faults
}
