//! `like`: an entity that is another of its table, with changes. `[agent.ego] like = "chef"` starts from everything that the merged file says
//! of `chef`, and the entity's own keys go over it.
//!
//! It is resolved after every file and argument has been merged, so that a change to the one reaches all that are like it; the resolved
//! pipeline says everything in full.

use super::read::Findings;
use super::tree::{Data, Entry, Node};
use crate::problem::Problem;
use serde_json::Value;
use starling_components::suggest;

/// The key.
pub(super) const LIKE: &str = "like";

/// Completes every entity of `tree` that is like another.
pub(super) fn resolve(tree: &mut Node, findings: &mut Findings) {
    let Data::Table(tables) = &mut tree.data else { return };
    for table in tables {
        let Data::Table(entities) = &mut table.node.data else {
            continue;
        };
        let asked: Vec<Option<Entry>> = entities.iter_mut().map(|entity| entity.node.take(LIKE)).collect();
        if asked.iter().all(Option::is_none) {
            continue;
        }
        let mut models = Vec::with_capacity(entities.len());
        for asked in &asked {
            models.push(
                asked
                    .as_ref()
                    .and_then(|like| model_of(like, &table.key, entities, findings)),
            );
        }
        let own = entities.clone();
        for (index, entity) in entities.iter_mut().enumerate() {
            match chain(index, &models) {
                Ok(chain) => {
                    // The model at the end of the chain is the ground; each nearer one goes over it.
                    let Some((&ground, nearer)) = chain.split_last() else {
                        continue;
                    };
                    if nearer.is_empty() {
                        continue;
                    }
                    let mut whole = own[ground].node.clone();
                    whole.forget_layers();
                    for &next in nearer.iter().rev() {
                        let mut over = own[next].node.clone();
                        if next != index {
                            over.forget_layers();
                        }
                        whole.merge(over);
                    }
                    whole.place = entity.node.place.clone();
                    entity.node = whole;
                }
                Err(()) => {
                    if let Some(like) = &asked[index] {
                        findings.broken = true;
                        let message = format!("`{}` is like itself: a cycle", entity.key);
                        findings.problems.push(Problem::at(&like.node.place, message));
                    }
                }
            }
        }
    }
}

/// The index of the entity that `like` names.
fn model_of(like: &Entry, table: &str, entities: &[Entry], findings: &mut Findings) -> Option<usize> {
    let place = &like.node.place;
    let problem = match &like.node.data {
        Data::Leaf(Value::String(name)) => {
            if let Some(found) = entities.iter().position(|entity| entity.key == *name) {
                return Some(found);
            }
            let known = entities.iter().map(|entity| entity.key.as_str());
            Problem::at(place, format!("no {table} is called `{name}`")).advise(suggest::advice(name, known))
        }
        _ => Problem::at(
            place,
            format!("`{LIKE}` names another {table}, not {}", like.node.kind()),
        ),
    };
    findings.broken = true;
    findings.problems.push(problem);
    None
}

/// `index`, what it is like, what that is like, and so on.
fn chain(index: usize, models: &[Option<usize>]) -> Result<Vec<usize>, ()> {
    let mut chain = vec![index];
    let mut at = index;
    while let Some(next) = models[at] {
        if chain.contains(&next) {
            return Err(());
        }
        chain.push(next);
        at = next;
    }
    Ok(chain)
}
