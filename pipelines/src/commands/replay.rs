//! `starling replay`: a recorded episode as text frames, simulated again from the pipeline, its seed and the recorded actions. The rewards
//! must come out as recorded, bit for bit.

use super::records::{self, EpisodeId, Step, Summary};
use super::{Context, resume};
use crate::engine::Starling;
use crate::exit::Exit;
use crate::problem::Problems;
use crate::terminal;
use clap::Args;
use serde_json::{Value, json};
use starling_components::Fault;
use starling_components::schedule::RunSeed;
use starling_components::simulate::{Lanes, StepOutputs};
use starling_components::spaces::{ActionBuffer, ActionSpace, EnvironmentShape, ObservationBuffer};
use starling_record::Run;
use starling_simulate::replay::{Recorded, environment_of, open};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// Which episode.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The run's directory
    run: PathBuf,
    /// List the recorded episodes instead
    #[arg(long)]
    list: bool,
    /// The environment or evaluation that played it, e.g. `evaluate.selfplay`
    #[arg(long, value_name = "TABLE.KEY")]
    entity: Option<String>,
    /// Number of the replica
    #[arg(long, value_name = "N")]
    replica: Option<u32>,
    /// Lane within the replica
    #[arg(long, value_name = "N")]
    lane: Option<u32>,
    /// Number of the episode within the lane
    #[arg(long, value_name = "N")]
    episode: Option<u32>,
    /// Tick of the evaluation; the last if not given
    #[arg(long, value_name = "N")]
    tick: Option<u64>,
    /// Who sat where in an evaluation, agent:replica by seat, e.g. `chef:0,chef:3`: an episode of that cell
    #[arg(long, value_name = "SEATS")]
    seating: Option<String>,
    /// Milliseconds per frame on a terminal
    #[arg(long, value_name = "MS", default_value_t = 120)]
    delay: u64,
}

impl ReplayArgs {
    fn wants(&self, id: &EpisodeId) -> bool {
        self.entity.as_ref().is_none_or(|entity| *entity == id.entity)
            && self.replica.is_none_or(|replica| replica == id.replica)
            && self.lane.is_none_or(|lane| lane == id.lane)
            && self.episode.is_none_or(|episode| episode == id.episode)
            && self.tick.is_none_or(|tick| tick == id.tick)
            && self.seating.as_ref().is_none_or(|seating| *seating == id.seating)
    }
}

pub(crate) fn run(starling: &Starling, context: Context, args: ReplayArgs) -> Result<Exit, Problems> {
    let run = Run::open_read_only(&args.run, None)?;
    let mut episodes = records::recorded(&run)?;
    episodes.retain(|id, _| args.wants(id));
    if args.list {
        list(context, &episodes);
        return Ok(Exit::Finished);
    }
    let (id, summary) = choose(&episodes)?;
    let steps = records::steps_of(&run, id)?;
    let pipeline = resume::stored(starling, &run)?;
    let mut app = starling.world(&pipeline)?;
    let recorded = Recorded {
        entity: id.name(),
        replica: id.replica,
        seating: id.seating.clone(),
        lane: id.lane,
        episode: id.episode,
        tick: id.tick,
    };
    let environment = environment_of(app.world_mut(), &recorded.entity)?;
    let block = open(environment.as_ref(), RunSeed(pipeline.head.seed), &recorded);
    let mut player = Player::new(environment.shape(), block);
    let title = format!(
        "{} replica {} lane {} episode {}",
        id.entity, id.replica, id.lane, id.episode
    );
    let animated = terminal::stdout_is_terminal() && !context.json;
    let mut frames = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let frame = player.frame(number, steps.len(), step, &title);
        if context.json {
            frames.push(
                json!({ "step": number, "actions": step.actions, "rewards": step.rewards, "text": player.picture() }),
            );
        } else if animated {
            // Home, the frame, and whatever an older frame left below it.
            context.data(&format!("\x1b[H\x1b[2J{frame}"));
            std::thread::sleep(Duration::from_millis(args.delay));
        } else {
            context.data(&format!("{frame}\n"));
        }
        // The lane starts its next episode within the last step, so the state that the episode ends in is drawn before.
        let last = (number + 1 == steps.len())
            .then(|| player.picture_after(step))
            .transpose()?;
        player.step(number, step)?;
        let Some(picture) = last else { continue };
        if context.json {
            frames.push(json!({ "step": steps.len(), "text": picture }));
        } else {
            let clear = if animated { "\x1b[H\x1b[2J" } else { "" };
            let frame = heading(&title, steps.len(), steps.len(), player.total, &picture);
            context.data(&format!("{clear}{frame}\n"));
        }
    }
    let total = player.total;
    if context.json {
        let data = json!({ "entity": id.entity, "replica": id.replica, "lane": id.lane, "episode": id.episode, "tick": id.tick, "return": total, "frames": frames });
        context.data(&format!("{data:#}\n"));
    } else {
        let end = if summary.ended {
            "the end"
        } else {
            "as far as it is recorded"
        };
        context.data(&format!(
            "return {total:.2} after {} steps ({end}); rewards simulated again are those recorded\n",
            steps.len()
        ));
    }
    Ok(Exit::Finished)
}

/// An evaluation's last, lowest replica first; else the last training episode that ended.
fn choose(episodes: &BTreeMap<EpisodeId, Summary>) -> Result<(&EpisodeId, &Summary), Fault> {
    let evaluation = |id: &EpisodeId| id.entity.starts_with("evaluate.");
    let last = episodes.keys().filter(|id| evaluation(id)).map(|id| id.tick).max();
    let evaluated = episodes.iter().find(|(id, _)| evaluation(id) && Some(id.tick) == last);
    let trained = || episodes.iter().rfind(|(_, summary)| summary.ended);
    evaluated.or_else(trained).or_else(|| episodes.iter().next()).ok_or_else(|| {
        Fault::pipeline("no such episode is recorded").advise(
            "`--list` tells which are; evaluations record their first episodes, `record.trajectories = { every = 10 }` records training",
        )
    })
}

fn list(context: Context, episodes: &BTreeMap<EpisodeId, Summary>) {
    if context.json {
        let rows = episodes.iter().map(|(id, s)| {
            json!({ "entity": id.entity, "tick": id.tick, "replica": id.replica, "seating": id.seating, "lane": id.lane, "episode": id.episode, "steps": s.steps, "return": s.total, "ended": s.ended })
        });
        return context.data(&format!("{:#}\n", Value::Array(rows.collect())));
    }
    let header = ["tick", "replica", "lane", "episode", "steps", "return"]
        .map(|h| format!("{h:>9}"))
        .concat();
    let mut text = format!("{:<28}{header}\n", "entity");
    for (id, summary) in episodes {
        let tick = if id.tick > 0 {
            id.tick.to_string()
        } else {
            String::new()
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{:<28}{tick:>9}{:>9}{:>9}{:>9}{:>9}{:>9.2}{}",
            id.entity,
            id.replica,
            id.lane,
            id.episode,
            summary.steps,
            summary.total,
            if summary.ended { "" } else { "  (unfinished)" }
        );
    }
    context.data(&text);
}

fn heading(title: &str, number: usize, of: usize, total: f64, picture: &str) -> String {
    format!(
        "{title}: step {number} of {of}, return {total:.2}\n{}\n",
        picture.trim_end()
    )
}

/// One lane that plays what was recorded.
struct Player<'a> {
    shape: &'a EnvironmentShape,
    block: Box<dyn Lanes>,
    total: f64,
}

impl<'a> Player<'a> {
    fn new(shape: &'a EnvironmentShape, block: Box<dyn Lanes>) -> Self {
        Self {
            shape,
            block,
            total: 0.0,
        }
    }

    fn picture(&self) -> String {
        self.block.render(0)
    }

    /// The state before a step, and what is done in it.
    fn frame(&self, number: usize, of: usize, step: &Step, title: &str) -> String {
        let components = self.shape.action_components();
        let moves = step
            .actions
            .chunks(components.max(1))
            .zip(&self.shape.seats)
            .map(|(actions, seat)| {
                let named = |names: &[String], action: i32| {
                    let known = usize::try_from(action).ok().and_then(|a| names.get(a)).cloned();
                    known.unwrap_or_else(|| action.to_string())
                };
                let words: Vec<String> = match &seat.action {
                    ActionSpace::Discrete { names } => actions.iter().take(1).map(|&a| named(names, a)).collect(),
                    ActionSpace::Box { .. } => actions
                        .iter()
                        .map(|&a| format!("{:.3}", f32::from_bits(a as u32)))
                        .collect(),
                    _ => actions.iter().map(i32::to_string).collect(),
                };
                words.join(" ")
            });
        let moves: Vec<String> = moves.collect();
        let picture = self.picture();
        let heading = heading(title, number, of, self.total, &picture);
        format!("{heading}actions: {}\n", moves.join(", "))
    }

    /// The state after a step that may be the episode's last.
    fn picture_after(&self, step: &Step) -> Result<String, Fault> {
        let actions = self.actions(step)?;
        self.block.render_after(0, actions.slice(0..actions.len()))
    }

    /// The moves of a step, if it fits the environment.
    fn actions(&self, step: &Step) -> Result<ActionBuffer, Fault> {
        let (seats, components) = (self.shape.seats.len(), self.shape.action_components());
        if step.actions.len() != seats * components || step.rewards.len() != seats {
            return Err(Fault::records(
                "the recorded step does not fit this pipeline's environment",
            ));
        }
        Ok(if self.shape.float_actions() {
            ActionBuffer::Continuous(step.actions.iter().map(|&a| f32::from_bits(a as u32)).collect())
        } else {
            ActionBuffer::Discrete(step.actions.clone())
        })
    }

    /// Plays one recorded step and compares.
    fn step(&mut self, number: usize, step: &Step) -> Result<(), Fault> {
        let shape = self.shape;
        let seats = shape.seats.len();
        let actions = self.actions(step)?;
        let width = seats * shape.observation_width();
        let mut observations = ObservationBuffer::zeros(shape, width);
        let (mut rewards, mut shaped) = (vec![0.0; seats], vec![0.0; seats]);
        let (mut terminated, mut truncated) = ([0], [0]);
        let mut legal = vec![0; if shape.masks { seats * shape.moves() } else { 0 }];
        let mut active = vec![0; if shape.turns { seats } else { 0 }];
        let mut outputs = StepOutputs {
            observations: observations.slice_mut(0..width),
            rewards: &mut rewards,
            shaped: &mut shaped,
            terminated: &mut terminated,
            truncated: &mut truncated,
            legal: shape.masks.then_some(&mut legal),
            active: shape.turns.then_some(&mut active),
            final_observations: None,
            events: None,
        };
        self.block.step(actions.slice(0..actions.len()), &mut outputs)?;
        let same = rewards
            .iter()
            .zip(&step.rewards)
            .all(|(a, b)| a.to_bits() == b.to_bits());
        let ended = terminated[0] != 0 || truncated[0] != 0;
        if !same || ended != step.ended {
            let message = format!(
                "step {number} simulated again gives rewards {rewards:?}{}, recorded are {:?}{}",
                if ended { " and the end" } else { "" },
                step.rewards,
                if step.ended { " and the end" } else { "" },
            );
            return Err(
                Fault::records(message).advise("was the run made by another version of the program or its kitchens?")
            );
        }
        self.total += rewards.iter().map(|&r| f64::from(r)).sum::<f64>() / seats as f64;
        Ok(())
    }
}
