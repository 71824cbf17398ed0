//! `starling replay`: an episode step by step. A recorded one is simulated again from the pipeline, its seed and the recorded actions, and the
//! rewards must come out as recorded, bit for bit; a fresh one is played by the stored parameters. Beside every state stand what each seat sees
//! of it, the probabilities of its policy and the value that it expects.

mod choose;
mod frame;
mod parameters;
mod play;
mod stepping;

use super::{Context, records, resume};
use crate::engine::Starling;
use crate::exit::Exit;
use crate::picture::gif;
use crate::problem::Problems;
use crate::terminal;
use clap::Args;
use frame::{Frame, Title};
use play::Played;
use serde_json::json;
use starling_components::{EntityName, Fault};
use starling_record::Run;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Milliseconds per frame of an animation, unless asked for otherwise.
const DELAY_MS: u64 = 120;

/// Columns of a text that goes to a file.
const FILE_WIDTH: usize = 140;

/// Which episode, and how to show it.
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
    /// Who sits where, agent:replica by seat, e.g. `chef:0,chef:3`: an episode that they played, or with --fresh one that they play
    #[arg(long, value_name = "SEATS")]
    seating: Option<String>,
    /// Play a new episode with the stored parameters
    #[arg(long, conflicts_with_all = ["list", "entity", "replica", "lane", "episode", "tick"])]
    fresh: bool,
    /// Of a fresh episode: the environment, if there are several
    #[arg(long, value_name = "KEY", requires = "fresh")]
    environment: Option<String>,
    /// Of a fresh episode: what its draws are keyed by
    #[arg(long, value_name = "N", requires = "fresh", default_value_t = 0)]
    seed: u64,
    /// Of a fresh episode: take the most probable action
    #[arg(long, requires = "fresh")]
    greedy: bool,
    /// Parameters of this commit; else of the nearest at or before the episode, for a fresh one of the last
    #[arg(long, value_name = "N")]
    commit: Option<u64>,
    /// Only these steps, e.g. `20..40`, `300..`, `33`
    #[arg(long, value_name = "A..B", value_parser = stepping::parse_steps)]
    steps: Option<std::ops::Range<usize>>,
    /// Write the episode, or the steps of it, as an animated picture
    #[arg(long, value_name = "FILE")]
    gif: Option<PathBuf>,
    /// Milliseconds per frame; on a terminal the episode then plays by itself
    #[arg(long, value_name = "MS")]
    delay: Option<u64>,
}

pub(crate) fn run(starling: &Starling, context: Context, args: ReplayArgs) -> Result<Exit, Problems> {
    let run = Run::open_read_only(&args.run, None)?;
    if args.list {
        let mut episodes = records::recorded(&run)?;
        choose::filter(&mut episodes, &args);
        choose::list(context, &episodes);
        return Ok(Exit::Finished);
    }
    let pipeline = resume::stored(starling, &run)?;
    let mut app = starling.world(&pipeline)?;
    let world = app.world_mut();
    let (title, mut watched, moves) = if args.fresh {
        play::fresh(world, &run, &args)?
    } else {
        play::recorded(context, world, &run, pipeline.head.seed, &args)?
    };
    let Played { frames, failure, ended } = play::play(&mut watched, moves);
    let shown = match &args.steps {
        None => &frames[..],
        Some(steps) => chosen(&frames, steps)?,
    };
    show(context, &args, &title, shown)?;
    if let Some(fault) = failure {
        return Err(fault.into());
    }
    if !context.json {
        let last = frames.last();
        let (total, steps) = last.map_or((0.0, 0), |frame| (frame.total, frame.number));
        let end = if ended { "the end" } else { "as far as it goes" };
        let checked = if args.fresh {
            ""
        } else {
            "; rewards simulated again are those recorded"
        };
        context.data(&format!("return {total:.2} after {steps} steps ({end}){checked}\n"));
    }
    Ok(Exit::Finished)
}

/// The frames of some steps.
fn chosen<'a>(frames: &'a [Frame], steps: &std::ops::Range<usize>) -> Result<&'a [Frame], Fault> {
    let found = frames.get(steps.start..steps.end.min(frames.len()));
    found.filter(|frames| !frames.is_empty()).ok_or_else(|| {
        let last = frames.last().map_or(0, |frame| frame.number);
        Fault::pipeline(format!("there is no step {}", steps.start))
            .advise(format!("this episode has steps 0 to {last}"))
    })
}

fn show(context: Context, args: &ReplayArgs, title: &Title, frames: &[Frame]) -> Result<(), Fault> {
    if let Some(path) = &args.gif {
        write_gif(path, frames, args.delay.unwrap_or(DELAY_MS))?;
        context.talk(&format!("{} frames in {}", frames.len(), path.display()));
    }
    if context.json {
        let list: Vec<_> = frames.iter().map(Frame::json).collect();
        let mut data = title.json();
        data["return"] = json!(frames.last().map_or(0.0, |frame| frame.total));
        data["frames"] = list.into();
        context.data(&format!("{data:#}\n"));
        return Ok(());
    }
    if args.gif.is_some() {
        return Ok(());
    }
    let width = if terminal::stdout_is_terminal() {
        terminal::width()
    } else {
        FILE_WIDTH
    };
    let text = |frame: &Frame| frame.text(title, width);
    if !terminal::stdout_is_terminal() || args.steps.is_some() {
        for frame in frames {
            context.data(&format!("{}\n", text(frame)));
        }
        return Ok(());
    }
    match args.delay {
        Some(delay) => {
            for frame in frames {
                // Home, the frame, and whatever an older frame left below it.
                context.data(&format!("\x1b[H\x1b[2J{}", text(frame)));
                std::thread::sleep(Duration::from_millis(delay));
            }
            Ok(())
        }
        None => stepping::step_through(frames.len(), |at| text(&frames[at])),
    }
}

fn write_gif(path: &Path, frames: &[Frame], delay: u64) -> Result<(), Fault> {
    let pictures: Option<Vec<_>> = frames
        .iter()
        .map(|frame| Some((frame.portrait.picture.as_ref()?, frame.caption())))
        .collect();
    let pictures = pictures.ok_or_else(|| {
        Fault::pipeline("this environment draws no pictures").advise("leave `--gif` out: the episode is told as text")
    })?;
    let bytes = gif::animation(&pictures, delay)?;
    std::fs::write(path, bytes).map_err(|e| Fault::storage(format!("failed to write `{}`: {e}", path.display())))
}

/// `table.key` in its two parts.
fn entity_name(text: &str) -> EntityName {
    let (table, key) = text.split_once('.').unwrap_or((text, ""));
    EntityName::new(table, key)
}
