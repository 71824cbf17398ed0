//! The pipeline file of an evaluation of stored agents. Plain text from plain values: reads nothing, runs nothing.

use super::stored::{Source, Stored};
use crate::file::{Instance, Pipeline, document};
use serde_json::{Map, Value, json};
use starling_components::specs::Pair;
use starling_components::{Fault, suggest};
use std::collections::BTreeSet;

/// What is asked for.
pub(super) struct Asked<'a> {
    /// The environment's key, if it was named.
    pub(super) environment: Option<&'a str>,
    /// Who sits in the seats; empty for all pairings of what is stored.
    pub(super) agents: &'a [String],
    /// Kinds of script that may sit there too.
    pub(super) scripts: BTreeSet<&'a str>,
    pub(super) pair: Pair,
    pub(super) rotate: bool,
    pub(super) episodes: u32,
    pub(super) greedy: bool,
    pub(super) seed: u64,
}

type Tables = Vec<(Vec<String>, Map<String, Value>)>;

/// The file.
///
/// # Errors
/// The environment or an agent is not there.
pub(super) fn compose(stored: &[Stored], place: &Pipeline, asked: &Asked<'_>) -> Result<String, Fault> {
    let environment = environment(place, asked.environment)?;
    let seats = environment
        .values
        .get("seats")
        .and_then(Value::as_array)
        .map_or(1, Vec::len);
    let tables_of_seats = arrangements(stored, seats, asked)?;
    let mut tables: Tables = Vec::new();
    let mut rules = Map::new();
    rules.insert(
        "rules".into(),
        environment.values.get("rules").cloned().unwrap_or_default(),
    );
    rules.insert("lanes".into(), json!(1));
    let first = tables_of_seats.first().and_then(|(_, agents)| agents.first());
    rules.insert("seats".into(), json!(vec![first; seats]));
    tables.push((vec!["environment".into(), environment.key.clone()], rules));

    let seated: BTreeSet<&str> = tables_of_seats
        .iter()
        .flat_map(|(_, agents)| agents.iter().map(String::as_str))
        .collect();
    for name in seated {
        let agent = match stored.iter().find(|stored| stored.name == name) {
            Some(stored) => agent_of(stored, place)?,
            None => json!({ "script": name }),
        };
        let Value::Object(agent) = agent else { continue };
        tables.push((vec!["agent".into(), name.to_owned()], agent));
    }
    for (name, agents) in &tables_of_seats {
        let evaluation = json!({
            "environment": environment.key,
            "agents": agents,
            "pair": asked.pair,
            "rotate": asked.rotate || (asked.agents.is_empty() && agents.iter().any(|agent| agent != &agents[0])),
            "episodes": asked.episodes,
            "greedy": asked.greedy,
        });
        let Value::Object(evaluation) = evaluation else {
            continue;
        };
        tables.push((vec!["evaluate".into(), name.clone()], evaluation));
    }
    let head = json!({
        "name": format!("eval/{}", place.head.name),
        "about": format!("Stored agents in `{}` of {}.", environment.key, place.head.name),
        "seed": asked.seed,
        "until": { "ticks": 1 },
    });
    Ok(document(
        head.as_object().unwrap_or(&Map::new()),
        tables.iter().map(|(path, keys)| (&path[..], keys)),
    ))
}

/// The environment that is played.
fn environment<'a>(place: &'a Pipeline, wanted: Option<&str>) -> Result<&'a Instance, Fault> {
    let known: Vec<&Instance> = place.instances.iter().filter(|i| i.table == "environment").collect();
    let keys = || known.iter().map(|i| i.key.as_str());
    match (wanted, &known[..]) {
        (None, [one]) => Ok(one),
        (None, _) => {
            let fault = Fault::pipeline(format!("{} has several environments", place.head.name));
            Err(fault.advise(format!(
                "say which with `--environment`: {}",
                keys().collect::<Vec<_>>().join(", ")
            )))
        }
        (Some(wanted), _) => known.iter().copied().find(|i| i.key == wanted).ok_or_else(|| {
            let fault = Fault::pipeline(format!("{} has no environment `{wanted}`", place.head.name));
            fault.advise(suggest::advice(wanted, keys()))
        }),
    }
}

/// The evaluations: name, and who sits in each seat.
fn arrangements(stored: &[Stored], seats: usize, asked: &Asked<'_>) -> Result<Vec<(String, Vec<String>)>, Fault> {
    let names = || stored.iter().map(|stored| stored.name.as_str());
    if !asked.agents.is_empty() {
        for agent in asked.agents {
            if !names().any(|name| name == agent) && !asked.scripts.contains(agent.as_str()) {
                let fault = Fault::pipeline(format!("no agent and no script is called `{agent}`"));
                return Err(fault.advise(suggest::advice(agent, names().chain(asked.scripts.iter().copied()))));
            }
        }
        let agents = match asked.agents {
            [one] => vec![one.clone(); seats],
            agents => agents.to_vec(),
        };
        let name = name_of(&agents);
        return Ok(vec![(name, agents)]);
    }
    let mut found = Vec::new();
    for (index, one) in stored.iter().enumerate() {
        let alone = vec![one.name.clone(); seats];
        found.push((name_of(&alone), alone));
        if seats == 2 {
            for other in &stored[index + 1..] {
                let pair = vec![one.name.clone(), other.name.clone()];
                found.push((name_of(&pair), pair));
            }
        }
    }
    Ok(found)
}

/// `sp`, or `sp_with_fcp`.
fn name_of(agents: &[String]) -> String {
    if agents.iter().all(|agent| *agent == agents[0]) {
        return agents[0].clone();
    }
    agents.join("_with_")
}

/// `[agent.x]` of a stored agent.
fn agent_of(stored: &Stored, place: &Pipeline) -> Result<Value, Fault> {
    match &stored.from {
        Source::Runs { folders, agent, .. } => Ok(json!({ "from": { "runs": pattern(folders), "agent": agent } })),
        Source::File { path, jaxmarl } => {
            let agents = place.instances.iter().filter(|i| i.table == "agent");
            let Some(policy) = agents
                .filter_map(|i| i.values.get("policy"))
                .find(|policy| !policy.is_null())
            else {
                let fault = Fault::pipeline(format!(
                    "nobody in {} has a policy that `{path}` could fit",
                    place.head.name
                ));
                return Err(fault.advise("name a pipeline with `--in` whose agent has the network of the file"));
            };
            let absolute = std::path::absolute(path).map_or_else(|_| path.clone(), |path| path.display().to_string());
            let names = if *jaxmarl { "jaxmarl" } else { "starling" };
            Ok(json!({ "policy": policy, "from": { "file": absolute, "names": names } }))
        }
    }
}

/// One pattern for runs side by side.
fn pattern(folders: &[String]) -> String {
    let last = |path: &String| {
        path.trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    match folders {
        [one] => one.clone(),
        [first, ..] => {
            let parent = first
                .trim_end_matches('/')
                .rsplit_once('/')
                .map_or(String::new(), |(parent, _)| format!("{parent}/"));
            format!("{parent}{{{}}}", folders.iter().map(last).collect::<Vec<_>>().join(","))
        }
        [] => String::new(),
    }
}
