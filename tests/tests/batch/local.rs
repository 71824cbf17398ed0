//! The pool of processes.

use crate::{Place, cart, runs, same, signal, wait_for, writer};
use starling_tests::cli::commits;
use std::process::Stdio;

#[test]
fn batch_local_with_a_worker_killed_again_and_again_is_the_undisturbed_one() {
    let (calm, rough) = (Place::new(&cart(120)), Place::new(&cart(120)));
    calm.succeed(&["sweep", "study.toml", "--workers", "2"]);
    let mut pool = rough.command(&["sweep", "study.toml", "--workers", "2"]);
    let pool = pool
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the pool starts");
    let folder = rough.folder.path().join("runs/study/cart");
    wait_for("a batch", || {
        std::fs::read_dir(&folder).is_ok_and(|mut e| e.next().is_some())
    });
    wait_for("its file", || rough.batch().join("batch.json").is_file());
    let batch = rough.batch();
    let first = batch.join(&runs(&batch)[0]);
    let mut killed = 0;
    // More often than a job that gets nowhere is started again.
    while killed < 6 {
        let before = commits(&first);
        wait_for("a new commit", || commits(&first) > before);
        if let Some(pid) = writer(&first) {
            signal("-KILL", &pid);
            killed += 1;
        }
    }
    let ended: starling_tests::cli::Ended = pool.wait_with_output().expect("the pool ends").into();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let again = ended.stderr.matches("signal 9").count();
    assert!(
        again >= 5,
        "killed {killed} times, started again {again} times:\n{}",
        ended.stderr
    );
    same(&rough, &calm.batch(), &batch);
}

#[test]
fn batch_local_stopped_or_killed_goes_on_and_does_nothing_twice() {
    let (calm, rough) = (Place::new(&cart(400)), Place::new(&cart(400)));
    calm.succeed(&["sweep", "study.toml"]);
    let start = |args: &[&str]| {
        let mut pool = rough.command(args);
        pool.stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the pool starts")
    };
    let batch = || runs(&rough.batch()).into_iter().map(|name| rough.batch().join(name));
    let busy = || batch().any(|dir| commits(&dir) > 1);

    // Asked to stop: its jobs commit.
    let pool = start(&["sweep", "study.toml"]);
    wait_for("a batch", || rough.folder.path().join("runs/study/cart").is_dir());
    wait_for("its file", || rough.batch().join("batch.json").is_file());
    wait_for("commits", busy);
    signal("-TERM", &pool.id().to_string());
    let ended: starling_tests::cli::Ended = pool.wait_with_output().expect("the pool ends").into();
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    let here = rough.batch();
    let here = here.to_string_lossy();
    let status = rough.run(&["batch", "status", &here]);
    assert_eq!(status.code, Some(3), "{}", status.stdout);
    assert!(status.stdout.contains("stopped"), "{}", status.stdout);

    // Killed: the jobs notice, commit and leave.
    let pool = start(&["batch", "resume", &here]);
    let pid = pool.id().to_string();
    wait_for("a job", || {
        batch().any(|dir| starling_record::Run::is_being_written(&dir))
    });
    // One on another machine is not stopped from here.
    let lock = rough.batch().join("lock");
    let held = std::fs::read_to_string(&lock).expect("a lock");
    std::fs::write(&lock, format!("{pid} on elsewhere\n")).expect("written");
    let refused = rough.run(&["batch", "cancel", &here]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("`elsewhere` runs this batch"),
        "{}",
        refused.stderr
    );
    std::fs::write(&lock, held).expect("written");
    // A second pool keeps off.
    let second = rough.run(&["sweep", "study.toml"]);
    assert_eq!(second.code, Some(6), "{}", second.stderr);
    assert!(second.stderr.contains(&pid), "{}", second.stderr);
    signal("-KILL", &pid);
    drop(pool.wait_with_output());
    wait_for("the jobs to leave", || {
        batch().all(|dir| !starling_record::Run::is_being_written(&dir))
    });

    // The same sweep is the same batch; once it is done there is nothing to do.
    rough.succeed(&["sweep", "study.toml"]);
    same(&rough, &calm.batch(), &rough.batch());
    let before: Vec<usize> = batch().map(|dir| commits(&dir)).collect();
    let again = rough.succeed(&["sweep", "study.toml"]);
    assert!(again.stderr.contains("0 of 4 jobs to do"), "{}", again.stderr);
    assert_eq!(before, batch().map(|dir| commits(&dir)).collect::<Vec<_>>());
}

#[test]
fn batch_local_tells_of_a_job_that_cannot_end_and_ends_the_others() {
    // A rate at which the parameters overflow; the other one is fine.
    let place = Place::new(&cart(20).replace("[1e-3, 3e-4]", "[1e-3, 1e30]"));
    let ended = place.run(&["sweep", "study.toml", "--restarts", "1"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let status = place.run(&["batch", "status", &place.batch().to_string_lossy()]);
    assert_eq!(status.code, Some(1), "{}", status.stdout);
    assert!(status.stdout.contains("2 finished, 2 failed"), "{}", status.stdout);
    assert!(
        status.stdout.contains("epoch"),
        "the reason is told:\n{}",
        status.stdout
    );

    // One in whose place something else lies; the others end.
    let place = Place::new(&cart(20));
    place.succeed(&["sweep", "study.toml", "--render"]);
    let name = runs(&place.batch())[2].clone();
    std::fs::write(place.batch().join(&name), "in the way").expect("written");
    let ended = place.run(&["sweep", "study.toml", "--restarts", "1"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("is not a run"), "{}", ended.stderr);
    assert!(ended.stderr.contains("3 finished, 1 damaged"), "{}", ended.stderr);

    // What is wrong with any run is told before the first one starts.
    let place = Place::new(&cart(20));
    place.succeed(&["sweep", "study.toml", "--dry-run"]);
    assert!(!place.folder.path().join("runs").exists(), "a dry run writes nothing");
    let ended = place.run(&["sweep", "study.toml", "--memory-limit", "1KiB"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("run 0 of the sweep"), "{}", ended.stderr);
}

#[test]
fn batch_local_gives_up_a_job_that_dies_without_a_commit() {
    let pipeline = cart(1_000_000).replace("every = 4 }", "every = 500_000 }");
    let place = Place::new(&pipeline.replace("seeds = 2", "seeds = 1"));
    place.succeed(&["sweep", "study.toml", "--render"]);
    let batch = place.batch();
    let mut pool = place.command(&["sweep", "study.toml", "--restarts", "1", "--workers", "2"]);
    let pool = pool
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the pool starts");
    let first = batch.join(&runs(&batch)[0]);
    let mut last = None;
    for _ in 0..2 {
        wait_for("a start", || {
            let pid = writer(&first);
            commits(&first) > 0 && starling_record::Run::is_being_written(&first) && pid.is_some() && pid != last
        });
        last = writer(&first);
        signal("-KILL", last.as_deref().expect("a process"));
        wait_for("its end", || {
            !starling_record::Run::is_being_written(&first) || writer(&first) != last
        });
    }
    // The other one is still at work when this one is given up.
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert!(
        !starling_record::Run::is_being_written(&first),
        "it is not started a third time"
    );
    signal("-TERM", &pool.id().to_string());
    let ended: starling_tests::cli::Ended = pool.wait_with_output().expect("the pool ends").into();
    assert!(
        ended
            .stderr
            .contains("given up after 2 starts without a commit (signal 9)"),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
}

#[test]
fn batch_job_whose_log_is_on_a_full_disk_does_its_work() {
    let full = || {
        std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .expect("a device that is always full")
    };
    let place = Place::new(&cart(6));
    place.succeed(&["sweep", "study.toml", "--render"]);
    let batch = place.batch();
    let mut command = place.command(&["batch", "work", &batch.to_string_lossy(), "--index", "1"]);
    let ended = command.stdout(full()).stderr(full()).status().expect("it starts");
    assert_eq!(ended.code(), Some(0));
    let mut command = place.command(&["batch", "work", "nowhere", "--index", "1"]);
    let ended = command.stdout(full()).stderr(full()).status().expect("it starts");
    assert_eq!(ended.code(), Some(4), "what is wrong is told by the exit code");
    place.succeed(&["verify", &batch.join(&runs(&batch)[1]).to_string_lossy()]);
}

#[test]
fn batch_runs_are_where_agents_come_from() {
    let place = Place::new(&cart(6));
    place.succeed(&["sweep", "study.toml"]);
    let file = r#"
name  = "study/cart"
until = { ticks = 1 }

[environment.cart]
rules.cart_pole = {}
lanes = 1
seats = ["old"]

[agent.old]
from = { runs = "runs/study/cart/sweep-*/*", agent = "balancer" }

[evaluate.again]
environment = "cart"
episodes = 2
at = "end"
"#;
    std::fs::write(place.folder.path().join("again.toml"), file).expect("written");
    let resolved = place.succeed(&["check", "again.toml", "--resolved"]);
    assert!(
        resolved.stdout.contains("replicas = 4"),
        "one replica per run, and nothing of the batch's books:\n{}",
        resolved.stdout
    );
}
