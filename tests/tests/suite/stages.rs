//! Stages: they follow one another, end by clocks and metrics, hand parameters on, and resume exactly across their boundaries.

use crate::exactness::{Bench, check_same, resume_or_start};
use crate::rows;
use starling::Starling;
use starling::file::layers::{Origin, Overrides};
use starling_components::EntityName;
use starling_components::act::Policy;
use starling_components::learn::Learner;
use starling_components::parameters::Parameters;
use starling_components::schedule::RunSeed;
use starling_components::simulate::LiveEnvironment;
use starling_simulate::inner::InnerTraining;
use std::path::Path;
use std::time::Instant;

/// A population that starts anew in the middle, one that learns with its best, a third that goes on from there, and an end by a metric.
const STAGED: &str = r#"name = "stages/poles"
seed = 7

[environment.pole]
rules.cart_pole = {}
lanes = 4
seats = ["sp"]

[environment.kitchen]
rules.overcooked_v2 = { layout = "cramped_room", max_steps = 20 }
lanes = 4
seats = ["ego", "partner"]

[environment.room]
rules.overcooked_v2 = { layout = "cramped_room", max_steps = 20 }
lanes = 4
seats = ["mate", "mate"]

[agent.sp]
replicas       = 4
policy         = { activation = "tanh", heads = { actor = [{ dense = 8 }], critic = [{ dense = 8 }] } }
learner.ppo    = { steps = 32, epochs = 2, minibatches = 4 }
optimizer.adam_rel = { rate = { log_uniform = [1e-3, 1e-2] } }

[agent.pool]
from = { agent = "sp", progress = [0.0, 0.5, 1.0] }

[agent.mate]
replicas       = 4
policy         = { heads = { actor = [{ dense = 8 }], critic = [{ dense = 8 }] } }
learner.ppo    = { steps = 20, epochs = 1, minibatches = 2 }
optimizer.adam = { rate = 1e-3 }

[agent.partner]
from = { agent = "mate", pick = { best = "agent.mate.entropy" } }

[agent.ego]
from           = { agent = "mate" }
learner.ppo    = { steps = 10, epochs = 1, minibatches = 2 }
optimizer.adam = { rate = { linear = { from = 1e-3, to = 0.0 } } }

[evaluate.course]
environment = "pole"
agents      = ["sp"]
episodes    = 4
at          = { every = 5 }

[evaluate.pool]
environment = "pole"
agents      = ["pool"]
episodes    = 3

[evaluate.together]
environment = "kitchen"
episodes    = 2

[stage.sp]
train  = ["sp"]
until  = { ticks = 12, metric = { name = "evaluate.course.length_mean", above = 1000 } }
rounds = 3
fresh  = ["sp"]
score  = "evaluate.course.return_mean"

[stage.mates]
train = ["mate"]
until = { env_steps = 400 }

[stage.ego]
train = ["ego"]
after = ["mates", "sp"]
until = { updates = 6 }

[record]
trajectories = { every = 1 }
diagnostics  = { every = 1 }
commit       = { every = 2 }
"#;

/// `STAGED` with the first stage ended by the first evaluation, as every mean length is above 1.
fn ended_early() -> String {
    STAGED.replace("above = 1000", "above = 1")
}

#[test]
fn stages_killed_at_twenty_instants_and_resumed() {
    let bench = Bench::new(&ended_early());
    let begun = Instant::now();
    let whole = bench.run("whole", &[]);
    let duration = begun.elapsed();
    let starling = starling_tests::cli::Starling(env!("CARGO_BIN_EXE_starling-tests").into());
    for instant in 0..20_u32 {
        let out = bench.out(&format!("killed-{instant}"));
        let part = (f64::from(instant) + f64::from(instant * 7919 % 97) / 97.0) / 20.0;
        starling.kill_after(&["run", &bench.file, "--out", &out], duration.mul_f64(part));
        resume_or_start(&bench, &out);
        check_same(&whole, Path::new(&out));
    }
    // Every tick is a place to stop at: the last of a stage, the first of a round, between the two.
    for tick in 1..11 {
        let out = bench.out(&format!("left-{tick}"));
        starling.run(&["run", &bench.file, "--out", &out, "--ticks", &tick.to_string()]);
        resume_or_start(&bench, &out);
        check_same(&whole, Path::new(&out));
    }
}

#[test]
fn stages_of_a_replica_alone() {
    let bench = Bench::new(STAGED);
    let all = bench.run("all", &[]);
    let alone = bench.run(
        "alone",
        &[
            "--set",
            "agent.sp.replicas={first=3, count=1}",
            "--set",
            "agent.mate.replicas={first=3, count=1}",
        ],
    );
    // The pool has three replicas for each of its source.
    let of = |run: &Path, table: &str, replica: u32, pool: bool| -> Vec<String> {
        let rows = rows::of_replica(run, table, replica).into_iter();
        rows.filter(|row| row.contains("evaluate.pool") == pool).collect()
    };
    let (mut compared, mut of_pool) = (0, 0);
    for table in ["metrics", "episodes", "trajectories", "diagnostics"] {
        let (among, one) = (of(&all, table, 3, false), of(&alone, table, 3, false));
        assert!(!one.is_empty(), "{table} has no rows");
        assert!(among == one, "{table} of replica 3 differs");
        compared += one.len();
        for replica in 9..12 {
            let (among, one) = (of(&all, table, replica, true), of(&alone, table, replica, true));
            assert!(among == one, "{table} of replica {replica} of the pool differs");
            of_pool += one.len();
        }
    }
    assert!(compared > 1000 && of_pool > 50, "{compared} and {of_pool} rows");
    for agent in ["sp", "mate", "partner", "ego"] {
        let (among, one) = (
            rows::parameters_of(&all, agent, 3),
            rows::parameters_of(&alone, agent, 0),
        );
        assert!(among.len() > 4 && among == one, "parameters of {agent} differ");
    }
}

#[test]
fn stages_follow_one_another() {
    let bench = Bench::new(&ended_early());
    let run = bench.run("run", &[]);
    let metrics = rows::table(&run, "metrics");
    let ticks = |entity: &str, metric: &str| -> Vec<u64> {
        let rows = metrics.iter().map(|row| row.split('|').collect::<Vec<_>>());
        let own = rows.filter(|row| row[2] == entity && row[3] == "0" && row[4] == metric);
        own.map(|row| row[0].parse().expect("a tick")).collect()
    };
    let one_to = |end| (1..=end).collect::<Vec<u64>>();
    // Ended by the evaluation of tick 5; side by side with five ticks of 80 steps, and then its six.
    assert_eq!(ticks("agent.sp", "entropy"), one_to(5));
    assert_eq!(ticks("agent.mate", "entropy"), one_to(5));
    assert_eq!(ticks("agent.ego", "entropy"), [6, 7, 8, 9, 10, 11]);
    assert_eq!(
        ticks("evaluate.course", "return_mean"),
        [5],
        "once, although it ended the stage"
    );
    assert_eq!(ticks("stage.sp", "score"), [5]);
    assert_eq!(
        ticks("evaluate.pool", "return_mean"),
        [5],
        "in the tick in which the pool got its parameters"
    );
    assert_eq!(ticks("evaluate.together", "return_mean"), [11]);
    let steps: Vec<&str> = metrics
        .iter()
        .filter(|row| row.contains("agent.ego|0|entropy"))
        .map(|row| row.split('|').nth(1).expect("env_steps"))
        .collect();
    assert_eq!(
        steps,
        ["40", "80", "120", "160", "200", "240"],
        "clocks start with the stage"
    );
    let shown = starling_tests::cli::Starling(env!("CARGO_BIN_EXE_starling-tests").into());
    let shown = shown.succeed(&["show", &run.display().to_string()]).stdout;
    assert!(shown.contains("5 of 12") && shown.contains("6 of 6"), "{shown}");
}

/// Four ticks of one population, whose moments others take.
const MOMENTS: &str = r#"name = "stages/moments"

[environment.pole]
rules.cart_pole = {}
lanes = 8
seats = ["sp"]

[agent.sp]
replicas       = 2
policy         = { heads = { actor = [{ dense = 8 }], critic = [{ dense = 8 }] } }
learner.ppo    = { steps = 64, epochs = 4, minibatches = 4 }
optimizer.adam = { rate = 1e-2 }

[agent.pool]
from = { agent = "sp", progress = [0.0, 0.5, 1.0] }

[agent.best]
from = { agent = "sp", pick = { best = "environment.pole.episode_return_carried" } }

[agent.heir]
from = { agent = "best" }

[stage.sp]
train = ["sp"]
until = { ticks = 8 }

[evaluate.pool]
environment = "pole"
agents      = ["pool"]
episodes    = 12

[evaluate.best]
environment = "pole"
agents      = ["heir"]
episodes    = 1

[evaluate.the_best]
environment = "pole"
agents      = ["best"]
episodes    = 1
"#;

#[test]
fn stages_hand_on_the_moments_asked_for() {
    let bench = Bench::new(MOMENTS);
    let whole = bench.run("whole", &[]);
    let half = bench.run("half", &["--until", "ticks=4"]);
    for replica in 0..2 {
        let pool = |run: &Path, moment: usize| rows::parameters_of(run, "pool", replica * 3 + moment);
        let sp = |run: &Path| rows::parameters_of(run, "sp", replica);
        assert_eq!(pool(&whole, 0), pool(&half, 0), "both began with the same");
        assert_eq!(pool(&whole, 1), sp(&half), "half of it is the shorter run");
        assert_eq!(pool(&whole, 2), sp(&whole));
        assert!(pool(&whole, 0) != pool(&whole, 1) && pool(&whole, 1) != pool(&whole, 2));

        let returns: Vec<f64> = rows::of_replica(&whole, "metrics", replica as u32)
            .iter()
            .filter(|row| row.contains("environment.pole|") && row.contains("|episode_return_carried|"))
            .map(|row| {
                row.rsplit('|')
                    .next()
                    .and_then(|value| value.parse().ok())
                    .expect("a number")
            })
            .collect();
        assert_eq!(returns.len(), 8);
        let best = returns.iter().copied().fold(f64::MIN, f64::max);
        let tick = 1 + returns
            .iter()
            .position(|&value| value == best)
            .expect("the best of them");
        let until = format!("ticks={tick}");
        let then = bench.run(&format!("best-{replica}"), &["--until", &until]);
        assert_eq!(rows::parameters_of(&whole, "best", replica), sp(&then));
        assert_eq!(rows::parameters_of(&whole, "heir", replica), sp(&then));
    }
}

#[test]
fn stages_begin_rounds_with_fresh_agents() {
    // Nothing is learnt at rate 0, so that what changes is what begins anew.
    let still = MOMENTS.replace("rate = 1e-2", "rate = 0.0");
    let check = |extra: &str, expected: [bool; 2]| {
        let bench = Bench::new(&still.replace("until = { ticks = 8 }", &format!("until = {{ ticks = 8 }}\n{extra}")));
        let run = bench.run("run", &[]);
        let moments: Vec<_> = (0..3).map(|moment| rows::parameters_of(&run, "pool", moment)).collect();
        let changed = [moments[0] != moments[1], moments[1] != moments[2]];
        assert_eq!(changed, expected, "{extra}");
    };
    check("rounds = 2", [false, false]);
    check("rounds = 2\nfresh = [\"sp\"]", [false, true]);
    check("rounds = 8\nfresh = [\"sp\"]", [true, true]);
}

/// Everything that is wrong with `STAGED` once `old` is written as `new`: where, and what.
fn check(old: &str, new: &str, expected: &[&str]) {
    assert!(STAGED.contains(old), "`{old}` is not in the file");
    let origin = Origin::Text {
        name: "staged.toml".into(),
        text: STAGED.replacen(old, new, 1),
    };
    let starling = Starling::new();
    let built = starling
        .load(&origin, &Overrides::default())
        .and_then(|pipeline| starling.world(&pipeline).map(|_| ()));
    let Err(problems) = built else {
        panic!("`{new}` is refused")
    };
    let text = problems.plain();
    let found: Vec<&str> = text.lines().filter(|line| line.starts_with("staged.toml:")).collect();
    assert_eq!(found, expected, "{new}\n{text}");
    assert_eq!(text.matches("help:").count(), expected.len(), "advice to each:\n{text}");
}

#[test]
fn stages_in_wrong_files() {
    check(
        "seed = 7",
        "until = { ticks = 3 }",
        &["staged.toml:2:1: a pipeline with stages has no end of its own"],
    );
    check(
        "train = [\"mate\"]",
        "after = [\"ego\"]\ntrain = [\"mate\"]",
        &["staged.toml:71:9: stages `ego`, `mates` wait for each other"],
    );
    check(
        "after = [\"mates\"",
        "after = [\"mate\"",
        &["staged.toml:70:10: no stage is called `mate`"],
    );
    check(
        "learner.ppo    = { steps = 10",
        "policy = {}\nlearner.ppo    = { steps = 10",
        &[
            "staged.toml:39:1: the network of `ego` is not that of `mate`: `actor.out.kernel` [600, 6] in the place of `actor.0.kernel` [600, 8]",
        ],
    );
    check(
        "train = [\"ego\"]",
        "train = [\"ego\", \"pool\"]",
        &["staged.toml:69:17: `pool` has no learner, so no stage can train it"],
    );
    check(
        "after = [\"mates\", \"sp\"]",
        "after = [\"sp\"]",
        &[
            "staged.toml:68:8: `ego` takes the parameters of `mate`, which learns in `mates`, but plays in `ego`",
            "staged.toml:53:11: `ego` takes the parameters of `mate`, which are not there before the end of `mates`",
            "staged.toml:68:8: `partner` takes the parameters of `mate`, which learns in `mates`, but plays in `ego`",
            "staged.toml:53:11: `partner` takes the parameters of `mate`, which are not there before the end of `mates`",
        ],
    );
    check(
        "environment = \"kitchen\"",
        "environment = \"kitchen\"\nstage = \"sp\"",
        &[
            "staged.toml:53:11: `ego` takes the parameters of `mate`, which are not there before the end of `mates`",
            "staged.toml:53:11: `partner` takes the parameters of `mate`, which are not there before the end of `mates`",
        ],
    );
    check(
        "train = [\"mate\"]",
        "train = [\"mate\", \"sp\"]",
        &[
            "staged.toml:58:11: stages `mates` and `sp` train `sp` at the same time",
            "staged.toml:57:8: stages `mates` and `sp` run `pole` at the same time",
            "staged.toml:48:11: `pool` takes the parameters of `sp`, which are not there before the end of `mates`",
        ],
    );
    // What is wrong with an environment is told once, not again of everyone whom it was to train.
    check(
        "seats = [\"ego\", \"partner\"]",
        "seats = [\"ego\", { draw = [\"partner\"], weights = [1, 2] }]",
        &[
            "staged.toml:12:49: 2 weights for 1 agents",
            "staged.toml:53:11: who plays in `kitchen` changes, so an evaluation cannot take it over",
        ],
    );
    check(
        "fresh  = [\"sp\"]",
        "fresh  = [\"mate\"]",
        &["staged.toml:61:11: `mate` starts anew but does not learn in this stage"],
    );
    check(
        "at          = { every = 5 }",
        "at          = \"end\"",
        &["staged.toml:59:42: this evaluation runs at the end only, which it cannot bring about"],
    );
    check("ticks = 12, ", "", &["staged.toml:59:1: `until` never ends the stage"]);
    check(", above = 1000", "", &["staged.toml:59:24: a metric without a bound"]);
    check(
        "rounds = 3",
        "rounds = 30",
        &["staged.toml:60:10: 12 ticks cannot be cut into 30 rounds"],
    );
    check(
        "\"evaluate.course.return_mean\"",
        "\"evaluate.together.return_mean\"",
        &["staged.toml:62:10: `evaluate.together` records nothing in this stage"],
    );
    check(
        "progress = [0.0, 0.5, 1.0]",
        "progress = [0.0, 1.5]",
        &["staged.toml:26:41: 1.5 is no fraction of a training"],
    );
    check(
        "from = { agent = \"sp\"",
        "from = { agent = \"pool\"",
        &["staged.toml:26:18: `pool` takes its parameters from itself"],
    );
    check(
        "best = \"agent.mate.entropy\"",
        "best = \"agent.mat.entropy\"",
        &["staged.toml:35:42: nothing records the metric `agent.mat.entropy`"],
    );
}

/// A training on plain types, from what a world holds before its first tick, gives what that world gives; eight of them side by side too.
#[test]
fn stages_inside_something_else_give_the_same_bits() {
    let text = r#"
name  = "stages/inner"
seed  = 5
until = { ticks = 6 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "cramped_room_v2", max_steps = 30 }
lanes = 6
seats = ["chef", "chef"]

[agent.chef]
replicas       = 8
policy         = { heads = { actor = [{ dense = 16 }], critic = [{ dense = 16 }] } }
learner.ppo    = { steps = 40, epochs = 2, minibatches = 4 }
optimizer.adam = { rate = { linear = { from = 3e-3, to = 0.0 } } }
reward         = { shaped = 0.5 }
"#;
    let origin = Origin::Text {
        name: "inner.toml".into(),
        text: text.into(),
    };
    let starling = Starling::new();
    let pipeline = starling.load(&origin, &Overrides::default()).expect("a good file");
    let mut app = starling.world(&pipeline).expect("a world");
    let world = app.world_mut();
    let environment = world.query::<&LiveEnvironment>().single(world).expect("one").0.clone();
    let policy = world.query::<&Policy>().single(world).expect("one").0.clone();
    let initial = world.query::<&Parameters>().single(world).expect("one").clone();
    let trained: Vec<Vec<f32>> = {
        let learner = world.query::<&Learner>().single(world).expect("one");
        let inner = InnerTraining {
            environment: &environment,
            place: &EntityName::new("environment", "kitchen"),
            lanes: 6,
            policy: &*policy,
            learner: &*learner.0,
            agent: &EntityName::new("agent", "chef"),
            reward: &|_| [1.0, 0.5],
            explore: &|_| 0.0,
            ticks: 6,
        };
        let train = |replica: u32| inner.train(RunSeed(5), replica, initial.replica(replica as usize));
        let trained: Vec<_> = std::thread::scope(|scope| {
            let train = &train;
            let all: Vec<_> = (0..8_u32).map(|replica| scope.spawn(move || train(replica))).collect();
            let results = all.into_iter().map(|one| one.join().expect("a thread that ends"));
            results.map(|one| one.expect("nothing is refused")).collect()
        });
        assert!(
            trained
                .iter()
                .all(|one| one.fitness().is_some() && one.reports.len() == 6)
        );
        trained.into_iter().map(|one| one.parameters).collect()
    };
    let end = starling::engine::run_ticks(&mut app, starling::engine::Limits::default(), |_| {});
    assert!(matches!(end, starling::engine::End::Finished), "{end:?}");
    let world = app.world_mut();
    let run = world.query::<&Parameters>().single(world).expect("one");
    for (replica, alone) in trained.iter().enumerate() {
        assert!(run.replica(replica) == &alone[..], "replica {replica} differs");
        assert!(initial.replica(replica) != &alone[..]);
    }
}
