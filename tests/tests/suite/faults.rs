//! What a person meets when something breaks in the middle of a run: a clear error, the documented exit code, and nothing committed lost.

use starling_tests::cli::{Ended, Starling, commits};
use std::path::Path;

fn starling() -> Starling {
    Starling(env!("CARGO_BIN_EXE_starling-tests").into())
}

const POLE: &str = r#"
name  = "faults/pole"
until = { env_steps = 40_960 }

[environment.pole]
rules.cart_pole = {}
lanes = 4
seats = ["balancer"]

[agent.balancer]
replicas       = 2
policy         = { activation = "tanh", heads = { actor = [{ dense = 16 }], critic = [{ dense = 16 }] } }
learner.ppo    = { steps = 128 }
optimizer.adam = { rate = 1e-3 }

[record]
trajectories = { every = 1, observations = true }
commit       = { every = 5 }
"#;

fn write(folder: &Path, pipeline: &str) -> String {
    let file = folder.join("pole.toml");
    std::fs::write(&file, pipeline).expect("the pipeline is written");
    file.display().to_string()
}

/// The command failed with `code` and its message says all of `words`.
fn check(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{}\n{}", ended.stdout, ended.stderr);
    for word in words {
        assert!(ended.stderr.contains(word), "no `{word}` in:\n{}", ended.stderr);
    }
    assert!(!ended.stderr.contains("panicked"), "a panic:\n{}", ended.stderr);
}

#[test]
fn faults_nan_in_the_loss_stops_the_run_and_keeps_its_rows() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    // The step size explodes after a while, so that there are good commits before the bad tick.
    let rate = "rate = { piecewise = { from = [0.0, 20.0], values = [1e-3, 1e38] } }";
    // A commit is due in the bad tick too, and must not be made.
    let text = POLE
        .replace("rate = 1e-3", rate)
        .replace("commit       = { every = 5 }", "commit       = { every = 1 }");
    let file = write(folder.path(), &text);
    let out = folder.path().join("run").display().to_string();
    let ended = starling().run(&["run", &file, "--out", &out]);
    check(
        &ended,
        1,
        &["pole.toml:", "the loss is", "tick 21, replica 0", "learner.ppo"],
    );
    let verified = starling().succeed(&["verify", &out]);
    assert!(!verified.stdout.is_empty());
    let metrics = crate::rows::table(Path::new(&out), "metrics");
    let last = metrics.last().expect("rows before the bad tick");
    assert!(last.starts_with("20|"), "the last committed row is {last}");
}

#[test]
fn faults_disk_full_and_resumed_when_there_is_room() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let file = write(folder.path(), POLE);
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).expect("a mount point");
    let mount = |options: &str| {
        let mut command = std::process::Command::new("mount");
        command
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&disk)
            .status()
    };
    if !mount("size=256k").is_ok_and(|status| status.success()) {
        // The record crate's own test limits the file size in a child process instead; here the real thing or nothing.
        starling_tests::golden::say("LEFT OUT: mounting a small tmpfs needs root");
        return;
    }
    let out = disk.join("run").display().to_string();
    let full = starling().run(&["run", &file, "--out", &out]);
    let verified = starling().run(&["verify", &out]);
    let remounted = mount("remount,size=64m");
    let resumed = starling().run(&["resume", &out]);
    let whole = folder.path().join("whole").display().to_string();
    starling().succeed(&["run", &file, "--out", &whole]);
    let difference = starling().run(&["diff", &whole, &out]);
    std::process::Command::new("umount")
        .arg(&disk)
        .status()
        .expect("umount runs");
    check(&full, 5, &["no storage space", "starling resume"]);
    check(&verified, 0, &[]);
    assert!(remounted.is_ok_and(|status| status.success()));
    check(&resumed, 0, &[]);
    check(&difference, 0, &[]);
}

#[test]
fn faults_unwritable_directory() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let file = write(folder.path(), POLE);
    let blocked = folder.path().join("a-file");
    std::fs::write(&blocked, "not a folder").expect("a file");
    let out = blocked.join("run").display().to_string();
    check(&starling().run(&["run", &file, "--out", &out]), 5, &["a-file"]);
}

#[test]
fn faults_damaged_records_are_named() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let file = write(folder.path(), POLE);
    let out = folder.path().join("run");
    let run = out.display().to_string();
    starling().succeed(&["run", &file, "--out", &run, "--until", "env_steps=10_240"]);

    let checkpoint = newest(&out.join("checkpoints"), "safetensors");
    let good = std::fs::read(&checkpoint).expect("a checkpoint");
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 0x40;
    std::fs::write(&checkpoint, &bad).expect("a damaged checkpoint");
    let name = checkpoint
        .file_name()
        .and_then(|n| n.to_str())
        .expect("a name")
        .to_owned();
    check(&starling().run(&["verify", &run]), 4, &[&name]);
    check(&starling().run(&["resume", &run]), 4, &[&name]);
    std::fs::write(&checkpoint, &good[..middle]).expect("a truncated checkpoint");
    check(&starling().run(&["resume", &run]), 4, &[&name]);
    std::fs::write(&checkpoint, &good).expect("the checkpoint again");
    starling().succeed(&["verify", &run]);

    let part = newest(&out.join("trajectories"), "parquet");
    let rows = std::fs::read(&part).expect("a part");
    std::fs::write(&part, &rows[..rows.len() - 7]).expect("a truncated part");
    let name = part.file_name().and_then(|n| n.to_str()).expect("a name").to_owned();
    check(&starling().run(&["verify", &run]), 4, &[&name]);
    std::fs::write(&part, &rows).expect("the part again");
    starling().succeed(&["verify", &run]);
}

fn newest(folder: &Path, extension: &str) -> std::path::PathBuf {
    let entries = std::fs::read_dir(folder).expect("a folder of the run");
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == extension));
    files.sort();
    files.pop().expect("a file")
}

#[test]
fn faults_a_second_writer_is_fenced_off() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let file = write(folder.path(), &POLE.replace("40_960", "4_096_000"));
    let out = folder.path().join("run").display().to_string();
    let mut first = starling()
        .command(&["run", &file, "--out", &out])
        .spawn()
        .expect("the binary starts");
    while commits(Path::new(&out)) == 0 {
        std::thread::sleep(std::time::Duration::from_millis(5));
        assert!(
            first.try_wait().expect("the child can be waited for").is_none(),
            "the first writer ended"
        );
    }
    let second = starling().run(&["resume", &out]);
    first.kill().ok();
    first.wait().expect("the child can be waited for");
    check(&second, 6, &["another process"]);
    starling().succeed(&["verify", &out]);
}
