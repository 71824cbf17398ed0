//! The command line as a person and a script meet it: streams, JSON, colours, exit codes, signals, advice.

use serde_json::Value;
use starling_tests::cli::{Ended, Starling, commits};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

fn starling() -> Starling {
    Starling(env!("CARGO_BIN_EXE_starling-tests").into())
}

/// Two short ticks, two evaluated episodes of 20 steps per replica.
const COOKS: &str = r#"
name  = "terminal/cooks"
until = { env_steps = 640 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "cramped_room", max_steps = 20 }
lanes = 8
seats = ["chef", "chef"]

[agent.chef]
replicas       = 2
policy         = { heads = { actor = [{ dense = 8 }], critic = [{ dense = 8 }] } }
learner.ppo    = { steps = 40, epochs = 1, minibatches = 2 }
optimizer.adam = { rate = 1e-3 }

[evaluate.selfplay]
environment = "kitchen"
episodes    = 2
"#;

/// Ticks that take about a second each: long enough to be interrupted in.
const SLOW: &str = r#"
name  = "terminal/slow"
until = { ticks = 3 }

[environment.pole]
rules.cart_pole = {}
lanes = 64
seats = ["balancer"]

[agent.balancer]
policy         = { heads = { actor = [{ dense = 16 }], critic = [{ dense = 16 }] } }
learner.ppo    = { steps = 128, epochs = 500 }
optimizer.adam = { rate = 1e-4 }
"#;

/// A folder with one pipeline in it, in which commands run.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new(pipeline: &str) -> Self {
        let desk = Self(tempfile::tempdir().expect("a scratch folder"));
        desk.write("my.toml", pipeline);
        desk
    }
    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).expect("the file is written");
    }
    fn run(&self, args: &[&str]) -> Ended {
        let output = starling().command(args).current_dir(self.0.path()).output();
        Ended::from(output.expect("the binary starts"))
    }
    /// Ends with `code`, without a panic or an escape sequence on either stream.
    fn check(&self, args: &[&str], code: i32) -> Ended {
        let ended = self.run(args);
        let both = format!("{}\n{}", ended.stdout, ended.stderr);
        assert_eq!(ended.code, Some(code), "`{}`:\n{both}", args.join(" "));
        assert!(!both.contains("panicked"), "`{}`:\n{both}", args.join(" "));
        assert!(!both.contains('\x1b'), "`{}` colours:\n{both}", args.join(" "));
        ended
    }
    /// Fails with `code`, says all of `words` to stderr and nothing to stdout.
    fn refuse(&self, args: &[&str], code: i32, words: &[&str]) {
        let ended = self.check(args, code);
        assert_eq!(ended.stdout, "", "`{}` has no data to give", args.join(" "));
        for word in words {
            assert!(
                ended.stderr.contains(word),
                "`{}` does not say `{word}`:\n{}",
                args.join(" "),
                ended.stderr
            );
        }
    }
    fn json(&self, args: &[&str], code: i32) -> Value {
        let ended = self.check(args, code);
        serde_json::from_str(&ended.stdout).unwrap_or_else(|e| panic!("`{}`: {e}:\n{}", args.join(" "), ended.stdout))
    }
    fn spawn(&self, args: &[&str]) -> Child {
        let mut command = starling().command(args);
        command
            .current_dir(self.0.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().expect("the binary starts")
    }
    /// Starts a run and waits until it ticks, that is for its first commit.
    fn start(&self, args: &[&str], out: &str) -> Child {
        let mut child = self.spawn(args);
        while commits(&self.0.path().join(out)) == 0 {
            assert!(child.try_wait().expect("a child").is_none(), "the run ended at once");
            std::thread::sleep(Duration::from_millis(5));
        }
        child
    }
}

fn send(child: &Child, signal: &str) {
    let id = child.id().to_string();
    let sent = std::process::Command::new("kill").args(["-s", signal, &id]).status();
    assert!(sent.is_ok_and(|status| status.success()), "kill -s {signal} {id}");
}

fn end(child: Child) -> Ended {
    Ended::from(child.wait_with_output().expect("the child ends"))
}

#[test]
fn terminal_data_goes_to_stdout_and_talk_to_stderr() {
    let desk = Desk::new(COOKS);
    let run = desk.check(&["run", "my.toml", "--out", "a"], 0);
    assert!(
        run.stderr.contains("tick 0 of 2") && run.stderr.contains("starling replay a"),
        "{}",
        run.stderr
    );
    assert!(run.stdout.contains("evaluate.selfplay after tick 2"), "{}", run.stdout);
    let quiet = desk.check(&["run", "my.toml", "--out", "b", "--quiet"], 0);
    assert_eq!(quiet.stderr, "");
    assert_eq!(quiet.stdout, run.stdout, "the summary does not depend on talk");
    assert_eq!(desk.check(&["show", "a"], 0).stdout, run.stdout);
    for command in [
        &["show", "a"][..],
        &["verify", "a"],
        &["diff", "a", "b"],
        &["list"],
        &["schema"],
    ] {
        let ended = desk.check(command, 0);
        assert_eq!(ended.stderr, "", "{command:?} is data only");
        assert!(!ended.stdout.is_empty(), "{command:?} gives data");
    }
}

/// As `starling schema | head` does: the reader is gone before anything is written.
#[test]
fn terminal_a_reader_that_goes_away_is_no_failure() {
    let desk = Desk::new(COOKS);
    for args in [&["schema"][..], &["check", "my.toml"], &["list"]] {
        let mut child = desk.spawn(args);
        drop(child.stdout.take());
        let ended = end(child);
        assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn terminal_json_of_every_command_parses() {
    let desk = Desk::new(COOKS);
    let run = desk.json(&["run", "my.toml", "--out", "a", "--json"], 0);
    assert_eq!(run["tick"], 2);
    assert_eq!(desk.json(&["show", "a", "--json"], 0), run);
    assert_eq!(desk.json(&["verify", "a", "--json"], 0)["whole"], true);
    assert_eq!(desk.json(&["diff", "a", "a", "--json"], 0)["same"], true);
    assert!(
        desk.json(&["list", "--json"], 0)
            .as_array()
            .is_some_and(|list| list.len() > 10)
    );
    assert_eq!(desk.json(&["check", "my.toml", "--json"], 0), Value::Array(Vec::new()));
    desk.write("bad.toml", &COOKS.replace("lanes = 8", "lanes = 0"));
    let problems = desk.json(&["check", "bad.toml", "--json"], 2);
    assert_eq!(
        (&problems[0]["line"], &problems[0]["column"]),
        (&Value::from(7), &Value::from(9)),
        "{problems:#}"
    );
    let problems = desk.json(&["show", "nothing", "--json"], 4);
    assert_eq!(problems[0]["kind"], "records");
    let rows = desk.json(
        &["bench", "environments", "--rounds", "1", "--seconds", "0.01", "--json"],
        0,
    );
    assert!(
        rows[0]["steps_per_second"].as_f64().is_some_and(|speed| speed > 0.0),
        "{rows:#}"
    );
}

#[test]
fn terminal_exit_codes_are_those_documented() {
    let desk = Desk::new(COOKS);
    let help = desk.check(&["--help"], 0).stdout;
    for code in 0..=6 {
        assert!(
            help.contains(&format!("\n  {code}  ")),
            "help does not tell of {code}:\n{help}"
        );
    }
    desk.write("bad.toml", &COOKS.replace("lanes = 8", "lanes = 0"));
    desk.refuse(
        &["run", "bad.toml", "--out", "bad"],
        2,
        &["bad.toml:7:9: 0 is below the least allowed value, 1"],
    );
    assert!(!desk.0.path().join("bad").exists(), "a wrong file writes nothing");
    desk.refuse(
        &["run", "my.toml", "--until", "5"],
        2,
        &["--until:1:1:", "`--until ticks=10`"],
    );

    desk.check(&["run", "my.toml", "--out", "a"], 0);
    desk.check(&["run", "my.toml", "--out", "other", "--seed", "1"], 0);
    desk.check(&["run", "my.toml", "--out", "short", "--ticks", "1"], 3);
    for other in ["other", "short"] {
        let differ = desk.check(&["diff", "a", other], 1);
        assert!(differ.stdout.contains("different"), "{}", differ.stdout);
    }
    desk.check(&["resume", "short"], 0);
    assert!(desk.check(&["diff", "a", "short"], 0).stdout.ends_with("same\n"));

    desk.refuse(&["run", "my.toml", "--out", "my.toml/run"], 5, &["my.toml"]);
    let resolved = desk.0.path().join("other/pipeline.toml");
    let text = std::fs::read_to_string(&resolved).expect("the stored pipeline");
    std::fs::write(&resolved, text + "\n").expect("a changed pipeline");
    desk.refuse(&["resume", "other"], 4, &["pipeline.toml"]);
}

#[test]
fn terminal_a_signal_stops_after_the_tick_and_the_run_resumes() {
    for signal in ["INT", "TERM", "USR1"] {
        let desk = Desk::new(SLOW);
        let child = desk.start(&["run", "my.toml", "--out", "a"], "a");
        if signal == "USR1" {
            desk.refuse(&["resume", "a"], 6, &["another process"]);
        }
        send(&child, signal);
        let ended = end(child);
        assert_eq!(ended.code, Some(3), "SIG{signal}: {}", ended.stderr);
        assert!(
            ended.stderr.contains("go on with: starling resume a"),
            "{}",
            ended.stderr
        );
        let tick = desk.json(&["verify", "a", "--json"], 0)["tick"].as_u64();
        assert!(
            tick.is_some_and(|tick| (1..3).contains(&tick)),
            "SIG{signal} stopped at {tick:?}"
        );
        desk.check(&["resume", "a", "--quiet"], 0);
    }
}

#[test]
fn terminal_a_second_interrupt_stops_at_once_and_the_run_resumes() {
    let desk = Desk::new(
        &SLOW
            .replace("epochs = 500", "epochs = 5_000")
            .replace("ticks = 3", "ticks = 1"),
    );
    let child = desk.start(&["run", "my.toml", "--out", "a"], "a");
    send(&child, "INT");
    std::thread::sleep(Duration::from_millis(200));
    send(&child, "INT");
    let ended = end(child);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert_eq!(
        desk.json(&["verify", "a", "--json"], 0)["tick"],
        0,
        "the tick was not waited for"
    );
    let child = desk.start(&["resume", "a"], "a");
    // It goes on: still at work after a while, as the tick takes longer than anyone waits.
    std::thread::sleep(Duration::from_secs(3));
    send(&child, "KILL");
    let ended = end(child);
    assert_eq!(ended.code, None, "the resumed run ended by itself: {}", ended.stderr);
    assert!(ended.stderr.contains("tick 0 of 1: started"), "{}", ended.stderr);
}

#[test]
fn terminal_quick_runs_by_name_from_an_empty_folder() {
    let desk = Desk(tempfile::tempdir().expect("a scratch folder"));
    let settings = ["--until", "ticks=1", "--set", "evaluate.selfplay.episodes=1"];
    let ended = desk.check(&[&["run", "quick"], &settings[..]].concat(), 0);
    let first = "runs/overcooked_v2/quick/seed0";
    assert!(
        ended.stderr.contains(&format!("starling show {first}\n")),
        "{}",
        ended.stderr
    );
    // The next run has a folder of its own; a folder that is asked for is never run into.
    desk.check(&[&["run", "quick"], &settings[..]].concat(), 0);
    assert!(desk.0.path().join(format!("{first}-2/commits")).is_dir());
    desk.refuse(
        &["run", "quick", "--out", first],
        4,
        &["already holds a run", "help: resume it"],
    );
    std::fs::create_dir(desk.0.path().join("full")).expect("a folder");
    desk.write("full/notes.txt", "mine");
    let refused = desk.run(&["run", "quick", "--out", "full"]);
    assert_ne!(refused.code, Some(0), "{}", refused.stdout);
    assert!(
        refused.stderr.contains("help: choose another folder"),
        "{}",
        refused.stderr
    );
}

#[test]
fn terminal_replay_draws_every_state_of_an_episode() {
    let desk = Desk::new(COOKS);
    desk.check(&["run", "my.toml", "--out", "a"], 0);
    let args = ["replay", "a", "--entity", "evaluate.selfplay"];
    let text = desk.check(&args, 0).stdout;
    // 20 steps have 21 states; each is a kitchen with two cooks.
    let headings = text
        .lines()
        .filter(|l| l.starts_with("evaluate.selfplay replica ") && l.contains(": step "));
    assert_eq!(headings.count(), 21, "{text}");
    assert_eq!(text.matches("cook 0 faces ").count(), 21, "{text}");
    assert_eq!(text.matches("\nactions: ").count(), 20, "{text}");
    assert!(text.contains("step 20/20"), "{text}");
    assert!(
        text.ends_with("after 20 steps (the end); rewards simulated again are those recorded\n"),
        "{text}"
    );
    let data = desk.json(&[&args[..], &["--json"]].concat(), 0);
    assert_eq!(data["frames"].as_array().map(Vec::len), Some(21));
    desk.refuse(
        &["replay", "a", "--episode", "77"],
        2,
        &["no such episode", "help: `--list`"],
    );
}

#[test]
fn terminal_show_draws_the_curve_and_tells_first_best_and_last() {
    let desk = Desk::new(&COOKS.replace("cramped_room\", max_steps = 20", "cramped_room\", max_steps = 10"));
    desk.check(&["run", "my.toml", "--out", "a"], 0);
    let text = desk.check(&["show", "a"], 0).stdout;
    for part in [
        "terminal/cooks, seed 0: finished",
        "tick 2 of 2",
        "return of environment.kitchen",
        " +--",
    ] {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
    let mut lines = text.lines().skip_while(|l| !l.starts_with("replica"));
    let head: Vec<_> = lines.next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(head, ["replica", "first", "best", "last"], "{text}");
    for replica in ["0", "1"] {
        let row: Vec<_> = lines.next().unwrap_or_default().split_whitespace().collect();
        assert_eq!((row.len(), row[0]), (4, replica), "{text}");
    }
}

#[test]
fn terminal_slips_get_suggestions() {
    let desk = Desk::new(COOKS);
    desk.refuse(&["rnu", "quick"], 2, &["rnu", "similar", "'run'"]);
    desk.refuse(&["resum", "a"], 2, &["'resume'"]);
    desk.refuse(&["run", "quik"], 2, &["`quik`", "did you mean `quick`?"]);
    desk.refuse(&["run", "nowhere.toml"], 2, &["nowhere.toml", "overcooked_v2/quick"]);
    desk.refuse(&["run", "."], 2, &["is a folder", "starling resume"]);
    desk.refuse(&["run", "my.toml", "--until", "tick=1"], 2, &["did you mean `ticks`?"]);
    desk.refuse(
        &["run", "my.toml", "--set", "agent.chef.replica=2"],
        2,
        &["did you mean `replicas`?"],
    );
    desk.refuse(&["show", "my.toml"], 4, &["is not a run", "`commits/`"]);
    assert!(!Path::new(desk.0.path()).join("runs").exists(), "nothing was written");
}
