//! Behaviour cloning end to end: from a recorded run to an agent that does the same; what the dataset's runs must be; exactness.

use crate::exactness::{Bench, check_same, starling};
use crate::rows;
use starling_record::Run;
use starling_record::read::metric_curves;
use std::path::Path;

/// A policy that always takes its most probable move plays two hundred episodes; a training records its own.
const SOURCE: &str = r#"
name  = "source"
until = { ticks = 2 }

[environment.pole]
rules.cart_pole = { max_steps = 60 }
lanes = 4
seats = ["teacher"]

[agent.teacher]
replicas       = 2
policy         = { activation = "tanh", heads = { actor = [{ dense = 8 }], critic = [], actor_gain = 1.0 } }
learner.ppo    = { steps = 120, minibatches = 2 }
optimizer.adam = { rate = 1e-3 }

[evaluate.shown]
environment  = "pole"
episodes     = 200
greedy       = true
trajectories = 200

[record]
trajectories = { every = 1 }
"#;

fn clone(runs: &str) -> String {
    format!(
        r#"name  = "clone"
seed  = 5
until = {{ epochs = 60 }}

[dataset.shown]
runs        = {runs:?}
entity      = "evaluate.shown"
environment = "pole"

[environment.pole]
rules.cart_pole = {{ max_steps = 60 }}
lanes = 4
seats = ["pupil"]

[agent.pupil]
replicas       = 2
policy         = {{ activation = "tanh", heads = {{ actor = [{{ dense = 32 }}], critic = [] }} }}
learner.behaviour_cloning = {{ dataset = "shown", batch = 128 }}
optimizer.adam = {{ rate = 1e-2 }}

[evaluate.check]
environment = "pole"
episodes    = 20
greedy      = true

[record]
commit = {{ every = 7 }}
"#
    )
}

/// The source's run, and a bench with the pipeline that clones it.
fn benches() -> (Bench, String, Bench) {
    let source = Bench::new(SOURCE);
    let run = source
        .run("source", &["--set", "agent.teacher.replicas=1"])
        .display()
        .to_string();
    let pupil = Bench::new(&clone(&run));
    (source, run, pupil)
}

/// The last value of a metric of every replica.
fn last(run: &Path, metric: &str) -> Vec<f64> {
    let run = Run::open_read_only(run, None).expect("a run");
    let curves = metric_curves(&run).expect("metrics");
    let points = &curves[&("agent.pupil".to_owned(), metric.to_owned())];
    let tick = points.iter().map(|p| p.tick).max();
    points
        .iter()
        .filter(|p| Some(p.tick) == tick)
        .map(|p| p.value)
        .collect()
}

#[test]
fn cloning_learns_a_deterministic_policy() {
    let (_source, _, pupil) = benches();
    let run = pupil.run("clone", &[]);
    for metric in ["accuracy", "validation_accuracy"] {
        let values = last(&run, metric);
        assert_eq!(values.len(), 2, "{metric} of every replica");
        assert!(values.iter().all(|&value| value > 0.95), "{metric} {values:?}");
    }
    let episodes = rows::table(&run, "episodes");
    assert!(
        episodes.iter().all(|row| row.contains("evaluate.check")),
        "nobody learns from the environment, so nothing is collected"
    );
    assert_eq!(episodes.len(), 40);
    let commit = Run::open_read_only(&run, None)
        .expect("a run")
        .latest_commit()
        .expect("a commit")
        .clone();
    let clocks = commit.clocks.values().next().expect("clocks").now;
    assert_eq!((clocks.epochs, clocks.ticks, clocks.env_steps), (60, 60, 0));
}

#[test]
fn cloning_repeats_resumes_and_is_the_same_alone() {
    let (_source, _, pupil) = benches();
    let whole = pupil.run("whole", &["--threads", "1"]);
    check_same(&whole, &pupil.run("threads", &["--threads", "4"]));
    let out = pupil.out("stopped");
    assert_eq!(
        starling()
            .run(&["run", &pupil.file, "--out", &out, "--ticks", "17"])
            .code,
        Some(3)
    );
    starling().succeed(&["resume", &out]);
    check_same(&whole, Path::new(&out));
    let resolved = whole.join("pipeline.toml").display().to_string();
    let again = pupil.out("again");
    starling().succeed(&["run", &resolved, "--out", &again]);
    check_same(&whole, Path::new(&again));
    let alone = pupil.run("alone", &["--set", "agent.pupil.replicas={first=1, count=1}"]);
    assert!(rows::of_replica(&whole, "metrics", 1) == rows::of_replica(&alone, "metrics", 1));
    starling().succeed(&["replay", &whole.display().to_string()]);
}

/// `check` refuses the text with all of `parts`, in a place.
fn check_refused(text: &str, parts: &[&str]) {
    let bench = Bench::new(text);
    let ended = starling().run(&["check", &bench.file]);
    assert_ne!(ended.code, Some(0), "{text}");
    for part in parts.iter().chain(&["exact.toml:"]) {
        assert!(ended.stderr.contains(part), "`{part}` is not in:\n{}", ended.stderr);
    }
}

#[test]
fn cloning_refuses_what_it_cannot_repeat() {
    let (_source, run, pupil) = benches();
    let text = clone(&run);
    check_refused(
        &text.replace("evaluate.shown", "evaluate.shwn"),
        &["no whole episode", "did you mean `evaluate.shown`?"],
    );
    check_refused(
        &text.replace("max_steps = 60", "max_steps = 50"),
        &["simulated again gives rewards", &run, "rules and settings"],
    );
    // Runs that are not there yet: the file may be right, and cannot run.
    let bench = Bench::new(&text.replace(&run, "nowhere/*"));
    let checked = starling().succeed(&["check", &bench.file]);
    assert!(checked.stderr.contains("no run matches"), "{}", checked.stderr);
    let ended = starling().run(&["run", &bench.file, "--out", &bench.out("waiting")]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("no run matches"), "{}", ended.stderr);
    let strict = text.replace("entity ", "least_return = 1000.0\nentity ");
    check_refused(&strict, &["with a return of at least 1000", "lower `least_return`"]);
    check_refused(
        &text.replace("dataset = \"shown\"", "dataset = \"shwn\""),
        &["no dataset is called `shwn`"],
    );
    check_refused(&text.replace("entity ", "seats = [1]\nentity "), &["has 1 seats"]);
    check_refused(
        &text.replace("[agent.pupil]", "[agent.pupil]\nnormalize = { observations = true }"),
        &["learnt from as it was recorded"],
    );
    check_refused(
        &text.replace("critic = [] }", "critic = [{ gru = 4 }] }"),
        &[
            "`behaviour_cloning` cannot teach a network with a memory",
            "learn by `ppo`",
        ],
    );
    // Training episodes of the source can be imitated too.
    let trained = Bench::new(
        &text
            .replace("evaluate.shown", "environment.pole")
            .replace("epochs = 60", "epochs = 1"),
    );
    trained.run("trained", &[]);

    let taken = pupil.run("taken", &["--until", "epochs=1"]);
    let resolved = std::fs::read_to_string(taken.join("pipeline.toml")).expect("a resolved pipeline");
    let at = resolved.find("hash = \"").expect("a hash") + 8;
    let (hash, other) = (&resolved[at..at + 64], "0".repeat(64));
    check_refused(&resolved.replace(hash, &other), &["has changed", hash, &other]);
    std::fs::remove_dir_all(&run).expect("removed");
    check_refused(&resolved, &["is not there", &run]);
}
