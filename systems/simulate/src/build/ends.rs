//! Build / Plans: when each stage ends.

use super::{path, verdict};
use crate::stages::EndsBy;
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::clock::{ClockName, ClockValues, Clocks, Member};
use starling_components::fault::Fault;
use starling_components::specs::{EvaluateAt, EvaluateSpec, MetricBound, PipelineSpec, StageSpec, Until};
use starling_components::stage::StagePlan;
use starling_components::suggest;
use starling_components::tables::metrics::split_name;

type Stages<'w, 's> = Query<
    'w,
    's,
    (
        Entity,
        &'static EntityName,
        Option<&'static StageSpec>,
        &'static StagePlan,
        &'static mut Clocks,
    ),
>;

type Named<'w, 's> = Query<
    'w,
    's,
    (
        Entity,
        &'static EntityName,
        Option<&'static Member>,
        Option<&'static EvaluateSpec>,
    ),
>;

/// Sets what the clocks of each stage (or of each group, in a pipeline without stages) will show at the end, and the metric that may end it
/// before.
///
/// # Errors
/// An `until` that never ends a stage or ends it before its first tick; more rounds than ticks; a metric that the stage does not record.
pub fn totals(
    mut stages: Stages<'_, '_>,
    heads: Query<&PipelineSpec>,
    named: Named<'_, '_>,
    mut commands: Commands,
) -> Result<(), Vec<Fault>> {
    let Some(head) = heads.iter().next() else {
        return Ok(());
    };
    let mut faults = Vec::new();
    let mut sorted: Vec<_> = stages.iter_mut().collect();
    sorted.sort_by_key(|(_, name, ..)| *name);
    let mut listened = false;
    for (stage, name, spec, plan, mut clocks) in sorted {
        // Of a group, whose end is at the top of the file.
        let at = |rest: &[&str]| -> Vec<String> {
            let keys = rest.iter().map(|&key| key.to_owned());
            if spec.is_some() {
                path(name, []).into_iter().chain(keys).collect()
            } else {
                keys.collect()
            }
        };
        if clocks.per_tick.ticks == 0 {
            // One that names environments has some that could not be built, which was told.
            if spec.is_some() && plan.environments.is_empty() {
                let fault = Fault::pipeline(format!("stage `{}` does nothing: no environment runs in it", name.key));
                faults.push(fault.advise("name one in its `environments`").within(at(&[])));
            }
            continue;
        }
        let Some(until) = spec.map(|spec| &spec.until).or(head.until.as_ref()) else {
            faults.push(
                Fault::pipeline("the pipeline has no `until`")
                    .advise("say when it ends, e.g. until = { env_steps = 1_000_000 }"),
            );
            return verdict(faults);
        };
        match ticks_until(until, &clocks.per_tick) {
            Ok(ticks) => clocks.total = times(clocks.per_tick, ticks),
            Err(fault) => {
                let message = match spec {
                    Some(_) => fault.message.clone(),
                    None => format!("{} (environment `{}`)", fault.message, name.key),
                };
                let key: Vec<&str> = fault.key.iter().map(String::as_str).collect();
                let key = at(&key);
                faults.push(Fault { message, key, ..fault });
            }
        }
        if clocks.total.ticks > 0 && u64::from(clocks.rounds) > clocks.total.ticks {
            let message = format!(
                "{} ticks cannot be cut into {} rounds",
                clocks.total.ticks, clocks.rounds
            );
            let fault = Fault::pipeline(message).advise("a round is at least one tick: fewer rounds, or a later end");
            faults.push(fault.within(at(&["rounds"])));
        }
        let listening = Listening {
            stage,
            plan,
            named: &named,
        };
        if let Some(metric) = spec.and_then(|spec| spec.score.as_deref())
            && let Err(fault) = listening.check(metric)
        {
            faults.push(fault.within(at(&["score"])));
        }
        if let Some(bound) = &until.metric {
            match listening.check_bound(bound) {
                Ok(()) => {
                    listened = true;
                    commands.entity(stage).insert(EndsBy(bound.clone()));
                }
                // Without stages it may be another group's.
                Err((elsewhere, _)) if elsewhere && spec.is_none() => {}
                Err((_, fault)) => {
                    listened = true;
                    faults.push(fault.within(at(&["until", "metric"])));
                }
            }
        }
    }
    let top = head.until.as_ref().and_then(|until| until.metric.as_ref());
    if let Some(bound) = top.filter(|_| !listened && faults.is_empty()) {
        let fault = Fault::pipeline(format!("nothing records the metric `{}`", bound.name));
        faults.push(fault.advise(FORM).within(["until", "metric", "name"]));
    }
    verdict(faults)
}

/// How a metric is named.
const FORM: &str = "entity and metric, e.g. `evaluate.selfplay.return_mean` or `environment.kitchen.episode_return`";

/// A stage that listens to a metric.
struct Listening<'a, 'w, 's> {
    stage: Entity,
    plan: &'a StagePlan,
    named: &'a Named<'w, 's>,
}

impl<'a> Listening<'a, '_, '_> {
    /// The entity of `metric` records in the course of the stage.
    fn check(&self, metric: &str) -> Result<Option<&'a EvaluateSpec>, Fault> {
        let Some((entity, _)) = split_name(metric) else {
            return Err(Fault::pipeline(format!("`{metric}` names no metric")).advise(FORM));
        };
        let mut names: Vec<(String, Entity, Option<&Member>, Option<&EvaluateSpec>)> = self
            .named
            .iter()
            .filter(|(_, name, ..)| ["agent", "environment", "evaluate", "evolve"].contains(&&*name.table))
            .map(|(found, name, member, spec)| (name.to_string(), found, member, spec))
            .collect();
        names.sort_by(|a, b| a.0.cmp(&b.0));
        let Some(&(_, found, member, spec)) = names.iter().find(|(name, ..)| name == entity) else {
            let known = names.iter().map(|(name, ..)| name.as_str());
            return Err(Fault::pipeline(format!("nothing is called `{entity}`")).advise(suggest::advice(entity, known)));
        };
        let own = match spec {
            Some(_) => member == Some(&Member(self.stage)),
            None if entity.starts_with("evolve.") => member == Some(&Member(self.stage)),
            None => self.plan.train.contains(&found) || self.plan.environments.contains(&found),
        };
        if !own {
            let fault = Fault::pipeline(format!("`{entity}` records nothing in this stage"));
            return Err(fault.advise("name an agent that it trains, or an environment or evaluation that it runs"));
        }
        Ok(spec)
    }

    /// As [`Self::check`], for a metric that ends the stage; whether the entity is there but elsewhere, and the fault.
    fn check_bound(&self, bound: &MetricBound) -> Result<(), (bool, Fault)> {
        let spec = self.check(&bound.name).map_err(|fault| {
            let elsewhere = fault.message.contains("records nothing");
            (elsewhere, fault.within(["name"]))
        })?;
        if matches!(spec.map(|spec| spec.at), Some(EvaluateAt::When(_))) {
            let fault = Fault::pipeline("this evaluation runs at the end only, which it cannot bring about");
            return Err((false, fault.advise("at = { every = 10 }").within(["name"])));
        }
        if bound.above.is_none() && bound.below.is_none() {
            return Err((
                false,
                Fault::pipeline("a metric without a bound").advise("say `above` or `below`"),
            ));
        }
        Ok(())
    }
}

/// Whole ticks until the first bound that the next tick would exceed.
fn ticks_until(until: &Until, per_tick: &ClockValues) -> Result<u64, Fault> {
    let bounds = [
        ("env_steps", until.env_steps, ClockName::EnvSteps),
        ("updates", until.updates, ClockName::Updates),
        ("gradient_steps", until.gradient_steps, ClockName::GradientSteps),
        ("ticks", until.ticks, ClockName::Ticks),
        ("epochs", until.epochs, ClockName::Epochs),
    ];
    let mut least: Option<(u64, &str, u64, u64)> = None;
    for (name, bound, clock) in bounds {
        let step = per_tick.get(clock);
        let Some(bound) = bound.filter(|_| step > 0) else {
            continue;
        };
        let ticks = bound / step;
        if least.is_none_or(|(known, ..)| ticks < known) {
            least = Some((ticks, name, bound, step));
        }
    }
    match least {
        None => Err(Fault::pipeline("`until` never ends the stage")
            .advise("bound `env_steps` or `ticks`; without a learner there are no updates and no gradient steps")
            .within(["until"])),
        Some((0, name, bound, step)) => Err(Fault::pipeline(format!(
            "one tick adds {step} {name}, `until` allows {bound}"
        ))
        .advise(format!(
            "allow at least {step}, or make a tick smaller (fewer lanes or steps)"
        ))
        .within(["until", name])),
        Some((ticks, ..)) => Ok(ticks),
    }
}

fn times(per_tick: ClockValues, ticks: u64) -> ClockValues {
    ClockValues {
        env_steps: per_tick.env_steps.saturating_mul(ticks),
        updates: per_tick.updates.saturating_mul(ticks),
        gradient_steps: per_tick.gradient_steps.saturating_mul(ticks),
        ticks,
        epochs: per_tick.epochs.saturating_mul(ticks),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(env_steps: Option<u64>, updates: Option<u64>) -> Until {
        Until {
            env_steps,
            updates,
            ..Until::default()
        }
    }

    #[test]
    fn the_first_bound_that_the_next_tick_would_exceed_ends_the_stage() {
        let per_tick = ClockValues {
            env_steps: 512,
            updates: 1,
            gradient_steps: 16,
            ticks: 1,
            epochs: 0,
        };
        let check = |until: Until, expected: Option<u64>| assert_eq!(ticks_until(&until, &per_tick).ok(), expected);
        check(until(Some(500_000), None), Some(976));
        check(until(Some(500_000), Some(10)), Some(10));
        check(until(Some(512), None), Some(1));
        check(until(Some(511), None), None);
        check(Until::default(), None);
        let without_learner = ClockValues {
            updates: 0,
            gradient_steps: 0,
            ..per_tick
        };
        assert!(ticks_until(&until(None, Some(10)), &without_learner).is_err());
    }
}
