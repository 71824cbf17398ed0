//! DQN: its replay buffer, target parameters and exploration survive a kill, change with nothing but what they should, and are told of where they
//! do not fit.

use crate::exactness::{Bench, check_same, resume_or_start, starling};
use crate::rows;
use std::path::Path;
use std::time::Instant;

/// Poles that are balanced by two agents: one copies its target, one draws it along and starts anew in the middle; and cooks, whose grids are bytes.
const POLES: &str = r#"
name  = "exact/poles"
seed  = 3
until = { ticks = 240 }

[environment.pole]
rules.cart_pole = { max_steps = 40 }
lanes = 4
seats = ["copier"]

[environment.other]
rules.cart_pole = { max_steps = 40 }
lanes = 4
seats = ["follower"]

[environment.kitchen]
rules.overcooked_v2 = { layout = "cramped_room_v2", max_steps = 10 }
lanes = 2
seats = ["cook", "cook"]

[agent.copier]
replicas    = 3
policy      = { init = "lecun_normal", heads = { q = [{ dense = 16 }] } }
explore     = { linear = { from = 1.0, to = 0.1, clock = "env_steps" } }
learner.dqn = { batch = 16, replay = 400, learning_starts = 100, target = { every = 60 } }
optimizer.adam_rel = { rate = { log_uniform = [1e-4, 1e-2] }, eps = 1e-8 }

[agent.follower]
replicas    = 3
policy      = { layers = [{ dense = 16 }], heads = { q = [] } }
explore     = { log_uniform = [0.05, 0.5] }
learner.dqn = { steps = 2, updates = 3, batch = 8, replay = 300, learning_starts = 50, double = true, loss = "huber", bootstrap_truncation = true, target = { every = 1, tau = 0.05, reset_every = 100 } }
optimizer.adam_mr = { rate = 1e-3, max_grad_norm = 1.0 }

[agent.cook]
replicas    = 3
policy      = { layers = [{ dense = 16 }], heads = { q = [] } }
explore     = 0.2
learner.dqn = { steps = 2, batch = 8, replay = 61, learning_starts = 50, target = { every = 20 } }
optimizer.adam = { rate = 1e-3 }

[evaluate.balance]
environment = "pole"
episodes    = 4
explore     = 0.05
at          = { every = 80 }

[record]
trajectories = { every = 3 }
diagnostics  = { every = 3 }
commit       = { every = 20 }
"#;

#[test]
fn dqn_killed_and_resumed() {
    let bench = Bench::new(POLES);
    let begun = Instant::now();
    let whole = bench.run("whole", &[]);
    let duration = begun.elapsed();
    for part in [0.3, 0.5, 0.7, 0.9] {
        let out = bench.out(&format!("killed-{part}"));
        starling().kill_after(&["run", &bench.file, "--out", &out], duration.mul_f64(part));
        resume_or_start(&bench, &out);
        check_same(&whole, Path::new(&out));
    }
    // Before the first optimiser step, in the middle, and just before the end.
    for tick in ["7", "133", "239"] {
        let out = bench.out(&format!("left-{tick}"));
        starling().run(&["run", &bench.file, "--out", &out, "--ticks", tick]);
        resume_or_start(&bench, &out);
        check_same(&whole, Path::new(&out));
    }
}

#[test]
fn dqn_on_any_number_of_threads_and_a_replica_alone() {
    let bench = Bench::new(POLES);
    let all = bench.run("one", &["--threads", "1"]);
    check_same(&all, &bench.run("two", &["--threads", "2"]));
    let mut options = Vec::new();
    for set in ["copier", "follower", "cook"].map(|agent| format!("agent.{agent}.replicas={{first=2, count=1}}")) {
        options.extend(["--set".to_owned(), set]);
    }
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let alone = bench.run("alone", &options);
    for table in ["metrics", "episodes", "trajectories", "diagnostics"] {
        let (among, one) = (rows::of_replica(&all, table, 2), rows::of_replica(&alone, table, 2));
        assert!(one.len() > 10, "{table} has too few rows");
        assert!(among == one, "{table} of replica 2 differs");
    }
}

/// A wrong change of `POLES` is told, at the line of `at`.
fn check_refused(from: &str, to: &str, at: &str, part: &str) {
    assert!(POLES.contains(from), "{from}");
    let wrong = POLES.replacen(from, to, 1);
    let bench = Bench::new(&wrong);
    let ended = starling().run(&["check", &bench.file]);
    assert!(ended.code.is_some_and(|code| code != 0), "{to} was not refused");
    let said = ended.stdout + &ended.stderr;
    let line = wrong.lines().position(|line| line.contains(at)).expect("a line") + 1;
    let told = said
        .lines()
        .any(|told| told.contains(&format!("exact.toml:{line}:")) && told.contains(part));
    assert!(told, "`{part}` is not told of line {line} in:\n{said}");
}

#[test]
fn dqn_what_does_not_fit_is_told() {
    let q = "heads = { q = [{ dense = 16 }] }";
    check_refused(q, "heads = { actor = [] }", "target = { every = 60 }", "no `q` head");
    let both = "heads = { q = [], actor = [{ dense = 8 }] }";
    check_refused("heads = { q = [] }", both, both, "stands in place");
    check_refused("explore     = 0.2", "explore     = 1.2", "= 1.2", "is a probability");
    check_refused("explore     = 0.05", "explore     = -1.0", "= -1.0", "below the least");
    check_refused("replay = 61", "replay = 3", "replay = 3,", "less than one step");
    let dqn = "learner.dqn = { batch = 16, replay = 400, learning_starts = 100, target = { every = 60 } }";
    check_refused(dqn, "learner.ppo = {}", "learner.ppo", "`q` head");
    check_refused(
        "init = \"lecun_normal\"",
        "init = \"normal\"",
        "init = ",
        "is no `init`",
    );
}
