//! Runs in which something is missing, wrong, foreign or from the future: listed with their state, left out of every other table, never a crash.

use super::fixture::{ask_in, copy, first, rows_in, study};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const GOOD: &str = "cart_pole/rates/rate_1e-3_seed0";

/// One whole run and one, `bad`, that `harm` changes.
fn harmed(harm: impl FnOnce(&Path)) -> TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let runs = folder.path().join("runs");
    for name in ["good", "bad"] {
        copy(&study().join("runs").join(GOOD), &runs.join(name));
    }
    harm(&runs.join("bad"));
    folder
}

/// What `runs` says of the harmed run, and that its rows count only if they should.
fn check(harm: impl FnOnce(&Path), state: &str, problem: &str, more: &[&str]) {
    let folder = harmed(harm);
    let listed = rows_in(
        folder.path(),
        "SELECT state, coalesce(problem, '') FROM runs ORDER BY run",
        more,
    );
    let (bad, good) = (&listed[0], &listed[1]);
    assert_eq!(good, "finished,\"\"");
    let (found, why) = bad.split_once(',').expect("two cells");
    assert_eq!(found, state, "{why}");
    assert!(why.contains(problem), "`{why}` does not say `{problem}`");
    let counted = rows_in(folder.path(), "SELECT DISTINCT run FROM metrics ORDER BY run", more);
    let whole = state == "finished" || state == "running";
    assert_eq!(counted, if whole { vec!["bad", "good"] } else { vec!["good"] });
    let ended = ask_in(
        folder.path(),
        "SELECT count(*) FROM metrics",
        &[&["--quiet"], more].concat(),
    );
    let told = ended.stderr.contains("1 run is left out: bad");
    assert_eq!(told, !whole, "{}", ended.stderr);
}

/// Adds one to a byte in the middle of a file.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] = bytes[middle].wrapping_add(1);
    fs::write(path, bytes).expect("a file");
}

#[test]
fn query_damage_a_missing_part() {
    check(
        |run| fs::remove_file(first(&run.join("metrics"))).expect("a part"),
        "damaged",
        "is missing",
        &[],
    );
    check(
        |run| fs::remove_dir_all(run.join("episodes")).expect("parts"),
        "damaged",
        "is missing",
        &[],
    );
}

#[test]
fn query_damage_a_cut_part() {
    let cut = |run: &Path| {
        let part = first(&run.join("metrics"));
        let bytes = fs::read(&part).expect("a part");
        fs::write(&part, &bytes[..bytes.len() - 1]).expect("a part");
    };
    check(cut, "damaged", "bytes instead of", &[]);
}

#[test]
fn query_damage_a_bad_hash_is_found_when_asked() {
    check(
        |run| flip(&first(&run.join("metrics"))),
        "damaged",
        "its hash is not the one in the commit",
        &["--verify"],
    );
}

/// Without `--verify` the bytes are read as they are: other rows or an error with advice, and never a panic that nobody explains.
#[test]
fn query_damage_changed_bytes_never_crash() {
    let length = fs::read(first(&study().join("runs").join(GOOD).join("metrics")))
        .expect("a part")
        .len();
    for part in 0..24 {
        let change = |run: &Path| {
            let path = first(&run.join("metrics"));
            let mut bytes = fs::read(&path).expect("a part");
            for byte in &mut bytes[part * length / 24..][..8] {
                *byte = !*byte;
            }
            fs::write(&path, bytes).expect("a part");
        };
        let folder = harmed(change);
        let ended = ask_in(
            folder.path(),
            "SELECT metric, avg(value), max(tick) FROM metrics GROUP BY metric",
            &[],
        );
        match ended.code {
            Some(0) => {}
            Some(4) => assert!(ended.stderr.contains("--verify"), "{}", ended.stderr),
            code => panic!("{code:?}: {}", ended.stderr),
        }
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    }
}

#[test]
fn query_damage_a_missing_commit() {
    check(
        |run| fs::remove_file(run.join("commits/000001.json")).expect("a commit"),
        "damaged",
        "commit 1",
        &[],
    );
    check(
        |run| fs::remove_file(run.join("commits/000000.json")).expect("a commit"),
        "damaged",
        "commit 0",
        &[],
    );
}

#[test]
fn query_damage_half_a_commit() {
    let half = |run: &Path| {
        let path = run.join("commits/000002.json");
        let text = fs::read(&path).expect("a commit");
        fs::write(&path, &text[..text.len() / 2]).expect("a commit");
    };
    check(half, "damaged", "commit 2", &[]);
}

#[test]
fn query_damage_a_changed_commit() {
    check(|run| flip(&run.join("commits/000001.json")), "damaged", "commit 1", &[]);
}

#[test]
fn query_damage_a_commit_of_another_run() {
    let foreign = |run: &Path| {
        let other = study().join("runs/cart_pole/rates/rate_1e-3_seed1/commits/000001.json");
        fs::copy(other, run.join("commits/000001.json")).expect("a copy");
    };
    check(foreign, "damaged", "not the next link", &[]);
}

#[test]
fn query_damage_a_commit_from_the_future() {
    let future = |run: &Path| {
        let commits = fs::read_dir(run.join("commits")).expect("commits").count();
        let text = r#"{ "format": 99, "commit": "in words", "parts": { "named": "otherwise" } }"#;
        fs::write(run.join(format!("commits/{commits:06}.json")), text).expect("a commit");
    };
    check(future, "newer", "written in format 99", &[]);
}

#[test]
fn query_damage_foreign_files_are_counted_and_never_read() {
    let foreign = |run: &Path| {
        fs::write(run.join("metrics/zzz.parquet"), "not Parquet").expect("a file");
        fs::write(run.join("commits/notes.txt"), "remember").expect("a file");
        let part = first(&run.join("metrics"));
        fs::copy(part, run.join("metrics/000000-00000-00000000.parquet")).expect("a copy");
    };
    check(foreign, "finished", "", &[]);
    let folder = harmed(foreign);
    let listed = rows_in(
        folder.path(),
        "SELECT run, uncommitted_files FROM runs ORDER BY run",
        &[],
    );
    assert_eq!(listed, ["bad,3", "good,0"]);
    let counted = rows_in(folder.path(), "SELECT count(*) FROM metrics GROUP BY run", &[]);
    assert_eq!(counted[0], counted[1], "a copy that no commit names adds no row");
}

#[test]
fn query_damage_a_commit_that_is_no_file_of_its_own() {
    let foreign = |run: &Path| fs::write(run.join("commits/000099.json"), "{}").expect("a file");
    check(foreign, "damaged", "missing", &[]);
}

#[test]
fn query_damage_a_changed_pipeline() {
    let change = |run: &Path| {
        let path = run.join("pipeline.toml");
        let text = fs::read_to_string(&path).expect("a pipeline");
        fs::write(&path, format!("{text}# a note\n")).expect("a pipeline");
    };
    check(change, "damaged", "not the pipeline", &[]);
    check(
        |run| fs::remove_file(run.join("pipeline.toml")).expect("a pipeline"),
        "damaged",
        "pipeline.toml",
        &[],
    );
}

#[test]
fn query_damage_a_missing_checkpoint() {
    let newest = |run: &Path| {
        let mut files: Vec<_> = fs::read_dir(run.join("checkpoints"))
            .expect("a folder")
            .flatten()
            .collect();
        files.sort_by_key(fs::DirEntry::file_name);
        fs::remove_file(files.last().expect("a checkpoint").path()).expect("a checkpoint");
    };
    check(newest, "damaged", "checkpoint", &[]);
}

#[test]
fn query_damage_a_run_without_commits_has_no_rows() {
    let empty = |run: &Path| {
        fs::remove_dir_all(run.join("commits")).expect("commits");
        fs::create_dir(run.join("commits")).expect("a folder");
    };
    let folder = harmed(empty);
    let listed = rows_in(
        folder.path(),
        "SELECT run, state, problem, tick FROM runs ORDER BY run",
        &[],
    );
    assert_eq!(listed[0], "bad,uncommitted,,");
    assert_eq!(
        rows_in(folder.path(), "SELECT DISTINCT run FROM metrics", &[]),
        ["good"]
    );
}
