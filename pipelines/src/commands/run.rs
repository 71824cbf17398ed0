//! `starling run`: a pipeline file, or a built-in one by its name, to a finished run.

use super::completions::PipelineName;
use super::session::{self, ResourceArgs};
use super::{Context, OverrideArgs};
use crate::engine::Starling;
use crate::exit::Exit;
use crate::file::Pipeline;
use crate::file::layers::Origin;
use crate::problem::Problems;
use crate::ranks;
use bevy_app::App;
use clap::Args;
use starling_components::ranks::Ranks;
use starling_record::Run;
use std::path::{Path, PathBuf};

/// What to run.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// A pipeline file, or the name of a built-in pipeline, e.g. `quick`
    #[arg(value_name = "FILE|NAME", value_parser = PipelineName, hide_possible_values = true)]
    pipeline: String,
    #[command(flatten)]
    overrides: OverrideArgs,
    /// The run's own directory, or `s3://bucket/prefix`; `runs/<pipeline>/seed<N>` if not given, numbered where that exists
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    resources: ResourceArgs,
}

pub(crate) fn run(starling: &Starling, context: Context, args: RunArgs) -> Result<Exit, Problems> {
    let ranks = args.resources.ranks(starling)?;
    args.resources.set_threads();
    if !ranks.leads() {
        return Ok(ranks::follow(starling, &args.resources, &ranks));
    }
    let (pipeline, app) = ranks::share_pipeline(&ranks, build(starling, &args, &ranks))?;
    let dir = args.out.clone().unwrap_or_else(|| fresh(&pipeline));
    let run = Run::create(dir, &pipeline.text(), session::PROGRAM);
    if let Ok(run) = &run {
        context.talk(&format!("{} -> {}", pipeline.head.name, run.place()));
        if !pipeline.head.about.is_empty() {
            context.talk(&pipeline.head.about);
        }
    }
    if let Some(sweep) = &pipeline.sweep {
        let (runs, file) = (sweep.len(), &args.pipeline);
        context.talk(&format!(
            "one run, without the {runs} of its [sweep]; for those: starling sweep {file}"
        ));
    }
    session::drive(context, app, &pipeline, run, &args.resources)
}

fn build(starling: &Starling, args: &RunArgs, ranks: &Ranks) -> Result<(Pipeline, App), Problems> {
    let origin = Origin::of_argument(&args.pipeline)?;
    let pipeline = starling.load(&origin, &args.overrides.overrides())?;
    let app = starling.world_among(&pipeline, ranks)?;
    args.resources.check_memory(&app)?;
    Ok((pipeline, app))
}

/// `seed0`, then `seed0-2`, `seed0-3`, ...: the first that does not exist.
pub(super) fn fresh(pipeline: &Pipeline) -> PathBuf {
    let folder = Path::new("runs").join(&pipeline.head.name);
    let name = format!("seed{}", pipeline.head.seed);
    let numbered = (2_u64..).map(|n| format!("{name}-{n}"));
    let mut candidates = std::iter::once(name.clone())
        .chain(numbered)
        .map(|name| folder.join(name));
    candidates
        .find(|path| !path.exists())
        .unwrap_or_else(|| folder.join(&name))
}
