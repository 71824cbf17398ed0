//! Which commits of a run are taken: the last, those nearest to given parts of the training, or the best by a metric.

use super::run::SourceRun;
use starling_components::Fault;
use starling_components::specs::{FromSpec, ReplicasSpec};
use starling_record::read::metric_curves;
use std::collections::BTreeMap;

/// How far from the wanted part of the training a commit may lie.
const TOLERANCE: f64 = 0.1;

/// One commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) commit: u64,
    /// The one replica that is taken; all if absent.
    pub(super) replica: Option<u32>,
}

/// The moments that `from` asks for.
///
/// # Errors
/// No commit near enough keeps its checkpoint; a metric that was not recorded.
pub(super) fn moments(
    run: &SourceRun,
    agent: &str,
    replicas: ReplicasSpec,
    from: &FromSpec,
) -> Result<Vec<Moment>, Fault> {
    if let Some(metric) = from.pick.best() {
        return best(run, metric, replicas).map_err(|fault| fault.within(["pick", "best"]));
    }
    let one = |commit: u64| Moment { commit, replica: None };
    if from.progress.is_empty() {
        let newest = run.kept()?.last();
        let newest = newest.ok_or_else(|| Fault::records(format!("`{}` has no checkpoint", run.path)))?;
        return Ok(vec![one(newest.commit)]);
    }
    let moment = |(index, wanted): (usize, &f64)| {
        let near = nearest(run, agent, *wanted).map_err(|fault| fault.within(["progress", &index.to_string()]))?;
        Ok(one(near))
    };
    from.progress.iter().enumerate().map(moment).collect()
}

/// The commit nearest to `wanted`; the earlier of equals.
fn nearest(run: &SourceRun, agent: &str, wanted: f64) -> Result<u64, Fault> {
    let mut near: Option<(u64, f64)> = None;
    for commit in run.kept()? {
        let progress = run.progress(agent, commit)?;
        if near.is_none_or(|(_, known)| (progress - wanted).abs() < (known - wanted).abs()) {
            near = Some((commit.commit, progress));
        }
    }
    match near {
        Some((commit, progress)) if (progress - wanted).abs() <= TOLERANCE => Ok(commit),
        near => {
            let nearest = near.map_or_else(
                || "has no checkpoint".to_owned(),
                |(commit, progress)| format!("has its nearest checkpoint at {progress:.2} (commit {commit})"),
            );
            let fault = Fault::pipeline(format!("progress {wanted} is asked for, `{}` {nearest}", run.path));
            Err(fault.advise(
                "train with more commits that keep their checkpoints: `[record] commit = { every = n }, checkpoints = \"all\"`",
            ))
        }
    }
}

/// Per replica the first tick with the largest value, and the first commit from there on.
fn best(run: &SourceRun, metric: &str, replicas: ReplicasSpec) -> Result<Vec<Moment>, Fault> {
    let curves = metric_curves(&run.run)?;
    let points = metric
        .rsplit_once('.')
        .and_then(|(entity, name)| curves.get(&(entity.to_owned(), name.to_owned())));
    let Some(points) = points else {
        let known: Vec<String> = curves.keys().map(|(entity, name)| format!("{entity}.{name}")).collect();
        let advice = starling_components::suggest::advice(metric, known.iter().map(String::as_str));
        let fault = Fault::pipeline(format!("the run `{}` has not recorded `{metric}`", run.path));
        return Err(fault.advise(advice));
    };
    let mut best: BTreeMap<u32, (f64, u64)> = BTreeMap::new();
    for point in points.iter().filter(|point| point.value.is_finite()) {
        let known = best.entry(point.replica).or_insert((point.value, point.tick));
        if point.value > known.0 {
            *known = (point.value, point.tick);
        }
    }
    let moment = |number: u32| {
        let Some(&(_, tick)) = best.get(&number) else {
            let message = format!(
                "the run `{}` has not recorded `{metric}` for replica {number}",
                run.path
            );
            return Err(Fault::pipeline(message));
        };
        let after = run.run.chain().commits.iter().find(|commit| commit.tick >= tick);
        let kept = run
            .kept()?
            .find(|commit| after.is_some_and(|after| after.commit == commit.commit));
        match kept {
            Some(commit) => Ok(Moment {
                commit: commit.commit,
                replica: Some(number),
            }),
            None => {
                let message = format!(
                    "`{metric}` of replica {number} is best at tick {tick} of `{}`, whose checkpoint was not kept",
                    run.path
                );
                Err(Fault::pipeline(message).advise("train with `[record] checkpoints = \"all\"`"))
            }
        }
    };
    (0..replicas.count())
        .map(|index| moment(replicas.first() + index))
        .collect()
}
