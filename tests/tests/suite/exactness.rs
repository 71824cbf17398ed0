//! Same pipeline, same bits: killed and resumed, on any number of threads, in parts of any size, a replica alone or among others, from the
//! file or from its resolved form. Every table but `timings`, and every saved tensor.

use crate::rows;
use starling_tests::cli::{Starling, commits};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) fn starling() -> Starling {
    Starling(env!("CARGO_BIN_EXE_starling-tests").into())
}

/// Cooks that learn, evaluate and record everything that can be recorded.
const COOKS: &str = r#"
name  = "exact/cooks"
seed  = 11
until = { env_steps = 9_600 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "cramped_room_v2", max_steps = 50, random_agent_positions = true, sample_recipe_on_delivery = true }
lanes = 8
seats = ["chef", "chef"]

[agent.chef]
replicas       = 4
policy         = { activation = "tanh", heads = { actor = [{ dense = 32 }], critic = [{ dense = 32 }] } }
learner.ppo    = { steps = 30, epochs = 2, minibatches = 4 }
optimizer.adam_rel = { rate = { log_uniform = [3e-4, 3e-3] }, max_grad_norm = 0.5 }
reward         = { shaped = { linear = { from = 1.0, to = 0.0 } } }

[evaluate.selfplay]
environment = "kitchen"
episodes    = 4
at          = { every = 16 }

[record]
trajectories = { every = 1, observations = true }
diagnostics  = { every = 1 }
commit       = { every = 3 }
"#;

/// The same with convolutions and a layer norm, which run as a Candle graph.
const CONVOLUTIONS: &str = r#"
name  = "exact/convolutions"
seed  = 5
until = { env_steps = 960 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "grounded_coord_simple", view = 2, max_steps = 40 }
lanes = 8
seats = ["left", "right"]

[agent.left]
replicas       = 2
policy         = { layers = [{ conv = [8, 3] }, "flatten", { dense = 32 }, "layer_norm"] }
learner.ppo    = { steps = 20, epochs = 2, minibatches = 2 }
optimizer.adam = { rate = { warmup_cosine = { peak = 1e-3, warmup = 0.2 } } }

[agent.right]
replicas       = 2
policy         = { heads = { actor = [{ dense = 16 }], critic = [{ dense = 16 }] } }
learner.ppo    = { steps = 20, epochs = 1, minibatches = 2 }
optimizer.adam_mr = { rate = 1e-3 }

[record]
trajectories = { every = 2 }
commit       = { every = 1 }
"#;

/// A Gaussian policy with running normalisation. Episodes are a little longer than rollouts, so that they span them.
const SWINGERS: &str = r#"
name  = "exact/swingers"
seed  = 7
until = { env_steps = 12_800 }

[environment.pendulum]
rules.pendulum = { max_steps = 25 }
lanes = 8
seats = ["swinger"]

[agent.swinger]
replicas       = 4
normalize      = { observations = true, rewards = true }
policy         = { heads = { actor = [{ dense = 16 }], critic = [{ dense = 16 }] } }
learner.ppo    = { steps = 20, epochs = 2, minibatches = 2, bootstrap_truncation = true }
optimizer.adam = { rate = 1e-3 }

[evaluate.alone]
environment = "pendulum"
episodes    = 4
at          = { every = 16 }

[record]
trajectories = { every = 1, observations = true }
diagnostics  = { every = 1 }
commit       = { every = 3 }
"#;

/// A pipeline in a folder of its own.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    pub(crate) file: String,
}

impl Bench {
    pub(crate) fn new(pipeline: &str) -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let file = folder.path().join("exact.toml");
        std::fs::write(&file, pipeline).expect("the pipeline is written");
        Self {
            file: file.display().to_string(),
            folder,
        }
    }
    pub(crate) fn out(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
    /// Runs to the end and returns the run's folder.
    pub(crate) fn run(&self, name: &str, options: &[&str]) -> PathBuf {
        let out = self.out(name);
        let mut args = vec!["run", &self.file, "--out", &out];
        args.extend(options);
        starling().succeed(&args);
        out.into()
    }
}

/// `starling diff` finds nothing, and the comparison was not empty.
pub(crate) fn check_same(a: &Path, b: &Path) {
    let (a, b) = (a.display().to_string(), b.display().to_string());
    starling().succeed(&["diff", &a, &b]);
    for run in [&a, &b] {
        starling().succeed(&["verify", run]);
    }
    assert!(
        rows::table(Path::new(&a), "episodes").len() > 10,
        "a run without episodes proves nothing"
    );
}

#[test]
fn exactness_killed_at_twenty_instants_and_resumed() {
    let bench = Bench::new(COOKS);
    let begun = Instant::now();
    let whole = bench.run("whole", &[]);
    let duration = begun.elapsed();
    for instant in 0..20_u32 {
        let out = bench.out(&format!("killed-{instant}"));
        // Spread over the run with a jitter that no period of the run can follow.
        let part = (f64::from(instant) + f64::from(instant * 7919 % 97) / 97.0) / 20.0;
        let mut delay = duration.mul_f64(part);
        // A machine that got faster since the whole run was timed ends before it is killed: again, earlier.
        while !starling().kill_after(&["run", &bench.file, "--out", &out], delay) {
            std::fs::remove_dir_all(&out).expect("the run that ended is removed");
            delay = delay.mul_f64(0.7);
        }
        resume_or_start(&bench, &out);
        check_same(&whole, Path::new(&out));
    }
}

/// Resumes; a run that was killed before it had a folder or a first commit starts again.
pub(crate) fn resume_or_start(bench: &Bench, out: &str) {
    if commits(Path::new(out)) > 0 {
        starling().succeed(&["resume", out]);
    } else {
        std::fs::remove_dir_all(out).ok();
        starling().succeed(&["run", &bench.file, "--out", out]);
    }
}

#[test]
fn exactness_killed_again_and_again() {
    let bench = Bench::new(COOKS);
    let begun = Instant::now();
    let whole = bench.run("whole", &[]);
    let step = begun.elapsed().mul_f64(0.3).max(Duration::from_millis(50));
    let out = bench.out("killed");
    starling().kill_after(&["run", &bench.file, "--out", &out], step);
    for kill in 1..6 {
        starling().kill_after(&["resume", &out], step + step.mul_f64(0.17 * f64::from(kill)));
    }
    resume_or_start(&bench, &out);
    check_same(&whole, Path::new(&out));
}

#[test]
fn exactness_interrupted_and_resumed() {
    let bench = Bench::new(COOKS);
    let begun = Instant::now();
    let whole = bench.run("whole", &[]);
    for (name, signal) in [("int", "INT"), ("term", "TERM")] {
        let out = bench.out(name);
        let child = starling()
            .command(&["run", &bench.file, "--out", &out])
            .spawn()
            .expect("the binary starts");
        std::thread::sleep(begun.elapsed().min(Duration::from_secs(2)).mul_f64(0.2));
        let id = child.id().to_string();
        std::process::Command::new("kill")
            .args(["-s", signal, &id])
            .status()
            .expect("kill runs");
        let ended = child.wait_with_output().expect("the child ends");
        assert!(
            matches!(ended.status.code(), Some(0 | 3)),
            "SIG{signal}: {:?}",
            ended.status
        );
        starling().succeed(&["verify", &out]);
        resume_or_start(&bench, &out);
        check_same(&whole, Path::new(&out));
    }
}

#[test]
fn exactness_on_any_number_of_threads() {
    for pipeline in [COOKS, CONVOLUTIONS, SWINGERS] {
        let bench = Bench::new(pipeline);
        let one = bench.run("one", &["--threads", "1"]);
        for threads in ["2", "4"] {
            check_same(&one, &bench.run(threads, &["--threads", threads]));
        }
    }
}

#[test]
fn exactness_convolutions_killed_and_resumed() {
    check_killed(CONVOLUTIONS);
}

#[test]
fn exactness_normalised_killed_and_resumed() {
    check_killed(SWINGERS);
}

pub(crate) fn check_killed(pipeline: &str) {
    let bench = Bench::new(pipeline);
    let begun = Instant::now();
    let whole = bench.run("whole", &[]);
    let duration = begun.elapsed();
    for part in [0.4, 0.8] {
        let out = bench.out(&format!("killed-{part}"));
        starling().kill_after(&["run", &bench.file, "--out", &out], duration.mul_f64(part));
        resume_or_start(&bench, &out);
        check_same(&whole, Path::new(&out));
    }
}

#[test]
fn exactness_in_parts_of_any_size() {
    let bench = Bench::new(COOKS);
    let large = bench.run("large", &[]);
    let small = bench.run(
        "small",
        &["--set", "record.part_rows=97", "--set", "record.commit.every=7"],
    );
    check_same(&large, &small);
}

#[test]
fn exactness_of_the_resolved_file() {
    let bench = Bench::new(COOKS);
    let original = bench.run("original", &[]);
    let out = bench.out("resolved");
    let resolved = original.join("pipeline.toml").display().to_string();
    starling().succeed(&["run", &resolved, "--out", &out]);
    check_same(&original, Path::new(&out));
    let again = std::fs::read_to_string(Path::new(&out).join("pipeline.toml")).expect("a resolved file");
    assert_eq!(
        again,
        std::fs::read_to_string(&resolved).expect("a resolved file"),
        "resolving twice changes nothing"
    );
}

#[test]
fn exactness_of_a_replica_alone() {
    check_alone(COOKS, "chef");
    check_alone(SWINGERS, "swinger");
}

pub(crate) fn check_alone(pipeline: &str, agent: &str) {
    let bench = Bench::new(pipeline);
    let all = bench.run("all", &[]);
    let alone = bench.run(
        "alone",
        &["--set", &format!("agent.{agent}.replicas={{first=3, count=1}}")],
    );
    for table in ["metrics", "episodes", "trajectories", "diagnostics"] {
        let of_all = rows::of_replica(&all, table, 3);
        let of_one = rows::of_replica(&alone, table, 3);
        assert!(!of_one.is_empty(), "{table} has no rows");
        assert_eq!(
            rows::table(&alone, table).len(),
            of_one.len(),
            "{table}: only replica 3 ran"
        );
        if let Some(i) = (0..of_all.len().max(of_one.len())).find(|&i| of_all.get(i) != of_one.get(i)) {
            panic!(
                "{table} row {i}: among others {:?}, alone {:?}",
                of_all.get(i),
                of_one.get(i)
            );
        }
    }
    let tensors = rows::tensors_of_replica(&all, 3);
    assert!(tensors.len() > 5);
    assert_eq!(tensors, rows::tensors_of_replica(&alone, 0));
}
