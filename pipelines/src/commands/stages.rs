//! The stages of a recorded run: how far each is, and its score.

use crate::plot;
use serde_json::{Value, json};
use starling_record::commit::{Commit, GroupClocks};
use starling_record::read::CurvePoint;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One stage.
pub(super) struct Stage {
    name: String,
    /// At the commit that is shown.
    pub(super) clocks: GroupClocks,
    /// Mean over replicas, once it has ended.
    score: Option<f64>,
}

/// The stages of `commit` in the order in which they began; none in a pipeline without stages. `metrics` by entity and metric.
pub(super) fn of(commit: &Commit, metrics: &BTreeMap<(String, String), Vec<CurvePoint>>) -> Vec<Stage> {
    let named = commit.clocks.iter().filter_map(|(name, clocks)| {
        let key = name.strip_prefix("stage.")?;
        let scores = metrics.get(&(name.clone(), "score".to_owned()));
        let values: Vec<f64> = scores.into_iter().flatten().map(|point| point.value).collect();
        Some(Stage {
            name: key.to_owned(),
            clocks: *clocks,
            score: (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64),
        })
    });
    let mut stages: Vec<Stage> = named.collect();
    stages.sort_by_key(|stage| (stage.clocks.waiting, stage.clocks.ticks_before));
    stages
}

/// A line per stage.
pub(super) fn text(stages: &[Stage]) -> String {
    let mut text = String::new();
    if stages.is_empty() {
        return text;
    }
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "\n{:<20}{:<10}{:>16}{:>12}{:>10}",
        "stage", "", "ticks", "steps", "score"
    );
    for stage in stages {
        let GroupClocks { now, total, .. } = stage.clocks;
        let ticks = format!("{} of {}", now.ticks, total.ticks);
        let steps = plot::number(now.env_steps as f64);
        let score = stage.score.map(|score| format!("{score:.2}")).unwrap_or_default();
        let _ = writeln!(
            text,
            "{:<20}{:<10}{ticks:>16}{steps:>12}{score:>10}",
            stage.name,
            stage.status()
        );
    }
    text
}

impl Stage {
    fn status(&self) -> &'static str {
        match self.clocks {
            GroupClocks { finished: true, .. } => "ended",
            GroupClocks { waiting: true, .. } => "waits",
            _ => "runs",
        }
    }

    pub(super) fn json(&self) -> Value {
        let GroupClocks { now, total, .. } = self.clocks;
        json!({
            "stage": self.name,
            "status": self.status(),
            "ticks_before": self.clocks.ticks_before,
            "ticks": now.ticks,
            "of_ticks": total.ticks,
            "env_steps": now.env_steps,
            "score": self.score,
        })
    }
}
