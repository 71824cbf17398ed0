//! Runs that nothing disturbs: what each command does with a URL.

use super::{Bench, check, whole_run};
use crate::proxy::{Action, Proxy};

#[test]
fn object_storage_holds_the_same_run_as_a_folder() {
    let Some(bench) = Bench::new("whole") else { return };
    let url = bench.url("run");
    let ended = bench.succeed(&["run", &bench.file, "--out", &url]);
    assert!(
        ended.stderr.contains(&format!("starling show {url}")),
        "{}",
        ended.stderr
    );
    bench.check_same(&url);
    let names = bench.server.names(&url);
    for folder in ["commits/", "checkpoints/", "metrics/", "trajectories/"] {
        assert!(names.iter().any(|name| name.starts_with(folder)), "{names:?}");
    }
    assert_eq!(
        names.iter().filter(|name| name.starts_with("checkpoints/")).count(),
        3,
        "{names:?}"
    );

    let shown = bench.succeed(&["show", &url]).stdout;
    assert_eq!(shown, bench.succeed(&["show", whole_run()]).stdout);
    let replayed = bench.succeed(&["replay", &url]).stdout;
    assert!(
        replayed.contains("rewards simulated again are those recorded"),
        "{replayed}"
    );
    let again = bench.run_at(&bench.server.address, &["run", &bench.file, "--out", &url]);
    check(&again, 4, &["already holds a run"]);
}

#[test]
fn object_storage_stopped_and_resumed_from_an_older_commit() {
    let Some(bench) = Bench::new("stopped") else { return };
    let url = bench.url("run");
    let args = ["run", &bench.file, "--out", &url, "--ticks", "10"];
    let ended = bench.run_at(&bench.server.address, &args);
    check(&ended, 3, &[&format!("starling resume {url}")]);
    bench.succeed(&["verify", &url]);
    bench.succeed(&["resume", &url]);
    bench.check_same(&url);
    // A commit without a checkpoint cannot be gone on from, and nothing happens to the others.
    let before = bench.server.names(&url);
    let gone = bench.run_at(&bench.server.address, &["resume", &url, "--commit", "1"]);
    check(&gone, 4, &["the checkpoint of commit 1", "is gone"]);
    assert_eq!(bench.server.names(&url), before);
    // The newest commits leave, and are made again.
    bench.succeed(&["resume", &url, "--commit", "5"]);
    bench.check_same(&url);
    assert!(
        bench
            .server
            .names(&url)
            .iter()
            .any(|name| name.starts_with("set_aside/"))
    );
}

#[test]
fn object_storage_takes_nothing_for_a_run_that_is_none() {
    let Some(bench) = Bench::new("none") else { return };
    let url = bench.url("run");
    let here = &bench.server.address;
    check(&bench.run_at(here, &["resume", &url]), 4, &["is not a run"]);
    check(&bench.run_at(here, &["show", &url]), 4, &["is not a run"]);
    // A prefix that holds other things.
    bench.succeed(&["run", &bench.file, "--out", &bench.url("shelf/run")]);
    let shelf = bench.url("shelf");
    check(
        &bench.run_at(here, &["run", &bench.file, "--out", &shelf]),
        4,
        &["neither new nor a run"],
    );
    let bucket = "s3://no-such-bucket/run";
    let mut command = bench.command(here, &["run", &bench.file, "--out", bucket]);
    check(
        &super::ended(command.env("STARLING_STORAGE_PATIENCE", "1")),
        5,
        &["no-such-bucket"],
    );
    check(
        &bench.run_at(here, &["show", "gs://bucket/run"]),
        2,
        &["s3://bucket/prefix"],
    );
}

/// A server that ignores conditions would let two processes write one run.
#[test]
fn object_storage_without_conditional_uploads_is_refused() {
    let Some(bench) = Bench::new("unconditional") else {
        return;
    };
    let url = bench.url("run");
    let proxy = Proxy::start(&bench.server.address, |request| match request.puts("") {
        true => Action::WithoutCondition,
        false => Action::Pass,
    });
    let ended = bench.run_at(&proxy.address, &["run", &bench.file, "--out", &url]);
    check(&ended, 5, &["ignores the condition", "If-None-Match"]);
    assert_eq!(bench.server.names(&url), ["pipeline.toml"]);
    // A run that is there already is not touched either.
    bench.succeed(&["run", &bench.file, "--out", &url]);
    let before = bench.server.names(&url);
    check(
        &bench.run_at(&proxy.address, &["resume", &url]),
        5,
        &["ignores the condition"],
    );
    assert_eq!(bench.server.names(&url), before);
    bench.check_same(&url);
}
