//! Killed with SIGKILL in the middle of an upload, and resumed.

use super::Bench;
use crate::proxy::{Action, Proxy, Request};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn spawn(bench: &Bench, address: &str, args: &[&str]) -> Child {
    let mut command = bench.command(address, args);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the binary starts")
}

fn kill(mut child: Child) {
    child.kill().expect("the writer was still there");
    child.wait().expect("the child can be waited for");
}

/// Kills the writer when the upload number `nth` of a file whose path has `part` in it stands still in the way that `action` says, and goes
/// on. `left` says whether the upload that was interrupted is there afterwards.
fn check_killed(name: &str, part: &'static str, nth: usize, action: Action, left: bool) {
    let Some(bench) = Bench::new("killed") else { return };
    let url = bench.url(name);
    let seen = AtomicUsize::new(0);
    let proxy = Proxy::start(&bench.server.address, move |request| {
        match request.puts(part) && seen.fetch_add(1, Ordering::SeqCst) == nth {
            true => action.clone(),
            false => Action::Pass,
        }
    });
    let child = spawn(&bench, &proxy.address, &["run", &bench.file, "--out", &url]);
    let frozen: Request = proxy.wait();
    kill(child);
    let file = frozen
        .target
        .split(&format!("{name}/"))
        .nth(1)
        .expect("a file of the run");
    let file = file.split('?').next().unwrap_or(file).to_owned();
    assert_eq!(bench.server.names(&url).contains(&file), left, "{file}");
    // What was committed is whole before anybody goes on.
    if bench.server.names(&url).iter().any(|name| name.starts_with("commits/")) {
        bench.succeed(&["verify", &url]);
    }
    bench.resume_or_start(&url);
    bench.check_same(&url);
}

#[test]
fn object_storage_killed_in_the_middle_of_a_part() {
    check_killed("part", ".parquet", 7, Action::FreezeHalfway, false);
}

#[test]
fn object_storage_killed_in_the_middle_of_a_checkpoint() {
    check_killed("first-checkpoint", "checkpoints/", 0, Action::FreezeHalfway, false);
    check_killed("checkpoint", "checkpoints/", 3, Action::FreezeHalfway, false);
}

#[test]
fn object_storage_killed_in_the_middle_of_a_commit() {
    check_killed("first-commit", "commits/", 0, Action::FreezeHalfway, false);
    check_killed("commit", "commits/", 3, Action::FreezeHalfway, false);
}

/// The commit is there, and its writer never heard of it.
#[test]
fn object_storage_killed_before_it_hears_of_its_commit() {
    check_killed("unheard-first", "commits/", 0, Action::FreezeAnswer, true);
    check_killed("unheard", "commits/", 3, Action::FreezeAnswer, true);
    check_killed("unheard-part", ".parquet", 9, Action::FreezeAnswer, true);
    check_killed("unheard-checkpoint", "checkpoints/", 2, Action::FreezeAnswer, true);
}

#[test]
fn object_storage_killed_while_the_pipeline_goes_up() {
    check_killed("pipeline", "pipeline.toml", 0, Action::FreezeHalfway, false);
    check_killed("unheard-pipeline", "pipeline.toml", 0, Action::FreezeAnswer, true);
}

#[test]
fn object_storage_killed_at_eight_instants() {
    let Some(bench) = Bench::new("instants") else { return };
    let proxy = Proxy::start(&bench.server.address, |_| Action::Slow);
    let begun = Instant::now();
    let url = bench.url("timed");
    let ended = bench.run_at(&proxy.address, &["run", &bench.file, "--out", &url]);
    super::check(&ended, 0, &[]);
    let duration = begun.elapsed();
    let mut interrupted = 0;
    for instant in 0..8_u32 {
        let url = bench.url(&format!("instant-{instant}"));
        let child = spawn(&bench, &proxy.address, &["run", &bench.file, "--out", &url]);
        let part = (f64::from(instant) + f64::from(instant * 7919 % 97) / 97.0) / 9.0;
        std::thread::sleep(duration.mul_f64(part));
        kill(child);
        interrupted += usize::from(bench.server.names(&url).iter().any(|name| name.starts_with("commits/")));
        // Killed once more on the way.
        if interrupted > 2 && instant % 2 == 0 {
            let child = spawn(&bench, &proxy.address, &["resume", &url]);
            std::thread::sleep(duration.mul_f64(0.2) + Duration::from_millis(20));
            kill(child);
        }
        bench.resume_or_start(&url);
        bench.check_same(&url);
    }
    assert!(
        interrupted >= 3,
        "only {interrupted} of 8 had committed anything: the test shows nothing"
    );
}
