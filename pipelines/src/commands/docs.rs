//! `starling docs`: the reference pages, from the same lists that the program runs on.

use super::list::{self, Entry};
use crate::engine::Starling;
use crate::exit::{self, Exit};
use crate::problem::Problems;
use clap::Args;
use starling_components::registry::Registry;
use starling_components::table::ColumnSpec;
use starling_components::{Fault, tables};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Where to write.
#[derive(Debug, Args)]
pub(crate) struct DocsArgs {
    /// The folder of the pages
    #[arg(long, default_value = "docs/reference")]
    out: PathBuf,
}

pub(crate) fn run(starling: &Starling, args: DocsArgs) -> Result<Exit, Problems> {
    let failed = |e: std::io::Error| Fault::storage(format!("cannot write to `{}`: {e}", args.out.display()));
    std::fs::create_dir_all(&args.out).map_err(failed)?;
    for (name, text) in pages(starling) {
        std::fs::write(args.out.join(name), text).map_err(failed)?;
    }
    Ok(Exit::Finished)
}

/// File name and text of every page: pipeline files, one page per slot, the recorded tables, the exit codes.
pub(crate) fn pages(starling: &Starling) -> Vec<(String, String)> {
    let app = starling.app();
    let registry = app.world().resource::<Registry>();
    let entries = list::entries(registry);
    let mut pages = vec![
        ("pipeline_files.md".to_owned(), pipeline_files(registry, &entries)),
        ("tables.md".to_owned(), recorded_tables()),
        ("exit_codes.md".to_owned(), exit_codes()),
    ];
    let slots = registry.slots();
    pages.extend(slots.map(|(slot, doc)| (format!("{slot}.md"), slot_page(slot, doc, &entries))));
    pages
}

const GENERATED: &str = "<!-- Written by `starling docs`; edit the doc comments in the source instead. -->\n";

fn pipeline_files(registry: &Registry, entries: &[Entry]) -> String {
    let mut text = format!("{GENERATED}# Pipeline files\n\n");
    text.push_str(
        "A table is an entity, a key in it is a component, and `slot.kind = { ... }` chooses one of a slot's kinds; a kind that needs no \
         settings may be written as its bare name.\n\n\
         `extends = \"base.toml\"` reads another file first, `extends = [\"base.toml\", \"more.toml\"]` several; tables merge key by key and the \
         later value wins, in the order: extended files, file, `--set`. Merging never chooses another kind: `[replace.agent.chef] learner.dqn = {}` (or `--replace agent.chef.learner.dqn={}`) \
         puts `dqn` in the place of whatever learner was there. `replace` holds the same keys as the file itself.\n\n",
    );
    text.push_str("## Slots\n\nEvery kind has a pipeline on its slot's page that runs as it is printed.\n\n");
    text.push_str("| slot | what it decides | kinds |\n|---|---|---|\n");
    for (slot, doc) in registry.slots() {
        let kinds = entries.iter().filter(|e| e.slot == slot);
        let kinds: Vec<String> = kinds.map(|e| format!("`{}`", e.name)).collect();
        // Writing to a string does not fail.
        let _ = writeln!(text, "| [`{slot}`]({slot}.md) | {doc} | {} |", kinds.join(", "));
    }
    text.push_str("\n## Tables\n\nWhat a file is made of.\n\n");
    for entry in entries.iter().filter(|e| e.slot == "table") {
        text.push_str(&section(entry));
    }
    format!("{}\n", text.trim_end())
}

fn slot_page(slot: &str, doc: &str, entries: &[Entry]) -> String {
    let mut text = format!("{GENERATED}# `{slot}`\n\n{doc}\n\n");
    for entry in entries.iter().filter(|e| e.slot == slot) {
        text.push_str(&section(entry));
    }
    format!("{}\n", text.trim_end())
}

/// What it is, its keys, and a pipeline that uses it.
fn section(entry: &Entry) -> String {
    let mut text = format!("### `{}`\n\n{}\n\n", entry.name, entry.doc);
    if !entry.keys.is_empty() {
        text.push_str("| key | meaning |\n|---|---|\n");
        for (key, doc) in &entry.keys {
            let _ = writeln!(text, "| `{key}` | {} |", doc.replace('|', "\\|"));
        }
        text.push('\n');
    }
    if let Some(example) = &entry.example {
        let _ = writeln!(text, "```toml\n{}\n```\n", example.trim_end());
    }
    text
}

fn recorded_tables() -> String {
    let mut text = format!("{GENERATED}# Recorded tables\n\n");
    text.push_str(
        "Parquet, one folder per table under the run's directory. A part belongs to the run once a commit names it. Units and shapes stand in \
         the fields' metadata too.\n\n",
    );
    for table in tables::ALL {
        let exact = if table.exact {
            "the same in every execution"
        } else {
            "readings of the clock"
        };
        let _ = writeln!(
            text,
            "## `{}` (version {}, {exact})\n\nOne row: {}.\n",
            table.name, table.version, table.doc
        );
        text.push_str("| column | type | unit | shape | meaning |\n|---|---|---|---|---|\n");
        for ColumnSpec {
            name,
            kind,
            unit,
            shape,
            doc,
        } in table.columns
        {
            let kind = format!("{kind:?}").to_lowercase();
            let _ = writeln!(
                text,
                "| `{name}` | {kind} | {unit} | {shape} | {} |",
                doc.replace('|', "\\|")
            );
        }
        text.push('\n');
    }
    format!("{}\n", text.trim_end())
}

fn exit_codes() -> String {
    let mut text = format!("{GENERATED}# Exit codes\n\n| code | meaning |\n|---|---|\n");
    for (exit, meaning) in exit::TABLE {
        let _ = writeln!(text, "| {} | {meaning} |", exit.code());
    }
    text
}
