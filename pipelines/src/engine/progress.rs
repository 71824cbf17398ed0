//! What a person watching wants to know of the last tick, read from the rows on their way to disk.

use bevy_app::App;
use bevy_ecs::prelude::*;
use starling_components::clock::Clocks;
use starling_components::schedule::{Tick, TickSet};
use starling_components::stage::StagePlan;
use starling_components::table::{Block, ColumnData, Outbox};
use starling_components::{EntityName, Faults};
use std::collections::BTreeMap;

/// Numbers that are shown where they are recorded, in this order.
const SHOWN: &[&str] = &["fitness_mean", "policy_loss", "value_loss", "entropy"];

/// The numbers of the last tick.
#[derive(Resource, Debug, Clone, Default)]
pub struct Progress {
    /// Passes of the schedule since this process started.
    pub passes: u64,
    /// Mean return of the training episodes that ended in the last tick in which one did.
    pub mean_return: Option<f64>,
    /// Means over replicas, by name.
    pub metrics: BTreeMap<String, f64>,
}

/// How far a run is: the slowest of the stages or groups that run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// The stage, in a pipeline that has some.
    pub stage: Option<String>,
    /// Ticks done, through all stages before it.
    pub ticks: u64,
    /// Ticks to do until the last stage ends, if none is ended by a metric; 0 where nothing bounds them.
    pub total: u64,
    /// Environment steps of one replica; of all stages together.
    pub env_steps: u64,
}

impl Snapshot {
    /// Of `world`.
    pub fn of(world: &mut World) -> Self {
        let mut query = world.query::<(Entity, &EntityName, &Clocks, Option<&StagePlan>)>();
        let mut stages: Vec<_> = query.iter(world).collect();
        stages.sort_by_key(|(_, name, _, plan)| (plan.map(|plan| plan.order), *name));
        // Those that run, or, when nothing does, those that ran last.
        let slowest = stages.iter().min_by_key(|(_, name, clocks, _)| {
            let rests = if name.table == "stage" {
                std::cmp::Reverse(clocks.tick())
            } else {
                std::cmp::Reverse(0)
            };
            (!clocks.running(), rests, clocks.now.ticks)
        });
        let Some((_, name, clocks, _)) = slowest else {
            return Self::default();
        };
        let staged = name.table == "stage";
        let of_stages = stages.iter().map(|(_, _, clocks, _)| clocks.now.env_steps).sum();
        Self {
            stage: staged.then(|| name.key.clone()),
            ticks: clocks.tick(),
            total: if staged { last_tick(&stages) } else { clocks.total.ticks },
            env_steps: if staged { of_stages } else { clocks.now.env_steps },
        }
    }

    /// `selfplay, tick 3 of 20`.
    pub fn place(&self) -> String {
        let stage = self.stage.iter().map(|stage| format!("{stage}, ")).collect::<String>();
        format!("{stage}tick {} of {}", self.ticks, self.total)
    }
}

/// The tick after which the last stage will have ended; `stages` are in an order in which each comes after those that it waits for.
fn last_tick(stages: &[(Entity, &EntityName, &Clocks, Option<&StagePlan>)]) -> u64 {
    let mut ends: Vec<(Entity, u64)> = Vec::new();
    for (stage, _, clocks, plan) in stages {
        let end_of = |other: &Entity| ends.iter().find(|(stage, _)| stage == other).map_or(0, |(_, end)| *end);
        let before = plan.iter().flat_map(|plan| &plan.after).map(end_of).max().unwrap_or(0);
        let end = if clocks.finished {
            clocks.tick()
        } else {
            before + clocks.total.ticks
        };
        ends.push((*stage, end));
    }
    ends.into_iter().map(|(_, end)| end).max().unwrap_or(0)
}

impl Progress {
    /// `return 41.2, policy_loss 0.01, ...`.
    pub fn line(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.mean_return.map(|r| format!("return {r:.2}")));
        let shown = SHOWN
            .iter()
            .filter_map(|name| Some(format!("{name} {:.4}", self.metrics.get(*name)?)));
        parts.extend(shown);
        parts.join(", ")
    }
}

pub(crate) fn add(app: &mut App) {
    app.init_resource::<Progress>();
    app.add_systems(Tick, read.after(TickSet::Evaluate).before(TickSet::Record));
}

fn read(outbox: Res<Outbox>, faults: Res<Faults>, mut progress: ResMut<Progress>) {
    if !faults.0.is_empty() {
        return;
    }
    let mut returns = Mean::default();
    let mut metrics: BTreeMap<&str, Mean> = BTreeMap::new();
    for block in &outbox.0 {
        match block.table.name {
            "episodes" => {
                let (Some(entities), Some(ColumnData::F64(values))) =
                    (column(block, "entity"), column(block, "return"))
                else {
                    continue;
                };
                for (row, value) in values.iter().enumerate() {
                    if name_at(entities, row).is_some_and(|name| name.starts_with("environment.")) {
                        returns.add(*value);
                    }
                }
            }
            "metrics" => {
                let (Some(names), Some(ColumnData::F64(values))) = (column(block, "metric"), column(block, "value"))
                else {
                    continue;
                };
                for (row, value) in values.iter().enumerate() {
                    if let Some(name) = name_at(names, row).filter(|name| SHOWN.contains(name)) {
                        metrics.entry(name).or_default().add(*value);
                    }
                }
            }
            _ => {}
        }
    }
    progress.mean_return = returns.get().or(progress.mean_return);
    for (name, mean) in metrics {
        if let Some(mean) = mean.get() {
            progress.metrics.insert(name.to_owned(), mean);
        }
    }
}

#[derive(Default)]
struct Mean {
    sum: f64,
    count: u64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }
    fn get(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

fn column<'a>(block: &'a Block, name: &str) -> Option<&'a ColumnData> {
    let at = block.table.columns.iter().position(|c| c.name == name)?;
    block.columns.get(at)
}

fn name_at(column: &ColumnData, row: usize) -> Option<&str> {
    match column {
        ColumnData::Name(names) | ColumnData::Text(names) => names.get(row).map(String::as_str),
        ColumnData::OneName { name, .. } => Some(name),
        ColumnData::FewNames { names, rows } => names.get(*rows.get(row)? as usize).map(String::as_str),
        _ => None,
    }
}
