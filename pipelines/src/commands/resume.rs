//! `starling resume`: go on with a run from its last commit, to the same bits as if it had never stopped.

use super::Context;
use super::session::{self, ResourceArgs};
use crate::engine::Starling;
use crate::exit::Exit;
use crate::file::Pipeline;
use crate::file::layers::{Origin, Overrides};
use crate::problem::Problems;
use crate::ranks;
use bevy_app::App;
use clap::Args;
use starling_components::Fault;
use starling_components::ranks::Ranks;
use starling_record::{ResumeOptions, Run};
use std::path::PathBuf;

/// What to go on with.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The run's directory
    run: PathBuf,
    /// Go on from this commit; later ones are set aside
    #[arg(long, value_name = "N")]
    commit: Option<u64>,
    /// Go on although this machine's instructions may give other bits
    #[arg(long)]
    allow_other_bits: bool,
    /// Step the lanes of all environments by this from now on, e.g. `cpu` where the device is gone
    #[arg(long, value_name = "BACKEND", value_parser = ["cpu", "gpu", "auto"])]
    backend: Option<String>,
    #[command(flatten)]
    resources: ResourceArgs,
}

pub(crate) fn run(starling: &Starling, context: Context, args: ResumeArgs) -> Result<Exit, Problems> {
    let ranks = args.resources.ranks(starling)?;
    args.resources.set_threads();
    if !ranks.leads() {
        return Ok(ranks::follow(starling, &args.resources, &ranks));
    }
    // The others learn of whatever goes wrong before the run is open.
    let mut opened = None;
    let built = open(starling, &args, &ranks).map(|(run, pipeline, app)| {
        opened = Some(run);
        (pipeline, app)
    });
    let (pipeline, app) = ranks::share_pipeline(&ranks, built)?;
    let run = opened.ok_or_else(|| Fault::run("the run was not opened"));
    session::drive(context, app, &pipeline, run, &args.resources)
}

fn open(starling: &Starling, args: &ResumeArgs, ranks: &Ranks) -> Result<(Run, Pipeline, App), Problems> {
    let options = ResumeOptions {
        commit: args.commit,
        allow_other_bits: args.allow_other_bits,
        program: session::PROGRAM.to_owned(),
    };
    let run = Run::open_for_resume(&args.run, &options)?;
    let pipeline = starling.load(&origin(&run), &Overrides::default())?;
    let pipeline = match &args.backend {
        None => pipeline,
        Some(backend) => starling.load(&origin(&run), &stepped_by(backend, &pipeline))?,
    };
    let app = starling.world_among(&pipeline, ranks)?;
    args.resources.check_memory(&app)?;
    Ok((run, pipeline, app))
}

/// Every environment on `backend`.
fn stepped_by(backend: &str, pipeline: &Pipeline) -> Overrides {
    let environments = pipeline.names("environment");
    Overrides {
        set: environments
            .map(|name| format!("environment.{name}.backend={backend}"))
            .collect(),
        ..Overrides::default()
    }
}

/// The pipeline that a run keeps, for someone who looks at the run: what it was made from may be gone.
pub(super) fn stored(starling: &Starling, run: &Run) -> Result<Pipeline, Problems> {
    starling.load_to_read(&origin(run))
}

fn origin(run: &Run) -> Origin {
    Origin::Text {
        name: format!("{}/pipeline.toml", run.place()),
        text: run.pipeline().to_owned(),
    }
}
