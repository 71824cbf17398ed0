//! One Parquet part on its way: hashed while it is written, published under its name when it is full.

use crate::commit::PartRecord;
use crate::schema;
use crate::store::{self, Store, disk};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use sha2::{Digest, Sha256};
use starling_components::Fault;
use starling_components::table::TableSpec;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

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
    store: Arc<dyn Store>,
}

impl Part {
    /// Opens a part of `table`, called `name` relative to the run in `store`.
    pub(crate) fn create(
        store: Arc<dyn Store>,
        name: String,
        table: &'static TableSpec,
        width: usize,
    ) -> Result<Self, Fault> {
        let hashing = Hashing::new(store.draft(&name)?);
        let schema = schema::schema(table, width);
        let writer = ArrowWriter::try_new(hashing, SchemaRef::clone(&schema), Some(schema::properties(table)));
        let writer = writer.map_err(|e| {
            store.abandon(&name);
            Fault::storage(format!("failed to start `{}`: {e}", store::at(&*store, &name)))
        })?;
        Ok(Self {
            schema,
            width,
            rows: 0,
            table,
            writer,
            name,
            store,
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
        let flushed = sink.out.flush();
        flushed.map_err(|e| self.store.draft_fault(&self.name, &e, sink.bytes))?;
        self.store.publish(&self.name, sink.out.get_mut(), sink.bytes)?;
        Ok(PartRecord {
            table: self.table.name.to_owned(),
            version: self.table.version,
            file: self.name.clone(),
            rows: self.rows,
            bytes: sink.bytes,
            sha256: disk::hex(&std::mem::take(&mut sink.hash).finalize()),
        })
    }

    fn fault(&self, error: &parquet::errors::ParquetError) -> Fault {
        match &self.writer.inner().failed {
            Some((kind, wanted)) => self.store.draft_fault(&self.name, &io::Error::from(*kind), *wanted),
            None => {
                let path = store::at(&*self.store, &self.name);
                Fault::storage(format!("failed to write `{path}`: {error}"))
            }
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After a successful close there is none any more; in every other case the rows are not committed.
        self.store.abandon(&self.name);
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
