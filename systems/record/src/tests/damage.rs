//! Damaged, foreign and missing files: each a clear error, and what was committed before stays good.

use super::*;
use crate::checkpoint;
use crate::commit::{Chain, Commit, FORMAT};
use crate::verify::verify;
use starling_components::fault::FaultKind;
use std::fs;
use std::path::PathBuf;

/// Commits 0 to 2 after ticks 0, 5 and 7.
fn stopped_run() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    run_new(dir.path(), Options::default(), Some(7)).unwrap();
    dir
}

fn resume_fault(dir: &Path, options: &ResumeOptions) -> Fault {
    let opened = Run::open_for_resume(dir, options);
    opened
        .and_then(|run| go(&mut app(Options::default()), run, None))
        .unwrap_err()
}

fn file(dir: &Path, name: &str) -> PathBuf {
    dir.join(name)
}

fn commit_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(crate::commit::file_name(number))
}

/// The last part of `table`.
fn last_part(dir: &Path, table: &str) -> PathBuf {
    let chain = Chain::load(dir, None).unwrap();
    dir.join(&chain.parts(table).last().unwrap().file)
}

/// Verification finds exactly one problem, and it says `expected`.
fn check_problem(dir: &Path, expected: &str) {
    let report = verify(dir, None).unwrap();
    assert_eq!(report.problems.len(), 1, "{:?}", report.problems);
    let problem = &report.problems[0];
    assert!(problem.message.contains(expected), "{problem}");
    assert_eq!(problem.kind, FaultKind::Records);
}

#[test]
fn a_part_that_is_cut_changed_or_gone_is_found() {
    let dir = stopped_run();
    let path = last_part(dir.path(), "metrics");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    check_problem(
        dir.path(),
        &format!("{} bytes instead of {}", whole.len() - 1, whole.len()),
    );
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    fs::write(&path, &changed).unwrap();
    check_problem(dir.path(), "its hash is not the one in the commit");
    let run = Run::open_read_only(dir.path(), None).unwrap();
    assert!(crate::read::metric_curves(&run).is_err());
    fs::remove_file(&path).unwrap();
    check_problem(dir.path(), "unreadable");
    let before = Run::open_read_only(dir.path(), Some(1)).unwrap();
    assert_eq!(
        crate::read::read_table(&before, "metrics")
            .map(|batch| batch.unwrap().num_rows())
            .sum::<usize>(),
        20
    );
    assert!(verify(dir.path(), Some(1)).unwrap().is_whole());
}

#[test]
fn a_corrupted_checkpoint_is_refused_and_an_older_one_can_be_chosen() {
    let dir = stopped_run();
    let path = file(dir.path(), "checkpoints/000002.safetensors");
    let whole = fs::read(&path).unwrap();
    for damaged in [&whole[..whole.len() - 3], &whole[..0]] {
        fs::write(&path, damaged).unwrap();
        let fault = resume_fault(dir.path(), &ResumeOptions::default());
        assert!(
            fault.message.contains("is damaged") && fault.message.contains("000002.safetensors"),
            "{fault}"
        );
    }
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 0x40;
    fs::write(&path, flipped).unwrap();
    check_problem(dir.path(), "its hash is not the one in the commit");
    fs::remove_file(&path).unwrap();
    let fault = resume_fault(dir.path(), &ResumeOptions::default());
    assert!(fault.message.contains("is gone"), "{fault}");
    assert!(fault.advice.unwrap().contains("0, 1"));

    let older = ResumeOptions {
        commit: Some(1),
        ..ResumeOptions::default()
    };
    let resumed = go(
        &mut app(Options::default()),
        Run::open_for_resume(dir.path(), &older).unwrap(),
        None,
    )
    .unwrap();
    let whole = tempfile::tempdir().unwrap();
    let expected = run_new(whole.path(), Options::default(), None).unwrap();
    assert!(checkpoint::same_bits(&resumed, &expected));
    let open = |dir: &Path| Run::open_read_only(dir, None).unwrap();
    assert!(
        crate::diff::diff(&open(whole.path()), &open(dir.path()))
            .unwrap()
            .is_same()
    );
    assert!(verify(dir.path(), None).unwrap().is_whole());
    assert!(
        file(dir.path(), "set_aside").is_dir(),
        "later commits are put aside, not deleted"
    );
}

#[test]
fn nothing_is_set_aside_for_a_commit_without_its_checkpoint() {
    let dir = stopped_run();
    fs::remove_file(file(dir.path(), "checkpoints/000001.safetensors")).unwrap();
    let older = ResumeOptions {
        commit: Some(1),
        ..ResumeOptions::default()
    };
    let fault = resume_fault(dir.path(), &older);
    assert!(
        fault.message.contains("the checkpoint of commit 1") && fault.message.contains("is gone"),
        "{fault}"
    );
    assert!(commit_path(dir.path(), 2).exists());
    resume(dir.path(), Options::default(), None).unwrap();
}

#[test]
fn a_checkpoint_of_another_pipeline_is_refused() {
    let dir = stopped_run();
    // The same text, but a world whose network has another size: what a changed program would do.
    let larger = Options {
        parameters: 4,
        ..Options::default()
    };
    let fault = resume(dir.path(), larger, None).unwrap_err();
    assert!(
        fault.message.contains("[1, 3]") && fault.message.contains("[1, 4]"),
        "{fault}"
    );
    assert!(
        fault
            .advice
            .unwrap()
            .contains("of another shape: agent.chef/parameters/kernel")
    );
    // An agent more than the checkpoint knows.
    let mut more = app(Options::default());
    let parameters = more
        .world_mut()
        .query::<&Parameters>()
        .single(more.world())
        .unwrap()
        .clone();
    more.world_mut().spawn((EntityName::new("agent", "waiter"), parameters));
    let fault = go(
        &mut more,
        Run::open_for_resume(dir.path(), &ResumeOptions::default()).unwrap(),
        None,
    )
    .unwrap_err();
    assert!(
        fault
            .advice
            .unwrap()
            .contains("missing in the checkpoint: agent.waiter/parameters/kernel")
    );
    // An agent less.
    let mut fewer = app(Options::default());
    let chef = fewer
        .world_mut()
        .query_filtered::<Entity, With<Parameters>>()
        .single(fewer.world())
        .unwrap();
    fewer.world_mut().despawn(chef);
    let fault = go(
        &mut fewer,
        Run::open_for_resume(dir.path(), &ResumeOptions::default()).unwrap(),
        None,
    )
    .unwrap_err();
    assert!(
        fault
            .advice
            .unwrap()
            .contains("unknown to this pipeline: agent.chef/parameters/kernel")
    );
    // Another pipeline file in the run's place.
    fs::write(file(dir.path(), "pipeline.toml"), "name = \"other\"\n").unwrap();
    let fault = resume_fault(dir.path(), &ResumeOptions::default());
    assert!(fault.message.contains("is not the pipeline"), "{fault}");
    check_problem(dir.path(), "is not the pipeline");
}

/// Rewrites the newest commit with a valid hash.
fn rewrite(dir: &Path, change: impl FnOnce(&mut Commit)) {
    let mut commit = Chain::load(dir, None).unwrap().commits.pop().unwrap();
    change(&mut commit);
    fs::write(commit_path(dir, commit.commit), commit.seal().unwrap()).unwrap();
}

#[test]
fn a_commit_of_a_newer_format_is_refused() {
    let dir = stopped_run();
    rewrite(dir.path(), |commit| commit.format = FORMAT + 6);
    let fault = resume_fault(dir.path(), &ResumeOptions::default());
    let expected = format!(
        "is written in format {}, this program reads up to format {FORMAT}",
        FORMAT + 6
    );
    assert!(fault.message.contains(&expected), "{fault}");
    assert!(fault.advice.unwrap().contains("newer one"));
    let report = verify(dir.path(), None).unwrap();
    assert_eq!((report.commits, report.problems.len()), (2, 1));
}

#[test]
fn a_part_of_a_newer_table_version_is_refused() {
    let dir = stopped_run();
    rewrite(dir.path(), |commit| commit.parts[0].version = 99);
    check_problem(dir.path(), "has version 99 of its table");
}

#[test]
fn a_damaged_commit_is_named_and_the_one_before_offered() {
    let dir = stopped_run();
    let path = commit_path(dir.path(), 2);
    let text = fs::read_to_string(&path).unwrap();
    for damaged in [
        "",
        "{",
        &text[..text.len() / 2],
        &text.replace("\"tick\": 7", "\"tick\": 8"),
    ] {
        fs::write(&path, damaged).unwrap();
        let fault = resume_fault(dir.path(), &ResumeOptions::default());
        assert!(
            fault.message.contains("commit 2") && fault.message.contains("damaged"),
            "{fault}"
        );
        assert!(fault.advice.unwrap().contains("`--commit 1`"));
    }
    rewrite_missing(dir.path());
    Run::open_read_only(dir.path(), Some(1)).unwrap();
}

/// Removing a commit in the middle breaks the chain there.
fn rewrite_missing(dir: &Path) {
    let path = commit_path(dir, 1);
    let text = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let fault = Run::open_read_only(dir, None).unwrap_err();
    assert!(
        fault.message.contains("commit 1") && fault.message.contains("missing"),
        "{fault}"
    );
    fs::write(&path, text).unwrap();
}

#[test]
fn commits_of_two_runs_do_not_mix() {
    let (dir, other) = (stopped_run(), tempfile::tempdir().unwrap());
    run_new(other.path(), Options::default(), Some(6)).unwrap();
    fs::copy(commit_path(other.path(), 1), commit_path(dir.path(), 1)).unwrap();
    let fault = Run::open_read_only(dir.path(), None).unwrap_err();
    assert!(fault.message.contains("chain"), "{fault}");
}

#[test]
fn another_instruction_set_needs_to_be_allowed() {
    let dir = stopped_run();
    rewrite(dir.path(), |commit| commit.instruction_set = "mips".into());
    let fault = resume_fault(dir.path(), &ResumeOptions::default());
    assert!(fault.message.contains("`mips`") && fault.advice.unwrap().contains("--allow-other-bits"));
    let allowed = ResumeOptions {
        allow_other_bits: true,
        ..ResumeOptions::default()
    };
    Run::open_for_resume(dir.path(), &allowed).unwrap();
}

#[test]
fn leftovers_of_a_killed_writer_are_swept_and_nothing_else() {
    let dir = stopped_run();
    let leftovers = [
        "metrics/000003-00000-0badc0de.parquet",
        "metrics/.x.parquet.tmp",
        "checkpoints/000009.safetensors",
        "commits/.000003.json-1.tmp",
    ];
    let notes = ["notes.txt", "metrics/readme.md"];
    for name in leftovers.iter().chain(&notes) {
        fs::write(file(dir.path(), name), "half").unwrap();
    }
    let report = verify(dir.path(), None).unwrap();
    assert!(report.is_whole());
    assert_eq!(report.uncommitted.len(), leftovers.len());
    resume(dir.path(), Options::default(), Some(9)).unwrap();
    assert!(leftovers.iter().all(|name| !file(dir.path(), name).exists()));
    assert!(notes.iter().all(|name| file(dir.path(), name).exists()));
}

#[test]
fn a_disk_that_fails_reaches_the_next_system_call_and_the_run_can_go_on() {
    let dir = stopped_run();
    let run = Run::open_for_resume(dir.path(), &ResumeOptions::default()).unwrap();
    // Root ignores permissions; a file where the folder should be fails for everybody.
    fs::rename(file(dir.path(), "metrics"), file(dir.path(), "away")).unwrap();
    fs::write(file(dir.path(), "metrics"), "in the way").unwrap();
    let fault = go(&mut app(Options::default()), run, None).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Storage, "{fault}");
    assert!(fault.message.contains("metrics"), "{fault}");
    let advice = fault.advice.unwrap();
    assert!(
        advice.contains("everything up to tick 7 (commit 2) is safe") && advice.contains("starling resume"),
        "{advice}"
    );
    fs::remove_file(file(dir.path(), "metrics")).unwrap();
    fs::rename(file(dir.path(), "away"), file(dir.path(), "metrics")).unwrap();
    assert!(
        verify(dir.path(), None).unwrap().uncommitted.is_empty(),
        "nothing half-written stays"
    );
    resume(dir.path(), Options::default(), None).unwrap();
    assert!(verify(dir.path(), None).unwrap().is_whole());
}
