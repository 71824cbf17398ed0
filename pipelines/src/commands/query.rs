//! `starling query`: SQL over every run of a folder.

use super::Context;
use super::aggregate::rows::{Columns, Rows};
use crate::engine;
use crate::exit::Exit;
use crate::problem::Problems;
#[cfg(feature = "query")]
use crate::query::{Database, Options, output};
use clap::{Args, ValueEnum};
use starling_components::Fault;
use std::path::{Path, PathBuf};

/// What sorting, grouping and joining may use unless told otherwise.
const MEMORY: &str = "2GiB";

/// What to ask, of which runs, and where the answer goes.
#[derive(Debug, Args)]
#[cfg_attr(not(feature = "query"), allow(dead_code))] // parsed in every build, used in one
pub(crate) struct QueryArgs {
    /// The question, e.g. `SELECT run, state, tick FROM runs`
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    sql: Option<String>,
    /// A file that holds the question; `-` is stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The folder of the runs
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,
    /// How rows are written; what the name of --output says, or a table
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Write the rows to this file, whole or not at all
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Memory for sorting, grouping and joining; what needs more goes to temporary files where it can
    #[arg(long, value_name = "SIZE", default_value = MEMORY, value_parser = engine::parse_bytes)]
    memory_limit: u64,
    /// Threads; with one, sums of floats have the same bits every time. All cores if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Check every hash of a run before its rows count
    #[arg(long)]
    verify: bool,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns, for people; at most 10,000 rows
    Table,
    /// Comma-separated values; null is nothing, an empty text is `""`
    Csv,
    /// One array of objects
    Json,
    /// One object per line
    Jsonl,
    /// A Parquet file
    Parquet,
    /// An Arrow file; to a pipe, an Arrow stream
    Arrow,
}

#[cfg(not(feature = "query"))]
pub(crate) fn run(_context: Context, _args: QueryArgs) -> Result<Exit, Problems> {
    Err(missing().into())
}

#[cfg(feature = "query")]
pub(crate) fn run(context: Context, args: QueryArgs) -> Result<Exit, Problems> {
    let sql = question(args.sql, args.file)?;
    if sql.trim().is_empty() {
        return Err(Fault::pipeline("there is no question").into());
    }
    let json = context.json.then_some(Format::Json);
    let named = args.output.as_deref().and_then(output::format_of);
    let format = args.format.or(json).or(named).unwrap_or(Format::Table);
    let database = Database::open(&Options {
        folder: args.runs,
        memory: usize::try_from(args.memory_limit).unwrap_or(usize::MAX),
        threads: args.threads.map_or_else(cores, usize::from),
        verify: args.verify,
    })?;
    let file = args.output.as_deref();
    let written = database.query(&sql, async |rows| output::write(rows, format, file).await);
    // Also where the query failed: this may be why.
    told(context, &database);
    let written = written?;
    if written.cut {
        let rows = written.rows;
        super::say(&format!(
            "the first {rows} rows; `--format csv` or `--output FILE` gives all\n"
        ));
    }
    Ok(Exit::Finished)
}

/// The rows of scores that `sql` gives.
#[cfg(not(feature = "query"))]
pub(super) fn scores(_: Context, _: &Path, _: &str, _: Columns<'_>) -> Result<Rows, Fault> {
    Err(missing())
}

#[cfg(feature = "query")]
pub(super) fn scores(context: Context, runs: &Path, sql: &str, columns: Columns<'_>) -> Result<Rows, Fault> {
    let database = Database::open(&Options {
        folder: runs.to_owned(),
        memory: engine::parse_bytes(MEMORY).map_or(usize::MAX, |bytes| bytes as usize),
        threads: cores(),
        verify: false,
    })?;
    let batches = database.query(sql, async |rows| crate::query::collect(rows).await);
    told(context, &database);
    super::aggregate::rows::of_batches(&batches?, columns)
}

/// Says what did not count. No option hides it: rows that are left out must not go unnoticed.
#[cfg(feature = "query")]
fn told(context: Context, database: &Database) {
    let left_out = database.left_out();
    if let Some(first) = left_out.first() {
        let runs = match left_out.len() {
            1 => format!("1 run is left out: {first}"),
            n => format!("{n} runs are left out, the first: {first}"),
        };
        super::say(&format!(
            "{runs}; `SELECT run, state, problem FROM runs WHERE problem IS NOT NULL` tells all\n"
        ));
    }
    if database.runs() == 0 {
        context.talk("there are no runs in this folder; `--runs DIR` names another");
    }
}

#[cfg(feature = "query")]
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(not(feature = "query"))]
fn missing() -> Fault {
    Fault::pipeline("this build does not answer queries")
        .advise("build one that does, in about twenty minutes: `cargo build --release --features query`")
}

#[cfg(feature = "query")]
fn question(sql: Option<String>, file: Option<PathBuf>) -> Result<String, Fault> {
    use std::io::Read as _;
    let (Some(path), None) = (&file, &sql) else {
        return Ok(sql.unwrap_or_default());
    };
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    match read {
        Ok(_) => Ok(text),
        Err(e) => Err(Fault::pipeline(format!("cannot read `{}`: {e}", path.display()))),
    }
}
