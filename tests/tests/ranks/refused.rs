//! What cannot be shared is refused before anything is written, and a failure is everyone's.

use crate::pipelines::{COOKS, EVOLUTION};
use crate::{Bench, on_ranks};
use starling::Starling;
use starling::exit::Exit;
use starling::file::layers::{Origin, Overrides};
use starling::ranks::threads::connected;

/// What two ranks say of a change to the cooks.
fn told(changes: &[&str]) -> String {
    told_by(2, changes)
}

fn told_by(ranks: usize, changes: &[&str]) -> String {
    told_of(COOKS, ranks, changes)
}

fn told_of(text: &str, ranks: usize, changes: &[&str]) -> String {
    let overrides = Overrides {
        set: changes.iter().map(|&change| change.to_owned()).collect(),
        ..Overrides::default()
    };
    let origin = Origin::Text {
        name: "cooks.toml".to_owned(),
        text: text.to_owned(),
    };
    let starling = Starling::new();
    let pipeline = starling.load(&origin, &overrides);
    let built = pipeline.and_then(|pipeline| starling.world_among(&pipeline, &connected(ranks)[0]));
    built.err().map_or_else(String::new, |problems| problems.plain())
}

#[test]
fn what_cannot_be_shared_is_refused() {
    assert_eq!(told(&[]), "");
    let check = |changes: &[&str], expected: &str| {
        let told = told(changes);
        assert!(told.contains(expected), "{told}");
    };
    check(&["agent.chef.learner.ppo.shards=1"], "not cut into shards");
    check(&["environment.kitchen.rotate=true"], "seats that change");
    check(&["environment.kitchen.backend=gpu"], "a device steps the lanes");
    let told = told_by(5, &[]);
    assert!(
        told.contains("4 shards cannot be shared out among 5 processes"),
        "{told}"
    );
}

#[test]
fn shards_that_do_not_fit_are_refused_by_one_process_too() {
    let check = |changes: &[&str], expected: &str| {
        let told = told_by(1, changes);
        assert!(told.contains(expected) && told.contains("help:"), "{told}");
    };
    check(&["agent.chef.learner.ppo.shards=5"], "5 shards do not divide 12 lanes");
    check(
        &["agent.chef.learner.ppo.minibatches=7"],
        "7 minibatches do not divide 180 samples of a shard",
    );
    check(
        &["agent.chef.learner.ppo.device=candle"],
        "a device computes whole minibatches",
    );
}

#[test]
fn evolutions_that_cannot_be_are_refused() {
    let check = |changes: &[&str], expected: &str| {
        let told = told_of(EVOLUTION, 1, changes);
        assert!(told.contains(expected) && told.contains("help:"), "{told}");
    };
    check(&["evolve.cooks.vary=agent.cook"], "cannot vary");
    check(&["evolve.cooks.vary=agent.cok.parameters"], "no agent is called `cok`");
    check(
        &["evolve.cooks.strategy.open_es.population=9"],
        "pairs of mirror images",
    );
    check(&["environment.kitchen.rotate=true"], "who plays in `kitchen` changes");
    check(
        &["agent.cook.learner.ppo.steps=8", "agent.cook.optimizer.adam.rate=1e-3"],
        "gets its parameters elsewhere too",
    );
    check(
        &[
            "evolve.again={vary=\"agent.cook.parameters\",environment=\"kitchen\",strategy=\"open_es\",optimizer.adam.rate=0.1}",
        ],
        "varies twice",
    );
    let told = told_of(EVOLUTION, 11, &[]);
    assert!(
        told.contains("10 members cannot be shared out among 11 processes"),
        "{told}"
    );
    assert_eq!(told_of(EVOLUTION, 10, &[]), "");
}

/// A launcher starts several processes of a program that cannot find the others.
#[cfg(not(feature = "mpi"))]
#[test]
fn several_processes_without_mpi_are_told_so() {
    let bench = Bench::new(COOKS);
    let out = bench.out("never");
    let binary = starling_tests::cli::Starling(env!("CARGO_BIN_EXE_starling-tests").into());
    let mut command = binary.command(&["run", &bench.file, "--out", &out]);
    let ended = starling_tests::cli::Ended::from(command.env("OMPI_COMM_WORLD_SIZE", "2").output().expect("it starts"));
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("this build has no MPI") && ended.stderr.contains("--features mpi"),
        "{}",
        ended.stderr
    );
    assert!(!std::path::Path::new(&out).exists());
    let mut command = binary.command(&["run", &bench.file, "--out", &out, "--ranks", "one", "--ticks", "1"]);
    let ended = command.env("OMPI_COMM_WORLD_SIZE", "2").output().expect("it starts");
    assert_eq!(ended.status.code(), Some(3), "one tick of a run of its own");
}

#[test]
fn ranks_that_are_refused_write_nothing() {
    let bench = Bench::new(COOKS);
    let (out, exits) = bench.shared("refused", 5, &[]);
    assert_eq!(exits, vec![Exit::BadInput; 5]);
    assert!(!out.exists());
    let (_, exits) = bench.shared("unread", 2, &["--set", "agent.chef.nonsense=1"]);
    assert_eq!(exits, vec![Exit::BadInput; 2]);
    let missing = bench.out("missing");
    assert_eq!(
        on_ranks(2, &["resume", &missing])[1],
        on_ranks(2, &["resume", &missing])[0]
    );
}

#[test]
fn a_failing_evolution_stops_all_ranks() {
    let bench = Bench::new(EVOLUTION);
    let wild = "evolve.cooks.strategy.open_es.sigma=1e38";
    let (_, exits) = bench.shared("wild", 2, &["--set", wild]);
    assert_eq!(exits, vec![Exit::Failed; 2]);
}

#[test]
fn a_loss_that_is_no_number_stops_all_ranks() {
    let bench = Bench::new(COOKS);
    let wild = "agent.chef.optimizer.adam_rel.rate=1e30";
    let (_, exits) = bench.shared("wild", 3, &["--set", wild]);
    assert_eq!(exits, vec![Exit::Failed; 3]);
}

#[test]
fn a_directory_that_is_taken_stops_all_ranks() {
    let bench = Bench::new(COOKS);
    let (out, _) = bench.shared("once", 2, &["--ticks", "1"]);
    let (again, exits) = bench.shared("once", 2, &["--ticks", "1"]);
    assert_eq!(out, again);
    assert!(exits[0] != Exit::Finished && exits[0] == exits[1], "{exits:?}");
}
