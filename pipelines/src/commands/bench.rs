//! `starling bench`: how fast environments step on one core, and what recording every step costs a training.

use super::{Context, session};
use crate::engine::{self, End, Limits, Starling};
use crate::exit::Exit;
use crate::file::layers::{Origin, Overrides};
use crate::problem::Problems;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use starling_components::Fault;
use starling_components::registry::{Choice, Registry, RulesContext, RulesSlot};
use starling_record::Run;
use starling_simulate::measure::{Round, measure};
use std::time::Instant;

const ROUNDS: usize = 5;
const SECONDS: f64 = 0.5;

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Environments, if not given
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Steps per second of one core, observations written, random actions
    Environments {
        /// Rounds; the best one counts, since a shared machine only makes a round slower
        #[arg(long, default_value_t = ROUNDS)]
        rounds: usize,
        /// Seconds per round
        #[arg(long, default_value_t = SECONDS)]
        seconds: f64,
    },
    /// What recording every step costs a training, with and without observations; medians over rounds
    Recording {
        /// The pipeline that trains
        #[arg(long, default_value = "overcooked_v2/ippo_mlp")]
        pipeline: String,
        /// Ticks per round
        #[arg(long, default_value_t = 8)]
        ticks: u64,
        /// Rounds of all three, taken in turn
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
}

/// Name, kind of rules, settings, seats.
type Case = (&'static str, &'static str, fn() -> Value, usize);

const CASES: &[Case] = &[
    (
        "overcooked_v2/cramped_room",
        "overcooked_v2",
        || json!({ "layout": "cramped_room" }),
        2,
    ),
    (
        "overcooked_v2/grounded_coord_simple",
        "overcooked_v2",
        || json!({ "layout": "grounded_coord_simple" }),
        2,
    ),
    (
        "overcooked_v1/cramped_room",
        "overcooked_v1",
        || json!({ "layout": "cramped_room" }),
        2,
    ),
    ("classic_control/cart_pole", "cart_pole", || json!({}), 1),
    ("classic_control/acrobot", "acrobot", || json!({}), 1),
    ("classic_control/mountain_car", "mountain_car", || json!({}), 1),
    (
        "classic_control/mountain_car_continuous",
        "mountain_car_continuous",
        || json!({}),
        1,
    ),
    ("classic_control/pendulum", "pendulum", || json!({}), 1),
    ("minatar/breakout", "minatar_breakout", || json!({}), 1),
    ("minatar/asterix", "minatar_asterix", || json!({}), 1),
    ("minatar/freeway", "minatar_freeway", || json!({}), 1),
    ("minatar/space_invaders", "minatar_space_invaders", || json!({}), 1),
    ("minatar/seaquest", "minatar_seaquest", || json!({}), 1),
];

const LANES: [usize; 2] = [1024, 4096];

pub(crate) fn run(starling: &Starling, context: Context, args: BenchArgs) -> Result<Exit, Problems> {
    let environments_by_default = What::Environments {
        rounds: ROUNDS,
        seconds: SECONDS,
    };
    let rows = match args.what.unwrap_or(environments_by_default) {
        What::Environments { rounds, seconds } => environments(starling, context, rounds, seconds)?,
        What::Recording {
            pipeline,
            ticks,
            rounds,
        } => recording(starling, context, &pipeline, ticks, rounds)?,
    };
    if context.json {
        context.data(&format!("{:#}\n", Value::Array(rows)));
    }
    Ok(Exit::Finished)
}

fn environments(starling: &Starling, context: Context, rounds: usize, seconds: f64) -> Result<Vec<Value>, Problems> {
    let app = starling.app();
    let registry = app.world().resource::<Registry>();
    let mut rows = Vec::new();
    for (name, kind, settings, seats) in CASES {
        let choice = Choice {
            kind: (*kind).to_owned(),
            settings: settings(),
        };
        let place = RulesContext {
            seats: *seats,
            folder: None,
        };
        let environment = registry.build::<RulesSlot>(&choice, place)?;
        for lanes in LANES {
            let measured = measure(environment.as_ref(), lanes, rounds.max(1), seconds)?;
            let best = measured
                .iter()
                .max_by(|a, b| a.steps_per_cpu_second().total_cmp(&b.steps_per_cpu_second()));
            let Some(best) = best else { continue };
            if !context.json {
                let speed = best.steps_per_cpu_second() / 1e6;
                context.data(&format!(
                    "{name:<40} {lanes:>5} lanes  {speed:>8.2} M steps per CPU second\n"
                ));
            }
            rows.push(row(name, lanes, best));
        }
    }
    Ok(rows)
}

/// `steps_per_second` is per second of processor time: what one core does when nobody else wants it.
fn row(name: &str, lanes: usize, round: &Round) -> Value {
    json!({
        "name": name,
        "lanes": lanes,
        "steps_per_second": round.steps_per_cpu_second(),
        "cpu_seconds": round.cpu_seconds,
        "wall_seconds": round.wall_seconds,
        "steps": round.steps,
    })
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

fn recording(
    starling: &Starling,
    context: Context,
    pipeline: &str,
    ticks: u64,
    rounds: usize,
) -> Result<Vec<Value>, Problems> {
    let mut measured: [Vec<(f64, f64)>; VARIANTS.len()] = Default::default();
    for round in 0..rounds.max(1) {
        for (index, (name, set)) in VARIANTS.iter().enumerate() {
            let (wall, cpu) = one_training(starling, pipeline, set, ticks)?;
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

/// The middle value; the mean of the two middle ones of an even number.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n => f64::midpoint(values[(n - 1) / 2], values[n / 2]),
    }
}

/// Wall and processor seconds of `ticks` ticks, recorded into a temporary folder.
fn one_training(starling: &Starling, pipeline: &str, set: &[&str], ticks: u64) -> Result<(f64, f64), Problems> {
    let overrides = Overrides {
        set: set.iter().map(|s| (*s).to_owned()).collect(),
        ..Overrides::default()
    };
    let pipeline = starling.load(&Origin::of_argument(pipeline)?, &overrides)?;
    let mut app = starling.world(&pipeline)?;
    let dir = std::env::temp_dir().join(format!("starling-bench-{}", std::process::id()));
    let run = Run::create(&dir, &pipeline.text(), session::PROGRAM)?;
    starling_record::start(app.world_mut(), run)?;
    let (wall, cpu) = (Instant::now(), process_cpu_seconds());
    let limits = Limits {
        ticks: Some(ticks),
        ..Limits::default()
    };
    let end = engine::run_ticks(&mut app, limits, |_| {});
    let closed = starling_record::finish(app.world_mut());
    let seconds = wall.elapsed().as_secs_f64();
    let cpu_seconds = process_cpu_seconds() - cpu;
    let removed = std::fs::remove_dir_all(&dir);
    closed?;
    removed.map_err(|e| Fault::storage(format!("cannot remove `{}`: {e}", dir.display())))?;
    match end {
        End::Failed(faults) => Err(pipeline.locate(faults)),
        End::Finished | End::Interrupted => Ok((seconds, cpu_seconds)),
    }
}

/// Processor time of the whole process, in steps of 10 ms; 0 where the system does not tell.
fn process_cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name in parentheses, user and system time are the 12th and 13th fields, in hundredths of a second.
    let fields = text
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(11)
        .take(2);
    fields.filter_map(|f| f.parse::<f64>().ok()).sum::<f64>() / 100.0
}
