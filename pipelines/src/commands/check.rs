//! `starling check`: everything that can be wrong with a pipeline, without running it.

use super::completions::PipelineName;
use super::{Context, OverrideArgs, say};
use crate::batch::plan;
use crate::engine::{self, Starling};
use crate::exit::Exit;
use crate::file::layers::Origin;
use crate::problem::Problems;
use clap::Args;
use serde_json::Value;
use starling_components::fault::FaultKind;

/// What to check.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Pipeline files, or names of built-in pipelines
    #[arg(required = true, value_name = "FILE", value_parser = PipelineName, hide_possible_values = true)]
    files: Vec<String>,
    #[command(flatten)]
    overrides: OverrideArgs,
    /// Memory that a pipeline may need, e.g. 8GiB; the machine's if not given
    #[arg(long, value_name = "SIZE", value_parser = engine::parse_bytes)]
    memory_limit: Option<u64>,
    /// Print the resolved pipelines: everything merged, every default said
    #[arg(long)]
    resolved: bool,
}

pub(crate) fn run(starling: &Starling, context: Context, args: CheckArgs) -> Result<Exit, Problems> {
    let mut worst = Exit::Finished;
    let mut problems = Vec::new();
    for file in &args.files {
        match check(starling, file, &args) {
            Ok(text) => {
                context.talk(&format!("{file}: fine"));
                if args.resolved && !context.json {
                    context.data(&text);
                }
            }
            // It may be right: what it takes from other runs is looked at when they are there.
            Err(found) if found.list.iter().all(|problem| problem.kind == FaultKind::Missing) => {
                context.talk(&format!(
                    "{file}: fine as far as can be seen before the runs that it takes from"
                ));
                for problem in &found.list {
                    context.talk(&format!("  {}", problem.message));
                }
            }
            Err(found) => {
                worst = Exit::of(&found);
                match found.json() {
                    Value::Array(list) if context.json => problems.extend(list),
                    _ => say(&found.render()),
                }
            }
        }
    }
    if context.json {
        context.data(&format!("{:#}\n", Value::Array(problems)));
    }
    Ok(worst)
}

fn check(starling: &Starling, file: &str, args: &CheckArgs) -> Result<String, Problems> {
    let origin = Origin::of_argument(file)?;
    let pipeline = starling.load(&origin, &args.overrides.overrides())?;
    if pipeline.sweep.is_some() {
        plan::plan(starling, &origin, &args.overrides.overrides(), args.memory_limit)?;
    }
    let app = starling.world(&pipeline)?;
    engine::check_memory(&app, engine::limit_of(args.memory_limit))?;
    Ok(pipeline.text())
}
