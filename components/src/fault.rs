//! Errors as values: what went wrong, where, and what to do about it.

use bevy_ecs::prelude::*;

/// Which exit code and which page of the manual a fault belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// The pipeline file, or a value given on the command line, is wrong.
    Pipeline,
    /// The pipeline takes something from runs that are not there yet: nothing is wrong with the file, and nothing can start.
    Missing,
    /// The run itself failed: a loss became NaN, a policy does not fit, a script misbehaved.
    Run,
    /// The disk failed: full, unwritable, vanished.
    Storage,
    /// Stored records are damaged, of another version or of another pipeline.
    Records,
    /// Another process owns the run directory.
    Fenced,
}

/// A failure with a location and advice. Messages are lower-case fragments that fit "failed: ...".
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What kind of failure this is; decides the exit code.
    pub kind: FaultKind,
    /// What is wrong, with the values that show it.
    pub message: String,
    /// What the reader should do.
    pub advice: Option<String>,
    /// The pipeline key it is about, e.g. `["agent", "chef", "policy", "layers", "0"]`; the pipeline crate turns it
    /// into file, line and column.
    pub key: Vec<String>,
}

impl Fault {
    /// A fault of `kind`.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            advice: None,
            key: Vec::new(),
        }
    }
    /// A wrong pipeline value.
    pub fn pipeline(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Pipeline, message)
    }
    /// A failure of the run.
    pub fn run(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Run, message)
    }
    /// A failure of the disk.
    pub fn storage(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Storage, message)
    }
    /// Damaged or foreign records.
    pub fn records(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Records, message)
    }
    /// Adds what to do about it.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
    /// Puts `prefix` before the key path: called once per level on the way up.
    #[must_use]
    pub fn within<S: Into<String>>(mut self, prefix: impl IntoIterator<Item = S>) -> Self {
        let mut key: Vec<String> = prefix.into_iter().map(Into::into).collect();
        key.append(&mut self.key);
        self.key = key;
        self
    }
}

/// Faults that systems met. Builders push all they find; the runner stops at the end of the pass that pushed one.
#[derive(Resource, Debug, Default)]
pub struct Faults(pub Vec<Fault>);
