//! `starling diff`: whether two runs are the same, and where they part.

use super::Context;
use crate::exit::Exit;
use crate::problem::Problems;
use clap::Args;
use serde_json::json;
use starling_record::Run;
use starling_record::diff::diff;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Differences that are listed in full.
const LISTED: usize = 10;

/// What to compare.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// One run's directory
    a: PathBuf,
    /// The other's
    b: PathBuf,
}

pub(crate) fn run(context: Context, args: DiffArgs) -> Result<Exit, Problems> {
    let a = Run::open_read_only(&args.a, None)?;
    let b = Run::open_read_only(&args.b, None)?;
    let difference = diff(&a, &b)?;
    // A run that stands at another tick is not the same run, though all rows up to there may agree.
    let agree = difference.is_same();
    let same = agree && difference.checkpoint.is_some();
    let exit = if same { Exit::Finished } else { Exit::Failed };
    let rows: Vec<String> = difference.rows.iter().map(ToString::to_string).collect();
    let tensors: Option<Vec<String>> = difference
        .checkpoint
        .as_ref()
        .map(|list| list.iter().map(ToString::to_string).collect());
    if context.json {
        let agreeing: serde_json::Map<_, _> = difference
            .agreeing
            .iter()
            .map(|(table, rows)| (table.clone(), json!(rows)))
            .collect();
        let data = json!({
            "same": same,
            "ticks": difference.ticks,
            "compared_up_to_tick": difference.tick,
            "same_pipeline": difference.same_pipeline,
            "agreeing_rows": agreeing,
            "rows": rows,
            "checkpoint": tensors,
        });
        context.data(&format!("{data:#}\n"));
        return Ok(exit);
    }
    let mut text = String::new();
    for (table, rows) in &difference.agreeing {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{table}: {rows} rows agree");
    }
    for row in &rows {
        let _ = writeln!(text, "{row}");
    }
    match &tensors {
        None => {
            let [a, b] = difference.ticks;
            let _ = writeln!(
                text,
                "the runs stand at ticks {a} and {b}: rows were compared up to tick {}, checkpoints were not",
                difference.tick
            );
        }
        Some(list) => {
            for tensor in list.iter().take(LISTED) {
                let _ = writeln!(text, "{tensor}");
            }
            if list.len() > LISTED {
                let _ = writeln!(text, "and {} more tensors", list.len() - LISTED);
            }
            if list.is_empty() {
                text.push_str("checkpoints agree\n");
            }
        }
    }
    if !difference.same_pipeline {
        text.push_str("the pipelines differ\n");
    }
    text.push_str(match (same, agree) {
        (true, _) => "same\n",
        (false, true) => "different: the same as far as the shorter run goes\n",
        (false, false) => "different\n",
    });
    context.data(&text);
    Ok(exit)
}
