//! `starling aggregate`: methods compared over tasks and runs, with bootstrap intervals.

mod report;
pub(super) mod rows;

use super::Context;
use super::query::{self, Format};
use crate::exit::Exit;
use crate::problem::Problems;
use crate::statistics::{
    Bootstrap, Scores, fraction_above, fraction_of_tasks_above, iqm, mean, median, optimality_gap,
    probability_of_improvement,
};
use clap::{Args, ValueEnum};
use report::Line;
use rows::{Columns, Methods};
use starling_components::{Fault, suggest};
use std::path::PathBuf;

/// Where scores are, and what to say of them.
#[derive(Debug, Args)]
pub(crate) struct AggregateArgs {
    /// A CSV or Parquet file of scores, one row per run and task
    #[arg(required_unless_present = "sql", conflicts_with = "sql")]
    scores: Option<PathBuf>,
    /// A query that gives the scores, e.g. `SELECT "agent.cart.learner.ppo.clip" AS method, run, iqm(...) AS score FROM ...`
    #[arg(long)]
    sql: Option<String>,
    /// The folder of the runs that the query asks
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,
    /// The column that says which method a score is of
    #[arg(long, value_name = "COLUMN", default_value = "method")]
    method: String,
    /// The column of tasks; all scores are of one task if there is none
    #[arg(long, value_name = "COLUMN", default_value = "task")]
    task: String,
    /// The column that says which run a score is of; every row is a run of its own if there is none
    #[arg(long, value_name = "COLUMN", default_value = "run")]
    run: String,
    /// The column of scores
    #[arg(long, value_name = "COLUMN", default_value = "score")]
    score: String,
    /// What score is good enough, for the optimality gap
    #[arg(long, value_name = "SCORE", default_value_t = 1.0)]
    gamma: f64,
    /// Performance profiles at these scores
    #[arg(long, value_name = "SCORE", value_delimiter = ',', allow_negative_numbers = true)]
    profile: Vec<f64>,
    /// What a profile counts
    #[arg(long, value_enum, default_value_t = Counted::Runs)]
    profile_of: Counted,
    /// How likely a run of the first method scores higher than one of the second, e.g. `adam_rel,adam`; may be repeated
    #[arg(long, value_name = "METHOD,METHOD")]
    improvement: Vec<String>,
    /// Resamples of the bootstrap
    #[arg(long, value_name = "N", default_value_t = Bootstrap::default().resamples, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    resamples: u32,
    /// How much of the resamples an interval holds
    #[arg(long, value_name = "PART", default_value_t = Bootstrap::default().confidence)]
    confidence: f64,
    /// Seed of the bootstrap's draws
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How the answer is written: table, csv, json or jsonl
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// What a point of a performance profile is a fraction of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Counted {
    /// Runs of all tasks whose score is higher
    Runs,
    /// Tasks whose mean over runs is higher
    Tasks,
}

pub(crate) fn run(context: Context, args: AggregateArgs) -> Result<Exit, Problems> {
    if !(0.0 < args.confidence && args.confidence < 1.0) {
        return Err(Fault::pipeline("an interval holds more than 0 and less than 1 of the resamples").into());
    }
    let bootstrap = Bootstrap {
        seed: args.seed,
        resamples: args.resamples,
        confidence: args.confidence,
    };
    let methods = read(context, &args)?.methods()?;
    if let Some(note) = rows::unevenness(&methods) {
        context.talk(&note);
    }
    let mut lines = Vec::new();
    for (method, (_, scores)) in &methods {
        lines.extend(aggregates(&bootstrap, method, scores, &args));
    }
    for pair in &args.improvement {
        lines.push(improvement(&bootstrap, &methods, pair)?);
    }
    let format = if context.json { Format::Json } else { args.format };
    context.data(&report::text(&lines, format)?);
    Ok(Exit::Finished)
}

fn read(context: Context, args: &AggregateArgs) -> Result<rows::Rows, Fault> {
    let columns = Columns {
        method: &args.method,
        task: &args.task,
        run: &args.run,
        score: &args.score,
    };
    match (&args.scores, &args.sql) {
        (Some(path), _) => rows::of_file(path, columns),
        (None, Some(sql)) => query::scores(context, &args.runs, sql, columns),
        (None, None) => Err(Fault::pipeline("there is nothing to aggregate")),
    }
}

/// Mean, median, IQM, optimality gap and the points of the profile, all on the same resamples.
fn aggregates(bootstrap: &Bootstrap, method: &str, scores: &Scores, args: &AggregateArgs) -> Vec<Line> {
    let (counted, fraction): (_, fn(&Scores, f64) -> f64) = match args.profile_of {
        Counted::Runs => ("runs_above", fraction_above),
        Counted::Tasks => ("tasks_above", fraction_of_tasks_above),
    };
    let of = |scores: &Scores| {
        let gap = optimality_gap(scores, args.gamma);
        let points = args.profile.iter().map(|&tau| fraction(scores, tau));
        [mean(scores), median(scores), iqm(scores), gap]
            .into_iter()
            .chain(points)
            .collect()
    };
    let names = ["mean", "median", "iqm", "optimality_gap"].map(|name| (name, None));
    let names = names
        .into_iter()
        .chain(args.profile.iter().map(|&tau| (counted, Some(tau))));
    let estimates = bootstrap.estimate(method, scores, &of);
    let line = |((statistic, at), estimate)| Line {
        method: method.to_owned(),
        statistic,
        at,
        estimate,
    };
    names.zip(estimates).map(line).collect()
}

fn improvement(bootstrap: &Bootstrap, methods: &Methods, pair: &str) -> Result<Line, Fault> {
    let splits = || {
        pair.match_indices(',')
            .map(|(at, _)| (pair[..at].trim(), pair[at + 1..].trim()))
    };
    // A method's name may have commas of its own.
    let known = splits().find(|(x, y)| methods.contains_key(*x) && methods.contains_key(*y));
    let Some((x, y)) = known.or_else(|| splits().next()) else {
        return Err(
            Fault::pipeline(format!("`--improvement {pair}` names no two methods")).advise("write `--improvement A,B`")
        );
    };
    let find = |name: &str| {
        methods.get(name).ok_or_else(|| {
            Fault::pipeline(format!("no method is called `{name}`"))
                .advise(suggest::advice(name, methods.keys().map(String::as_str)))
        })
    };
    let ((own, scores), (other, others)) = (find(x)?, find(y)?);
    if own != other {
        return Err(Fault::pipeline(format!(
            "`{x}` and `{y}` were not scored on the same tasks: {own:?} and {other:?}"
        ))
        .advise("choose the tasks that both have in the query"));
    }
    Ok(Line {
        method: format!("{x} over {y}"),
        statistic: "improvement",
        at: None,
        estimate: bootstrap.compare([x, y], [scores, others], &probability_of_improvement),
    })
}
