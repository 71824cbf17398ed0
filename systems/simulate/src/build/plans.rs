//! Build / Plans: how long rollouts are, when each group ends, what evaluations play, and how much memory all that takes.

use super::{path, verdict};
use crate::blocks::LaneBlocks;
use crate::collect::CollectPlan;
use crate::evaluate::EvaluateSeats;
use crate::seating::Chairs;
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::act::Policy;
use starling_components::clock::{ClockName, ClockValues, Clocks, Member};
use starling_components::fault::Fault;
use starling_components::learn::Learner;
use starling_components::parameters::Replicas;
use starling_components::random::{Key, Purpose};
use starling_components::rollout::{ReplicaRollout, Rollout};
use starling_components::schedule::{MemoryEstimate, RunSeed};
use starling_components::seating::Seating;
use starling_components::simulate::LiveEnvironment;
use starling_components::specs::{EnvironmentSpec, EvaluateSpec, PipelineSpec, Until};
use std::sync::Arc;

/// Steps of a rollout in an environment where nobody learns.
const STEPS_WITHOUT_LEARNER: usize = 128;

type Environments<'w, 's> = Query<
    'w,
    's,
    (
        Entity,
        &'static EntityName,
        &'static EnvironmentSpec,
        &'static LiveEnvironment,
        &'static Seating,
        &'static Member,
    ),
>;
type Agents<'w, 's> = Query<
    'w,
    's,
    (
        &'static EntityName,
        &'static Replicas,
        Option<&'static Policy>,
        Option<&'static Learner>,
    ),
>;

/// Plans collection: rollout length, closed lane blocks, an empty rollout, what one tick of the group adds, and the memory of it.
///
/// # Errors
/// Learners of one environment that want rollouts of different lengths.
pub fn collection(
    environments: Environments<'_, '_>,
    agents: Agents<'_, '_>,
    mut groups: Query<&mut Clocks>,
    seed: Res<RunSeed>,
    mut memory: ResMut<MemoryEstimate>,
    mut commands: Commands,
) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    let mut sorted: Vec<_> = environments.iter().collect();
    sorted.sort_by_key(|(_, name, ..)| *name);
    for (entity, name, spec, environment, seating, member) in sorted {
        let everyone = seating.agents();
        let seated: Vec<_> = everyone.iter().filter_map(|&agent| agents.get(agent).ok()).collect();
        let lead = match seating {
            Seating::Fixed(_) => seated.first().copied(),
            Seating::Changing(seats) => agents.get(seats.lead).ok(),
        };
        let Some((_, Replicas(replicas), ..)) = lead else {
            continue;
        };
        if let Seating::Changing(seats) = seating {
            let replicas_of = |agent| agents.get(agent).map_or(0, |(_, numbers, ..)| numbers.0.len());
            if let Err(fault) = Chairs::of(seats, replicas_of) {
                faults.push(fault.within(path(name, [])));
            }
        }
        let mut lengths = seated
            .iter()
            .filter_map(|(agent, _, _, learner)| Some((*agent, learner.as_ref()?.0.rollout_steps())));
        let (lead, steps) = lengths
            .next()
            .map_or((None, STEPS_WITHOUT_LEARNER), |(a, s)| (Some(a), s));
        for (other, wanted) in lengths.filter(|(_, wanted)| *wanted != steps) {
            let lead = lead.map_or("", |lead| &lead.key);
            let message = format!(
                "`{lead}` and `{}` learn from rollouts of {steps} and {wanted} steps in `{name}`",
                other.key
            );
            let fault = Fault::pipeline(message).advise("give both learners the same `steps`");
            faults.push(fault.within(path(other, ["learner"])));
        }
        let learners = || seated.iter().filter_map(|(.., learner)| *learner);
        let final_observations = learners().any(|learner| learner.0.wants_final_observations());
        let policies = seated.iter().filter_map(|(_, _, policy, _)| *policy);
        let carry = policies.map(|policy| policy.0.carry_len()).max().unwrap_or(0);
        let (shape, lanes) = (environment.0.shape(), spec.lanes as usize);
        let key = Key::of_seed(seed.0).entity(name);
        let keys: Vec<Key> = replicas
            .iter()
            .map(|&replica| key.replica(replica).purpose(Purpose::Environment))
            .collect();
        let changing = matches!(seating, Seating::Changing(_));
        let chairs = if changing { 2 * lanes * shape.seats.len() } else { 0 };
        let rollout = ReplicaRollout::bytes(shape, steps, lanes, carry, final_observations) + chairs * steps;
        let states = lanes * (4 * shape.state_words + 12 + shape.seats.len() * (12 + 4 * carry));
        memory
            .0
            .push((format!("{name}: rollouts"), keys.len().saturating_mul(rollout)));
        memory
            .0
            .push((format!("{name}: lanes"), keys.len().saturating_mul(states)));
        if let Ok(mut clocks) = groups.get_mut(member.0) {
            let tick = &mut clocks.per_tick;
            tick.ticks = 1;
            tick.env_steps += (lanes * steps) as u64;
            for learner in learners() {
                tick.updates = 1;
                tick.gradient_steps = tick.gradient_steps.max(learner.0.gradient_steps() as u64);
            }
        }
        let mut blocks = LaneBlocks::new(Arc::clone(&environment.0), keys, lanes, carry);
        if changing {
            blocks = blocks.with_changing_seats();
        }
        let plan = CollectPlan {
            steps,
            final_observations,
        };
        commands.entity(entity).insert((plan, blocks, Rollout::default()));
    }
    verdict(faults)
}

/// Sets what each group's clocks will show at the end.
///
/// # Errors
/// An `until` that never ends a group or ends it before its first tick.
pub fn totals(mut groups: Query<(&EntityName, &mut Clocks)>, heads: Query<&PipelineSpec>) -> Result<(), Vec<Fault>> {
    let Some(head) = heads.iter().next() else {
        return Ok(());
    };
    let mut faults = Vec::new();
    let mut sorted: Vec<_> = groups.iter_mut().collect();
    sorted.sort_by_key(|(name, _)| *name);
    for (name, mut clocks) in sorted {
        if clocks.per_tick.ticks == 0 {
            continue;
        }
        let Some(until) = &head.until else {
            faults.push(
                Fault::pipeline("the pipeline has no `until`")
                    .advise("say when it ends, e.g. until = { env_steps = 1_000_000 }"),
            );
            return verdict(faults);
        };
        match ticks_until(until, &clocks.per_tick) {
            Ok(ticks) => clocks.total = times(clocks.per_tick, ticks),
            Err(fault) => faults.push(Fault {
                message: format!("{} (environment `{}`)", fault.message, name.key),
                ..fault
            }),
        }
    }
    verdict(faults)
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
        None => Err(Fault::pipeline("`until` never ends the run")
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

/// Checks that every evaluation ends.
///
/// # Errors
/// An environment whose episodes may never end; no episode to play.
pub fn evaluations(
    evaluations: Query<(&EntityName, &EvaluateSpec, &EvaluateSeats)>,
    environments: Query<&LiveEnvironment>,
) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    let mut sorted: Vec<_> = evaluations.iter().collect();
    sorted.sort_by_key(|(name, ..)| *name);
    for (name, spec, seats) in sorted {
        if spec.episodes == 0 {
            faults.push(Fault::pipeline("no episode to play").within(path(name, ["episodes"])));
        }
        let Ok(environment) = environments.get(seats.environment) else {
            continue;
        };
        if environment.0.shape().max_steps.is_none() {
            let message = format!(
                "an episode of `{}` may never end, so neither may this evaluation",
                spec.environment
            );
            let fault = Fault::pipeline(message).advise("give the rules a limit such as `max_steps`");
            faults.push(fault.within(path(name, ["environment"])));
        }
    }
    verdict(faults)
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
