//! Stored agents meet again: parameters from runs, in their own or another environment, in one command.

use crate::rows;
use starling_tests::cli::Starling;
use std::path::Path;

fn starling() -> Starling {
    Starling(env!("CARGO_BIN_EXE_starling-tests").into())
}

/// One tick, whose evaluation has the name that `starling eval` gives.
const TRAINED: &str = r#"
name  = "eval/trained"
until = { ticks = 1 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "cramped_room", max_steps = 30, random_agent_positions = true }
lanes = 4
seats = ["chef", "chef"]

[agent.chef]
replicas       = 2
policy         = { heads = { actor = [{ dense = 8 }], critic = [{ dense = 8 }] } }
learner.ppo    = { steps = 20, epochs = 1, minibatches = 2 }
optimizer.adam = { rate = 1e-2 }

[evaluate.chef]
environment = "kitchen"
pair        = "product"
episodes    = 5
"#;

/// The same with memories.
fn recurrent() -> String {
    let (before, after) = TRAINED.split_once("policy  ").expect("a policy");
    let (_, after) = after.split_once('\n').expect("a line");
    format!(
        "{before}policy = {{ layers = [\"flatten\", {{ dense = 8 }}, {{ gru = 6 }}], heads = {{ critic = [{{ lstm = 4 }}] }} }}\n{after}"
    )
}

struct Bench(tempfile::TempDir);

impl Bench {
    /// Runs of two seeds, and one of another pipeline.
    fn new() -> Self {
        Self::of(TRAINED)
    }
    fn of(pipeline: &str) -> Self {
        let bench = Self(tempfile::tempdir().expect("a scratch folder"));
        std::fs::write(bench.path("trained.toml"), pipeline).expect("the pipeline is written");
        std::fs::write(bench.path("other.toml"), pipeline.replace("eval/trained", "eval/other")).expect("a pipeline");
        for (file, out, seed) in [
            ("trained", "seed0", "0"),
            ("trained", "seed1", "1"),
            ("other", "other0", "2"),
        ] {
            bench.succeed(&["run", &format!("{file}.toml"), "--out", out, "--seed", seed]);
        }
        bench
    }
    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }
    fn run(&self, args: &[&str]) -> starling_tests::cli::Ended {
        let output = starling().command(args).current_dir(self.0.path()).output();
        output.expect("the binary starts").into()
    }
    fn succeed(&self, args: &[&str]) -> String {
        let ended = self.run(args);
        assert_eq!(
            ended.code,
            Some(0),
            "`{}`:\n{}\n{}",
            args.join(" "),
            ended.stdout,
            ended.stderr
        );
        ended.stdout
    }
    fn refuse(&self, args: &[&str], words: &str) {
        let ended = self.run(args);
        assert!(
            ended.code != Some(0) && ended.stderr.contains(words),
            "`{}`:\n{}",
            args.join(" "),
            ended.stderr
        );
    }
    fn seatings(&self, run: &str) -> Vec<String> {
        let rows = rows::table(&self.path(run), "matches");
        let seating = |row: &String| row.split('|').nth(2).map(str::to_owned);
        rows.iter().filter_map(seating).collect()
    }
}

/// `table` of an evaluation, without the environment's own rows.
fn evaluated(run: &Path, table: &str) -> Vec<String> {
    let mut rows = rows::table(run, table);
    rows.retain(|row| row.contains("evaluate."));
    rows
}

#[test]
fn eval_of_a_run_has_the_bits_of_its_own_evaluation() {
    check_own_evaluation(TRAINED);
}

#[test]
fn eval_of_a_recurrent_run_has_the_bits_of_its_own_evaluation() {
    check_own_evaluation(&recurrent());
}

fn check_own_evaluation(pipeline: &str) {
    let bench = Bench::of(pipeline);
    let text = bench.succeed(&["eval", "seed0", "--episodes", "5", "--out", "again"]);
    assert!(
        text.contains("evaluate.chef after tick 1: task return, 4 cells of 5 episodes"),
        "{text}"
    );
    for table in ["matches", "episodes", "trajectories", "events"] {
        let (first, again) = (
            evaluated(&bench.path("seed0"), table),
            evaluated(&bench.path("again"), table),
        );
        assert!(!first.is_empty() && first == again, "{table} differs");
    }
    bench.succeed(&["verify", "again"]);
    let replayed = bench.succeed(&["replay", "again", "--seating", "chef:0,chef:1"]);
    assert!(
        replayed.contains("rewards simulated again are those recorded"),
        "{replayed}"
    );
    bench.succeed(&["run", "again/pipeline.toml", "--out", "repeated"]);
    bench.succeed(&["diff", "again", "repeated"]);
}

#[test]
fn eval_seats_everyone_with_everyone() {
    let bench = Bench::new();
    bench.succeed(&["eval", "seed0", "seed1", "--episodes", "1", "--out", "together"]);
    assert_eq!(
        bench.seatings("together").len(),
        4 * 4,
        "two seeds are one agent of four replicas"
    );
    bench.succeed(&["eval", "seed?", "other0", "--episodes", "1", "--out", "both"]);
    let both = bench.seatings("both");
    let count = |head: &str| both.iter().filter(|seating| seating.starts_with(head)).count();
    assert_eq!(both.len(), 4 * 4 + 2 * 2 + 2 * (4 * 2), "{both:?}");
    assert_eq!(
        (
            count("trained:0,trained:"),
            count("trained:0,other:"),
            count("other:0,trained:")
        ),
        (4, 2, 4)
    );
    let dice = [
        "eval",
        "seed0",
        "--agents",
        "chef,random",
        "--rotate",
        "--episodes",
        "1",
        "--greedy",
        "--out",
        "dice",
    ];
    bench.succeed(&dice);
    let expected = [
        "chef:0,random:0",
        "random:0,chef:0",
        "random:0,chef:1",
        "chef:1,random:0",
    ];
    assert_eq!(bench.seatings("dice"), expected);
}

#[test]
fn eval_plays_in_another_environment_and_prints_its_pipeline() {
    let bench = Bench::new();
    let other = TRAINED.replace("max_steps = 30", "max_steps = 7");
    std::fs::write(bench.path("short.toml"), other).expect("a pipeline");
    bench.succeed(&[
        "eval",
        "seed0:chef",
        "--in",
        "short.toml",
        "--pair",
        "index",
        "--episodes",
        "2",
        "--out",
        "short",
    ]);
    let episodes = evaluated(&bench.path("short"), "episodes");
    assert!(
        episodes.len() == 2 * 2 && episodes.iter().all(|row| row.split('|').nth(5) == Some("7")),
        "{episodes:?}"
    );
    let printed = bench.succeed(&["eval", "seed0", "--in", "short.toml", "--print"]);
    std::fs::write(bench.path("printed.toml"), printed).expect("a pipeline");
    bench.succeed(&["check", "printed.toml"]);
}

#[test]
fn eval_tells_what_is_not_there() {
    let bench = Bench::new();
    bench.refuse(&["eval", "nothing/*"], "no run matches `nothing/*`");
    bench.refuse(&["eval", "seed0:cheff"], "did you mean `chef`");
    bench.refuse(&["eval", "seed0", "--agents", "chef,rndom"], "did you mean `random`");
    bench.refuse(&["eval", "seed0", "--environment", "kitchn"], "did you mean `kitchen`");
    bench.refuse(&["eval", "trained.toml"], "does not say which environment");
    bench.refuse(&["eval", "seed0", "--in", "ppo_cartpole"], "");
}

#[test]
fn eval_of_a_file_from_elsewhere() {
    let bench = Bench(tempfile::tempdir().expect("a scratch folder"));
    let shipped = starling_tests::cli::repository().join("tests/golden/jaxmarl/tiny_cnn.safetensors");
    std::fs::copy(shipped, bench.path("cooks.safetensors")).expect("a JaxMARL policy");
    let text = r#"
name  = "eval/elsewhere"
until = { ticks = 1 }

[environment.kitchen]
rules.overcooked_v1 = { layout = "cramped_room", max_steps = 30 }
lanes = 4
seats = ["chef", "chef"]

[agent.chef]
policy = { layers = [{ conv = [4, 3] }, { conv = [4, 2] }, "flatten", { dense = 8 }], heads = { actor = [{ ignored_dense = 8 }], critic = [{ dense = 8 }] } }
"#;
    std::fs::write(bench.path("kitchen.toml"), text).expect("a pipeline");
    let args = ["eval", "cooks.safetensors", "--in", "kitchen.toml", "--episodes", "3"];
    bench.succeed(&[&args[..], &["--names", "jaxmarl", "--out", "cooks"]].concat());
    assert_eq!(bench.seatings("cooks"), ["cooks:0,cooks:0"]);
    // By our own names there is nothing in the file.
    let refused = bench.run(&[&args[..], &["--out", "wrong"]].concat());
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("say names = \"jaxmarl\""), "{}", refused.stderr);
}
