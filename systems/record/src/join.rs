//! One run from several that trained different replicas of it: their rows in the order in which one process would have written them.
//!
//! Within a tick a process writes entity by entity: environments, then agents, then evaluations, each in the order of their names; and of an
//! entity replica by replica. So rows are taken tick by tick and entity by entity, from the runs in the order of their replicas.

use crate::block::block;
use crate::read::{Columns, TableRows, read_table};
use crate::run::Run;
use crate::writer::{CommitRequest, Recorder};
use arrow::array::RecordBatch;
use starling_components::Fault;
use starling_components::specs::KeepCheckpoints;
use starling_components::table::TableSpec;
use starling_components::tables;
use std::collections::BTreeMap;
use std::ops::Range;

/// A run, and the numbers of the replicas that it trained.
#[derive(Debug)]
pub struct JoinPart {
    /// The run.
    pub run: Run,
    /// Replicas.
    pub replicas: Range<u32>,
}

/// Writes the rows of all `parts` into `into`, a new run, and commits them with `request`.
///
/// # Errors
/// Rows of other replicas than a part's; a damaged part; the disk failed.
pub fn join(
    parts: &[JoinPart],
    into: Run,
    part_rows: u64,
    keep: KeepCheckpoints,
    request: CommitRequest,
) -> Result<Run, Fault> {
    let mut recorder = Recorder::start(into, part_rows, keep)?;
    for &table in tables::ALL {
        let mut cursors: Vec<Cursor> = parts.iter().map(|part| Cursor::new(part, table)).collect();
        loop {
            let mut next = None;
            for cursor in &mut cursors {
                let tick = cursor.tick()?;
                next = [next, tick].into_iter().flatten().min();
            }
            let Some(tick) = next else { break };
            let mut entities: BTreeMap<(usize, String), Vec<RecordBatch>> = BTreeMap::new();
            for cursor in &mut cursors {
                cursor.take(tick, &mut entities)?;
            }
            for batch in entities.into_values().flatten() {
                recorder.write(block(table, &batch)?)?;
            }
        }
    }
    recorder.commit(request)?;
    recorder.wait()?;
    recorder.close()
}

/// Where an entity stands among those of a tick.
fn rank(entity: &str) -> usize {
    let order = ["environment.", "agent.", "evaluate."];
    order
        .iter()
        .position(|table| entity.starts_with(table))
        .unwrap_or(order.len())
}

/// How far one part's rows of a table are read.
struct Cursor<'a> {
    table: &'static TableSpec,
    part: &'a JoinPart,
    rows: TableRows,
    /// What is left of the batch that was read last.
    open: Option<RecordBatch>,
}

impl<'a> Cursor<'a> {
    fn new(part: &'a JoinPart, table: &'static TableSpec) -> Self {
        Self {
            table,
            part,
            rows: read_table(&part.run, table.name),
            open: None,
        }
    }

    /// The tick of the next row.
    fn tick(&mut self) -> Result<Option<u64>, Fault> {
        while self.open.as_ref().is_none_or(|batch| batch.num_rows() == 0) {
            match self.rows.next().transpose()? {
                None => return Ok(None),
                batch => self.open = batch,
            }
        }
        let Some(batch) = &self.open else { return Ok(None) };
        Ok(Columns(batch).u64("tick")?.first().copied())
    }

    /// Adds all rows of `tick` to those of their entities.
    fn take(&mut self, tick: u64, entities: &mut BTreeMap<(usize, String), Vec<RecordBatch>>) -> Result<(), Fault> {
        while self.tick()? == Some(tick) {
            let Some(batch) = self.open.take() else { break };
            let columns = Columns(&batch);
            let rows = columns.u64("tick")?.iter().take_while(|&&row| row == tick).count();
            self.check(&batch.slice(0, rows))?;
            let entity = columns.text_if_any("entity")?;
            let name = |row: usize| entity.map_or("", |entity| entity.value(row));
            let mut from = 0;
            while from < rows {
                let same = (from..rows).take_while(|&row| name(row) == name(from)).count();
                let key = (rank(name(from)), name(from).to_owned());
                entities.entry(key).or_default().push(batch.slice(from, same));
                from += same;
            }
            self.open = Some(batch.slice(rows, batch.num_rows() - rows));
        }
        Ok(())
    }

    /// Rows of something that every part does would come several times.
    fn check(&self, batch: &RecordBatch) -> Result<(), Fault> {
        if batch.column_by_name("replica").is_none() {
            return Ok(());
        }
        let numbers = Columns(batch).u32("replica")?;
        match numbers.iter().find(|number| !self.part.replicas.contains(number)) {
            None => Ok(()),
            Some(number) => {
                let (dir, table) = (self.part.run.place(), self.table.name);
                let Range { start, end } = self.part.replicas;
                Err(Fault::records(format!(
                    "`{dir}` has rows of replica {number} in `{table}`, and trained {start} to {}",
                    end - 1
                )))
            }
        }
    }
}
