//! Writing, committing, stopping, resuming, fencing.

use super::*;
use crate::checkpoint;
use crate::commit::{Chain, Status};
use starling_components::fault::FaultKind;

#[test]
fn a_run_ends_with_a_finished_commit_that_names_every_row() {
    let dir = tempfile::tempdir().unwrap();
    run_new(dir.path(), Options::default(), None).unwrap();
    let run = Run::open_read_only(dir.path(), None).unwrap();
    let last = run.latest_commit().unwrap();
    assert_eq!((last.status, last.tick, last.commit), (Status::Finished, 20, 4));
    assert_eq!(last.clocks["group.kitchen"].now.env_steps, 240);
    assert_eq!(run.chain().rows("metrics"), 80);
    assert_eq!(run.chain().rows("episodes"), 10);
    assert_eq!(run.chain().rows("trajectories"), 240);
    let rows: u64 = run.chain().parts("trajectories").map(|part| part.rows).sum();
    assert_eq!(rows, 240);
    assert!(run.uncommitted().unwrap().is_empty());
    assert_eq!(checkpoint::files(&*store(dir.path())).len(), 3);
}

#[test]
fn stopping_and_resuming_gives_the_same_state_and_rows() {
    let whole = tempfile::tempdir().unwrap();
    let expected = run_new(whole.path(), Options::default(), None).unwrap();
    for stop in [1, 5, 7, 19] {
        let dir = tempfile::tempdir().unwrap();
        run_new(dir.path(), Options::default(), Some(stop)).unwrap();
        let stopped = Run::open_read_only(dir.path(), None).unwrap();
        let last = stopped.latest_commit().unwrap();
        assert_eq!((last.status, last.tick), (Status::Interrupted, stop));
        let snapshot = resume(dir.path(), Options::default(), None).unwrap();
        assert!(checkpoint::same_bits(&snapshot, &expected), "stopped after tick {stop}");
        let rows = Chain::load(dir.path(), None).unwrap().rows("trajectories");
        assert_eq!(rows, 240);
    }
}

#[test]
fn a_second_writer_is_told_who_writes() {
    let dir = tempfile::tempdir().unwrap();
    run_new(dir.path(), Options::default(), Some(3)).unwrap();
    let first = Run::open_for_resume(dir.path(), &ResumeOptions::default()).unwrap();
    let second = Run::open_for_resume(dir.path(), &ResumeOptions::default()).unwrap_err();
    assert_eq!(second.kind, FaultKind::Fenced);
    assert!(
        second.message.contains(&format!("process {} on", std::process::id())),
        "{second}"
    );
    drop(first);
    Run::open_for_resume(dir.path(), &ResumeOptions::default()).unwrap();
}

/// The run in `dir`, opened as if there were no locks.
fn unlocked(dir: &Path) -> Run {
    let chain = Chain::load(dir, None).unwrap();
    Run::new(store(dir), chain, PIPELINE.into(), PROGRAM, None)
}

#[test]
fn where_locks_do_not_reach_leftovers_go_when_their_number_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    run_new(dir.path(), Options::default(), Some(5)).unwrap(); // commits 0 and 1
    let [old, next, later] = [1, 2, 3].map(|number| format!("metrics/{number:06}-00009-0badc0de.parquet"));
    for name in [&old, &next, &later] {
        std::fs::write(dir.path().join(name), "of a writer that may be alive").unwrap();
    }
    let there = |name: &str| dir.path().join(name).exists();
    let mut run = unlocked(dir.path());
    run.sweep().unwrap();
    assert!(!there(&old) && there(&next) && there(&later));
    go(&mut app(Options::default()), run, Some(10)).unwrap(); // commit 2
    assert!(!there(&next) && there(&later));
    assert!(crate::verify::verify(dir.path(), None).unwrap().is_whole());
}

#[test]
fn where_locks_do_not_reach_the_next_commit_fences() {
    let dir = tempfile::tempdir().unwrap();
    run_new(dir.path(), Options::default(), Some(5)).unwrap();
    let (first, second) = (unlocked(dir.path()), unlocked(dir.path()));
    go(&mut app(Options::default()), first, Some(10)).unwrap();
    let fault = go(&mut app(Options::default()), second, Some(10)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Fenced, "{fault}");
    resume(dir.path(), Options::default(), None).unwrap();
}

#[test]
fn a_folder_with_other_things_in_it_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("thesis.txt"), "text").unwrap();
    let fault = Run::create(dir.path(), PIPELINE, PROGRAM).unwrap_err();
    assert!(fault.message.contains("thesis.txt"), "{fault}");
    let run = tempfile::tempdir().unwrap();
    run_new(run.path(), Options::default(), Some(2)).unwrap();
    let fault = Run::create(run.path(), PIPELINE, PROGRAM).unwrap_err();
    assert!(fault.message.contains("already holds a run"), "{fault}");
}
