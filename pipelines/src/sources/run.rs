//! A finished run that something is taken from.

use serde_json::Value;
use starling_components::Fault;
use starling_components::persist::Snapshot;
use starling_components::schedule::RunSeed;
use starling_components::specs::{AgentSpec, EnvironmentSpec, EvaluateSpec, FoundSource, StageSpec};
use starling_record::commit::{Commit, Status};
use starling_record::{Run, checkpoint};
use std::collections::{BTreeMap, BTreeSet};

/// What of a run is taken, and known by its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// A checkpoint.
    Checkpoint,
    /// The rows of all commits up to one.
    Rows,
}

impl Content {
    fn hash(self, commit: &Commit) -> &str {
        match self {
            Self::Checkpoint => &commit.checkpoint.sha256,
            Self::Rows => &commit.sha256,
        }
    }
    fn name(self) -> &'static str {
        match self {
            Self::Checkpoint => "the checkpoint of commit",
            Self::Rows => "commit",
        }
    }
}

/// The run with its resolved pipeline.
pub(super) struct SourceRun {
    /// As it was found.
    pub(super) path: String,
    pub(super) run: Run,
    /// The resolved pipeline.
    tables: Value,
}

impl SourceRun {
    /// Opens the run at `path`.
    ///
    /// # Errors
    /// It is no run, damaged, or has not ended.
    pub(super) fn open(path: &str) -> Result<Self, Fault> {
        let run = Run::open_read_only(path, None)?;
        let tables = toml::from_str(run.pipeline())
            .map_err(|e| Fault::records(format!("the pipeline of `{path}` is no TOML: {}", e.message())))?;
        let source = Self {
            path: path.to_owned(),
            run,
            tables,
        };
        match source.newest()?.status {
            Status::Finished => Ok(source),
            status => Err(
                Fault::pipeline(format!("the run `{path}` has not ended: it is {status}"))
                    .advise(format!("let it end first: starling resume {path}")),
            ),
        }
    }

    /// The run that was found before; it must be what it was.
    ///
    /// # Errors
    /// It is gone, or its checkpoint has another hash.
    pub(super) fn open_again(found: &FoundSource, content: Content) -> Result<Self, Fault> {
        let FoundSource { path, commit, hash, .. } = found;
        if !std::path::Path::new(path).is_dir() {
            let message =
                format!("`{path}`, which this pipeline was resolved with, is not there (its hash was {hash})");
            return Err(Fault::pipeline(message).advise(again("bring it back to where the program runs")));
        }
        let source = Self::open(path)?;
        let commit = commit.unwrap_or(0);
        let now = content.hash(source.commit(commit)?);
        if now == hash {
            return Ok(source);
        }
        let what = content.name();
        let message =
            format!("`{path}` has changed: {what} {commit} has the hash {now}, this pipeline was resolved with {hash}");
        Err(Fault::pipeline(message).advise(again("bring the old run back")))
    }

    fn newest(&self) -> Result<&Commit, Fault> {
        let none = || Fault::records(format!("`{}` has no commit", self.path));
        self.run.latest_commit().ok_or_else(none)
    }

    fn commit(&self, number: u64) -> Result<&Commit, Fault> {
        let found = usize::try_from(number)
            .ok()
            .and_then(|n| self.run.chain().commits.get(n));
        found.ok_or_else(|| Fault::records(format!("`{}` has no commit {number}", self.path)))
    }

    /// Everything saved at a commit.
    ///
    /// # Errors
    /// The checkpoint is gone or damaged.
    pub(super) fn snapshot(&self, commit: u64) -> Result<Snapshot, Fault> {
        checkpoint::read(&self.run, self.commit(commit)?)
    }

    /// The commit as the resolved pipeline keeps it.
    ///
    /// # Errors
    /// No such commit.
    pub(super) fn found(&self, commit: u64, replica: Option<u32>) -> Result<FoundSource, Fault> {
        Ok(FoundSource {
            path: self.path.clone(),
            commit: Some(commit),
            replica,
            hash: self.commit(commit)?.checkpoint.sha256.clone(),
        })
    }

    /// All its rows as the resolved pipeline keeps them.
    ///
    /// # Errors
    /// No commit.
    pub(super) fn found_rows(&self) -> Result<FoundSource, Fault> {
        let newest = self.newest()?;
        Ok(FoundSource {
            path: self.path.clone(),
            commit: Some(newest.commit),
            replica: None,
            hash: Content::Rows.hash(newest).to_owned(),
        })
    }

    /// The seed that it was run with.
    pub(super) fn seed(&self) -> RunSeed {
        RunSeed(self.tables.get("seed").and_then(Value::as_u64).unwrap_or(0))
    }

    /// Commits with their checkpoints, from the first on.
    ///
    /// # Errors
    /// No commit.
    pub(super) fn kept(&self) -> Result<impl Iterator<Item = &Commit>, Fault> {
        let kept = &self.newest()?.checkpoints_kept;
        let commits = self.run.chain().commits.iter();
        Ok(commits.filter(|commit| kept.contains(&commit.commit)))
    }

    /// `[agent.key]` of its pipeline.
    ///
    /// # Errors
    /// No such agent.
    pub(super) fn agent(&self, key: &str) -> Result<AgentSpec, Fault> {
        let agents = self.table::<AgentSpec>("agent");
        let names: Vec<&str> = agents.keys().map(String::as_str).collect();
        agents.get(key).cloned().ok_or_else(|| {
            let message = format!("the run `{}` has no agent `{key}`", self.path);
            Fault::pipeline(message)
                .advise(starling_components::suggest::advice(key, names))
                .within(["agent"])
        })
    }

    /// The part of `agent`'s training that was done at `commit`, from 0 to 1, by the ticks of everything that trains it.
    ///
    /// # Errors
    /// No commit.
    pub(super) fn progress(&self, agent: &str, commit: &Commit) -> Result<f64, Fault> {
        let clocks = self.clocks_of(agent);
        let ticks = |commit: &Commit| -> u64 {
            let own = commit.clocks.iter().filter(|(name, _)| clocks.contains(*name));
            own.map(|(_, clocks)| clocks.now.ticks).sum()
        };
        Ok(ticks(commit) as f64 / ticks(self.newest()?).max(1) as f64)
    }

    /// Names of the clocks that count `agent`'s training: of its stages, or of the group that it is connected with.
    fn clocks_of(&self, agent: &str) -> BTreeSet<String> {
        let stages = self.table::<StageSpec>("stage");
        if !stages.is_empty() {
            let training = stages
                .iter()
                .filter(|(_, stage)| stage.train.iter().any(|name| name == agent));
            return training.map(|(key, _)| format!("stage.{key}")).collect();
        }
        let mut agents = BTreeSet::from([agent.to_owned()]);
        let mut environments = BTreeSet::new();
        loop {
            let before = agents.len() + environments.len();
            for (key, spec) in self.table::<EnvironmentSpec>("environment") {
                let seated = || spec.seats.iter().flat_map(|seat| seat.agents());
                if environments.contains(&key) || seated().any(|name| agents.contains(name)) {
                    agents.extend(seated().cloned());
                    environments.insert(key);
                }
            }
            for spec in self.table::<EvaluateSpec>("evaluate").into_values() {
                if environments.contains(&spec.environment) || spec.agents.iter().any(|name| agents.contains(name)) {
                    agents.extend(spec.agents);
                    environments.insert(spec.environment);
                }
            }
            if agents.len() + environments.len() == before {
                break;
            }
        }
        // A group is called after its first environment.
        environments
            .first()
            .map(|key| format!("group.{key}"))
            .into_iter()
            .collect()
    }

    /// The tables of one kind that can be read.
    pub(super) fn table<T: serde::de::DeserializeOwned>(&self, table: &str) -> BTreeMap<String, T> {
        let all = self.tables.get(table).and_then(Value::as_object);
        let all = all.into_iter().flatten();
        all.filter_map(|(key, value)| Some((key.clone(), serde_json::from_value(value.clone()).ok()?)))
            .collect()
    }
}

fn again(first: &str) -> String {
    format!("{first}, or leave `found` out to look again: that is another run then")
}
