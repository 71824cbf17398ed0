//! `from = { runs = ..., agent = ... }`: parameters of earlier runs, one replica per (run, replica, moment).

use super::moments::{Moment, moments};
use super::normalize::{Statistics, statistics_of};
use super::run::{Content, SourceRun};
use super::{folders, glob};
use starling_components::imports::{Imported, ImportedReplica, replica_of};
use starling_components::persist::Snapshot;
use starling_components::specs::{AgentSpec, FoundSource, FromSpec, NormalizeSpec, PolicySpec, ReplicasSpec};
use starling_components::{EntityName, Fault};

/// What an agent takes from earlier runs.
pub(super) struct Taken {
    /// Its parameters.
    pub(super) imported: Imported,
    /// What it has seen, per replica, where it normalises.
    pub(super) statistics: Vec<Statistics>,
}

/// Finds the parameters that `spec` starts from, and completes it: what was found, the policy if it has none of its own, and the number of
/// replicas unless the file `says_replicas`.
///
/// # Errors
/// With the key within the agent's table.
pub(super) fn take(spec: &mut AgentSpec, says_replicas: bool) -> Result<Taken, Fault> {
    let from = spec.from.clone().unwrap_or_default();
    let in_from = |fault: Fault| fault.within(["from"]);
    let (runs, agent) = asked(&from).map_err(in_from)?;
    if spec.script.is_some() {
        let fault = Fault::pipeline("a script has no parameters that could come from elsewhere");
        return Err(fault.advise("leave `from` or `script` out").within(["from"]));
    }
    let sources = if from.found.is_empty() {
        look(&from, runs, agent)
    } else {
        look_again(&from, runs)
    };
    let sources = sources.map_err(in_from)?;
    let (policy, normalize) = ways(&sources, agent).map_err(in_from)?;
    spec.policy.get_or_insert(policy);
    if spec.normalize.is_some() && spec.normalize != normalize {
        let fault = Fault::pipeline(format!("`{agent}` of those runs does not normalise as this agent does"));
        let advice = "leave `normalize` out: it is theirs";
        return Err(fault.advise(advice).within(["normalize"]));
    }
    spec.normalize = normalize;

    let (mut replicas, mut statistics) = (Vec::new(), Vec::new());
    for source in &sources {
        source.add(agent, &mut replicas, &mut statistics).map_err(in_from)?;
    }
    let total = replicas.len() as u32;
    let wanted = if says_replicas {
        spec.replicas
    } else {
        ReplicasSpec::Count(total)
    };
    let (first, count) = (wanted.first(), wanted.count());
    let fits = match wanted {
        ReplicasSpec::Count(count) => count == total,
        ReplicasSpec::Range { .. } => first.checked_add(count).is_some_and(|end| end <= total),
    };
    if !fits {
        let message = format!("{count} replicas from number {first} on are asked for, `from` gives {total}");
        let advice = format!(
            "leave `replicas` out to have all, or say `replicas = {{ first = 0, count = {total} }}` for a part"
        );
        return Err(Fault::pipeline(message).advise(advice).within(["replicas"]));
    }
    spec.replicas = wanted;
    let part = first as usize..(first + count) as usize;
    let found = sources.into_iter().flat_map(|source| source.found).collect();
    spec.from = Some(FromSpec { found, ..from.clone() });
    let imported = Imported {
        names: from.names,
        sources: replicas.drain(part.clone()).collect(),
    };
    let statistics = if statistics.is_empty() {
        statistics
    } else {
        statistics.drain(part).collect()
    };
    Ok(Taken { imported, statistics })
}

/// The pattern and the agent's name.
fn asked(from: &FromSpec) -> Result<(&str, &str), Fault> {
    let runs = from.runs.as_deref().unwrap_or_default();
    if from.file.is_some() {
        let fault = Fault::pipeline("parameters come from `runs` or from a `file`, not from both");
        return Err(fault.advise("leave one out").within(["file"]));
    }
    let Some(agent) = from.agent.as_deref() else {
        let fault = Fault::pipeline("`runs` does not say whose parameters are taken");
        return Err(fault
            .advise("name the agent of those runs: `agent = \"chef\"`")
            .within(["runs"]));
    };
    if from.pick.best().is_some() && !from.progress.is_empty() {
        let fault = Fault::pipeline("`pick` and `progress` both say which moment is taken");
        return Err(fault.advise("leave one out").within(["progress"]));
    }
    if let Some(index) = from.progress.iter().position(|p| !(0.0..=1.0).contains(p)) {
        let message = format!("progress lies between 0 and 1, this one is {}", from.progress[index]);
        return Err(Fault::pipeline(message).within(["progress", &index.to_string()]));
    }
    Ok((runs, agent))
}

/// One run, and what is taken of it.
struct Source {
    run: SourceRun,
    /// Numbers of the agent's replicas.
    replicas: ReplicasSpec,
    policy: PolicySpec,
    normalize: Option<NormalizeSpec>,
    found: Vec<FoundSource>,
}

impl Source {
    fn open(run: SourceRun, agent: &str) -> Result<Self, Fault> {
        let spec = run.agent(agent)?;
        let Some(policy) = spec.policy else {
            let fault = Fault::pipeline(format!("`{agent}` of `{}` has no parameters: it is a script", run.path));
            return Err(fault.advise("give this agent that `script` instead").within(["agent"]));
        };
        Ok(Self {
            run,
            replicas: spec.replicas,
            policy,
            normalize: spec.normalize,
            found: Vec::new(),
        })
    }

    /// Its part of the agent's replicas: replica by replica, and of each replica moment by moment.
    fn add(&self, agent: &str, to: &mut Vec<ImportedReplica>, statistics: &mut Vec<Statistics>) -> Result<(), Fault> {
        let mut snapshots: Vec<(u64, Snapshot)> = Vec::new();
        for found in &self.found {
            let commit = found.commit.unwrap_or(0);
            if !snapshots.iter().any(|(known, _)| *known == commit) {
                snapshots.push((commit, self.run.snapshot(commit)?));
            }
        }
        let name = EntityName::new("agent", agent);
        for index in 0..self.replicas.count() {
            let number = self.replicas.first() + index;
            for found in self.found.iter().filter(|f| f.replica.is_none_or(|r| r == number)) {
                let commit = found.commit.unwrap_or(0);
                let Some((_, snapshot)) = snapshots.iter().find(|(known, _)| *known == commit) else {
                    continue;
                };
                to.push(ImportedReplica {
                    origin: format!("{} (replica {number}, commit {commit})", self.run.path),
                    tensors: replica_of(snapshot, &name, index as usize)?,
                });
                if self.normalize.is_some() {
                    statistics.push(statistics_of(snapshot, &name, index as usize)?);
                }
            }
        }
        Ok(())
    }
}

/// All runs that the pattern matches, in name order.
fn look(from: &FromSpec, runs: &str, agent: &str) -> Result<Vec<Source>, Fault> {
    let paths = folders(runs).map_err(|fault| fault.within(["runs"]))?;
    let open = |path: &String| {
        let run = SourceRun::open(path).map_err(|fault| fault.within(["runs"]))?;
        let mut source = Source::open(run, agent)?;
        for Moment { commit, replica } in moments(&source.run, agent, source.replicas, from)? {
            source.found.push(source.run.found(commit, replica)?);
        }
        Ok(source)
    };
    paths.iter().map(open).collect()
}

/// What was found before.
fn look_again(from: &FromSpec, runs: &str) -> Result<Vec<Source>, Fault> {
    let agent = from.agent.as_deref().unwrap_or_default();
    let mut sources: Vec<Source> = Vec::new();
    for (index, found) in from.found.iter().enumerate() {
        let within = |fault: Fault| fault.within(["found", &index.to_string()]);
        if !glob::fits(runs, &found.path) {
            let fault = Fault::pipeline(format!("`{}` does not match `{runs}`", found.path));
            return Err(within(fault.advise("leave `found` out to look for runs again")));
        }
        let run = SourceRun::open_again(found, Content::Checkpoint).map_err(within)?;
        match sources.last_mut().filter(|last| last.run.path == found.path) {
            Some(last) => last.found.push(found.clone()),
            None => {
                let mut source = Source::open(run, agent)?;
                source.found.push(found.clone());
                sources.push(source);
            }
        }
    }
    Ok(sources)
}

/// The one policy that all sources have, and their way to normalise.
fn ways(sources: &[Source], agent: &str) -> Result<(PolicySpec, Option<NormalizeSpec>), Fault> {
    let mut others = sources.iter();
    let Some(first) = others.next() else {
        return Err(Fault::pipeline("no run is found"));
    };
    match others.find(|other| other.policy != first.policy || other.normalize != first.normalize) {
        None => Ok((first.policy.clone(), first.normalize.clone())),
        Some(other) => {
            let (one, two) = (&first.run.path, &other.run.path);
            let fault = Fault::pipeline(format!("`{agent}` has one policy in `{one}` and another in `{two}`"));
            Err(fault
                .advise("take them as two agents, one per kind of policy")
                .within(["runs"]))
        }
    }
}
