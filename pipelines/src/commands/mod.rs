//! The command line: one file per command, and what they share.

pub(crate) mod aggregate;
mod batch;
mod bench;
mod check;
mod completions;
mod diff;
pub(crate) mod docs;
mod doctor;
mod eval;
mod list;
mod matches;
mod matrix;
pub(crate) mod query;
mod replay;
mod resume;
mod run;
pub(crate) mod schema;
mod show;
mod sweep;
mod verify;

mod records;
pub(crate) mod session;
mod stages;

pub(crate) use session::ResourceArgs;

use crate::engine::Starling;
use crate::exit::{self, Exit};
use crate::file::layers::Overrides;
use crate::problem::Problems;
use crate::ranks;
use crate::terminal;
use clap::error::{ContextKind, ContextValue};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use starling_components::suggest;
use std::io::Write as _;

/// Turns a pipeline file into an ECS world, ticks it, and streams what happens to Parquet.
#[derive(Debug, Parser)]
#[command(name = "starling", version, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    context: Context,
    #[command(subcommand)]
    command: Command,
}

/// How to talk.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Context {
    /// Data and problems as JSON
    #[arg(long, global = true)]
    json: bool,
    /// No progress and no hints
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a pipeline: a file, or the name of a built-in one
    Run(run::RunArgs),
    /// Run all runs of a file's [sweep], on this machine or on a cluster
    Sweep(sweep::SweepArgs),
    /// How far a sweep's jobs are; stop them, go on with them, join them
    #[command(subcommand)]
    Batch(batch::BatchCommand),
    /// Go on with a run that was stopped or killed
    Resume(resume::ResumeArgs),
    /// What ran and how it went: the curve, returns per replica, evaluations
    Show(show::ShowArgs),
    /// Let stored agents play in any environment, and score every pairing
    Eval(eval::EvalArgs),
    /// Step through an episode, recorded or fresh, with what its seats see and think
    Replay(replay::ReplayArgs),
    /// Check every hash and row count of a run
    Verify(verify::VerifyArgs),
    /// Whether two runs are the same, and where they part
    Diff(diff::DiffArgs),
    /// Ask every run of a folder in SQL
    Query(query::QueryArgs),
    /// Compare methods over tasks and runs, with bootstrap intervals
    Aggregate(aggregate::AggregateArgs),
    /// Check pipeline files without running them
    Check(check::CheckArgs),
    /// The tables, slots and kinds that pipeline files may use
    List(list::ListArgs),
    /// The JSON schema of pipeline files, for editors
    Schema,
    /// How fast environments step, or what recording costs
    Bench(bench::BenchArgs),
    /// What this machine and this build have, and whether the runs here are whole
    Doctor(doctor::DoctorArgs),
    /// What a shell needs to complete commands
    Completions(completions::CompletionsArgs),
    /// Write the reference pages
    Docs(docs::DocsArgs),
}

/// Changes to a pipeline file.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct OverrideArgs {
    /// Merge a value into the file, e.g. `agent.chef.replicas=8` (a TOML value, or a bare word)
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// As --set, but another kind takes the old one's place, e.g. `agent.chef.optimizer.adam_rel={rate=1e-3}`
    #[arg(long, value_name = "KEY=VALUE")]
    replace: Vec<String>,
    /// The seed
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Another end, e.g. `ticks=10`, in the place of all ends that the file gives; every stage's, if it has stages
    #[arg(long, value_name = "CLOCK=N")]
    until: Vec<String>,
}

impl OverrideArgs {
    fn overrides(&self) -> Overrides {
        let seed = self.seed.map(|seed| format!("seed={seed}"));
        Overrides {
            set: self.set.iter().cloned().chain(seed).collect(),
            replace: self.replace.clone(),
            until: self.until.clone(),
            point: None,
        }
    }
}

/// Parses the command line, does what it says, reports what went wrong, and gives the exit code.
pub(crate) fn run<S: Into<std::ffi::OsString> + Clone>(
    starling: &Starling,
    arguments: impl IntoIterator<Item = S>,
) -> Exit {
    let command = Cli::command().after_help(exit::help());
    let matches = command.try_get_matches_from(arguments.into_iter().map(Into::into));
    let cli = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(mut error) => {
            suggest_command(&mut error);
            // Help and version arrive here too; writing them to a closed pipe is no failure of ours.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::BadInput
            } else {
                Exit::Finished
            };
        }
    };
    let Cli { context, command } = cli;
    let result = match command {
        Command::Run(args) => run::run(starling, context, args),
        Command::Sweep(args) => sweep::run(starling, context, args),
        Command::Batch(command) => batch::run(starling, context, command),
        Command::Resume(args) => resume::run(starling, context, args),
        Command::Show(args) => show::run(context, args),
        Command::Eval(args) => eval::run(starling, context, args),
        Command::Replay(args) => replay::run(starling, context, args),
        Command::Verify(args) => verify::run(context, args),
        Command::Diff(args) => diff::run(context, args),
        Command::Query(args) => query::run(context, args),
        Command::Aggregate(args) => aggregate::run(context, args),
        Command::Check(args) => check::run(starling, context, args),
        Command::List(args) => list::run(starling, context, args),
        Command::Schema => schema::run(starling, context),
        Command::Bench(args) => bench::run(starling, context, args),
        Command::Doctor(args) => doctor::run(starling, context, args),
        Command::Completions(args) => Ok(completions::run(context, &args)),
        Command::Docs(args) => docs::run(starling, args),
    };
    let exit = result.unwrap_or_else(|problems| {
        context.report(&problems);
        Exit::of(&problems)
    });
    ranks::leave();
    exit
}

/// To stderr. Where nobody can hear it, as in a log on a full disk, the work goes on and the exit code says what it was.
pub(crate) fn say(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Clap compares by likeness and misses swapped letters (`rnu`), which are the commonest slips.
fn suggest_command(error: &mut clap::Error) {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return;
    };
    let command = Cli::command();
    let names = command.get_subcommands().map(clap::Command::get_name);
    let near = suggest::nearest(word, names).map(str::to_owned);
    if let (Some(near), None) = (near, error.get(ContextKind::SuggestedSubcommand)) {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(vec![near]));
    }
}

impl Context {
    /// Problems: to stderr for people, to stdout as data.
    fn report(self, problems: &Problems) {
        if self.json {
            self.data(&format!("{:#}\n", problems.json()));
        } else {
            say(&problems.render());
        }
    }

    /// Data, to stdout. A reader that went away (`| head`) is no failure.
    #[allow(clippy::unused_self)] // the one door to stdout
    fn data(self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Talk, to stderr.
    pub(crate) fn talk(self, text: &str) {
        if !self.quiet {
            say(&format!("{text}\n"));
        }
    }

    /// Whether moving progress makes sense.
    pub(crate) fn animated(self) -> bool {
        !self.quiet && terminal::stderr_is_terminal()
    }
}
