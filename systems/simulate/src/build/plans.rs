//! Build / Plans: how long rollouts are, what a tick adds, what evaluations play, and how much memory all that takes.

use super::{path, ranks, verdict};
use crate::blocks::LaneBlocks;
use crate::collect::CollectPlan;
use crate::device::Graphics;
use crate::evaluate::EvaluateSeats;
use crate::seating::Chairs;
use crate::stages::RolloutPlans;
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::act::Policy;
use starling_components::clock::Clocks;
use starling_components::fault::Fault;
use starling_components::learn::Learner;
use starling_components::parameters::Replicas;
use starling_components::random::{Key, Purpose};
use starling_components::ranks::Ranks;
use starling_components::rollout::{ReplicaRollout, Rollout};
use starling_components::schedule::{MemoryEstimate, RunSeed};
use starling_components::seating::Seating;
use starling_components::simulate::LiveEnvironment;
use starling_components::specs::{EnvironmentSpec, EvaluateSpec, EvolveSpec};
use starling_components::stage::StagePlan;

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
    ),
>;
type Stages<'w, 's> = Query<'w, 's, (Entity, &'static EntityName, &'static StagePlan, &'static mut Clocks)>;
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

/// Plans collection: rollout length, closed lane blocks, an empty rollout, what one tick of each stage adds, and the memory of it. An environment
/// that no stage runs is not collected from, and neither is one in a stage where everyone who learns does so from datasets.
///
/// # Errors
/// Learners of one environment that want rollouts of different lengths; an agent that learns in a stage and sits in none of its environments.
#[allow(clippy::too_many_arguments)] // what a system reads
pub fn collection(
    environments: Environments<'_, '_>,
    agents: Agents<'_, '_>,
    mut stages: Stages<'_, '_>,
    evolutions: Query<&EvolveSpec>,
    seed: Res<RunSeed>,
    ranks: Option<Res<Ranks>>,
    mut memory: ResMut<MemoryEstimate>,
    mut graphics: ResMut<Graphics>,
    mut commands: Commands,
) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    let ranks = ranks.as_deref().cloned().unwrap_or_default();
    let mut sorted: Vec<_> = environments.iter().collect();
    sorted.sort_by_key(|(_, name, ..)| *name);
    let mut rollout_plans: Vec<_> = stages
        .iter()
        .map(|(stage, ..)| (stage, RolloutPlans::default()))
        .collect();
    let mut trained: Vec<(Entity, Entity)> = Vec::new();
    // Stages in which nobody learns from rollouts although somebody learns: their environments are only looked at, by datasets and evaluations.
    let imitating: Vec<Entity> = stages
        .iter()
        .filter(|(_, _, plan, _)| {
            let learners = || plan.train.iter().filter_map(|&agent| agents.get(agent).ok()?.3);
            learners().any(|learner| learner.0.epochs() > 0) && learners().all(|learner| learner.0.rollout_steps() == 0)
        })
        .map(|(stage, ..)| stage)
        .collect();
    for (stage, _, plan, mut clocks) in &mut stages {
        for &agent in &plan.train {
            let Some(learner) = agents.get(agent).ok().and_then(|(.., learner)| learner) else {
                continue;
            };
            if learner.0.epochs() == 0 {
                continue;
            }
            trained.push((stage, agent));
            let tick = &mut clocks.per_tick;
            (tick.ticks, tick.updates) = (1, 1);
            tick.epochs = tick.epochs.max(learner.0.epochs());
            tick.gradient_steps = tick.gradient_steps.max(learner.0.gradient_steps() as u64);
        }
    }
    for (entity, name, spec, environment, seating) in sorted {
        let everyone = seating.agents();
        let seated: Vec<_> = everyone
            .iter()
            .filter_map(|&agent| Some((agent, agents.get(agent).ok()?)))
            .collect();
        let lead = match seating {
            Seating::Fixed(_) => seated.first().map(|(_, lead)| *lead),
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
        let learns = seated.iter().any(|(_, (.., learner))| learner.is_some());
        if !learns && evolutions.iter().any(|evolution| evolution.environment == name.key) {
            // Members play episodes of their own.
            continue;
        }
        let policies = seated.iter().filter_map(|(_, (_, _, policy, _))| *policy);
        let carry = policies.map(|policy| policy.0.carry_len()).max().unwrap_or(0);
        let (shape, lanes) = (environment.0.shape(), spec.lanes as usize);
        let mut own_plans: Vec<(usize, CollectPlan)> = Vec::new();
        for (stage, _, plan, mut clocks) in &mut stages {
            if !plan.environments.contains(&entity) || imitating.contains(&stage) {
                continue;
            }
            let in_stage = seated.iter().filter(|(agent, _)| plan.train.contains(agent));
            let learners: Vec<(&EntityName, &Learner)> = in_stage
                .filter_map(|(agent, (name, _, _, learner))| {
                    trained.push((stage, *agent));
                    Some((*name, (*learner)?))
                })
                .filter(|(_, learner)| learner.0.rollout_steps() > 0)
                .collect();
            let (collect, found) = collect_plan(name, &learners);
            faults.extend(found);
            let tick = &mut clocks.per_tick;
            tick.ticks = 1;
            tick.env_steps += (lanes * collect.steps) as u64;
            for (_, learner) in learners {
                tick.updates = 1;
                tick.gradient_steps = tick.gradient_steps.max(learner.0.gradient_steps() as u64);
            }
            own_plans.push((plan.order, collect));
            if let Some((_, RolloutPlans(plans))) = rollout_plans.iter_mut().find(|(other, _)| *other == stage) {
                plans.push((entity, collect));
            }
        }
        own_plans.sort_by_key(|(order, _)| *order);
        let Some(&(_, first)) = own_plans.first() else { continue };
        let key = Key::of_seed(seed.0).entity(name);
        let keys: Vec<Key> = replicas
            .iter()
            .map(|&replica| key.replica(replica).purpose(Purpose::Environment))
            .collect();
        let learners: Vec<(&EntityName, &Learner)> = seated
            .iter()
            .filter_map(|(_, (name, _, _, learner))| Some((*name, (*learner)?)))
            .collect();
        let own = match ranks::own_lanes(name, spec, seating, &learners, &ranks) {
            Ok(own) => own,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        let (all, lanes) = (lanes, own.len());
        let changing = matches!(seating, Seating::Changing(_));
        let chairs = if changing { 2 * lanes * shape.seats.len() } else { 0 };
        let bytes = |plan: &CollectPlan| {
            ReplicaRollout::bytes(shape, plan.steps, lanes, carry, plan.final_observations) + chairs * plan.steps
        };
        let rollout = own_plans.iter().map(|(_, plan)| bytes(plan)).max().unwrap_or(0);
        let states = lanes * (4 * shape.state_words + 12 + shape.seats.len() * (12 + 4 * carry));
        memory
            .0
            .push((format!("{name}: rollouts"), keys.len().saturating_mul(rollout)));
        memory
            .0
            .push((format!("{name}: lanes"), keys.len().saturating_mul(states)));
        let player = match graphics.player(&name.to_string(), spec.backend, &environment.0) {
            Ok(player) => player,
            Err(fault) => {
                faults.push(fault.within(path(name, [])));
                continue;
            }
        };
        let mut blocks = LaneBlocks::new(player, keys, all, carry).of_lanes(own);
        if changing {
            blocks = blocks.with_changing_seats();
        }
        commands.entity(entity).insert((first, blocks, Rollout::default()));
    }
    for (stage, plans) in rollout_plans {
        commands.entity(stage).insert(plans);
    }
    for (stage, spec_name, plan, _) in &stages {
        // What could not be built or seated was told; nothing follows about who sits there.
        let whole = plan.environments.iter().all(|&place| environments.contains(place));
        if spec_name.table != "stage" || !whole {
            continue;
        }
        for (index, &agent) in plan.train.iter().enumerate() {
            let (Ok((name, .., Some(_))), false) = (agents.get(agent), trained.contains(&(stage, agent))) else {
                continue;
            };
            let message = format!(
                "`{}` learns here but sits in no environment that the stage runs",
                name.key
            );
            let fault = Fault::pipeline(message).advise("name one in which it sits in `environments`");
            faults.push(fault.within(path(spec_name, ["train", &index.to_string()])));
        }
    }
    verdict(faults)
}

/// How `environment` is collected where `learners` learn from it.
fn collect_plan(environment: &EntityName, learners: &[(&EntityName, &Learner)]) -> (CollectPlan, Vec<Fault>) {
    let lead = learners.first();
    let steps = lead.map_or(STEPS_WITHOUT_LEARNER, |(_, learner)| learner.0.rollout_steps());
    let mut faults = Vec::new();
    for (other, learner) in learners {
        let wanted = learner.0.rollout_steps();
        if wanted == steps {
            continue;
        }
        let lead = lead.map_or("", |(lead, _)| &lead.key);
        let message = format!(
            "`{lead}` and `{}` learn from rollouts of {steps} and {wanted} steps in `{environment}`",
            other.key
        );
        let fault = Fault::pipeline(message).advise("give both learners the same `steps`");
        faults.push(fault.within(path(other, ["learner"])));
    }
    let plan = CollectPlan {
        steps,
        final_observations: learners.iter().any(|(_, learner)| learner.0.wants_final_observations()),
        last_values: learners.iter().any(|(_, learner)| learner.0.wants_last_values()),
    };
    (plan, faults)
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
        if !(0.0..=1.0).contains(&spec.explore) {
            let message = format!("`explore` is a probability, this one is {}", spec.explore);
            faults.push(Fault::pipeline(message).within(path(name, ["explore"])));
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
