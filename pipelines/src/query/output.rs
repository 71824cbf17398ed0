//! Rows on their way out, batch by batch: nothing is collected, but for what a person reads at a terminal. A file is written whole or not at all.

use super::errors;
use super::text::{self, Csv, Text};
use crate::commands::query::Format;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::writer::{FileWriter, StreamWriter};
use datafusion::arrow::json::WriterBuilder;
use datafusion::arrow::json::writer::{JsonArray, JsonFormat, LineDelimited, Writer as JsonWriter};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;
use futures_util::StreamExt as _;
use starling_components::Fault;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

/// What the name of `file` says.
pub(crate) fn format_of(file: &Path) -> Option<Format> {
    match file.extension()?.to_str()? {
        "txt" => Some(Format::Table),
        "csv" => Some(Format::Csv),
        "json" => Some(Format::Json),
        "jsonl" | "ndjson" => Some(Format::Jsonl),
        "parquet" => Some(Format::Parquet),
        "arrow" | "feather" => Some(Format::Arrow),
        _ => None,
    }
}

impl Format {
    fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow)
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Written {
    /// Rows.
    pub(crate) rows: u64,
    /// There were more, which a table for people does not show.
    pub(crate) cut: bool,
}

/// Writes `rows` to `file`, or to stdout.
///
/// # Errors
/// The query fails while it runs, the disk fails, or bytes would go to a terminal. A file of that name stays as it was.
pub(crate) async fn write(
    rows: SendableRecordBatchStream,
    format: Format,
    file: Option<&Path>,
) -> Result<Written, Fault> {
    let Some(path) = file else {
        let out = io::stdout();
        if format.is_binary() && out.is_terminal() {
            return Err(Fault::pipeline("a terminal cannot show Parquet or Arrow")
                .advise("name a file with `--output FILE`, or send it through a pipe"));
        }
        return drain(rows, format, BufWriter::new(out), "stdout", false).await;
    };
    let temporary = temporary(path)?;
    let place = path.display().to_string();
    let failed = |action: &str, e: &io::Error| Fault::storage(format!("{action} `{place}`: {e}"));
    let opened = File::create(&temporary).map_err(|e| failed("failed to create", &e))?;
    let written = async {
        let own = opened.try_clone().map_err(|e| failed("failed to write", &e))?;
        let written = drain(rows, format, BufWriter::new(own), &place, true).await?;
        let synced = opened.sync_all().and_then(|()| std::fs::rename(&temporary, path));
        synced.map_err(|e| failed("failed to write", &e))?;
        Ok(written)
    };
    let written = written.await;
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary); // the error that matters is already on its way
    }
    written
}

/// A hidden name beside `path`.
fn temporary(path: &Path) -> Result<PathBuf, Fault> {
    match path.file_name() {
        Some(name) => Ok(path.with_file_name(format!(".{}.tmp", name.to_string_lossy()))),
        None => Err(Fault::pipeline(format!("`{}` is no name for a file", path.display()))),
    }
}

async fn drain<W: Write + Send>(
    mut rows: SendableRecordBatchStream,
    format: Format,
    out: W,
    place: &str,
    to_file: bool,
) -> Result<Written, Fault> {
    let failed = |e: io::Error| Fault::storage(format!("failed to write to {place}: {e}"));
    // A reader that has seen enough (`| head`) is no failure.
    let gone = |e: &io::Error| !to_file && e.kind() == io::ErrorKind::BrokenPipe;
    let mut written = Written::default();
    let mut sink = match Sink::open(format, out, &rows.schema(), to_file) {
        Ok(sink) => sink,
        Err(e) if gone(&e) => return Ok(written),
        Err(e) => return Err(failed(e)),
    };
    while let Some(batch) = rows.next().await {
        let mut batch = batch.map_err(|e| errors::running(&e))?;
        if format == Format::Table && written.rows + batch.num_rows() as u64 > text::MOST {
            batch = batch.slice(0, (text::MOST - written.rows) as usize);
            written.cut = true;
        }
        written.rows += batch.num_rows() as u64;
        match sink.write(&batch) {
            Ok(()) => {}
            Err(e) if gone(&e) => return Ok(written),
            Err(e) => return Err(failed(e)),
        }
        if written.cut {
            break;
        }
    }
    match sink.finish() {
        Err(e) if !gone(&e) => Err(failed(e)),
        _ => Ok(written),
    }
}

/// One writer per format.
enum Sink<W: Write + Send> {
    Text(Text, W),
    Csv(Csv, W),
    Json(JsonWriter<W, JsonArray>),
    Jsonl(JsonWriter<W, LineDelimited>),
    Parquet(Box<ArrowWriter<W>>),
    ArrowFile(FileWriter<W>),
    ArrowStream(StreamWriter<W>),
}

impl<W: Write + Send> Sink<W> {
    fn open(format: Format, mut out: W, schema: &std::sync::Arc<Schema>, to_file: bool) -> io::Result<Self> {
        Ok(match format {
            Format::Table => Self::Text(Text::new(schema), out),
            Format::Csv => {
                Csv.head(schema, &mut out)?;
                Self::Csv(Csv, out)
            }
            Format::Json => Self::Json(json(out)),
            Format::Jsonl => Self::Jsonl(json(out)),
            Format::Parquet => {
                let level = ZstdLevel::try_new(1).unwrap_or_default();
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(level))
                    .build();
                let writer = ArrowWriter::try_new(out, std::sync::Arc::clone(schema), Some(properties));
                Self::Parquet(Box::new(writer.map_err(from_parquet)?))
            }
            Format::Arrow if to_file => Self::ArrowFile(FileWriter::try_new(out, schema).map_err(from_arrow)?),
            Format::Arrow => Self::ArrowStream(StreamWriter::try_new(out, schema).map_err(from_arrow)?),
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        match self {
            Self::Text(text, _) => text.add(batch).map_err(from_arrow),
            Self::Csv(csv, out) => csv.rows(batch, out),
            Self::Json(writer) => writer.write(batch).map_err(from_arrow),
            Self::Jsonl(writer) => writer.write(batch).map_err(from_arrow),
            Self::Parquet(writer) => writer.write(batch).map_err(from_parquet),
            Self::ArrowFile(writer) => writer.write(batch).map_err(from_arrow),
            Self::ArrowStream(writer) => writer.write(batch).map_err(from_arrow),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Text(text, mut out) => text.print(&mut out).and_then(|()| out.flush()),
            Self::Csv(_, mut out) => out.flush(),
            Self::Json(mut writer) => {
                writer.finish().map_err(from_arrow)?;
                let mut out = writer.into_inner();
                writeln!(out).and_then(|()| out.flush())
            }
            Self::Jsonl(mut writer) => {
                writer.finish().map_err(from_arrow)?;
                writer.into_inner().flush()
            }
            Self::Parquet(writer) => writer.into_inner().map_err(from_parquet)?.flush(),
            Self::ArrowFile(mut writer) => {
                writer.finish().map_err(from_arrow)?;
                writer.into_inner().map_err(from_arrow)?.flush()
            }
            Self::ArrowStream(mut writer) => {
                writer.finish().map_err(from_arrow)?;
                writer.into_inner().map_err(from_arrow)?.flush()
            }
        }
    }
}

fn json<W: Write, F: JsonFormat>(out: W) -> JsonWriter<W, F> {
    WriterBuilder::new().with_explicit_nulls(true).build(out)
}

/// The error of the disk or pipe below, so that its kind is not lost.
fn from_arrow(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        other => io::Error::other(other.to_string()),
    }
}

fn from_parquet(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other.to_string()),
        },
        other => io::Error::other(other.to_string()),
    }
}
