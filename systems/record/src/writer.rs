//! The writing thread: rows and commit requests go in at one end of a bounded channel, parts and commits come out at the other.
//!
//! One thread for all tables, so that a commit is simply the next message: everything before it is in it, nothing after.
//! A slow disk or a slow server fills the channel and slows the run; a failing one ends the thread, and the next call gets its fault.

use crate::commit::{self, Commit, FORMAT, GroupClocks, PartRecord, Status};
use crate::part::Part;
use crate::run::{Run, instruction_set};
use crate::{checkpoint, schema, store};
use arrow::datatypes::SchemaRef;
use bevy_ecs::prelude::*;
use crossbeam_channel::{Receiver, Sender, bounded};
use starling_components::Fault;
use starling_components::fault::FaultKind;
use starling_components::persist::Snapshot;
use starling_components::specs::KeepCheckpoints;
use starling_components::table::{Block, ColumnData};
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Messages that may wait. Blocks are few per tick; what really bounds memory is [`WAITING_BYTES`].
const WAITING: usize = 64;
/// Bytes of rows that may wait for the disk before the run does.
const WAITING_BYTES: usize = 256 << 20;

/// What a commit needs besides the rows.
#[derive(Debug, Clone)]
pub struct CommitRequest {
    /// Why it is made.
    pub status: Status,
    /// Clocks of every group, by name.
    pub clocks: BTreeMap<String, GroupClocks>,
    /// Everything saved.
    pub snapshot: Snapshot,
}

enum Message {
    Rows(Block),
    Commit(Box<CommitRequest>),
    /// Counted when everything before it is on disk. Not answered through a channel of its own: a message that is still queued when
    /// the thread ends keeps its sender alive, and whoever waits for the answer would wait for ever.
    Barrier,
}

/// Where rows and commits go. As a resource it turns recording on; without it systems drop rows and nothing is written.
#[derive(Resource)]
pub struct Recorder {
    sender: Option<Sender<Message>>,
    thread: Option<JoinHandle<Run>>,
    shared: Arc<Shared>,
    /// Barriers sent.
    barriers: u64,
    told: bool,
}

impl Recorder {
    /// Starts the writing thread of `run`, with at most `part_rows` rows per part; `keep` says which checkpoints stay.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(run: Run, part_rows: u64, keep: KeepCheckpoints) -> Result<Self, Fault> {
        let (sender, receiver) = bounded(WAITING);
        let shared = Arc::new(Shared::default());
        let streams = Streams {
            run,
            part_rows: part_rows.max(1),
            keep,
            tables: BTreeMap::new(),
            widths: BTreeMap::new(),
        };
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("record".into())
            .spawn(move || streams.serve(&receiver, &theirs));
        let thread = thread.map_err(|e| Fault::run(format!("failed to start the writing thread: {e}")))?;
        Ok(Self {
            sender: Some(sender),
            thread: Some(thread),
            shared,
            barriers: 0,
            told: false,
        })
    }

    /// Hands rows over; waits while too many are underway.
    ///
    /// # Errors
    /// The disk failed, now or earlier.
    pub fn write(&mut self, block: Block) -> Result<(), Fault> {
        self.shared.reserve(block_bytes(&block));
        self.send(Message::Rows(block))
    }

    /// Asks for a commit of everything written so far; it is made in the background.
    ///
    /// # Errors
    /// The disk failed, now or earlier.
    pub fn commit(&mut self, request: CommitRequest) -> Result<(), Fault> {
        self.send(Message::Commit(Box::new(request)))
    }

    /// Waits until everything asked for is on disk.
    ///
    /// # Errors
    /// The disk failed, now or earlier.
    pub fn wait(&mut self) -> Result<(), Fault> {
        self.send(Message::Barrier)?;
        self.barriers += 1;
        let ahead = |state: &mut SharedState| !state.ended && state.barriers < self.barriers;
        let waited = self.shared.moved.wait_while(lock(&self.shared.state), ahead);
        let passed = waited.unwrap_or_else(PoisonError::into_inner).barriers >= self.barriers;
        if passed { Ok(()) } else { Err(self.fault()) }
    }

    /// Ends the thread and gives the run back, as far as it was committed. Rows after the last commit are dropped: they are computed again
    /// on resume.
    ///
    /// # Errors
    /// The disk failed and no call has said so yet.
    pub fn close(mut self) -> Result<Run, Fault> {
        drop(self.sender.take());
        let run = self.thread.take().map(JoinHandle::join);
        let failed = lock(&self.shared.state).failure.take();
        match (run, failed) {
            (Some(Ok(run)), None) => Ok(run),
            (Some(Ok(run)), Some(_)) if self.told => Ok(run),
            (_, Some(fault)) => Err(fault),
            _ => Err(Fault::storage("the writing thread broke down")),
        }
    }

    fn send(&mut self, message: Message) -> Result<(), Fault> {
        // The thread says that it ended a moment before its end of the channel closes.
        let ended = lock(&self.shared.state).ended;
        let sent = !ended && self.sender.as_ref().is_some_and(|sender| sender.send(message).is_ok());
        if sent { Ok(()) } else { Err(self.fault()) }
    }

    fn fault(&mut self) -> Fault {
        self.told = true;
        let failure = lock(&self.shared.state).failure.clone();
        failure.unwrap_or_else(|| Fault::storage("the writing thread broke down"))
    }
}

/// What both sides know: how far the thread is, and why it ended.
#[derive(Default)]
struct Shared {
    state: Mutex<SharedState>,
    moved: Condvar,
}

#[derive(Default)]
struct SharedState {
    underway: usize,
    /// Barriers passed.
    barriers: u64,
    ended: bool,
    failure: Option<Fault>,
}

/// A panic while holding the lock leaves plain numbers behind: nothing to distrust.
fn lock(mutex: &Mutex<SharedState>) -> MutexGuard<'_, SharedState> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Waits for room. A block larger than all the room passes alone.
    fn reserve(&self, bytes: usize) {
        let full = |state: &mut SharedState| {
            !state.ended && state.underway > 0 && state.underway.saturating_add(bytes) > WAITING_BYTES
        };
        let waited = self.moved.wait_while(lock(&self.state), full);
        waited.unwrap_or_else(PoisonError::into_inner).underway += bytes;
    }
    fn release(&self, bytes: usize) {
        lock(&self.state).underway -= bytes;
        self.moved.notify_all();
    }
}

/// Wakes waiting senders even if the thread panics.
struct EndGuard<'a>(&'a Shared);

impl Drop for EndGuard<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).ended = true;
        self.0.moved.notify_all();
    }
}

/// One table between two commits.
#[derive(Default)]
struct Stream {
    open: Option<Part>,
    closed: Vec<PartRecord>,
}

/// The thread's side.
struct Streams {
    run: Run,
    part_rows: u64,
    keep: KeepCheckpoints,
    tables: BTreeMap<&'static str, Stream>,
    /// Bytes per row that a table had last: rows without bytes go into parts of that type too, so that types vary little.
    widths: BTreeMap<&'static str, usize>,
}

impl Streams {
    fn serve(mut self, receiver: &Receiver<Message>, shared: &Shared) -> Run {
        let _end = EndGuard(shared);
        for message in receiver {
            if let Err(fault) = self.take(message, shared) {
                self.discard(Some(&fault));
                lock(&shared.state).failure = Some(self.advised(fault));
                break;
            }
        }
        self.discard(None);
        self.run
    }

    fn take(&mut self, message: Message, shared: &Shared) -> Result<(), Fault> {
        match message {
            Message::Rows(block) => {
                let bytes = block_bytes(&block);
                let written = self.write(block);
                shared.release(bytes);
                written
            }
            Message::Commit(request) => self.commit(*request),
            Message::Barrier => {
                lock(&shared.state).barriers += 1;
                shared.moved.notify_all();
                Ok(())
            }
        }
    }

    /// Cuts the block at multiples of `part_rows` rows since the last commit: where rows are cut depends on nothing but their number.
    fn write(&mut self, block: Block) -> Result<(), Fault> {
        let (table, rows, width) = (block.table, block.rows(), schema::byte_width(&block));
        if rows == 0 {
            return Ok(());
        }
        let usual = self.widths.entry(table.name).or_insert(width);
        if width != 0 {
            *usual = width;
        }
        let width = *usual;
        let stream = self.tables.entry(table.name).or_default();
        if let Some(part) = stream.open.take_if(|part| part.width != width) {
            stream.closed.push(part.close()?);
        }
        let schema = match &stream.open {
            Some(part) => SchemaRef::clone(&part.schema),
            None => schema::schema(table, width),
        };
        let batch = schema::batch(block, &schema, width)?;
        let mut done = 0;
        while done < rows {
            let mut part = match stream.open.take() {
                Some(part) => part,
                None => {
                    let (commit, index, token) = (self.run.next_number(), stream.closed.len(), self.run.token());
                    let name = format!("{}/{commit:06}-{index:05}-{token}.parquet", table.name);
                    Part::create(self.run.shared_store(), name, table, width)?
                }
            };
            let room = usize::try_from(self.part_rows - part.rows).unwrap_or(usize::MAX);
            let count = room.min(rows - done);
            part.write(&batch.slice(done, count))?;
            done += count;
            if part.rows == self.part_rows {
                stream.closed.push(part.close()?);
            } else {
                stream.open = Some(part);
            }
        }
        Ok(())
    }

    /// Parts first, then the checkpoint, then the commit that names them.
    fn commit(&mut self, request: CommitRequest) -> Result<(), Fault> {
        for stream in self.tables.values_mut() {
            if let Some(part) = stream.open.take() {
                stream.closed.push(part.close()?);
            }
        }
        let number = self.run.next_number();
        let tick = commit::tick(&request.clocks);
        let checkpoint = checkpoint::write(&self.run, number, tick, &request.snapshot)?;
        let last = self.run.latest_commit();
        let mut rows = last.map(|c| c.rows.clone()).unwrap_or_default();
        let parts: Vec<PartRecord> = self.tables.values().flat_map(|s| s.closed.iter().cloned()).collect();
        for part in &parts {
            *rows.entry(part.table.clone()).or_insert(0) += part.rows;
        }
        let commit = Commit {
            format: FORMAT,
            commit: number,
            previous: last.map(|c| c.sha256.clone()),
            status: request.status,
            tick,
            clocks: request.clocks,
            program: self.run.program().to_owned(),
            instruction_set: instruction_set(),
            pipeline_sha256: self.run.pipeline_sha256().to_owned(),
            checkpoint,
            checkpoints_kept: (self.keep.oldest(number)..=number).collect(),
            parts,
            rows,
            sha256: String::new(),
        };
        self.run.append(commit)?;
        self.tables.clear();
        Ok(())
    }

    /// Removes what was written since the last commit; on a full disk this is also what makes room again. Where nobody knows whether the next
    /// commit was made, everything stays: it may name these files. So it does where a server just failed and would be waited for again.
    fn discard(&mut self, fault: Option<&Fault>) {
        let tables = std::mem::take(&mut self.tables);
        let away = self.run.store().is_remote() && fault.is_some_and(|fault| fault.kind == FaultKind::Storage);
        if away || self.run.may_have_committed() {
            return;
        }
        for part in tables.into_values().flat_map(|stream| stream.closed) {
            let _ = self.run.store().remove(&part.file); // swept on resume otherwise
        }
    }

    fn advised(&self, fault: Fault) -> Fault {
        if fault.kind != FaultKind::Storage || fault.advice.is_some() {
            return fault;
        }
        let (place, remedy) = (self.run.place(), store::remedy(self.run.store()));
        fault.advise(match self.run.latest_commit() {
            Some(c) => format!(
                "everything up to tick {} (commit {}) is safe; {remedy}, then `starling resume {place}`",
                c.tick, c.commit
            ),
            None => format!("nothing was committed yet; {remedy}, then run the pipeline again"),
        })
    }
}

/// Memory that a block holds, roughly.
fn block_bytes(block: &Block) -> usize {
    let names = |v: &[String]| v.iter().map(|s| s.len() + size_of::<String>()).sum();
    let column = |column: &ColumnData| match column {
        ColumnData::Bool(v) => v.len(),
        ColumnData::U8(v) => v.len(),
        ColumnData::U32(v) => v.len() * 4,
        ColumnData::U64(v) => v.len() * 8,
        ColumnData::F32(v) => v.len() * 4,
        ColumnData::F64(v) => v.len() * 8,
        ColumnData::Name(v) | ColumnData::Text(v) => names(v),
        ColumnData::OneName { .. } => 0,
        ColumnData::FewNames { rows, .. } => rows.len() * 4,
        ColumnData::Bytes { data, .. } => data.len(),
        ColumnData::ListI32 { data, .. } => data.len() * 4,
        ColumnData::ListU32 { data, .. } => data.len() * 4,
        ColumnData::ListF32 { data, .. } => data.len() * 4,
    };
    block.columns.iter().map(column).sum()
}
