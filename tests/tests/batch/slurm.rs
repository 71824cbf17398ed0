//! A job array on a real Slurm. `tests/cluster/slurm.sh start DIR` brings up one of a single node; with `STARLING_SLURM=1` this test insists.

use crate::{Place, cart, runs, same};
use starling_tests::cli::commits;
use std::process::Command;
use std::time::{Duration, Instant};

fn slurm(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Jobs of `user` here, as (id, state, reason).
fn queue() -> Vec<(String, String, String)> {
    let text = slurm("squeue", &["--noheader", "--array", "--format=%A|%T|%r"]).expect("squeue answers");
    let line = |line: &str| {
        let mut words = line.trim().split('|').map(str::to_owned);
        Some((words.next()?, words.next()?, words.next()?))
    };
    text.lines().filter_map(line).collect()
}

/// Slurm lets a job wait for two minutes after it was queued again.
fn hurry() {
    for (id, _, reason) in queue() {
        if reason == "BeginTime" {
            slurm("scontrol", &["update", &format!("JobId={id}"), "StartTime=now"]); // it may have started
        }
    }
}

#[test]
fn batch_slurm_with_requeues_and_a_short_limit_is_the_local_one() {
    let insist = std::env::var_os("STARLING_SLURM").is_some();
    if !insist || slurm("sinfo", &[]).is_none() {
        assert!(!insist, "STARLING_SLURM asks for a Slurm, and sinfo fails");
        eprintln!("no Slurm is asked for (STARLING_SLURM=1): this test shows nothing");
        return;
    }
    let pipeline = cart(40_000).replace("every = 4 }", "every = 100 }");
    let pipeline = pipeline.replace("trajectories = { every = 20 }", "trajectories = { every = 2000 }");
    let (local, place) = (Place::new(&pipeline), Place::new(&pipeline));

    // The limit is shorter than a run: jobs are told so 45 seconds before a minute is over. Two jobs at most are one array.
    let options = [
        "--executor",
        "slurm",
        "--time",
        "1",
        "--margin",
        "45",
        "--max-array",
        "2",
    ];
    let dry = place.succeed(&[&["sweep", "study.toml", "--dry-run"], &options[..]].concat());
    assert!(dry.stdout.contains("#SBATCH --signal=B:USR1@45"), "{}", dry.stdout);
    place.succeed(&[&["sweep", "study.toml"], &options[..]].concat());
    let batch = place.batch();
    let here = batch.to_string_lossy().into_owned();
    let names = runs(&batch);
    // What is queued is not queued twice.
    let again = place.succeed(&["batch", "resume", &here]);
    assert!(
        again
            .stderr
            .contains(&format!("0 jobs submitted, {} were queued", names.len())),
        "{}",
        again.stderr
    );

    let begun = Instant::now();
    let (mut preempted, mut cancelled) = (0, 0);
    loop {
        assert!(
            begun.elapsed() < Duration::from_secs(3000),
            "the batch does not end: {:?}",
            queue()
        );
        std::thread::sleep(Duration::from_secs(1));
        hurry();
        let status = place.run(&["batch", "status", &here]);
        match status.code {
            Some(0) => break,
            Some(3) => {}
            code => panic!("{code:?}: {}{}", status.stdout, status.stderr),
        }
        let half_way = batch.join(&names[0]).join("commits").is_dir() && commits(&batch.join(&names[0])) > 3;
        let running = queue().into_iter().find(|(_, state, _)| state == "RUNNING");
        match running {
            Some((id, ..)) if half_way && preempted < 3 => {
                slurm("scontrol", &["requeue", &id]);
                preempted += 1;
            }
            Some(_) if preempted == 3 && cancelled < 2 => {
                // Everything leaves the queue, and nobody comes back by himself. The second time Slurm has forgotten the first arrays.
                place.succeed(&["batch", "cancel", &here]);
                crate::wait_for("an empty queue", || queue().is_empty());
                std::thread::sleep(Duration::from_secs(5));
                cancelled += 1;
                place.succeed(&["batch", "resume", &here]);
            }
            _ => {}
        }
    }
    assert!(
        preempted == 3 && cancelled == 2,
        "the batch ended before it was disturbed"
    );
    let logs = std::fs::read_dir(batch.join("logs"))
        .expect("logs")
        .map(|e| std::fs::read_to_string(e.expect("a log").path()).expect("text"));
    let stopped = logs.map(|log| log.matches("stopped after tick").count()).sum::<usize>();
    assert!(
        stopped > names.len() / 2,
        "jobs were stopped {stopped} times by their limit"
    );
    eprintln!(
        "{} jobs: preempted {preempted} times, stopped and queued again {stopped} times",
        names.len()
    );
    local.succeed(&["sweep", "study.toml"]);
    same(&place, &local.batch(), &batch);
    for name in names {
        place.succeed(&["verify", &batch.join(name).to_string_lossy()]);
    }
}
