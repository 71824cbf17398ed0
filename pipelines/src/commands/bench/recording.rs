//! `starling bench recording`: what recording every step costs a training.

use super::clock::{self, Scratch, median};
use crate::commands::{Context, session};
use crate::engine::{self, End, Limits, Starling};
use crate::file::layers::{Origin, Overrides};
use crate::problem::Problems;
use clap::Args;
use serde_json::{Value, json};
use starling_record::Run;
use std::time::Instant;

/// What to record, and how often.
#[derive(Debug, Args)]
pub(super) struct RecordingArgs {
    /// The pipeline that trains
    #[arg(long, default_value = "overcooked_v2/ippo_mlp")]
    pipeline: String,
    /// Ticks per round
    #[arg(long, default_value_t = 8)]
    ticks: u64,
    /// Rounds of all three, taken in turn
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

const VARIANTS: [(&str, &[&str]); 3] = [
    // So rarely that no episode of a bench is recorded but each lane's first: the file may record some itself.
    ("hardly any step", &["record.trajectories.every=1000000"]),
    ("every step", &["record.trajectories.every=1"]),
    (
        "every step with observations",
        &["record.trajectories.every=1", "record.trajectories.observations=true"],
    ),
];

pub(super) fn rows(starling: &Starling, context: Context, args: &RecordingArgs) -> Result<Vec<Value>, Problems> {
    let RecordingArgs {
        pipeline,
        ticks,
        rounds,
    } = args;
    let mut measured: [Vec<(f64, f64)>; VARIANTS.len()] = Default::default();
    for round in 0..(*rounds).max(1) {
        for (index, (name, set)) in VARIANTS.iter().enumerate() {
            let (wall, cpu) = one_training(starling, pipeline, set, *ticks)?;
            context.talk(&format!("round {}, {name}: {wall:.2} s, {cpu:.2} CPU s", round + 1));
            measured[index].push((wall, cpu));
        }
    }
    let [base, ..] = &measured;
    let mut rows = Vec::new();
    for ((name, _), times) in VARIANTS.iter().zip(&measured) {
        let wall = median(times.iter().map(|t| t.0));
        let cpu = median(times.iter().map(|t| t.1));
        // Each round against its own neighbour: what else the machine does moves both.
        let more = median(times.iter().zip(base).map(|(t, b)| 100.0 * (t.0 / b.0 - 1.0)));
        let more_cpu = median(times.iter().zip(base).map(|(t, b)| 100.0 * (t.1 / b.1 - 1.0)));
        if !context.json {
            let line = format!("{name:<30} {wall:>7.2} s ({more:+.1} %)  {cpu:>7.2} CPU s ({more_cpu:+.1} %)\n");
            context.data(&line);
        }
        rows.push(json!({
            "name": name,
            "seconds": wall,
            "cpu_seconds": cpu,
            "percent": more,
            "cpu_percent": more_cpu,
            "ticks": ticks,
            "rounds": times.len(),
        }));
    }
    Ok(rows)
}

/// Wall and processor seconds of `ticks` ticks, recorded into a temporary folder.
fn one_training(starling: &Starling, pipeline: &str, set: &[&str], ticks: u64) -> Result<(f64, f64), Problems> {
    let overrides = Overrides {
        set: set.iter().map(|s| (*s).to_owned()).collect(),
        ..Overrides::default()
    };
    let pipeline = starling.load(&Origin::of_argument(pipeline)?, &overrides)?;
    let mut app = starling.world(&pipeline)?;
    let folder = Scratch::new(0);
    let run = Run::create(folder.path(), &pipeline.text(), session::PROGRAM)?;
    starling_record::start(app.world_mut(), run)?;
    let (wall, cpu) = (Instant::now(), clock::cpu_seconds());
    let limits = Limits {
        ticks: Some(ticks),
        ..Limits::default()
    };
    let end = engine::run_ticks(&mut app, limits, |_| {});
    let closed = starling_record::finish(app.world_mut());
    let seconds = wall.elapsed().as_secs_f64();
    let cpu_seconds = clock::cpu_seconds() - cpu;
    closed?;
    match end {
        End::Failed(faults) => Err(pipeline.locate(faults)),
        End::Finished | End::Interrupted => Ok((seconds, cpu_seconds)),
    }
}
