//! `starling doctor`: what this machine and this build have, whether runs can be written here, what the runs here are like, and a small test
//! that the numbers do not depend on threads.

mod adapters;
mod runs;
mod selftest;

use super::{Context, session};
use crate::engine::{self, Starling};
use crate::exit::Exit;
use crate::problem::Problems;
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Where to look.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The folder of the runs
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Fine,
    /// Worth knowing; nothing is broken.
    Note,
    Broken,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    what: &'static str,
    level: Level,
    text: String,
    advice: Option<String>,
}

impl Finding {
    fn new(what: &'static str, level: Level, text: impl Into<String>) -> Self {
        Self {
            what,
            level,
            text: text.into(),
            advice: None,
        }
    }
    fn fine(what: &'static str, text: impl Into<String>) -> Self {
        Self::new(what, Level::Fine, text)
    }
    fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
    fn json(&self) -> Value {
        let level = match self.level {
            Level::Fine => "fine",
            Level::Note => "note",
            Level::Broken => "broken",
        };
        json!({ "what": self.what, "level": level, "text": self.text, "advice": self.advice })
    }
}

pub(crate) fn run(starling: &Starling, context: Context, args: DoctorArgs) -> Result<Exit, Problems> {
    let mut findings = vec![program(), processor(), memory()];
    findings.extend(adapters::look());
    findings.push(disk(&args.runs));
    findings.push(writable(&args.runs));
    findings.extend(runs::look(&args.runs));
    findings.push(selftest::run(starling));
    let broken = findings.iter().any(|finding| finding.level == Level::Broken);
    if context.json {
        let list: Vec<Value> = findings.iter().map(Finding::json).collect();
        context.data(&format!("{:#}\n", json!({ "fine": !broken, "findings": list })));
    } else {
        context.data(&text(&findings));
    }
    Ok(if broken { Exit::Failed } else { Exit::Finished })
}

fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding {
        what,
        level,
        text: told,
        advice,
    } in findings
    {
        let mark = match level {
            Level::Fine => "  ",
            Level::Note => "- ",
            Level::Broken => "! ",
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{mark}{what:<16}{told}");
        if let Some(advice) = advice {
            let _ = writeln!(text, "{:18}help: {advice}", "");
        }
    }
    text
}

fn program() -> Finding {
    let kind = if cfg!(debug_assertions) {
        "a debug build"
    } else {
        "a release build"
    };
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let text = format!("{}, {kind} for {os} on {arch}", session::PROGRAM);
    if cfg!(debug_assertions) {
        return Finding::new("program", Level::Note, text).advise("build with `--release`: it is many times as fast");
    }
    Finding::fine("program", text)
}

fn processor() -> Finding {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let set = starling_record::run::instruction_set();
    Finding::fine("processor", format!("{threads} threads; instruction set {set}"))
}

fn memory() -> Finding {
    match engine::limit_of(None) {
        Some(bytes) => Finding::fine("memory", format!("{} for this process", engine::human(bytes))),
        None => Finding::new("memory", Level::Note, "this system does not tell how much there is")
            .advise("give `--memory-limit`, or a run may need more than there is"),
    }
}

/// Adapters that the system has; nothing here computes on one.
/// The folder itself, or the nearest one above it that exists.
fn existing(folder: &Path) -> PathBuf {
    let mut at = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    while !at.exists() && at.pop() {}
    at
}

fn disk(runs: &Path) -> Finding {
    let at = existing(runs);
    match rustix::fs::statvfs(&at) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let text = format!("{} free at {}", engine::human(free), at.display());
            if free < 1 << 30 {
                return Finding::new("disk", Level::Note, text).advise("records and checkpoints may fill it");
            }
            Finding::fine("disk", text)
        }
        Err(e) => Finding::new(
            "disk",
            Level::Note,
            format!("cannot ask for free space at {}: {e}", at.display()),
        ),
    }
}

fn writable(runs: &Path) -> Finding {
    let at = existing(runs);
    let there = if runs.is_dir() {
        format!("{} is writable", runs.display())
    } else {
        format!("{} does not exist yet, {} is writable", runs.display(), at.display())
    };
    let probe = at.join(format!(".starling-doctor-{}", std::process::id()));
    let tried = std::fs::write(&probe, b"starling\n").and_then(|()| std::fs::remove_file(&probe));
    match tried {
        Ok(()) => Finding::fine("runs folder", there),
        Err(e) => Finding::new(
            "runs folder",
            Level::Broken,
            format!("{} cannot be written: {e}", at.display()),
        )
        .advise("run where you may write, or give `starling run --out DIR`"),
    }
}
