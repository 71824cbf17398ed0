//! The runs in a folder: how many, which are unfinished, being written or damaged, and what killed processes left behind.

use super::{Finding, Level};
use starling_record::Run;
use starling_record::commit::Status;
use starling_record::survey;
use std::path::Path;

/// So many are named; the others are counted.
const NAMED: usize = 5;

/// What is found in `folder`.
pub(super) fn look(folder: &Path) -> Vec<Finding> {
    let dirs = survey::find(folder);
    let (mut finished, mut unfinished, mut busy) = (0, Vec::new(), Vec::new());
    let (mut damaged, mut leftovers) = (Vec::new(), 0);
    for dir in &dirs {
        let run = match Run::open_read_only(dir, None) {
            Ok(run) => run,
            Err(fault) => {
                damaged.push(format!("{}: {}", dir.display(), fault.message));
                continue;
            }
        };
        if Run::is_being_written(dir) {
            // What it has not committed yet is no leftover.
            busy.push(dir.display().to_string());
            continue;
        }
        match run.latest_commit().map(|commit| commit.status) {
            Some(Status::Finished) => finished += 1,
            _ => unfinished.push(dir.display().to_string()),
        }
        leftovers += run.uncommitted().map_or(0, |files| files.len());
    }
    let mut findings = vec![Finding::fine(
        "runs",
        format!("{} in {}, {finished} finished", dirs.len(), folder.display()),
    )];
    if !busy.is_empty() {
        findings.push(Finding::fine("being written", list(&busy)));
    }
    if let Some(first) = unfinished.first() {
        let note = Finding::new("unfinished", Level::Note, list(&unfinished));
        findings.push(note.advise(format!("go on with: starling resume {first}")));
    }
    if leftovers > 0 {
        let text = format!("{leftovers} files that no commit names, of processes that were killed");
        let note = Finding::new("leftovers", Level::Note, text);
        findings.push(note.advise("readers ignore them; `starling resume` removes those of its run"));
    }
    if !damaged.is_empty() {
        let broken = Finding::new("damaged", Level::Broken, list(&damaged));
        findings.push(broken.advise("`starling verify RUN` tells what is wrong with a run"));
    }
    findings
}

fn list(names: &[String]) -> String {
    let mut text = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > NAMED {
        text.push_str(&format!(" and {} more", names.len() - NAMED));
    }
    text
}
