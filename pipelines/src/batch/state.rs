//! How far jobs are: read from their run directories, whoever runs them.

use super::{Folder, Job};
use serde_json::{Value, json};
use starling_record::commit::{Commit, Status};
use starling_record::{Run, newest_commit};

/// How far one job is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JobState {
    /// What it is doing.
    pub(crate) kind: StateKind,
    /// Completed ticks at its newest commit.
    pub(crate) tick: u64,
    /// Ticks at its end; 0 where unknown.
    pub(crate) ticks: u64,
    /// What is wrong with it.
    pub(crate) problem: Option<String>,
}

/// What a job is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StateKind {
    /// Done.
    Finished,
    /// A process on this machine writes it.
    Running,
    /// It has commits, and no process on this machine writes it.
    Stopped,
    /// It has no commit yet.
    Waiting,
    /// It ended with an error that starting it again does not mend.
    Failed,
    /// Its records are damaged.
    Damaged,
}

impl StateKind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Finished,
        Self::Running,
        Self::Stopped,
        Self::Waiting,
        Self::Failed,
        Self::Damaged,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::Damaged => "damaged",
        }
    }
}

impl JobState {
    /// The state of `job`.
    pub(crate) fn of(folder: &Folder, job: &Job) -> Self {
        let dir = folder.run(&job.name);
        let plain = |kind| Self {
            kind,
            tick: 0,
            ticks: job.ticks.unwrap_or(0),
            problem: None,
        };
        let state = match newest_commit(&dir) {
            Err(fault) => Self {
                problem: Some(fault.message),
                ..plain(StateKind::Damaged)
            },
            Ok(None) => plain(StateKind::Waiting),
            Ok(Some(commit)) => Self {
                tick: commit.tick,
                ticks: job.ticks.unwrap_or_else(|| total(&commit)),
                ..plain(if done(&commit, job) {
                    StateKind::Finished
                } else {
                    StateKind::Stopped
                })
            },
        };
        match state.kind {
            StateKind::Waiting | StateKind::Stopped if Run::is_being_written(&dir) => Self {
                kind: StateKind::Running,
                ..state
            },
            StateKind::Waiting | StateKind::Stopped => match std::fs::read_to_string(folder.failure(&job.name)) {
                Ok(why) => Self {
                    kind: StateKind::Failed,
                    problem: Some(why.lines().next().unwrap_or_default().to_owned()),
                    ..state
                },
                Err(_) => state,
            },
            _ => state,
        }
    }

    /// Part of the work that is done, from 0 to 1, as far as known.
    pub(crate) fn progress(&self) -> f64 {
        match self.kind {
            StateKind::Finished => 1.0,
            _ if self.ticks > 0 => (self.tick as f64 / self.ticks as f64).min(1.0),
            _ => 0.0,
        }
    }

    pub(crate) fn json(&self, job: &Job) -> Value {
        json!({ "job": job.index, "run": job.name, "state": self.kind.name(), "tick": self.tick, "ticks": self.ticks, "problem": self.problem })
    }
}

/// Nothing is left to do for `job`, whose newest commit this is.
pub(crate) fn done(commit: &Commit, job: &Job) -> bool {
    commit.status == Status::Finished || job.ticks.is_some_and(|ticks| commit.tick >= ticks)
}

fn total(commit: &Commit) -> u64 {
    let ends = commit.clocks.values().map(|c| c.ticks_before + c.total.ticks);
    ends.max().unwrap_or(0)
}
