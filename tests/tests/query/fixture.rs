//! A small study: tiny runs of everything that the manual's questions ask about, made once for all tests.

use starling_tests::cli::{Ended, Starling, repository};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

/// The binary.
pub(crate) fn starling() -> Starling {
    Starling(env!("CARGO_BIN_EXE_starling-tests").into())
}

/// Its folder holds `runs/`; tests that change runs copy them first.
pub(crate) fn study() -> &'static Path {
    static STUDY: OnceLock<TempDir> = OnceLock::new();
    STUDY.get_or_init(make).path()
}

fn make() -> TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let source = repository().join("tests/tests/query/fixture");
    let (cart_pole, kitchen) = (source.join("cart_pole.toml"), source.join("kitchen.toml"));
    let run = |file: &Path, out: &str, more: &[&str]| {
        let out = folder.path().join("runs").join(out);
        let mut args = vec!["run", file.to_str().expect("a path"), "--quiet", "--out"];
        args.push(out.to_str().expect("a path"));
        args.extend(more);
        starling().run(&args)
    };
    let rate = |rate: &str| format!("agent.balancer.optimizer.adam.rate={rate}");
    for value in ["1e-3", "3e-3"] {
        for seed in ["0", "1", "2"] {
            let out = format!("cart_pole/rates/rate_{value}_seed{seed}");
            let ended = run(&cart_pole, &out, &["--seed", seed, "--set", &rate(value)]);
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        }
    }
    let failed = run(&cart_pole, "cart_pole/rates/rate_1e30_seed0", &["--set", &rate("1e30")]);
    assert_eq!(
        failed.code,
        Some(1),
        "a rate that no network survives: {}",
        failed.stderr
    );
    fs::write(folder.path().join("runs/cart_pole/rates/batch.json"), "{}").expect("a file");
    let stopped = run(&cart_pole, "cart_pole/stopped", &["--ticks", "50"]);
    assert_eq!(stopped.code, Some(3), "{}", stopped.stderr);
    for (out, noise) in [("careful", "0.1"), ("clumsy", "0.5")] {
        let noise = format!("agent.chef.script.greedy_cook.noise={noise}");
        let ended = run(&kitchen, &format!("kitchen/{out}"), &["--set", &noise]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
    let lost = folder.path().join("runs/kitchen/lost");
    copy(&folder.path().join("runs/kitchen/careful"), &lost);
    fs::remove_file(first(&lost.join("matches"))).expect("a part");
    folder
}

/// Runs a query over the study with one thread.
pub(crate) fn ask(sql: &str) -> Ended {
    ask_in(study(), sql, &[])
}

/// Runs a query over `folder/runs` with one thread and `more` options.
pub(crate) fn ask_in(folder: &Path, sql: &str, more: &[&str]) -> Ended {
    let mut args = vec!["query", sql, "--threads", "1"];
    args.extend(more);
    let output = starling().command(&args).current_dir(folder).output();
    Ended::from(output.expect("the binary starts"))
}

/// The rows of a query as CSV, without the head.
pub(crate) fn rows_in(folder: &Path, sql: &str, more: &[&str]) -> Vec<String> {
    let ended = ask_in(folder, sql, &[&["--format", "csv"], more].concat());
    assert_eq!(ended.code, Some(0), "`{sql}` failed:\n{}", ended.stderr);
    ended.stdout.lines().skip(1).map(str::to_owned).collect()
}

/// As [`rows_in`], of the study.
pub(crate) fn rows(sql: &str) -> Vec<String> {
    rows_in(study(), sql, &[])
}

/// The first file of a folder, by name.
pub(crate) fn first(folder: &Path) -> PathBuf {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files.into_iter().next().expect("a file")
}

/// Copies a folder with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("a copy");
        }
    }
}
