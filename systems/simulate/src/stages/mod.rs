//! Stages in a tick: what runs is put in place before it, who has done their last ends after it, and whose turn has come starts with the next.
//!
//! Everything follows from the saved clocks, so that a resumed run stands where it stood. A pipeline without stages has one plan per connected
//! group, which never changes.

mod score;

pub use score::score;

use crate::clocks::Advanced;
use crate::collect::CollectPlan;
use bevy_ecs::prelude::*;
use starling_components::clock::{Clocks, Member};
use starling_components::rollout::Rollout;
use starling_components::specs::{EnvironmentSpec, MetricBound};
use starling_components::stage::StagePlan;
use starling_components::table::Outbox;
use starling_components::tables::metrics;

/// How a stage collects from each of its environments: beside its [`StagePlan`]. Derived.
#[derive(Component, Debug, Clone, PartialEq, Eq, Default)]
pub struct RolloutPlans(pub Vec<(Entity, CollectPlan)>);

/// The metric that ends a stage before its clocks do: beside its [`StagePlan`]. Derived.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct EndsBy(pub MetricBound);

/// Begin: agents and environments become members of the stage that runs them now; rollouts that nobody fills any more are let go.
pub fn begin(
    stages: Query<(Entity, &Clocks, &StagePlan, &RolloutPlans)>,
    mut environments: Query<(&mut Member, &mut CollectPlan, &mut Rollout), With<EnvironmentSpec>>,
    mut agents: Query<&mut Member, Without<EnvironmentSpec>>,
) {
    let mut running: Vec<_> = stages.iter().filter(|(_, clocks, ..)| clocks.running()).collect();
    running.sort_by_key(|(.., plan, _)| plan.order);
    for (stage, _, plan, rollouts) in running {
        for &(environment, plan) in &rollouts.0 {
            let Ok((mut member, mut current, mut rollout)) = environments.get_mut(environment) else {
                continue;
            };
            member.set_if_neq(Member(stage));
            if current.set_if_neq(plan) {
                rollout.replicas.clear();
            }
        }
        for &agent in &plan.train {
            if let Ok(mut member) = agents.get_mut(agent) {
                member.set_if_neq(Member(stage));
            }
        }
    }
    for (member, _, mut rollout) in &mut environments {
        let rests = stages.get(member.0).is_ok_and(|(_, clocks, ..)| !clocks.running());
        if rests && !rollout.replicas.is_empty() {
            rollout.replicas = Vec::new();
        }
    }
}

/// Evaluate / Ends: stages whose metric has come far enough end in this very tick.
pub fn end_by_metric(mut stages: Query<(&mut Clocks, &Advanced, &EndsBy)>, outbox: Res<Outbox>) {
    for (mut clocks, advanced, EndsBy(bound)) in &mut stages {
        if !advanced.0 || clocks.finished {
            continue;
        }
        let recorded = metrics::recorded(&outbox.0, clocks.tick(), &bound.name);
        clocks.finished = metrics::mean(&recorded).is_some_and(|mean| reached(bound, mean));
    }
}

fn reached(bound: &MetricBound, mean: f64) -> bool {
    bound.above.is_some_and(|above| mean >= above) || bound.below.is_some_and(|below| mean <= below)
}

/// Follow: stages whose predecessors have all ended start with the next tick.
pub fn follow(mut stages: Query<(Entity, &mut Clocks, &StagePlan)>) {
    let ended: Vec<(Entity, u64)> = stages
        .iter()
        .filter(|(_, clocks, _)| clocks.finished)
        .map(|(stage, clocks, _)| (stage, clocks.tick()))
        .collect();
    for (_, mut clocks, plan) in &mut stages {
        if !clocks.waiting {
            continue;
        }
        let tick_of = |stage: &Entity| ended.iter().find(|(other, _)| other == stage).map(|(_, tick)| *tick);
        if let Some(ticks) = plan.after.iter().map(tick_of).collect::<Option<Vec<u64>>>() {
            clocks.waiting = false;
            clocks.ticks_before = ticks.into_iter().max().unwrap_or(0);
        }
    }
}
