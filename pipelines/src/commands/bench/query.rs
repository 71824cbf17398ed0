//! `starling bench query`: many synthetic runs, and how long questions about them take.

use super::clock::median;
use crate::commands::Context;
use crate::problem::Problems;
use clap::Args;
use rayon::prelude::*;
use serde_json::{Value, json};
use starling_components::Fault;
use starling_components::clock::ClockValues;
use starling_components::persist::Snapshot;
use starling_components::random::{Key, unit_f32};
use starling_components::specs::KeepCheckpoints;
use starling_components::tables::metrics::Metrics;
use starling_record::commit::{GroupClocks, Status};
use starling_record::{CommitRequest, Recorder, Run, likeness};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How many runs of which size.
#[derive(Debug, Args)]
pub(super) struct QueryArgs {
    /// Where the runs are, or will be made
    #[arg(long, value_name = "DIR", default_value = "target/bench-query")]
    folder: PathBuf,
    /// Runs
    #[arg(long, default_value_t = 10_000)]
    runs: usize,
    /// Rows of `metrics` in each
    #[arg(long, default_value_t = 10_000)]
    rows: u64,
    /// Times that each question is asked
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// Runs whose parts differ; the others share theirs.
const ORIGINALS: usize = 16;
/// Metrics per tick.
const METRICS: [&str; 10] = [
    "episode_return",
    "episode_length",
    "policy_loss",
    "value_loss",
    "entropy",
    "approx_kl",
    "clip_fraction",
    "explained_variance",
    "grad_norm",
    "learning_rate",
];

const QUESTIONS: [&str; 9] = [
    "SELECT count(*) FROM runs",
    "SELECT run, status, tick FROM runs",
    "SELECT run, state FROM runs",
    "SELECT \"agent.pupil.learner.ppo.entropy\" AS entropy, count(*) FROM runs GROUP BY entropy",
    "SELECT count(*) FROM metrics",
    "SELECT count(*), avg(value) FROM metrics WHERE run = 'bench/7/run00777'",
    "SELECT count(*), avg(value), max(value) FROM metrics WHERE metric = 'episode_return' AND tick > 500",
    "SELECT metric, count(*), avg(value) FROM metrics GROUP BY metric",
    "SELECT run, max(value) AS best FROM metrics WHERE metric = 'episode_return' GROUP BY run ORDER BY best DESC LIMIT 5",
];

pub(super) fn rows(context: Context, args: &QueryArgs) -> Result<Vec<Value>, Problems> {
    make(context, args)?;
    let mut rows = Vec::new();
    for question in QUESTIONS {
        let mut seconds = Vec::new();
        let mut peak = 0;
        for _ in 0..args.rounds.max(1) {
            let (wall, memory) = ask(&args.folder, question)?;
            seconds.push(wall);
            peak = peak.max(memory);
        }
        let wall = median(seconds.iter().copied());
        if !context.json {
            context.data(&format!("{wall:>8.3} s  {:>6} MiB  {question}\n", peak >> 20));
        }
        rows.push(json!({ "question": question, "seconds": wall, "all_seconds": seconds, "peak_bytes": peak }));
    }
    Ok(rows)
}

/// Wall seconds and peak memory of one question, asked by a process of its own.
fn ask(folder: &Path, question: &str) -> Result<(f64, u64), Fault> {
    let failed = |e: std::io::Error| Fault::storage(format!("failed to start this program again: {e}"));
    let program = std::env::current_exe().map_err(failed)?;
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(["query", question, "--format", "csv", "--runs"])
        .arg(folder)
        .stdout(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        if let Some(ended) = child.try_wait().map_err(failed)? {
            let wall = start.elapsed().as_secs_f64();
            if ended.success() {
                return Ok((wall, peak));
            }
            return Err(Fault::run(format!("`{question}` failed")));
        }
        // The high-water mark of the resident set; what it gains in the last milliseconds is missed.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        peak = peak.max(kilobytes.unwrap_or(0) << 10);
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Makes the runs that the folder lacks.
fn make(context: Context, args: &QueryArgs) -> Result<(), Fault> {
    let missing: Vec<usize> = (0..args.runs)
        .filter(|&run| !place(&args.folder, run).exists())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    context.talk(&format!(
        "making {} runs of {} rows in {}",
        missing.len(),
        args.rows,
        args.folder.display()
    ));
    // Beside the runs, not among them.
    let workshop = args.folder.with_extension("originals");
    let _ = std::fs::remove_dir_all(&workshop);
    let originals = (0..ORIGINALS.min(args.runs))
        .into_par_iter()
        .map(|number| original(&workshop, number, args.rows));
    let originals = originals.collect::<Result<Vec<Run>, Fault>>()?;
    let made = missing.par_iter().try_for_each(|&run| {
        likeness::make(
            &originals[run % originals.len()],
            &place(&args.folder, run),
            &pipeline(run),
        )
    });
    drop(originals);
    let _ = std::fs::remove_dir_all(&workshop);
    made
}

fn place(folder: &Path, run: usize) -> PathBuf {
    folder.join(format!("bench/{}/run{run:05}", run % 10))
}

/// About as long as a resolved pipeline is.
fn pipeline(run: usize) -> String {
    let entropy = [0.0, 0.01, 0.02][run % 3];
    let mut text =
        format!("name = \"bench\"\nseed = {run}\nuntil = {{ ticks = 1000 }}\n\n[agent.pupil]\nreplicas = 1\n");
    text.push_str(&format!(
        "learner.ppo = {{ steps = 128, epochs = 4, minibatches = 4, clip = 0.2, entropy = {entropy} }}\n"
    ));
    for layer in 0..20 {
        text.push_str(&format!(
            "\n[environment.place{layer}]\nlanes = 64\nseats = [\"pupil\"]\nrules.cart_pole = {{ max_steps = 500 }}\n"
        ));
    }
    text
}

fn original(folder: &Path, number: usize, rows: u64) -> Result<Run, Fault> {
    let run = Run::create(folder.join(number.to_string()), &pipeline(number), "bench")?;
    let mut recorder = Recorder::start(run, 1 << 18, KeepCheckpoints::default())?;
    let key = Key::of_seed(number as u64);
    let mut metrics = Metrics::default();
    for row in 0..rows {
        let (tick, metric) = (
            row / METRICS.len() as u64,
            METRICS[(row % METRICS.len() as u64) as usize],
        );
        let [word, _] = key.block(row as u32, 0);
        let value = f64::from(unit_f32(word)) + tick as f64 / 100.0;
        metrics.push(tick, 512 * tick, "agent.pupil", 0, metric, value);
    }
    recorder.write(metrics.into_block())?;
    let ticks = rows / METRICS.len() as u64;
    let now = ClockValues {
        ticks,
        env_steps: 512 * ticks,
        updates: ticks,
        ..ClockValues::default()
    };
    let clocks = GroupClocks {
        now,
        finished: true,
        ..GroupClocks::default()
    };
    recorder.commit(CommitRequest {
        status: Status::Finished,
        clocks: [("place0".to_owned(), clocks)].into(),
        snapshot: Snapshot::default(),
    })?;
    recorder.close()
}
