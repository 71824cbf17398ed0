//! `starling eval`: stored agents in any environment. Writes a pipeline that takes them from where they are stored, and runs it as any other:
//! what comes of it is an ordinary run, for `show`, `replay` and every reader of tables.

mod compose;
mod stored;

use super::Context;
use super::run::fresh;
use super::session::{self, ResourceArgs};
use crate::engine::Starling;
use crate::exit::Exit;
use crate::file::layers::{Origin, Overrides};
use crate::problem::Problems;
use clap::{Args, ValueEnum};
use compose::{Asked, compose};
use starling_components::registry::{Registry, ScriptSlot, Slot};
use starling_components::specs::Pair;
use starling_record::Run;
use std::path::PathBuf;
use stored::Stored;

/// Who is evaluated, and where.
#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// Folders of runs, or patterns such as `'runs/overcooked_v2/sp/*'`; `RUN:AGENT` where a run has several agents; or safetensors files. Runs
    /// of one pipeline are one agent with the replicas of all
    #[arg(required = true, value_name = "RUN|FILE")]
    sources: Vec<String>,
    /// The pipeline whose environment is played: a file, a built-in pipeline's name, or a run; the first source's own if not given
    #[arg(long = "in", value_name = "FILE|NAME|RUN")]
    place: Option<String>,
    /// Its environment, if it has several
    #[arg(long, value_name = "KEY")]
    environment: Option<String>,
    /// Who sits in the seats, by name, e.g. `sp,fcp`; kinds of script too, e.g. `chef,random`. All pairings of the sources if not given
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    agents: Vec<String>,
    /// Which replicas meet
    #[arg(long, value_name = "HOW", default_value = "product")]
    pair: PairArg,
    /// Episodes per pairing
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    episodes: u32,
    /// Play every arrangement in all rotations of the seats
    #[arg(long)]
    rotate: bool,
    /// Take the most probable actions
    #[arg(long)]
    greedy: bool,
    /// How the tensors of the files are called: `starling` or `jaxmarl`
    #[arg(long, value_name = "NAMES", default_value = "starling")]
    names: NamesArg,
    /// The seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Print the pipeline file instead of running it
    #[arg(long)]
    print: bool,
    /// The run's own directory; below `runs/eval` if not given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    resources: ResourceArgs,
}

/// [`Pair`] on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum PairArg {
    /// Replica r plays with replica r
    Index,
    /// Every replica plays with every replica, in every order of the seats
    Product,
}

/// How tensors are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum NamesArg {
    /// As in checkpoints of this program
    Starling,
    /// As JaxMARL's `save_params` writes them
    Jaxmarl,
}

pub(crate) fn run(starling: &Starling, context: Context, args: EvalArgs) -> Result<Exit, Problems> {
    args.resources.set_threads();
    let stored = Stored::all(&args.sources, args.names == NamesArg::Jaxmarl)?;
    let place = match (&args.place, &stored[..]) {
        (Some(place), _) => stored::origin(place)?,
        (None, [first, ..]) => first.pipeline()?,
        (None, []) => return Ok(Exit::Finished),
    };
    let place = starling.load(&place, &Overrides::default())?;
    let app = starling.app();
    let scripts = app
        .world()
        .resource::<Registry>()
        .kinds(ScriptSlot::NAME)
        .map(|kind| kind.name);
    let asked = Asked {
        environment: args.environment.as_deref(),
        agents: &args.agents,
        scripts: scripts.collect(),
        pair: match args.pair {
            PairArg::Index => Pair::Index,
            PairArg::Product => Pair::Product,
        },
        rotate: args.rotate,
        episodes: args.episodes,
        greedy: args.greedy,
        seed: args.seed,
    };
    let text = compose(&stored, &place, &asked)?;
    if args.print {
        context.data(&text);
        return Ok(Exit::Finished);
    }
    let origin = Origin::Text {
        name: "the pipeline of `starling eval` (see --print)".to_owned(),
        text,
    };
    let pipeline = starling.load(&origin, &Overrides::default())?;
    let app = starling.world(&pipeline)?;
    args.resources.check_memory(&app)?;
    let dir = args.out.clone().unwrap_or_else(|| fresh(&pipeline));
    let run = Run::create(&dir, &pipeline.text(), session::PROGRAM)?;
    context.talk(&format!("{} -> {}", pipeline.head.about, dir.display()));
    session::drive(context, app, &pipeline, Ok(run), &args.resources)
}
