//! Seats that change, end to end: a learner whose partners are drawn from its own copies, a frozen pool and a script. Same bits however the
//! run is cut, on any number of threads, for a replica alone; the records say who played.

use crate::exactness::{Bench, check_same, resume_or_start, starling};
use crate::rows;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

/// Episodes of 50 steps and rollouts of 30: every commit but every fifth lies in the middle of episodes.
const COOKS: &str = r#"
name  = "seating/cooks"
seed  = 21
until = { env_steps = 7_200 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "cramped_room_v2", max_steps = 50 }
lanes  = 8
seats  = ["ego", { draw = ["ego", "pool", "bot"], weights = [1.0, { linear = { from = 0.0, to = 4.0, clock = "ticks" } }, 0.5] }]
rotate = true
pair   = "product"

[agent.ego]
replicas       = 4
policy         = { activation = "tanh", heads = { actor = [{ dense = 32 }], critic = [{ dense = 32 }] } }
learner.ppo    = { steps = 30, epochs = 2, minibatches = 4 }
optimizer.adam = { rate = 1e-3 }

[agent.pool]
replicas = 3
policy   = { activation = "tanh", heads = { actor = [{ dense = 16 }], critic = [] } }

[agent.bot]
script = "random"

[evaluate.with_bot]
environment = "kitchen"
agents      = ["ego", "bot"]
episodes    = 4
at          = { every = 10 }

[record]
trajectories = { every = 1 }
diagnostics  = { every = 1 }
commit       = { every = 3 }
"#;

/// The seatings of a table's rows.
fn seatings(run: &Path, table: &str) -> BTreeSet<String> {
    let rows = rows::table(run, table);
    let named = |row: &String| row.split('|').find(|cell| cell.contains(':')).map(str::to_owned);
    rows.iter().filter_map(named).collect()
}

#[test]
fn seating_killed_and_resumed() {
    let bench = Bench::new(COOKS);
    let begun = Instant::now();
    let whole = bench.run("whole", &[]);
    let duration = begun.elapsed();
    for instant in 0..8_u32 {
        let out = bench.out(&format!("killed-{instant}"));
        let mut delay = duration.mul_f64((f64::from(instant) + 0.5) / 8.0);
        while !starling().kill_after(&["run", &bench.file, "--out", &out], delay) {
            std::fs::remove_dir_all(&out).expect("the run that ended is removed");
            delay = delay.mul_f64(0.7);
        }
        resume_or_start(&bench, &out);
        check_same(&whole, Path::new(&out));
    }
}

#[test]
fn seating_cut_in_the_middle_of_episodes() {
    let bench = Bench::new(COOKS);
    let whole = bench.run("whole", &[]);
    // 13 x 30 steps: in the middle of the eighth episode of every lane.
    let cut = bench.out("cut");
    let stopped = starling().run(&["run", &bench.file, "--out", &cut, "--ticks", "13"]);
    assert_eq!(stopped.code, Some(3), "{}", stopped.stderr);
    starling().succeed(&["resume", &cut]);
    check_same(&whole, Path::new(&cut));
}

#[test]
fn seating_on_any_number_of_threads() {
    let bench = Bench::new(COOKS);
    let one = bench.run("one", &["--threads", "1"]);
    for threads in ["2", "4"] {
        check_same(&one, &bench.run(threads, &["--threads", threads]));
    }
}

#[test]
fn seating_of_a_replica_alone() {
    let bench = Bench::new(COOKS);
    let all = bench.run("all", &[]);
    let alone = bench.run("alone", &["--set", "agent.ego.replicas={first=3, count=1}"]);
    for table in ["metrics", "episodes", "trajectories", "diagnostics"] {
        let (of_all, of_one) = (rows::of_replica(&all, table, 3), rows::table(&alone, table));
        assert!(!of_one.is_empty(), "{table} has no rows");
        let differ = (0..of_all.len().max(of_one.len())).find(|&i| of_all.get(i) != of_one.get(i));
        if let Some(i) = differ {
            panic!(
                "{table} row {i}: among others {:?}, alone {:?}",
                of_all.get(i),
                of_one.get(i)
            );
        }
    }
    let of = |run: &Path, index| {
        let mut tensors = rows::tensors_of_replica(run, index);
        tensors.retain(|(name, _)| !name.contains("agent.pool"));
        tensors
    };
    assert!(of(&all, 3).iter().any(|(name, _)| name.contains("chairs")));
    assert_eq!(of(&all, 3), of(&alone, 0));
}

#[test]
fn seating_is_recorded_and_the_pool_stays_as_it_was() {
    let bench = Bench::new(COOKS);
    let run = bench.run("run", &[]);
    let met = seatings(&run, "episodes");
    for replica in 0..4 {
        let ego = format!("ego:{replica}");
        for partner in [
            ego.clone(),
            "pool:0".into(),
            "pool:1".into(),
            "pool:2".into(),
            format!("bot:{replica}"),
        ] {
            for pair in [format!("{ego},{partner}"), format!("{partner},{ego}")] {
                assert!(met.contains(&pair), "{pair} never met: {met:?}");
            }
        }
    }
    assert!(seatings(&run, "trajectories").is_superset(&met));
    let short = bench.run("short", &["--until", "ticks=1"]);
    for index in 0..3 {
        let of = |run: &Path, agent: &str| {
            let mut tensors = rows::tensors_of_replica(run, index);
            tensors.retain(|(name, _)| name.contains(agent));
            tensors
        };
        assert!(!of(&run, "agent.pool").is_empty());
        assert_eq!(
            of(&run, "agent.pool"),
            of(&short, "agent.pool"),
            "somebody taught the pool"
        );
        assert_ne!(of(&run, "agent.ego"), of(&short, "agent.ego"));
    }
    assert!(rows::table(&run, "metrics").iter().any(|row| row.contains("samples")));
}

#[test]
fn seating_that_cannot_be_says_where() {
    let bench = Bench::new(COOKS);
    let check = |options: &[&str], parts: &[&str]| {
        let ended = starling().run(&[&["check", &bench.file], options].concat());
        let said = ended.stdout + &ended.stderr;
        assert_eq!(ended.code, Some(2), "{said}");
        for part in parts {
            assert!(said.contains(part), "{part} is missing in {said}");
        }
    };
    let seats = |drawn: &str| format!("environment.kitchen.seats=[\"ego\", {{ {drawn} }}]");
    let misspelt = seats("draw = [\"ego\", \"pol\"]");
    check(&["--set", &misspelt], &["no agent is called `pol`", "`pool`"]);
    let unweighed = seats("draw = [\"ego\", \"pool\", \"bot\"], weights = [1.0]");
    check(&["--set", &unweighed], &["1 weights for 3 agents"]);
    std::fs::write(&bench.file, COOKS.replace("pair   = \"product\"", "")).expect("the file is written");
    check(&[], &["with 4 and 3 replicas", "exact.toml:20", "product"]);
}
