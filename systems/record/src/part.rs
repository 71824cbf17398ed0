//! One Parquet part on its way to disk: hashed while it is written, synced and renamed when it is full.

use crate::commit::PartRecord;
use crate::{disk, schema};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use sha2::{Digest, Sha256};
use starling_components::Fault;
use starling_components::table::TableSpec;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A part that takes rows. Dropped without [`Part::close`], it leaves nothing behind.
pub(crate) struct Part {
    /// Its schema; batches must have it.
    pub(crate) schema: SchemaRef,
    /// Bytes per row in byte columns; see [`schema::schema`].
    pub(crate) width: usize,
    /// Rows so far.
    pub(crate) rows: u64,
    table: &'static TableSpec,
    writer: ArrowWriter<Hashing>,
    /// Under the run, with `/`: what the commit will say.
    name: String,
    path: PathBuf,
    temporary: PathBuf,
}

impl Part {
    /// Opens a part of `table`, called `name` relative to the run directory `run`.
    pub(crate) fn create(run: &Path, name: String, table: &'static TableSpec, width: usize) -> Result<Self, Fault> {
        let path = run.join(&name);
        if let Some(folder) = path.parent().filter(|f| !f.is_dir()) {
            disk::create_folder(folder)?;
        }
        let temporary = disk::temporary(&path);
        let file = File::create(&temporary).map_err(|e| disk::fault("failed to create", &temporary, &e, 0))?;
        let schema = schema::schema(table, width);
        let hashing = Hashing::new(file);
        let writer = ArrowWriter::try_new(hashing, SchemaRef::clone(&schema), Some(schema::properties(table)));
        let writer = writer.map_err(|e| {
            let _ = fs::remove_file(&temporary);
            Fault::storage(format!("failed to start `{}`: {e}", path.display()))
        })?;
        Ok(Self {
            schema,
            width,
            rows: 0,
            table,
            writer,
            name,
            path,
            temporary,
        })
    }

    /// Appends rows.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), Fault> {
        self.writer.write(batch).map_err(|e| self.fault(&e))?;
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Finishes the file; from here on it exists under its own name, complete.
    pub(crate) fn close(mut self) -> Result<PartRecord, Fault> {
        self.writer.finish().map_err(|e| self.fault(&e))?;
        let sink = self.writer.inner_mut();
        let synced = sink.out.flush().and_then(|()| sink.out.get_ref().sync_all());
        let (bytes, digest) = (sink.bytes, disk::hex(&std::mem::take(&mut sink.hash).finalize()));
        synced
            .and_then(|()| fs::rename(&self.temporary, &self.path))
            .map_err(|e| disk::fault("failed to write", &self.path, &e, bytes))?;
        self.path.parent().map_or(Ok(()), disk::sync_folder)?;
        Ok(PartRecord {
            table: self.table.name.to_owned(),
            version: self.table.version,
            file: std::mem::take(&mut self.name),
            rows: self.rows,
            bytes,
            sha256: digest,
        })
    }

    fn fault(&self, error: &parquet::errors::ParquetError) -> Fault {
        match &self.writer.inner().failed {
            Some((kind, wanted)) => disk::fault("failed to write", &self.path, &io::Error::from(*kind), *wanted),
            None => Fault::storage(format!("failed to write `{}`: {error}", self.path.display())),
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After a successful close the name is gone already; in every other case the rows are not committed.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// A buffered file that hashes what passes, and remembers why it failed: Parquet's own errors lose the cause.
struct Hashing {
    out: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
    failed: Option<(io::ErrorKind, u64)>,
}

impl Hashing {
    fn new(file: File) -> Self {
        Self {
            out: BufWriter::with_capacity(1 << 18, file),
            hash: Sha256::new(),
            bytes: 0,
            failed: None,
        }
    }
    fn note<T>(&mut self, result: io::Result<T>, wanted: usize) -> io::Result<T> {
        if let Err(error) = &result {
            self.failed = Some((error.kind(), wanted.max(self.out.buffer().len()) as u64));
        }
        result
    }
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        let written = self.note(written, bytes.len())?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.note(flushed, 0)
    }
}
