//! From a pipeline to a matrix, its numbers, and the episode behind a cell.

use crate::rows;
use serde_json::Value;
use starling_tests::cli::Starling;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn starling() -> Starling {
    Starling(env!("CARGO_BIN_EXE_starling-tests").into())
}

/// Three trainings of one cook, which all meet all, and a cook by chance.
const PAIRS: &str = r#"
name  = "crossplay/pairs"
seed  = 4
until = { ticks = 4 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "cramped_room", max_steps = 30, random_agent_positions = true }
lanes = 4
seats = ["chef", "chef"]

[agent.chef]
replicas       = 3
policy         = { heads = { actor = [{ dense = 8 }], critic = [{ dense = 8 }] } }
learner.ppo    = { steps = 20, epochs = 1, minibatches = 2 }
optimizer.adam = { rate = 1e-3 }

[agent.dice]
script   = "random"
replicas = 2

[evaluate.crossplay]
environment  = "kitchen"
pair         = "product"
episodes     = 5
at           = { every = 2 }
trajectories = 2

[evaluate.strangers]
environment = "kitchen"
agents      = ["chef", "dice"]
pair        = "product"
rotate      = true
episodes    = 3

[record]
commit = { every = 1 }
"#;

struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        std::fs::write(folder.path().join("pairs.toml"), PAIRS).expect("the pipeline is written");
        Self(folder)
    }
    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
    fn run(&self, name: &str, options: &[&str]) -> PathBuf {
        let (file, out) = (self.path("pairs.toml"), self.path(name));
        starling().succeed(&[&["run", &file, "--out", &out], options].concat());
        out.into()
    }
    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&starling().succeed(args).stdout).expect("data as JSON")
    }
}

/// The rows of `table` whose text holds all of `words`.
fn rows_with(run: &Path, table: &str, words: &[&str]) -> Vec<String> {
    let mut rows = rows::table(run, table);
    rows.retain(|row| words.iter().all(|word| row.contains(word)));
    rows
}

#[test]
fn crossplay_show_prints_the_matrix_of_the_episodes() {
    let bench = Bench::new();
    let run = bench.run("a", &[]);
    let out = run.display().to_string();
    let text = starling().succeed(&["show", &out]).stdout;
    for words in [
        "evaluate.crossplay after tick 4: task return, 9 cells of 5 episodes",
        "rows: replicas of chef in seat 0; columns: replicas of chef in seat 1",
        "self-play (SP)",
        "cross-play (XP)",
        "gap (SP - XP)",
        "95 % over replicas",
        "evaluate.strangers after tick 4: task return, 12 cells of 3 episodes",
        "rows: replicas of dice in seat 0; columns: replicas of chef in seat 1",
        "delivered_0_0_0",
    ] {
        assert!(text.contains(words), "no `{words}` in\n{text}");
    }
    let shown = bench.json(&["show", &out, "--json"]);
    let shown = &shown["evaluations"]["evaluate.crossplay"];
    let cells: BTreeMap<&str, f64> = shown["cells"]
        .as_array()
        .expect("cells")
        .iter()
        .map(|cell| {
            (
                cell["seating"].as_str().expect("a seating"),
                cell["return_mean"].as_f64().expect("a mean"),
            )
        })
        .collect();
    assert_eq!(cells.len(), 9);
    let cell = |a: usize, b: usize| cells[&*format!("chef:{a},chef:{b}")];
    let matrix = &shown["arrangements"][0]["matrix"];
    let (mut own, mut others) = (0.0, 0.0);
    for a in 0..3 {
        for b in 0..3 {
            assert_eq!(matrix[a][b].as_f64(), Some(cell(a, b)));
            *(if a == b { &mut own } else { &mut others }) += cell(a, b);
        }
    }
    let number = |key: &str| shown["arrangements"][0][key]["value"].as_f64().expect("a number");
    assert!((number("self_play") - own / 3.0).abs() < 1e-9);
    assert!((number("cross_play") - others / 6.0).abs() < 1e-9);
    assert!((number("gap") - (own / 3.0 - others / 6.0)).abs() < 1e-9);
    let csv = starling().succeed(&["show", &out, "--csv"]).stdout;
    assert_eq!(csv.lines().count(), 1 + 9 + 12, "{csv}");
    assert!(csv.starts_with("entity,tick,agent_0,agent_1,replica_0,replica_1,episodes,return_mean,"));
    let fields = csv.lines().map(|line| line.split(',').count());
    assert_eq!(fields.collect::<std::collections::BTreeSet<_>>().len(), 1, "{csv}");
}

#[test]
fn crossplay_is_exact_on_any_number_of_threads_and_when_resumed() {
    let bench = Bench::new();
    let one = bench.run("one", &["--threads", "1"]);
    for threads in ["2", "4"] {
        let other = bench.run(threads, &["--threads", threads]);
        starling().succeed(&["diff", &one.display().to_string(), &other.display().to_string()]);
    }
    // Tick 2 has an evaluation, so the run is left before, at and after one.
    for ticks in ["1", "2", "3"] {
        let (file, out) = (bench.path("pairs.toml"), bench.path(&format!("left-{ticks}")));
        let left = starling().run(&["run", &file, "--out", &out, "--ticks", ticks]);
        assert_eq!(left.code, Some(3), "{}", left.stderr);
        starling().succeed(&["resume", &out]);
        starling().succeed(&["diff", &one.display().to_string(), &out]);
    }
    assert_eq!(rows::table(&one, "matches").len(), 2 * 9 + 12);
}

#[test]
fn crossplay_of_a_replica_alone_has_the_cell_of_the_matrix() {
    let bench = Bench::new();
    let all = bench.run("all", &[]);
    let alone = bench.run(
        "alone",
        &[
            "--set",
            "agent.chef.replicas={first=2, count=1}",
            "--set",
            "agent.dice.replicas={first=1, count=1}",
        ],
    );
    let cells = ["chef:2,chef:2", "chef:2,dice:1", "dice:1,chef:2"];
    for table in ["matches", "episodes", "trajectories", "events"] {
        for cell in cells {
            let of = |run: &Path| rows_with(run, table, &[&format!("|{cell}|"), "evaluate."]);
            // `episodes` ends with the seating.
            let of = |run: &Path| {
                if table == "episodes" {
                    rows_with(run, table, &[&format!("|{cell}"), "evaluate."])
                } else {
                    of(run)
                }
            };
            assert!(!of(&alone).is_empty(), "{table} has no {cell}");
            assert_eq!(of(&all), of(&alone), "{table} {cell}");
        }
    }
    assert_eq!(rows::table(&alone, "matches").len(), 2 + 2);
}

#[test]
fn crossplay_episode_of_a_cell_is_replayed() {
    let bench = Bench::new();
    let run = bench.run("a", &[]).display().to_string();
    let cell = [
        "replay",
        &run,
        "--entity",
        "evaluate.crossplay",
        "--seating",
        "chef:0,chef:2",
        "--lane",
        "1",
    ];
    let text = starling().succeed(&cell).stdout;
    assert!(text.contains("rewards simulated again are those recorded"), "{text}");
    let list = bench.json(&[&cell[..], &["--list", "--json"]].concat());
    let list = list.as_array().expect("a list");
    assert_eq!(list.len(), 2, "one lane of two evaluations");
    assert!(
        list.iter()
            .all(|episode| episode["seating"] == "chef:0,chef:2" && episode["steps"] == 30)
    );
    let listed = bench.json(&["replay", &run, "--list", "--json", "--entity", "evaluate.crossplay"]);
    assert_eq!(
        listed.as_array().map(Vec::len),
        Some(2 * 9 * 2),
        "every cell has episodes of its own"
    );
}
