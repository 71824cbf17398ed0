//! `starling completions`: what a shell needs to complete commands, options and the names of built-in pipelines.

use super::{Cli, Context};
use crate::builtin;
use crate::exit::Exit;
use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

/// For which shell.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell; for bash: source <(starling completions bash)
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(context: Context, args: &CompletionsArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "starling", &mut script);
    context.data(&with_files(args.shell, &String::from_utf8_lossy(&script)));
    Exit::Finished
}

/// Names of pipelines beside files: bash falls back to files by itself, zsh would offer names alone, fish files alone.
fn with_files(shell: Shell, script: &str) -> String {
    let names = builtin::names().collect::<Vec<_>>().join(" ");
    match shell {
        Shell::Zsh => script.replace(&format!(":({names})'"), &format!(":{{compadd -- {names}; _files}}'")),
        Shell::Fish => {
            let of = |command| {
                format!("complete -c starling -n \"__fish_starling_using_subcommand {command}\" -a \"{names}\"\n")
            };
            format!("{script}{}{}", of("run"), of("check"))
        }
        _ => script.to_owned(),
    }
}

/// Any text, with the built-in pipelines as suggestions.
#[derive(Debug, Clone, Copy)]
pub(super) struct PipelineName;

impl TypedValueParser for PipelineName {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        clap::builder::StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(builtin::names().map(PossibleValue::new)))
    }
}
