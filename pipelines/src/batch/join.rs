//! `starling batch join`: from jobs that trained some replicas each to the run that one job would have made.
//!
//! Parameters and everything else that is saved are put together along their first axis, the replicas; rows in the order of one process. The
//! joined run then does its last tick, in which all replicas meet.

use super::state::done;
use super::{BatchRun, Folder, Job};
use crate::commands::Context;
use crate::commands::session::{self, ResourceArgs};
use crate::engine::Starling;
use crate::exit::Exit;
use crate::file::Pipeline;
use crate::file::layers::{Origin, Overrides};
use crate::problem::Problems;
use starling_components::Fault;
use starling_components::persist::{Snapshot, restore_world, save_world};
use starling_components::specs::RecordSpec;
use starling_record::commit::{GroupClocks, Status};
use starling_record::join::{JoinPart, join};
use starling_record::{CommitRequest, ResumeOptions, Run, checkpoint, newest_commit};
use std::collections::BTreeMap;
use std::path::Path;

/// Joins every run of the batch whose parts are done, and ends it.
///
/// # Errors
/// A part is not done or damaged, or the joined run fails.
pub(crate) fn all(
    starling: &Starling,
    context: Context,
    folder: &Folder,
    resources: &ResourceArgs,
) -> Result<Exit, Problems> {
    let split: Vec<&BatchRun> = folder.batch.runs.iter().filter(|run| !run.parts.is_empty()).collect();
    if split.is_empty() {
        let fault = Fault::pipeline(format!("no run of `{}` is split over jobs", folder.dir.display()));
        return Err(fault
            .advise("`split = 4` in [sweep] splits the replicas of every run")
            .into());
    }
    let mut last = Exit::Finished;
    for run in split {
        let exit = one(starling, context, folder, run, resources)?;
        if exit != Exit::Finished {
            last = exit;
            break;
        }
    }
    Ok(last)
}

fn one(
    starling: &Starling,
    context: Context,
    folder: &Folder,
    run: &BatchRun,
    resources: &ResourceArgs,
) -> Result<Exit, Problems> {
    let dir = folder.run(&run.name);
    let newest = newest_commit(&dir)?;
    if newest.as_ref().is_some_and(|commit| commit.status == Status::Finished) {
        context.talk(&format!("{}: joined before", dir.display()));
        return Ok(Exit::Finished);
    }
    let path = folder.pipeline(&run.name);
    let text =
        std::fs::read_to_string(&path).map_err(|e| Fault::records(format!("cannot read `{}`: {e}", path.display())))?;
    let origin = Origin::Text {
        name: path.display().to_string(),
        text,
    };
    let pipeline = starling.load(&origin, &Overrides::default())?;
    if newest.is_none() {
        let parts = parts(folder, run)?;
        context.talk(&format!("{}: joining {} parts", dir.display(), parts.len()));
        put_together(starling, &pipeline, &parts, &dir)?;
    }
    let options = ResumeOptions {
        program: session::PROGRAM.to_owned(),
        ..ResumeOptions::default()
    };
    let joined = Run::open_for_resume(&dir, &options)?;
    let app = starling.world(&pipeline)?;
    resources.check_memory(&app)?;
    session::drive(context, app, &pipeline, Ok(joined), resources)
}

fn parts(folder: &Folder, run: &BatchRun) -> Result<Vec<JoinPart>, Fault> {
    let open = |part: &super::Part| {
        let job = Job {
            index: 0,
            name: part.name.clone(),
            ticks: Some(part.ticks),
        };
        let dir = folder.run(&part.name);
        if !newest_commit(&dir)?.is_some_and(|commit| done(&commit, &job)) {
            let fault = Fault::pipeline(format!("`{}` is not done", dir.display()));
            return Err(fault.advise(format!(
                "let it end first: starling batch resume {}",
                folder.dir.display()
            )));
        }
        Ok(JoinPart {
            run: Run::open_read_only(dir, None)?,
            replicas: part.first..part.first + part.count,
        })
    };
    run.parts.iter().map(open).collect()
}

/// The run in `dir` with everything that its parts did.
fn put_together(starling: &Starling, pipeline: &Pipeline, parts: &[JoinPart], dir: &Path) -> Result<(), Problems> {
    let mut snapshots = Vec::new();
    let mut clocks: Option<BTreeMap<String, GroupClocks>> = None;
    for part in parts {
        let commit = part
            .run
            .latest_commit()
            .ok_or_else(|| Fault::records("a part without a commit"))?;
        if clocks.get_or_insert_with(|| commit.clocks.clone()) != &commit.clocks {
            let fault = Fault::records(format!("`{}` has other clocks than the first part", part.run.place()));
            return Err(fault
                .advise("all parts stop at the same tick: let them end, and join again")
                .into());
        }
        snapshots.push(checkpoint::read(&part.run, commit)?);
    }
    let mut app = starling.world(pipeline)?;
    let world = app.world_mut();
    // The world knows which shape everything has with all replicas.
    restore_world(world, &Snapshot::joined(&snapshots))?;
    let request = CommitRequest {
        status: Status::Interrupted,
        clocks: clocks.unwrap_or_default(),
        snapshot: save_world(world),
    };
    let spec = world
        .query::<&RecordSpec>()
        .iter(world)
        .next()
        .cloned()
        .unwrap_or_default();
    let run = Run::create(dir, &pipeline.text(), session::PROGRAM)?;
    join(parts, run, spec.part_rows, spec.checkpoints, request)?;
    Ok(())
}
