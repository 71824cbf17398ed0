//! Two writers on one prefix: exactly one goes on.

use super::Bench;
use crate::proxy::{Action, Gate, Proxy};
use starling_tests::cli::Ended;
use std::process::{Child, Stdio};
use std::sync::Arc;

fn spawn(bench: &Bench, address: &str, args: &[&str]) -> Child {
    let mut command = bench.command(address, args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the binary starts")
}

fn end(child: Child) -> Ended {
    Ended::from(child.wait_with_output().expect("the child ends"))
}

/// Two processes run `args`; their uploads of `commit` arrive at the same moment.
fn check_race(bench: &Bench, url: &str, commit: &'static str, args: &[&str]) {
    let gate = Gate::of(2);
    let proxy = Proxy::start(&bench.server.address, move |request| match request.puts(commit) {
        true => Action::Behind(Arc::clone(&gate)),
        false => Action::Pass,
    });
    let writers = [spawn(bench, &proxy.address, args), spawn(bench, &proxy.address, args)].map(end);
    let mut codes: Vec<i32> = writers.iter().filter_map(|ended| ended.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, 6], "{writers:#?}");
    let fenced = writers
        .iter()
        .find(|ended| ended.code == Some(6))
        .expect("one was fenced");
    super::check(fenced, 6, &["another process wrote", commit]);
    bench.check_same(url);
}

#[test]
fn object_storage_of_two_who_begin_one_goes_on() {
    let Some(bench) = Bench::new("begin") else { return };
    let url = bench.url("run");
    check_race(
        &bench,
        &url,
        "commits/000000.json",
        &["run", &bench.file, "--out", &url],
    );
}

#[test]
fn object_storage_of_two_who_resume_one_goes_on() {
    let Some(bench) = Bench::new("resume") else { return };
    for round in 0..3 {
        let url = bench.url(&format!("run-{round}"));
        let ended = bench.run_at(
            &bench.server.address,
            &["run", &bench.file, "--out", &url, "--ticks", "9"],
        );
        super::check(&ended, 3, &[]);
        check_race(&bench, &url, "commits/000004.json", &["resume", &url]);
    }
}

/// A writer stands still before its commit; another goes on with the run and ends it. The first is fenced when it wakes, and what it had
/// uploaded harms nobody.
#[test]
fn object_storage_a_writer_that_wakes_late_is_fenced() {
    let Some(bench) = Bench::new("late") else { return };
    let url = bench.url("run");
    let gate = Gate::of(2);
    let late = Arc::clone(&gate);
    let proxy = Proxy::start(&bench.server.address, move |request| {
        match request.puts("commits/000003.json") {
            true => Action::Behind(Arc::clone(&late)),
            false => Action::Pass,
        }
    });
    let first = spawn(&bench, &proxy.address, &["run", &bench.file, "--out", &url]);
    proxy.wait();
    bench.succeed(&["resume", &url]);
    gate.count();
    super::check(&end(first), 6, &["another process wrote", "commits/000003.json"]);
    bench.check_same(&url);
}

/// Two who begin with other pipelines: the second does not write over the first's.
#[test]
fn object_storage_a_prefix_in_which_another_run_begins_is_refused() {
    let Some(bench) = Bench::new("other") else { return };
    let url = bench.url("run");
    let gate = Gate::of(2);
    let held = Arc::clone(&gate);
    let proxy = Proxy::start(&bench.server.address, move |request| {
        match request.puts("commits/000000.json") {
            true => Action::Behind(Arc::clone(&held)),
            false => Action::Pass,
        }
    });
    let first = spawn(&bench, &proxy.address, &["run", &bench.file, "--out", &url]);
    proxy.wait();
    let args = ["run", &bench.file, "--out", &url, "--seed", "4"];
    super::check(&bench.run_at(&bench.server.address, &args), 4, &["is another pipeline"]);
    gate.count();
    super::check(&end(first), 0, &[]);
    bench.check_same(&url);
}
