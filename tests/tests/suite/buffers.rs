//! Buffers end to end: cooks that start from states which they visited themselves. Same bits however the run is cut, on any number of threads,
//! and for a replica alone where replicas share nothing.

use crate::exactness::{Bench, check_same, resume_or_start, starling};
use crate::rows;
use std::path::Path;
use std::time::Instant;

/// Episodes of 50 steps, rollouts of 30, a buffer that is filled anew every fourth tick.
const COOKS: &str = r#"
name  = "buffers/cooks"
seed  = 31
until = { env_steps = 4_800 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "cramped_room_v2", max_steps = 50, random_agent_positions = true }
lanes  = 8
seats  = ["chef", "chef"]
starts = { buffer = "visited" }

[buffer.visited]
environment = "kitchen"
episodes    = 2
refresh     = { every = 4 }

[agent.chef]
replicas       = 4
policy         = { activation = "tanh", heads = { actor = [{ dense = 16 }], critic = [{ dense = 16 }] } }
learner.ppo    = { steps = 30, epochs = 2, minibatches = 4 }
optimizer.adam = { rate = 1e-3 }

[evaluate.selfplay]
environment = "kitchen"
episodes    = 4
at          = { every = 10 }

[record]
trajectories = { every = 1 }
diagnostics  = { every = 1 }
commit       = { every = 3 }
"#;

/// All replicas in one buffer, which holds the states of every ordered pair.
const SHARED: [&str; 4] = [
    "--set",
    "buffer.visited.pair=product",
    "--set",
    "buffer.visited.scope=all_replicas",
];

#[test]
fn buffers_killed_and_resumed() {
    let bench = Bench::new(COOKS);
    for (name, options) in [("own", &[][..]), ("shared", &SHARED[..])] {
        let begun = Instant::now();
        let whole = bench.run(name, options);
        let duration = begun.elapsed();
        for instant in 0..5_u32 {
            let out = bench.out(&format!("{name}-killed-{instant}"));
            let mut args = vec!["run", &bench.file, "--out", &out];
            args.extend(options);
            let delay = duration.mul_f64((f64::from(instant) + 0.5) / 6.0);
            if !starling().kill_after(&args, delay) {
                continue;
            }
            if Path::new(&out).join("commits/000000.json").exists() {
                resume_or_start(&bench, &out);
            } else {
                std::fs::remove_dir_all(&out).ok();
                starling().succeed(&args);
            }
            check_same(&whole, Path::new(&out));
        }
        // Killed or not: stopped in the middle and resumed.
        let out = bench.out(&format!("{name}-stopped"));
        let mut args = vec!["run", &bench.file, "--out", &out, "--ticks", "7"];
        args.extend(options);
        assert_eq!(starling().run(&args).code, Some(3));
        starling().succeed(&["resume", &out]);
        check_same(&whole, Path::new(&out));
    }
}

#[test]
fn buffers_on_any_number_of_threads() {
    let bench = Bench::new(COOKS);
    let on = |threads: &str| {
        let mut options = vec!["--threads", threads];
        options.extend(SHARED);
        bench.run(threads, &options)
    };
    let one = on("1");
    check_same(&one, &on("2"));
    check_same(&one, &on("4"));
}

#[test]
fn buffers_of_a_replica_alone() {
    let bench = Bench::new(COOKS);
    let all = bench.run("all", &[]);
    let alone = bench.run("alone", &["--set", "agent.chef.replicas={first=3, count=1}"]);
    for table in ["metrics", "episodes", "trajectories", "diagnostics"] {
        let of_one = rows::of_replica(&alone, table, 3);
        assert!(!of_one.is_empty(), "{table} has no rows");
        assert!(
            rows::of_replica(&all, table, 3) == of_one,
            "{table}: replica 3 alone differs"
        );
    }
    let states = rows::of_replica(&all, "metrics", 3);
    // 2 episodes of 50 steps, states 0, 10, ... 40 of each.
    let filled = states.iter().filter(|row| row.contains("buffer.visited|3|states|10"));
    assert_eq!(filled.count(), 5, "ticks 1, 5, 9, 13, 17 of 20: {states:#?}");
}

#[test]
fn buffers_start_no_episode_that_could_be_replayed_from_its_keys() {
    let bench = Bench::new(COOKS);
    let run = bench.run("whole", &[]).display().to_string();
    let refused = starling().run(&["replay", &run, "--entity", "environment.kitchen"]);
    assert_ne!(refused.code, Some(0), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("begin in states of a buffer"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("replay one of those"), "{}", refused.stderr);
    starling().succeed(&["replay", &run, "--entity", "evaluate.selfplay"]);
}
