//! From a file with a sweep to a batch: every run is loaded and built once, so that what is wrong with the twentieth is told before the
//! first begins.

use super::split;
use super::{Batch, BatchRun};
use crate::engine::{self, Starling};
use crate::file::Pipeline;
use crate::file::layers::{Origin, Overrides};
use crate::problem::Problems;
use crate::sweep::{Point, leaves};
use serde_json::Value;
use starling_components::Fault;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A batch that could be started.
pub(crate) struct Plan {
    pub(crate) batch: Batch,
    /// Resolved pipelines, by run or job.
    pub(crate) pipelines: Vec<(String, String)>,
    /// Where it lies unless someone chooses otherwise.
    pub(crate) dir: PathBuf,
    /// What the largest job needs, in bytes.
    pub(crate) memory: u64,
}

/// Plans the sweep of the file at `origin`.
///
/// # Errors
/// Everything that is wrong with the file or with the first run that cannot be built; two runs that are the same.
pub(crate) fn plan(
    starling: &Starling,
    origin: &Origin,
    overrides: &Overrides,
    memory_limit: Option<u64>,
) -> Result<Plan, Problems> {
    let base = starling.load(origin, overrides)?;
    let Some(sweep) = base.sweep.clone() else {
        let fault = Fault::pipeline(format!("`{}` has no [sweep]", base.head.name));
        return Err(fault
            .advise("run it once with `starling run`, or add e.g. `[sweep]` with `seeds = 5`")
            .into());
    };
    let (mut runs, mut pipelines, mut memory) = (Vec::<BatchRun>::new(), Vec::new(), 0);
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for n in 0..sweep.len() {
        let at_point = Overrides {
            point: Some(n),
            ..overrides.clone()
        };
        let settings = settings(&sweep.point(n));
        let in_run = |problems: Problems| in_run(problems, n, &settings);
        let pipeline = starling.load(origin, &at_point).map_err(in_run)?;
        if pipeline.head.name != base.head.name {
            let fault = Fault::pipeline("a sweep does not change the name: its runs lie in one folder");
            return Err(pipeline.locate(vec![fault.within(["name"])]));
        }
        let app = starling.world(&pipeline).map_err(in_run)?;
        engine::check_memory(&app, engine::limit_of(memory_limit)).map_err(in_run)?;
        memory = memory.max(engine::estimate(&app));
        let text = pipeline.text();
        let name = name(&settings, &text);
        if let Some(first) = known.insert(text.clone(), n) {
            let fault = Fault::pipeline(format!(
                "runs {first} and {n} of the sweep are the same ({})",
                words(&settings)
            ));
            return Err(pipeline.locate(vec![fault.advise("leave one of them out").within(["sweep"])]));
        }
        let parts = if sweep.split > 1 {
            split::parts(starling, &pipeline, app, sweep.split, &name)?
        } else {
            Vec::new()
        };
        pipelines.push((name.clone(), text));
        pipelines.extend(parts.iter().map(|(part, text)| (part.name.clone(), text.clone())));
        runs.push(BatchRun {
            name,
            settings,
            parts: parts.into_iter().map(|(part, _)| part).collect(),
        });
    }
    let jobs = Batch::new(base.head.name.clone(), runs);
    Ok(Plan {
        dir: folder(&base, &jobs),
        batch: jobs,
        pipelines,
        memory,
    })
}

/// Says in which run of the sweep something is wrong.
fn in_run(mut problems: Problems, n: usize, settings: &[(String, Value)]) -> Problems {
    for problem in &mut problems.list {
        problem.message = format!("{} (run {n} of the sweep: {})", problem.message, words(settings));
    }
    problems
}

/// `a.b=1, seed=3`.
pub(crate) fn words(settings: &[(String, Value)]) -> String {
    let word = |(key, value): &(String, Value)| format!("{key}={value}");
    match settings {
        [] => "the file itself".to_owned(),
        _ => settings.iter().map(word).collect::<Vec<_>>().join(", "),
    }
}

/// What a point says, key by key.
fn settings(point: &Point) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for setting in point {
        match &setting.value {
            Value::Object(table) if setting.path.is_empty() => {
                let inner = leaves(table, &|value| !value.is_object());
                all.extend(inner.into_iter().map(|(path, value)| (path.join("."), value.clone())));
            }
            value => all.push((setting.path.join("."), value.clone())),
        }
    }
    all
}

/// Short words for the settings, then the hash of the resolved pipeline.
fn name(settings: &[(String, Value)], text: &str) -> String {
    let mut name = String::new();
    for (key, value) in settings {
        let last = key.rsplit('.').next().unwrap_or(key);
        let value: String = value
            .to_string()
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || "-.".contains(*c))
            .collect();
        let word = format!("{last}{value}_");
        if name.len() + word.len() <= 60 {
            name.push_str(&word);
        }
    }
    format!("{name}{}", &starling_record::sha256(text.as_bytes())[..8])
}

fn folder(base: &Pipeline, batch: &Batch) -> PathBuf {
    let names: Vec<String> = batch.jobs().into_iter().map(|job| job.name).collect();
    let hash = starling_record::sha256(names.join("\n").as_bytes());
    PathBuf::from("runs")
        .join(&base.head.name)
        .join(format!("sweep-{}", &hash[..8]))
}
