//! `starling show`: what ran, how far it came, the curve of the return, returns per replica, and the evaluations.

use super::matches::{self, Matches};
use super::stages::{self, Stage};
use super::{Context, matrix, records};
use crate::exit::Exit;
use crate::plot;
use crate::problem::Problems;
use crate::terminal;
use clap::Args;
use serde_json::{Value, json};
use starling_components::Fault;
use starling_record::read::{CurvePoint, metric_curves};
use starling_record::{Place, Run};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// The metric whose curve is drawn.
const RETURN: &str = "episode_return";

/// What to show.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The run's directory
    run: PathBuf,
    /// The cells of the evaluations as comma-separated values instead
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

pub(crate) fn run(context: Context, args: ShowArgs) -> Result<Exit, Problems> {
    if args.csv {
        let run = Run::open_read_only(&args.run, None)?;
        context.data(&matrix::csv(&matches::last(&run)?));
        return Ok(Exit::Finished);
    }
    print(context, &args.run.into())?;
    Ok(Exit::Finished)
}

/// Prints the run at `place` to stdout.
pub(super) fn print(context: Context, place: &Place) -> Result<(), Fault> {
    let shown = Shown::of(place)?;
    if context.json {
        context.data(&format!("{:#}\n", shown.json()));
    } else {
        context.data(&shown.text());
    }
    Ok(())
}

/// First, best and last return of one replica, as means over the episodes of a tick.
struct Returns {
    replica: u32,
    first: f64,
    best: f64,
    last: f64,
}

/// The returns of one environment's training episodes.
struct Curve {
    /// Environment steps of one replica, and the mean over replicas of the means over the episodes of a tick.
    means: Vec<(u64, f64)>,
    replicas: Vec<Returns>,
}

struct Shown {
    place: Place,
    head: toml::Table,
    status: String,
    tick: u64,
    ticks: u64,
    env_steps: u64,
    stages: Vec<Stage>,
    /// By environment.
    curves: BTreeMap<String, Curve>,
    /// By index.
    evaluations: BTreeMap<String, BTreeMap<u32, records::Scores>>,
    /// Every replica with every other.
    products: BTreeMap<String, Matches>,
}

impl Shown {
    fn of(place: &Place) -> Result<Self, Fault> {
        let run = Run::open_read_only(place, None)?;
        let head = toml::from_str::<toml::Table>(run.pipeline());
        let head = head.map_err(|e| Fault::records(format!("the run's pipeline is no TOML: {}", e.message())))?;
        let Some(commit) = run.latest_commit() else {
            return Err(Fault::records(format!("`{place}` has no commit")));
        };
        let slowest = commit
            .clocks
            .values()
            .min_by_key(|c| c.now.ticks)
            .copied()
            .unwrap_or_default();
        let mut curves = BTreeMap::new();
        let metrics = metric_curves(&run)?;
        let stages = stages::of(commit, &metrics);
        for ((entity, metric), points) in metrics {
            if metric == RETURN && entity.starts_with("environment.") {
                let means = mean_over_replicas(&points);
                let replicas = returns(&points);
                curves.insert(entity, Curve { means, replicas });
            }
        }
        let mut products = matches::last(&run)?;
        products.retain(|entity, _| is_product(&head, entity));
        let mut evaluations = records::evaluations(&run)?;
        evaluations.retain(|entity, _| !products.contains_key(entity));
        Ok(Self {
            place: place.clone(),
            head,
            status: commit.status.to_string(),
            tick: if stages.is_empty() {
                slowest.now.ticks
            } else {
                commit.tick
            },
            ticks: if stages.is_empty() { slowest.total.ticks } else { 0 },
            env_steps: match &stages[..] {
                [] => slowest.now.env_steps,
                stages => stages.iter().map(|stage| stage.clocks.now.env_steps).sum(),
            },
            stages,
            curves,
            evaluations,
            products,
        })
    }

    fn head(&self, key: &str) -> String {
        match self.head.get(key) {
            Some(toml::Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{}, seed {}: {}",
            self.head("name"),
            self.head("seed"),
            self.status
        );
        let about = self.head("about");
        if !about.is_empty() {
            let _ = writeln!(text, "{about}");
        }
        let of = if self.ticks > 0 {
            format!(" of {}", self.ticks)
        } else {
            String::new()
        };
        let steps = plot::number(self.env_steps as f64);
        let _ = writeln!(text, "tick {}{of}, {steps} environment steps per replica", self.tick);
        text.push_str(&stages::text(&self.stages));
        for (entity, Curve { means, replicas }) in &self.curves {
            let values: Vec<f64> = means.iter().map(|(_, value)| *value).collect();
            let ends = means.first().zip(means.last()).map(|(a, b)| (a.0 as f64, b.0 as f64));
            let label = format!("\nreturn of {entity}, mean over replicas, by environment steps");
            let width = terminal::width().saturating_sub(12);
            if let Some(plot) = plot::curve(&values, ends.unwrap_or_default(), &label, width) {
                text.push_str(&plot);
            }
            let _ = writeln!(text, "\n{:<10}{:>10}{:>10}{:>10}", "replica", "first", "best", "last");
            for Returns {
                replica,
                first,
                best,
                last,
            } in replicas
            {
                let _ = writeln!(text, "{replica:<10}{first:>10.2}{best:>10.2}{last:>10.2}");
            }
        }
        for (entity, replicas) in &self.evaluations {
            let tick = replicas.values().map(|s| s.tick).max().unwrap_or(0);
            let _ = writeln!(text, "\n{entity} after tick {tick}: task return");
            let _ = writeln!(
                text,
                "{:<10}{:>10}{:>10}{:>10}{:>10}",
                "replica", "episodes", "mean", "lowest", "highest"
            );
            for (replica, scores) in replicas {
                let records::Scores {
                    episodes,
                    mean,
                    lowest,
                    highest,
                    ..
                } = scores;
                let _ = writeln!(
                    text,
                    "{replica:<10}{episodes:>10}{mean:>10.2}{lowest:>10.2}{highest:>10.2}"
                );
            }
            if let Some((mean, least)) = over_replicas(replicas) {
                let _ = writeln!(text, "mean over replicas {mean:.2}, lowest replica {least:.2}");
            }
        }
        for (entity, matches) in &self.products {
            text.push_str(&matrix::text(entity, matches, terminal::width()));
        }
        text
    }

    fn json(&self) -> Value {
        let curves = self.curves.iter().map(|(entity, Curve { means, replicas })| {
            let replicas = replicas
                .iter()
                .map(|r| json!({ "replica": r.replica, "first": r.first, "best": r.best, "last": r.last }));
            let replicas: Vec<_> = replicas.collect();
            (entity.clone(), json!({ "return": means, "replicas": replicas }))
        });
        let evaluations = self.evaluations.iter().map(|(entity, replicas)| {
            let rows = replicas.iter().map(|(replica, s)| {
                json!({
                    "replica": replica,
                    "tick": s.tick,
                    "episodes": s.episodes,
                    "mean": s.mean,
                    "lowest": s.lowest,
                    "highest": s.highest,
                })
            });
            let rows: Vec<_> = rows.collect();
            let (mean, least) = over_replicas(replicas).unzip();
            (
                entity.clone(),
                json!({ "mean": mean, "lowest_replica": least, "replicas": rows }),
            )
        });
        let products = self.products.iter();
        let products = products.map(|(entity, matches)| (entity.clone(), matrix::json(matches)));
        json!({
            "run": self.place.to_string(),
            "name": self.head("name"),
            "seed": self.head.get("seed").and_then(toml::Value::as_integer),
            "status": self.status,
            "tick": self.tick,
            "ticks": self.ticks,
            "env_steps": self.env_steps,
            "stages": self.stages.iter().map(Stage::json).collect::<Vec<_>>(),
            "curves": curves.collect::<serde_json::Map<_, _>>(),
            "evaluations": evaluations.chain(products).collect::<serde_json::Map<_, _>>(),
        })
    }
}

/// Whether the pipeline lets every replica meet every other in the evaluation called `entity`.
fn is_product(pipeline: &toml::Table, entity: &str) -> bool {
    let spec = entity
        .split_once('.')
        .and_then(|(table, key)| pipeline.get(table)?.get(key));
    let pair = spec.and_then(|spec| spec.get("pair")).and_then(toml::Value::as_str);
    pair == Some("product")
}

/// Mean over replicas, and the lowest replica's mean.
fn over_replicas(replicas: &BTreeMap<u32, records::Scores>) -> Option<(f64, f64)> {
    let means: Vec<f64> = replicas.values().map(|s| s.mean).collect();
    let least = means.iter().copied().reduce(f64::min)?;
    Some((means.iter().sum::<f64>() / means.len() as f64, least))
}

fn mean_over_replicas(points: &[CurvePoint]) -> Vec<(u64, f64)> {
    let mut ticks: BTreeMap<u64, (u64, f64, u64)> = BTreeMap::new();
    for point in points.iter().filter(|p| p.value.is_finite()) {
        let (env_steps, sum, count) = ticks.entry(point.tick).or_default();
        *env_steps = point.env_steps;
        *sum += point.value;
        *count += 1;
    }
    let means = ticks
        .into_values()
        .map(|(env_steps, sum, count)| (env_steps, sum / count as f64));
    means.collect()
}

fn returns(points: &[CurvePoint]) -> Vec<Returns> {
    let mut replicas: BTreeMap<u32, Returns> = BTreeMap::new();
    for point in points.iter().filter(|p| p.value.is_finite()) {
        let value = point.value;
        let entry = replicas.entry(point.replica).or_insert(Returns {
            replica: point.replica,
            first: value,
            best: value,
            last: value,
        });
        entry.best = entry.best.max(value);
        entry.last = value;
    }
    replicas.into_values().collect()
}
