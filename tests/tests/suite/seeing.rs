//! Looking at what happened: replayed and fresh episodes with what the seats see and think, animations, the doctor, completions.

use serde_json::Value;
use starling_tests::cli::{Ended, Starling};
use std::collections::BTreeSet;

fn starling() -> Starling {
    Starling(env!("CARGO_BIN_EXE_starling-tests").into())
}

/// Two agents' seats in a kitchen of which they see their surroundings, three commits, greedy episodes of 20 steps.
const COOKS: &str = r#"
name  = "seeing/cooks"
until = { ticks = 2 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "grounded_coord_simple", max_steps = 20, view = 1 }
lanes = 8
seats = ["chef", "chef"]

[agent.chef]
replicas       = 2
policy         = { layers = ["flatten"], heads = { actor = [{ dense = 8 }], critic = [{ dense = 8 }] } }
learner.ppo    = { steps = 40, epochs = 4, minibatches = 2 }
optimizer.adam = { rate = 1e-2 }

[evaluate.selfplay]
environment = "kitchen"
episodes    = 2
greedy      = true

[record]
commit = { every = 1 }
"#;

/// A folder with a finished run in it.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new(pipeline: &str) -> Self {
        let desk = Self(tempfile::tempdir().expect("a scratch folder"));
        std::fs::write(desk.0.path().join("my.toml"), pipeline).expect("the pipeline");
        desk.check(&["run", "my.toml", "--out", "runs/a", "--quiet"], 0);
        desk
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
    /// Ends with `code` and says all of `words` to stderr.
    fn refuse(&self, args: &[&str], code: i32, words: &[&str]) {
        let ended = self.check(args, code);
        for word in words {
            assert!(
                ended.stderr.contains(word),
                "`{}` does not say `{word}`:\n{}",
                args.join(" "),
                ended.stderr
            );
        }
    }
    fn json(&self, args: &[&str]) -> Value {
        let ended = self.check(&[args, &["--json"]].concat(), 0);
        serde_json::from_str(&ended.stdout).unwrap_or_else(|e| panic!("`{}`: {e}:\n{}", args.join(" "), ended.stdout))
    }
}

/// What each seat of a frame would do with which probability.
fn probabilities(frame: &Value) -> Vec<Vec<(String, f64)>> {
    let seats = frame["seats"].as_array().into_iter().flatten();
    let all = |seat: &Value| {
        let moves = seat["probabilities"].as_object().expect("a policy with probabilities");
        moves
            .iter()
            .map(|(name, p)| (name.clone(), p.as_f64().expect("a number")))
            .collect()
    };
    seats.map(all).collect()
}

fn frames(episode: &Value) -> &[Value] {
    episode["frames"].as_array().expect("frames")
}

#[test]
fn seeing_a_greedy_episode_does_what_its_policies_think_best() {
    check_greedy(COOKS);
}

/// What a policy with a memory thinks best in a step depends on the steps before it: here they are what the run's policy saw.
#[test]
fn seeing_a_greedy_episode_of_policies_with_a_memory() {
    check_greedy(&COOKS.replace(
        "layers = [\"flatten\"]",
        "layers = [\"flatten\", { dense = 8 }, { gru = 8 }]",
    ));
}

fn check_greedy(pipeline: &str) {
    let desk = Desk::new(pipeline);
    let episode = desk.json(&["replay", "runs/a", "--replica", "1", "--lane", "0"]);
    assert_eq!(episode["seating"], "chef:1,chef:1");
    assert_eq!(
        (&episode["tick"], &episode["parameters"]["tick"]),
        (&2.into(), &2.into())
    );
    let (all, mut told) = (frames(&episode), BTreeSet::new());
    assert_eq!(all.len(), 21);
    for frame in &all[..20] {
        for (seat, moves) in probabilities(frame).into_iter().enumerate() {
            let sum: f64 = moves.iter().map(|(_, p)| p).sum();
            assert!((sum - 1.0).abs() < 1e-5, "{moves:?}");
            let best = moves.iter().max_by(|a, b| a.1.total_cmp(&b.1)).expect("moves");
            assert_eq!(
                frame["seats"][seat]["does"], *best.0,
                "step {}: {moves:?}",
                frame["step"]
            );
            told.insert(frame["seats"][seat]["value"].to_string());
        }
    }
    assert!(told.len() > 2, "the critic says always the same: {told:?}");
    assert!(all[20]["seats"].is_null(), "nothing is done after the end");

    // The parameters are those of the commit that is named: before learning they were others.
    let before = desk.json(&["replay", "runs/a", "--replica", "1", "--lane", "0", "--commit", "0"]);
    assert_eq!(before["parameters"]["tick"], 0);
    assert_ne!(probabilities(&frames(&before)[0]), probabilities(&all[0]));
    assert_eq!(frames(&before)[0]["text"], all[0]["text"], "the episode is the same");
    desk.refuse(
        &["replay", "runs/a", "--commit", "7"],
        2,
        &["commit 7 keeps no checkpoint", "these do: 0, 1, 2"],
    );
}

#[test]
fn seeing_text_tells_views_probabilities_and_parameters() {
    let desk = Desk::new(COOKS);
    let text = desk.check(&["replay", "runs/a", "--steps", "3..5"], 0).stdout;
    for part in [
        ": step 3 of 20, return",
        ": step 4 of 20, return",
        "parameters of commit 2 (tick 2)",
        "seat 0 sees: recipe ",
        "seat 1 sees: recipe ",
        "actions: ",
        "seat agent",
        "interact",
        "chef:0",
    ] {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
    assert!(!text.contains(": step 5 of"), "{text}");
    // One star per seat and step: at what was done.
    assert_eq!(text.matches("* ").count() + text.matches("*\n").count(), 4, "{text}");
    desk.refuse(
        &["replay", "runs/a", "--steps", "99.."],
        2,
        &["no step 99", "steps 0 to 20"],
    );
    desk.refuse(&["replay", "runs/a", "--steps", "5..2"], 2, &["no range of steps"]);
    assert!(
        !desk
            .check(&["replay", "runs/a", "--steps", "20"], 0)
            .stdout
            .contains("actions:")
    );
}

#[test]
fn seeing_fresh_episodes_are_played_by_whom_one_asks_for() {
    let desk = Desk::new(COOKS);
    let play = |more: &[&str]| desk.json(&[&["replay", "runs/a", "--fresh"], more].concat());
    let own = play(&["--seed", "3"]);
    assert_eq!(own["seating"], "chef:0,chef:0");
    assert_eq!(frames(&own).len(), 21);
    assert_eq!(
        own,
        play(&["--seed", "3", "--environment", "kitchen", "--seating", "chef:0"]),
        "the same again"
    );
    assert_ne!(own, play(&["--seed", "4"]));

    let crossed = play(&["--seating", "chef:0,chef:1"]);
    let swapped = play(&["--seating", "chef:1,chef:0"]);
    assert_eq!(crossed["seating"], "chef:0,chef:1");
    let first = |episode: &Value| probabilities(&frames(episode)[0]);
    let both = play(&["--seating", "chef:1"]);
    assert_eq!(both["seating"], "chef:1,chef:1");
    assert_eq!(
        (&first(&crossed)[0], &first(&crossed)[1]),
        (&first(&play(&[]))[0], &first(&both)[1])
    );
    assert_ne!(first(&crossed), first(&swapped));

    desk.refuse(
        &["replay", "runs/a", "--fresh", "--seating", "cheff:0"],
        2,
        &["cheff", "did you mean `chef`?"],
    );
    desk.refuse(
        &["replay", "runs/a", "--fresh", "--seating", "chef:9"],
        2,
        &["no replica 9", "numbered 0 to 1"],
    );
    desk.refuse(
        &["replay", "runs/a", "--fresh", "--seating", "chef:a"],
        2,
        &["`chef:a` names no replica"],
    );
    desk.refuse(
        &["replay", "runs/a", "--fresh", "--seating", "chef:0,chef:0,chef:0"],
        2,
        &["3 agents for 2 seats"],
    );
    desk.refuse(
        &["replay", "runs/a", "--fresh", "--environment", "kitchn"],
        4,
        &["environment.kitchn"],
    );
}

#[test]
fn seeing_recorded_episodes_are_found_by_their_seating() {
    let desk = Desk::new(COOKS);
    let listed = desk.json(&["replay", "runs/a", "--list"]);
    let seatings: BTreeSet<_> = listed
        .as_array()
        .into_iter()
        .flatten()
        .map(|e| e["seating"].to_string())
        .collect();
    assert_eq!(seatings.len(), 2, "{listed:#}");
    let found = desk.json(&["replay", "runs/a", "--seating", "chef:1, chef:1"]);
    assert_eq!(
        (&found["replica"], &found["seating"]),
        (&1.into(), &"chef:1,chef:1".into())
    );
    desk.refuse(
        &["replay", "runs/a", "--seating", "chef:0,chef:1"],
        2,
        &["no such episode", "--fresh"],
    );
}

#[test]
fn seeing_an_animation_has_a_frame_per_state() {
    let desk = Desk::new(COOKS);
    let said = desk.check(&["replay", "runs/a", "--gif", "a.gif"], 0);
    assert!(said.stderr.contains("21 frames in a.gif"), "{}", said.stderr);
    let file = std::fs::File::open(desk.0.path().join("a.gif")).expect("the animation");
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::Indexed);
    let mut decoder = options.read_info(file).expect("a GIF");
    let (width, mut count, mut different) = (usize::from(decoder.width()), 0, BTreeSet::new());
    let mut canvas = vec![0; width * usize::from(decoder.height())];
    while let Some(frame) = decoder.read_next_frame().expect("a frame") {
        count += 1;
        for (row, y) in frame
            .buffer
            .chunks(usize::from(frame.width))
            .zip(usize::from(frame.top)..)
        {
            canvas[y * width + usize::from(frame.left)..][..row.len()].copy_from_slice(row);
        }
        different.insert(canvas.clone());
    }
    // The caption counts, so no two are the same.
    assert_eq!((count, different.len()), (21, 21));
    desk.check(&["replay", "runs/a", "--gif", "b.gif", "--quiet"], 0);
    let bytes = |name: &str| std::fs::read(desk.0.path().join(name)).expect("an animation");
    assert_eq!(bytes("a.gif"), bytes("b.gif"));
    desk.refuse(&["replay", "runs/a", "--gif", "nowhere/a.gif"], 5, &["nowhere/a.gif"]);
}

#[test]
fn seeing_doctor_tells_of_runs_and_exits_as_documented() {
    let desk = Desk::new(COOKS);
    let told = |findings: &Value, what: &str| {
        let all = findings["findings"].as_array().into_iter().flatten();
        all.filter(|f| f["what"] == what)
            .map(|f| f["text"].to_string())
            .collect::<String>()
    };
    let fine = desk.json(&["doctor"]);
    assert_eq!(fine["fine"], true, "{fine:#}");
    assert!(told(&fine, "runs").contains("1 in runs, 1 finished"), "{fine:#}");
    assert!(
        told(&fine, "self-test").contains("tensors on one thread and on two"),
        "{fine:#}"
    );
    assert_eq!(told(&fine, "leftovers"), "");

    desk.check(
        &["run", "my.toml", "--out", "runs/deep/down/b", "--ticks", "1", "--quiet"],
        3,
    );
    let left = desk.0.path().join("runs/a/episodes/000009-00000-dead.parquet");
    std::fs::write(&left, b"half a part").expect("a leftover");
    let text = desk.check(&["doctor"], 0).stdout;
    for part in [
        "starling resume runs/deep/down/b",
        "1 files that no commit names",
        "2 in runs, 1 finished",
    ] {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
    assert!(left.exists(), "the doctor only looks");

    let commit = desk.0.path().join("runs/a/commits/000001.json");
    std::fs::write(&commit, b"{}").expect("a damaged commit");
    let text = desk.check(&["doctor"], 1).stdout;
    assert!(text.contains("! damaged") && text.contains("runs/a: "), "{text}");
    assert!(
        desk.check(&["doctor", "--runs", "elsewhere"], 0)
            .stdout
            .contains("does not exist yet")
    );
}

#[test]
fn seeing_completions_know_commands_options_and_pipelines() {
    let desk = Desk(tempfile::tempdir().expect("a scratch folder"));
    for shell in ["bash", "zsh", "fish"] {
        let script = desk.check(&["completions", shell], 0).stdout;
        for word in ["replay", "seating", "doctor"] {
            assert!(script.contains(word), "{shell} does not complete `{word}`");
        }
        assert!(script.contains("overcooked_v2/quick"), "{shell} knows no pipeline");
    }
    desk.refuse(&["completions", "tcsh"], 2, &["tcsh", "bash"]);
}
