//! From an episode to its frames.

use super::frame::{Frame, SeatFrame, Title};
use super::parameters::{self, Source};
use super::{ReplayArgs, choose, entity_name};
use crate::commands::Context;
use crate::commands::records;
use bevy_ecs::prelude::*;
use starling_components::random::{Key, Purpose};
use starling_components::schedule::RunSeed;
use starling_components::spaces::EnvironmentShape;
use starling_components::{EntityName, Fault};
use starling_record::Run;
use starling_record::steps::{EpisodeKey, StepRow};
use starling_simulate::replay::{Recorded, environment_of, open, seated_in};
use starling_simulate::watch::{Sitter, Thought, Watched, sit};

/// Steps of a fresh episode where the environment promises no end.
const ENDLESS: u32 = 10_000;

/// Where actions come from.
pub(super) enum Moves {
    /// As recorded, to be compared.
    Recorded(Vec<StepRow>),
    /// From the seats' policies.
    Chosen,
}

/// What came of it.
pub(super) struct Played {
    pub(super) frames: Vec<Frame>,
    /// Why it stopped early.
    pub(super) failure: Option<Fault>,
    /// The last frame is the state that the episode ended in.
    pub(super) ended: bool,
}

/// A recorded episode, with its players if their parameters are to be had.
pub(super) fn recorded(
    context: Context,
    world: &mut World,
    run: &Run,
    seed: u64,
    args: &ReplayArgs,
) -> Result<(Title, Watched, Moves), Fault> {
    let mut episodes = records::recorded(run)?;
    choose::filter(&mut episodes, args);
    let (id, summary) = choose::choose(&episodes)?;
    let steps = records::steps_of(run, id)?;
    let recorded = Recorded {
        entity: entity_name(&id.entity),
        replica: id.replica,
        seating: id.seating.clone(),
        lane: id.lane,
        episode: id.episode,
        tick: id.tick,
    };
    let environment = environment_of(world, &recorded.entity)?;
    let mut title = Title::of_recorded(id, steps.len());
    // A training row counts the tick that it belongs to; what acted had learnt from those before.
    let learnt = if id.entity.starts_with("evaluate.") {
        id.tick
    } else {
        summary.first_tick.saturating_sub(1)
    };
    let seats = match &summary.seating[..] {
        "" => seating_of(world, &recorded.entity, id),
        seating => seating.to_owned(),
    };
    let sitters = parameters::restore(world, run, args.commit, Some(learnt)).and_then(|source| {
        let sitters = seat(world, &seats, seed, &recorded.entity)?;
        Ok((source, sitters))
    });
    let sitters = match sitters {
        Ok((source, sitters)) => {
            title.take(&source, &seats);
            sitters
        }
        Err(fault) if args.commit.is_some() => return Err(fault),
        // The episode itself needs no parameters.
        Err(fault) => {
            context.talk(&format!("without probabilities and values: {}", fault.message));
            Vec::new()
        }
    };
    let block = open(environment.as_ref(), RunSeed(seed), &recorded);
    let watched = Watched::new(environment, block, sitters, false)?;
    Ok((title, watched, Moves::Recorded(steps)))
}

/// A new episode.
pub(super) fn fresh(world: &mut World, run: &Run, args: &ReplayArgs) -> Result<(Title, Watched, Moves), Fault> {
    let name = environment_name(world, args.environment.as_deref())?;
    let environment = environment_of(world, &name)?;
    let source: Source = parameters::restore(world, run, args.commit, None)?;
    let seats = match &args.seating {
        Some(seats) => seats.replace(' ', ""),
        None => seated_in(world, &name).join(","),
    };
    if seats.is_empty() {
        let fault = Fault::pipeline(format!("who sits in `{name}` is drawn anew again and again"));
        return Err(fault.advise("say who plays with `--seating`, e.g. chef:0,chef:3"));
    }
    let place = EntityName::new("replay", "fresh");
    let mut sitters = seat(world, &seats, args.seed, &place)?;
    let count = environment.shape().seats.len();
    if sitters.len() == 1 && count > 1 {
        sitters = seat(world, &vec![&*seats; count].join(","), args.seed, &place)?;
    }
    let key = Key::of_seed(args.seed).entity(&place).purpose(Purpose::Environment);
    let mut block = environment.open(key, 1);
    block.reset();
    let watched = Watched::new(environment, block, sitters, args.greedy)?;
    let names: Vec<&str> = watched.names().collect();
    let mut title = Title::of_fresh(&name, args.seed, watched.shape().max_steps);
    title.take(&source, &names.join(","));
    Ok((title, watched, Moves::Chosen))
}

/// The environment called `key`, or the only one.
fn environment_name(world: &mut World, key: Option<&str>) -> Result<EntityName, Fault> {
    if let Some(key) = key {
        return Ok(EntityName::new("environment", key));
    }
    let mut names = world.query::<&EntityName>();
    let mut names: Vec<_> = names.iter(world).filter(|name| name.table == "environment").collect();
    names.sort();
    match names[..] {
        [one] => Ok(one.clone()),
        _ => {
            let keys: Vec<&str> = names.iter().map(|name| name.key.as_str()).collect();
            let fault = Fault::pipeline("the pipeline has several environments");
            Err(fault.advise(format!("say which with `--environment`: {}", keys.join(", "))))
        }
    }
}

/// `agent:replica` by seat where no row says it: everyone of the table with the episode's replica.
fn seating_of(world: &mut World, entity: &EntityName, id: &EpisodeKey) -> String {
    let seats = seated_in(world, entity);
    let with_replica = seats.iter().map(|seat| {
        let agent = seat.split(':').next().unwrap_or(seat);
        format!("{agent}:{}", id.replica)
    });
    with_replica.collect::<Vec<_>>().join(",")
}

/// Everyone of `chef:0,chef:3`; without a number the agent's replica 0.
fn seat(world: &mut World, seating: &str, seed: u64, place: &EntityName) -> Result<Vec<Sitter>, Fault> {
    let seats = seating.split(',').map(|seat| {
        let (agent, replica) = seat.split_once(':').unwrap_or((seat, "0"));
        let replica = replica.parse().map_err(|_| {
            Fault::pipeline(format!("`{seat}` names no replica"))
                .advise("write agent:replica by seat, e.g. chef:0,chef:3")
        })?;
        sit(world, agent, replica, seed, place)
    });
    seats.collect()
}

/// Plays to the end, or to the first thing that goes wrong.
pub(super) fn play(watched: &mut Watched, moves: Moves) -> Played {
    let mut played = Played {
        frames: Vec::new(),
        failure: None,
        ended: false,
    };
    let bound = match &moves {
        Moves::Recorded(steps) => steps.len(),
        Moves::Chosen => watched.shape().max_steps.unwrap_or(ENDLESS) as usize,
    };
    let mut total = 0.0;
    for number in 0..bound {
        let recorded = match &moves {
            Moves::Recorded(steps) => steps.get(number),
            Moves::Chosen => None,
        };
        let last = number + 1 == bound;
        match step(watched, number, &mut total, recorded, last) {
            Ok((frame, end)) => {
                played.frames.push(frame);
                if let Some((frame, ended)) = end {
                    played.frames.push(frame);
                    played.ended = ended;
                    break;
                }
            }
            Err(fault) => {
                played.failure = Some(fault);
                break;
            }
        }
    }
    played
}

/// The frame before a step, and where it is the last one also that of the state behind it.
fn step(
    watched: &mut Watched,
    number: usize,
    total: &mut f64,
    recorded: Option<&StepRow>,
    last: bool,
) -> Result<(Frame, Option<(Frame, bool)>), Fault> {
    let portrait = watched.portray();
    let thoughts = watched.think()?;
    let shape = watched.shape().clone();
    let actions = match recorded {
        Some(step) => step.actions.clone(),
        None => actions_of(&shape, &thoughts),
    };
    // The lane starts its next episode within the last step, so the state that the episode ends in is drawn before.
    let after = watched.portray_after(&actions)?;
    let before = *total;
    let stepped = watched.step(&actions)?;
    if let Some(step) = recorded {
        compare(number, step, &stepped.rewards, stepped.ended)?;
    }
    *total += stepped.rewards.iter().map(|&r| f64::from(r)).sum::<f64>() / shape.seats.len() as f64;
    let names: Vec<String> = watched.names().map(str::to_owned).collect();
    let components = shape.action_components().max(1);
    let seats = shape
        .seats
        .iter()
        .zip(actions.chunks(components))
        .zip(thoughts)
        .enumerate();
    let seats = seats.map(|(seat, ((own, action), thought))| SeatFrame {
        name: names.get(seat).cloned(),
        space: own.action.clone(),
        action: action[..own.action.components().min(action.len())].to_vec(),
        thought,
        reward: stepped.rewards.get(seat).copied().unwrap_or_default(),
    });
    let frame = Frame {
        number,
        portrait,
        total: before,
        seats: seats.collect(),
    };
    let end = (last || stepped.ended).then(|| {
        let behind = Frame {
            number: number + 1,
            portrait: after,
            total: *total,
            seats: Vec::new(),
        };
        (behind, stepped.ended)
    });
    Ok((frame, end))
}

/// `[seats x components]`; idle seats do 0.
fn actions_of(shape: &EnvironmentShape, thoughts: &[Option<Thought>]) -> Vec<i32> {
    let components = shape.action_components();
    let mut actions = vec![0; thoughts.len() * components];
    for (row, thought) in actions.chunks_mut(components.max(1)).zip(thoughts) {
        if let Some(thought) = thought {
            row[..thought.action.len()].copy_from_slice(&thought.action);
        }
    }
    actions
}

fn compare(number: usize, step: &StepRow, rewards: &[f32], ended: bool) -> Result<(), Fault> {
    let same = rewards.len() == step.rewards.len()
        && rewards
            .iter()
            .zip(&step.rewards)
            .all(|(a, b)| a.to_bits() == b.to_bits());
    if same && ended == step.ended {
        return Ok(());
    }
    let message = format!(
        "step {number} simulated again gives rewards {rewards:?}{}, recorded are {:?}{}",
        if ended { " and the end" } else { "" },
        step.rewards,
        if step.ended { " and the end" } else { "" },
    );
    Err(Fault::records(message).advise("was the run made by another version of the program or its kitchens?"))
}
