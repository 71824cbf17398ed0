//! `starling bench train`: how fast a pipeline trains, recording included, and where a tick's time goes.

use super::clock::{Scratch, cpu_seconds, median};
use crate::commands::completions::PipelineName;
use crate::commands::{Context, OverrideArgs, session};
use crate::engine::{self, End, Limits, Snapshot, Starling};
use crate::file::Pipeline;
use crate::file::layers::Origin;
use crate::problem::Problems;
use bevy_ecs::prelude::*;
use clap::Args;
use serde_json::{Value, json};
use starling_components::Fault;
use starling_components::parameters::Replicas;
use starling_components::profile::Profile;
use starling_record::Run;
use std::time::{Duration, Instant};

/// What to train and for how long.
#[derive(Debug, Args)]
pub(super) struct TrainArgs {
    /// A pipeline file, or the name of a built-in pipeline
    #[arg(value_name = "FILE|NAME", value_parser = PipelineName, hide_possible_values = true)]
    pipeline: String,
    #[command(flatten)]
    overrides: OverrideArgs,
    /// Ticks that are measured in a round
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    ticks: u64,
    /// Ticks before them that are not
    #[arg(long, default_value_t = 2)]
    warm: u64,
    /// Rounds, each a new run; one more, which is not counted, tells where the time goes
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Threads; all cores if not given
    #[arg(long)]
    threads: Option<usize>,
}

/// One round.
struct Round {
    /// Environment steps of all replicas.
    steps: u64,
    wall: f64,
    cpu: f64,
    stages: Vec<(&'static str, Duration)>,
}

/// Phases of a tick in their order; `collect` is told by its stages.
const PHASES: [&str; 5] = ["collect", "learn", "evaluate", "record", "persist"];

pub(super) fn rows(starling: &Starling, context: Context, args: &TrainArgs) -> Result<Vec<Value>, Problems> {
    session::set_threads(args.threads);
    let pipeline = starling.load(&Origin::of_argument(&args.pipeline)?, &args.overrides.overrides())?;
    let mut rounds = Vec::new();
    for number in 0..args.rounds.max(1) {
        rounds.push(round(starling, &pipeline, args, number, false)?);
    }
    let profiled = round(starling, &pipeline, args, args.rounds.max(1), true)?;
    let rate = median(rounds.iter().map(|r| r.steps as f64 / r.wall));
    let cpu_rate = median(rounds.iter().map(|r| r.steps as f64 / r.cpu));
    let wall = median(rounds.iter().map(|r| r.wall)) / args.ticks as f64;
    let stages = shares(&profiled);
    if !context.json {
        context.data(&format!(
            "{}: {rate:.0} steps/s, {cpu_rate:.0} per CPU second, {:.3} ms per tick of {} steps\n",
            pipeline.head.name,
            wall * 1e3,
            profiled.steps / args.ticks,
        ));
        for (stage, share) in &stages {
            context.data(&format!(
                "  {stage:<10} {:>5.1} %  {:>9.3} ms\n",
                100.0 * share,
                wall * share * 1e3
            ));
        }
    }
    let stages: serde_json::Map<String, Value> =
        stages.iter().map(|(name, x)| ((*name).to_owned(), json!(x))).collect();
    Ok(vec![json!({
        "name": pipeline.head.name,
        "steps_per_second": rate,
        "steps_per_cpu_second": cpu_rate,
        "tick_ms": wall * 1e3,
        "tick_steps": profiled.steps / args.ticks,
        "ticks": args.ticks,
        "rounds": rounds.len(),
        "stages": stages,
    })])
}

fn round(
    starling: &Starling,
    pipeline: &Pipeline,
    args: &TrainArgs,
    number: usize,
    on: bool,
) -> Result<Round, Problems> {
    let mut app = starling.world(pipeline)?;
    let folder = Scratch::new(number);
    let run = Run::create(folder.path(), &pipeline.text(), session::PROGRAM)?;
    starling_record::start(app.world_mut(), run)?;
    app.world_mut().resource_mut::<Profile>().on = on;
    let mut begun = (Instant::now(), cpu_seconds(), 0);
    let (mut done, mut measured) = (0, None);
    // The tick behind the last that counts ends the run, which waits for the disk.
    let limits = Limits {
        ticks: Some(args.warm + args.ticks + 1),
        ..Limits::default()
    };
    let end = engine::run_ticks(&mut app, limits, |world| {
        done += 1;
        if done == args.warm {
            world.resource_mut::<Profile>().take();
            begun = (Instant::now(), cpu_seconds(), steps(world));
        } else if done == args.warm + args.ticks {
            measured = Some(Round {
                wall: begun.0.elapsed().as_secs_f64(),
                cpu: cpu_seconds() - begun.1,
                steps: steps(world) - begun.2,
                stages: world.resource_mut::<Profile>().take(),
            });
        }
    });
    let closed = starling_record::finish(app.world_mut());
    if let End::Failed(faults) = end {
        return Err(pipeline.locate(faults));
    }
    closed?;
    measured.ok_or_else(|| {
        let problem = format!(
            "the pipeline ends after {done} ticks, too few to measure {}",
            args.ticks
        );
        Fault::pipeline(problem)
            .advise("give --ticks fewer, or --until more")
            .into()
    })
}

/// Environment steps of all replicas so far.
fn steps(world: &mut World) -> u64 {
    let replicas = world.query::<&Replicas>().iter(world).map(|r| r.0.len()).max();
    Snapshot::of(world).env_steps * replicas.unwrap_or(1) as u64
}

/// Shares of the whole tick: the phases, and in the place of `collect` the stages inside it, whose times are those of all threads together.
fn shares(round: &Round) -> Vec<(&'static str, f64)> {
    let time = |name: &str| {
        let found = round.stages.iter().find(|(stage, _)| *stage == name);
        found.map_or(0.0, |(_, time)| time.as_secs_f64())
    };
    let inside: Vec<_> = round.stages.iter().filter(|(name, _)| !PHASES.contains(name)).collect();
    let all_inside: f64 = inside.iter().map(|(_, time)| time.as_secs_f64()).sum();
    let mut parts = Vec::new();
    for phase in PHASES {
        if phase != "collect" || all_inside == 0.0 {
            parts.push((phase, time(phase)));
            continue;
        }
        // A step observes, and to tell the time of that the profile observed once more: it is in `collect` and in `step` too.
        let wall = time(phase) / all_inside;
        for (name, stage) in &inside {
            let stage = stage.as_secs_f64();
            let own = if *name == "step" {
                (stage - time("observe")).max(0.0)
            } else {
                stage
            };
            parts.push((*name, wall * own));
        }
    }
    let whole: f64 = parts.iter().map(|(_, time)| time).sum();
    parts.into_iter().map(|(name, time)| (name, time / whole)).collect()
}
