//! Exit codes, in one table that help and the manual print.

use crate::problem::Problems;
use starling_components::fault::FaultKind;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything asked for was done.
    Finished = 0,
    /// The run failed, or two runs differ.
    Failed = 1,
    /// A pipeline file or an argument is wrong.
    BadInput = 2,
    /// Stopped before the end; `starling resume` goes on.
    Interrupted = 3,
    /// Records are damaged, of another version or of another pipeline.
    Records = 4,
    /// The disk failed.
    Storage = 5,
    /// Another process owns the run.
    Fenced = 6,
}

/// Every code and what it means.
pub const TABLE: &[(Exit, &str)] = &[
    (Exit::Finished, "finished: everything asked for was done"),
    (
        Exit::Failed,
        "failed: the run itself went wrong (a loss became NaN, ...), `diff` found a difference, or `doctor` something broken",
    ),
    (
        Exit::BadInput,
        "bad input: a pipeline file or an argument is wrong; nothing was written",
    ),
    (
        Exit::Interrupted,
        "interrupted: stopped by a signal or a limit; `starling resume` goes on from the last commit",
    ),
    (
        Exit::Records,
        "records: stored files are damaged, of another version or of another pipeline",
    ),
    (
        Exit::Storage,
        "storage: the disk is full, unwritable or gone; what was committed is safe",
    ),
    (Exit::Fenced, "fenced: another process owns the run directory"),
];

impl Exit {
    /// The code for a failure.
    pub fn of(problems: &Problems) -> Self {
        match problems.kind() {
            FaultKind::Pipeline | FaultKind::Missing => Self::BadInput,
            FaultKind::Run => Self::Failed,
            FaultKind::Storage => Self::Storage,
            FaultKind::Records => Self::Records,
            FaultKind::Fenced => Self::Fenced,
        }
    }
    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// The table as it stands in `--help`.
pub fn help() -> String {
    let lines = TABLE.iter().map(|(exit, text)| format!("  {}  {text}", exit.code()));
    format!("Exit codes:\n{}", lines.collect::<Vec<_>>().join("\n"))
}
