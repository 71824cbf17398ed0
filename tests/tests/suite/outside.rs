//! The seams: a crate from outside the tree brings a game, a layer and a learner, its pipelines run like everyone's, and no crate inside
//! knows of it; and the arrows between crates point one way.

use starling_tests::cli::{Starling, repository};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn starling() -> Starling {
    Starling(env!("CARGO_BIN_EXE_starling-tests").into())
}

fn pipeline(name: &str) -> String {
    let file = repository().join("tests/beacon").join(name);
    file.display().to_string()
}

/// The mean task return over the evaluation's replicas.
fn score(run: &str) -> f64 {
    let shown = starling().succeed(&["show", run, "--json"]);
    let data: serde_json::Value = serde_json::from_str(&shown.stdout).expect("show prints JSON");
    let mean = data["evaluations"]["evaluate.score"]["mean"].as_f64();
    mean.expect("the run was evaluated")
}

/// Untrained walkers find the beacon in about a third of the episodes; this pipeline's must nearly always.
fn check_learns(file: &str) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let out = |name: &str| folder.path().join(name).display().to_string();
    let (file, begun, whole) = (pipeline(file), out("begun"), out("whole"));
    starling().succeed(&["run", &file, "--out", &begun, "--until", "ticks=1"]);
    starling().succeed(&["run", &file, "--out", &whole]);
    let (before, after) = (score(&begun), score(&whole));
    assert!(before <= 0.6, "a beginner scores {before}: the game proves nothing");
    assert!(after >= 0.95, "{file} scores {after}, a beginner {before}");
}

#[test]
fn outside_layer_learns_with_ppo() {
    check_learns("beacon.toml");
}

#[test]
fn outside_learner_learns() {
    check_learns("beacon_reinforce.toml");
}

#[test]
fn outside_layer_and_learner_resume_to_the_same_bits() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    for (file, end) in [("beacon.toml", "ticks=6"), ("beacon_reinforce.toml", "ticks=60")] {
        let out = |name: &str| folder.path().join(format!("{file}-{name}")).display().to_string();
        let (file, whole, parted) = (pipeline(file), out("whole"), out("parted"));
        let settings = ["--until", end, "--set", "record.trajectories={every=1}"];
        starling().succeed(&[&["run", &file, "--out", &whole, "--threads", "1"], &settings[..]].concat());
        let stopped = starling().run(
            &[
                &["run", &file, "--out", &parted, "--threads", "2", "--ticks", "4"],
                &settings[..],
            ]
            .concat(),
        );
        assert_eq!(stopped.code, Some(3), "{}", stopped.stderr);
        let differ = starling().run(&["diff", &whole, &parted]);
        assert_eq!(differ.code, Some(1), "a run that stopped early is no whole run");
        starling().succeed(&["resume", &parted]);
        starling().succeed(&["diff", &whole, &parted]);
        starling().succeed(&["verify", &parted]);
    }
}

#[test]
fn outside_kinds_are_listed_and_in_the_schema() {
    let listed = starling().succeed(&["list"]).stdout;
    let schema = starling().succeed(&["schema"]).stdout;
    let own = Starling(repository().join("pipelines/schema.json"));
    let inside = std::fs::read_to_string(own.0).expect("the committed schema");
    for (kind, documentation) in [
        ("beacon", "A walker on a line finds the beacon"),
        ("scale", "Every number times a learnt factor"),
        ("reinforce", "The policy gradient with a learnt baseline"),
    ] {
        for text in [&listed, &schema] {
            assert!(
                text.contains(kind) && text.contains(documentation),
                "no `{kind}` in:\n{text}"
            );
        }
        assert!(!inside.contains(documentation), "`{kind}` is known inside");
    }
}

#[test]
fn outside_kinds_have_wrong_settings_told_in_place() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let text = std::fs::read_to_string(pipeline("beacon.toml")).expect("the pipeline");
    let text = text.replace(
        "learner.ppo    = { steps = 64, minibatches = 4 }",
        "learner.reinforce = { steps = 32 }",
    );
    let cases = [
        ("start = 0.5", "start = 0.0", "`start` must be a number other than 0"),
        ("start = 0.5", "begin = 0.5", "unknown key `begin`"),
        ("{ scale =", "{ scael =", "no layer is called `scael`"),
        ("steps = 32", "steps = 0", "0 is below the least allowed value, 1"),
        ("steps = 32", "gamma = 1.5", "1.5 is above the largest allowed value"),
        ("steps = 32", "baseline = -1.0", "below the least allowed value"),
        ("steps = 32", "entropy = -1.0", "a weight is 0 or more"),
        ("reinforce", "reinforced", "no learner is called `reinforced`"),
        ("cells = 9", "cells = 1", "1 is below the least allowed value, 2"),
        (r#"["walker"]"#, r#"["walker", "walker"]"#, "the beacon has one walker"),
    ];
    for (right, wrong, message) in cases {
        assert!(text.contains(right), "no `{right}` in the pipeline");
        let bad = text.replace(right, wrong);
        let file = folder.path().join("bad.toml");
        std::fs::write(&file, &bad).expect("the pipeline is written");
        let ended = starling().run(&["check", &file.display().to_string(), "--json"]);
        assert_eq!(ended.code, Some(2), "`{wrong}`: {}{}", ended.stdout, ended.stderr);
        let problems: serde_json::Value = serde_json::from_str(&ended.stdout).expect("check prints JSON");
        let problems = problems.as_array().cloned().unwrap_or_default();
        let told = problems
            .iter()
            .find(|p| p["message"].as_str().is_some_and(|m| m.contains(message)))
            .unwrap_or_else(|| panic!("`{wrong}` is not told as `{message}`: {problems:#?}"));
        let place = (told["line"].as_u64(), told["column"].as_u64());
        let (Some(line), Some(column)) = place else {
            panic!("`{wrong}` has no place: {told:#?}")
        };
        // The place is on the line that is wrong, or on the table that its kind belongs to.
        let blamed = bad.lines().nth(line as usize - 1).expect("a line of the file");
        assert!(
            column as usize <= blamed.len() && (blamed.contains(wrong) || blamed.contains("rules.beacon")),
            "`{wrong}` is blamed on {line}:{column}: {blamed}"
        );
    }
}

/// Manifests and sources below `folder`, recursively.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the tree").flatten() {
        let path = entry.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                sources(&path, found);
            }
        } else if path
            .extension()
            .is_some_and(|e| ["rs", "toml", "json", "txt", "md"].iter().any(|x| e == *x))
        {
            found.push(path);
        }
    }
}

#[test]
fn outside_crate_is_named_nowhere_inside() {
    let mut found = Vec::new();
    for folder in ["components", "systems", "pipelines", "data"] {
        sources(&repository().join(folder), &mut found);
    }
    assert!(found.len() > 100, "only {} files: the walk is broken", found.len());
    let beacon = ["beacon", "reinforce"];
    for file in found {
        let text = std::fs::read_to_string(&file).unwrap_or_default().to_lowercase();
        for word in beacon {
            assert!(!text.contains(word), "{} names `{word}`", file.display());
        }
    }
}

/// The workspace's own crates that a crate depends on, in any way: tests and builds included.
fn arrows(manifest: &str) -> BTreeSet<String> {
    let path = repository().join(manifest).join("Cargo.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let own = |line: &str| {
        let name: String = line
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '-')
            .collect();
        (name == "starling" || name.starts_with("starling-")).then_some(name)
    };
    // A dependency stands at the start of its line; one in a dotted table header would hide from this, so it is refused.
    assert!(
        !text.contains("dependencies."),
        "{manifest}: say dependencies in one table"
    );
    text.lines().filter_map(own).collect()
}

#[test]
fn outside_arrows_between_crates_point_one_way() {
    let set = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(arrows("components"), set(&[]), "components depends on nothing of ours");
    assert_eq!(
        arrows("shaders"),
        set(&["starling-components"]),
        "kernels know no systems"
    );
    let systems = std::fs::read_dir(repository().join("systems")).expect("the systems' folder");
    let mut systems: Vec<_> = systems.flatten().map(|e| e.file_name().display().to_string()).collect();
    systems.sort();
    assert!(systems.len() >= 3, "{systems:?}");
    for system in &systems {
        let name = format!("systems/{system}");
        let below = set(&["starling-components", "starling-shaders"]);
        let others: Vec<_> = arrows(&name).difference(&below).cloned().collect();
        assert!(
            others.is_empty(),
            "{name} meets others in components only, not {others:?}"
        );
    }
    let above = arrows("pipelines");
    assert!(
        !above.contains("starling-tests") && !above.contains("starling-beacon"),
        "{above:?}"
    );
    assert!(above.contains("starling-components"), "{above:?}");
}
