//! `starling verify`: every hash, row count and link of a run.

use super::Context;
use crate::exit::Exit;
use crate::problem::{Problem, Problems};
use clap::Args;
use serde_json::json;
use starling_record::verify::verify;
use std::path::PathBuf;

/// What to verify.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The run's directory
    run: PathBuf,
    /// Up to this commit; the newest if not given
    #[arg(long, value_name = "N")]
    commit: Option<u64>,
}

pub(crate) fn run(context: Context, args: VerifyArgs) -> Result<Exit, Problems> {
    let report = verify(&args.run, args.commit)?;
    let whole = report.is_whole();
    if context.json {
        let problems = Problems {
            list: report.problems.iter().cloned().map(Problem::from).collect(),
            ..Problems::default()
        };
        let data = json!({
            "whole": whole,
            "commits": report.commits,
            "tick": report.latest.as_ref().map(|c| c.tick),
            "status": report.latest.as_ref().map(|c| c.status.to_string()),
            "parts": report.parts,
            "bytes": report.bytes,
            "rows": report.rows,
            "checkpoints": report.checkpoints,
            "uncommitted": report.uncommitted,
            "problems": problems.json(),
        });
        context.data(&format!("{data:#}\n"));
        return Ok(if whole { Exit::Finished } else { Exit::Records });
    }
    let rows: Vec<_> = report
        .rows
        .iter()
        .map(|(table, rows)| format!("{rows} of {table}"))
        .collect();
    let rows = if rows.is_empty() {
        "none".to_owned()
    } else {
        rows.join(", ")
    };
    let mut text = format!(
        "{} commits, {} parts ({} bytes), {} checkpoints are right\nrows: {}\n",
        report.commits, report.parts, report.bytes, report.checkpoints, rows
    );
    if let Some(latest) = &report.latest {
        text.push_str(&format!(
            "last commit: {}, tick {}, {}\n",
            latest.commit, latest.tick, latest.status
        ));
    }
    if !report.uncommitted.is_empty() {
        text.push_str(&format!(
            "{} files belong to no commit; a resume removes them\n",
            report.uncommitted.len()
        ));
    }
    context.data(&text);
    if whole {
        return Ok(Exit::Finished);
    }
    Err(Problems {
        list: report.problems.into_iter().map(Problem::from).collect(),
        ..Problems::default()
    })
}
