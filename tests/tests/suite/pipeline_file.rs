//! Pipeline files against everything that the program registers: what is said about wrong ones, and that a resolved file is the same pipeline.

use bevy_ecs::prelude::*;
use starling::Starling;
use starling::file::layers::{Origin, Overrides};
use starling_components::fault::FaultKind;
use starling_components::persist::PersistenceTable;
use starling_tests::cli::repository;
use std::path::PathBuf;

const COOKS: &str = r#"name = "test/cooks"
until = { env_steps = 10_000 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "cramped_room" }
lanes = 4
seats = ["chef", "chef"]

[agent.chef]
replicas = 2
policy = { layers = ["flatten"], heads = { actor = [{ dense = 8 }], critic = [{ dense = 8 }] } }
learner.ppo = { steps = 16, minibatches = 2 }
optimizer.adam = { rate = 1e-3 }

[evaluate.selfplay]
environment = "kitchen"
episodes = 3
"#;

fn origin(text: &str) -> Origin {
    Origin::Text {
        name: "cooks.toml".into(),
        text: text.into(),
    }
}

/// Everything that is wrong with `text`: where, and what. Pictures and advice left out.
fn problems(text: &str) -> Vec<String> {
    let starling = Starling::new();
    let built = starling
        .load(&origin(text), &Overrides::default())
        .and_then(|pipeline| starling.world(&pipeline).map(|_| ()));
    let Err(problems) = built else { return Vec::new() };
    let text = problems.plain();
    let lines = text
        .lines()
        .filter(|line| !line.contains(" | ") && !line.trim_start().starts_with("help:"));
    lines.map(str::to_owned).collect()
}

/// `COOKS` with `old` written as `new` gives exactly the `expected` problems.
fn check(old: &str, new: &str, expected: &[&str]) {
    assert!(COOKS.contains(old), "`{old}` is not in the file");
    let text = COOKS.replacen(old, new, 1);
    assert_eq!(problems(&text), expected, "\n{text}");
}

/// A wrong value in one table, a name that no table has, and a kitchen that only the rules know to be wrong: one answer.
#[test]
fn pipeline_file_problems_of_the_schema_of_names_and_of_rules_come_together() {
    let text = COOKS
        .replacen("layout = \"cramped_room\"", "layout = \"cramped_rom\"", 1)
        .replacen("seats = [\"chef\"", "seats = [\"chief\"", 1)
        .replacen("lanes = 4", "lane = 4", 1)
        .replacen("{ dense = 8 }", "{ dens = 8 }", 1)
        .replacen("environment = \"kitchen\"", "environment = \"kitchens\"", 1);
    let found = problems(&text);
    let expected = [
        "`environment.kitchen` lacks the key `lanes`",
        "no kitchen is called `cramped_rom`",
        "unknown key `lane`",
        "no agent is called `chief`",
        "no layer is called `dens`",
        "no environment is called `kitchens`",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (problem, message) in found.iter().zip(expected) {
        assert!(problem.ends_with(message), "{problem}, expected {message}");
    }
}

#[test]
fn pipeline_file_that_is_right_has_no_problems() {
    assert_eq!(problems(COOKS), Vec::<String>::new());
}

#[test]
fn pipeline_file_problems_are_told_in_place() {
    check(
        "lanes = 4",
        "lanes = 0",
        &["cooks.toml:6:9: 0 is below the least allowed value, 1"],
    );
    check(
        "lanes = 4",
        "lane = 4",
        &[
            "cooks.toml:4:14: `environment.kitchen` lacks the key `lanes`",
            "cooks.toml:6:1: unknown key `lane`",
        ],
    );
    check(
        "overcooked_v2 =",
        "overcooked =",
        &["cooks.toml:5:7: no rules is called `overcooked`"],
    );
    check(
        "learner.ppo",
        "learner.pop",
        &["cooks.toml:12:9: no learner is called `pop`"],
    );
    check(
        "{ dense = 8 }",
        "{ dens = 8 }",
        &["cooks.toml:11:55: no layer is called `dens`"],
    );
    check(
        "{ dense = 8 }",
        "{ dense = 0 }",
        &["cooks.toml:11:63: 0 is below the least allowed value, 1"],
    );
    check(
        "steps = 16",
        "steps = \"16\"",
        &["cooks.toml:12:25: expected an integer, found a string"],
    );
    check(
        "rate = 1e-3",
        "rate = [1e-3]",
        &["cooks.toml:13:27: a list with one value per replica needs 2 values, this one has 1"],
    );
    check(
        "rate = 1e-3",
        "rat = 1e-3",
        &[
            "cooks.toml:13:11: `agent.chef.optimizer.adam` lacks the key `rate`",
            "cooks.toml:13:20: unknown key `rat`",
        ],
    );
}

#[test]
fn pipeline_file_faults_of_builders_are_told_in_place() {
    for (old, new, place) in [
        ("\"chef\", \"chef\"", "\"chef\", \"chief\"", "cooks.toml:7:18: "),
        (
            "environment = \"kitchen\"",
            "environment = \"kitchn\"",
            "cooks.toml:16:15: ",
        ),
        ("\"cramped_room\"", "\"cramped\"", "cooks.toml:5:34: "),
        ("{ env_steps = 10_000 }", "{}", "cooks.toml:2:"),
        ("minibatches = 2", "minibatches = 3", "cooks.toml:12:"),
    ] {
        let text = COOKS.replacen(old, new, 1);
        let found = problems(&text);
        assert!(found.len() == 1 && found[0].starts_with(place), "{new}: {found:?}");
    }
}

#[test]
fn pipeline_file_problems_are_told_all_at_once() {
    let text = COOKS
        .replace("lanes = 4", "lanes = 0")
        .replace("steps = 16", "stps = 16")
        .replace("[evaluate", "[evalute");
    assert_eq!(
        problems(&text),
        [
            "cooks.toml:6:9: 0 is below the least allowed value, 1",
            "cooks.toml:12:17: unknown key `stps`",
            "cooks.toml:15:2: unknown table `evalute`",
        ]
    );
}

#[test]
fn pipeline_file_is_short() {
    fn walk(folder: &std::path::Path, check: &mut impl FnMut(&std::path::Path)) {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, check);
            } else if path.extension().is_some_and(|e| e == "toml") {
                check(&path);
            }
        }
    }
    let mut seen = 0;
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines");
    walk(&root, &mut |path| {
        let lines = std::fs::read_to_string(path).expect("a text").lines().count();
        assert!(lines < 60, "{} has {lines} lines", path.display());
        seen += 1;
    });
    assert!(seen > 50, "{seen} files");
}

#[test]
fn pipeline_file_resolves_to_itself() {
    let starling = Starling::new();
    let origins = starling::builtin::names()
        .map(|name| Origin::Builtin(name.to_owned()))
        .chain([origin(COOKS)]);
    let (mut compared, mut waiting) = (0, 0);
    for one in origins {
        let pipeline = match starling.load(&one, &Overrides::default()) {
            Ok(pipeline) => pipeline,
            Err(problems) if problems.list.iter().all(|p| p.kind == FaultKind::Missing) => {
                waiting += 1;
                continue;
            }
            Err(problems) => panic!("{one:?}\n{problems}"),
        };
        let resolved = pipeline.text();
        let again = starling.load(&origin(&resolved), &Overrides::default());
        let again = again.unwrap_or_else(|problems| panic!("{resolved}\n{problems}"));
        assert_eq!(again.text(), resolved);
        assert_eq!(again.instances, pipeline.instances);
        assert_eq!(again.head, pipeline.head);
        compared += 1;
    }
    // Behaviour cloning and best responses take from runs that a test does not have.
    assert!(
        compared >= 40 && waiting == 24,
        "{compared} compared, {waiting} wait for runs"
    );
}

#[test]
fn pipeline_file_keeps_the_text_of_a_kitchen_file() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let kitchen = "WWPWW\n0A AO\nW   W\nWBWXW\n";
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("a file is written");
    write("kitchen.txt", kitchen);
    let layout = "layout = { file = \"kitchen.txt\", recipes = [[0, 0, 0]] }";
    write("cooks.toml", &COOKS.replace("layout = \"cramped_room\"", layout));
    let starling = Starling::new();
    let origin_file = Origin::Path(dir.path().join("cooks.toml"));
    let pipeline = starling
        .load(&origin_file, &Overrides::default())
        .unwrap_or_else(|p| panic!("{p}"));
    let resolved = pipeline.text();
    assert!(
        !resolved.contains("kitchen.txt") && resolved.contains("WWPWW\\n"),
        "{resolved}"
    );
    drop(dir);
    let again = starling
        .load(&origin(&resolved), &Overrides::default())
        .unwrap_or_else(|p| panic!("{p}"));
    assert_eq!(again.text(), resolved);
}

#[test]
fn pipeline_file_memory_is_estimated_before_the_first_tick() {
    let starling = Starling::new();
    let text = COOKS
        .replace("lanes = 4", "lanes = 16_000_000")
        .replace("env_steps = 10_000", "ticks = 1");
    let pipeline = starling
        .load(&origin(&text), &Overrides::default())
        .expect("a good file");
    let app = starling.world(&pipeline).unwrap_or_else(|p| panic!("{p}"));
    let refused =
        starling::engine::check_memory(&app, Some(1 << 30)).expect_err("16 million kitchens do not fit into 1 GiB");
    assert!(refused.plain().contains("needs about"), "{refused}");
}

/// Everything that a built world holds is declared saved, derived or external.
#[test]
fn pipeline_file_every_component_declares_its_persistence() {
    let starling = Starling::new();
    let pipeline = starling
        .load(&origin(COOKS), &Overrides::default())
        .expect("a good file");
    let app = starling.world(&pipeline).unwrap_or_else(|p| panic!("{p}"));
    let world: &World = app.world();
    let table = world.resource::<PersistenceTable>();
    let mut ours = 0;
    for (_, component) in world.components().iter_registered() {
        let name = component.name().to_string();
        if name.starts_with("bevy_") || name.contains("::bevy_") {
            continue;
        }
        let class = component.type_id().and_then(|id| table.class_of(id));
        assert!(
            class.is_some(),
            "`{name}` does not say whether it is saved, derived or external"
        );
        ours += 1;
    }
    assert!(ours > 20, "only {ours} components were looked at");
}

/// The committed text and what the program writes now.
fn check_current(path: PathBuf, now: &str, command: &str) {
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == now, "{} is not current: run `{command}`", path.display());
}

#[test]
fn pipeline_file_schema_is_current() {
    let path = repository().join("pipelines/schema.json");
    check_current(
        path,
        &Starling::new().schema(),
        "starling schema > pipelines/schema.json",
    );
}

#[test]
fn pipeline_file_reference_is_current() {
    for (name, text) in Starling::new().reference() {
        check_current(repository().join("docs/reference").join(name), &text, "starling docs");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: cases(), ..Default::default() })]

    /// A slice of a good file is written over with something else: an error or a pipeline, never a panic.
    #[test]
    fn pipeline_file_edits_never_panic(
        at in 0_usize..COOKS.len(),
        len in 0_usize..40,
        with in "([\\[\\]{}=.,\"a-z0-9_\\n -]{0,16}|[0-9]{1,30}|\\PC{0,6}|ppo|\"chef\"|replace\\.|extends = \"x\")",
        set in "(agent|environment|evaluate|record)\\.(chef|kitchen)\\.[a-z_.]{1,20}=[\\[\\]{}a-z0-9\".,=]{0,20}",
    ) {
        let end = (at + len).min(COOKS.len());
        let text = format!("{}{with}{}", &COOKS[..at], &COOKS[end..]);
        let starling = Starling::new();
        for set in [Vec::new(), vec![set]] {
            let overrides = Overrides { set, ..Overrides::default() };
            match starling.load(&origin(&text), &overrides) {
                Ok(pipeline) => {
                    let again = starling.load(&origin(&pipeline.text()), &Overrides::default());
                    let again = again.map(|p| p.text()).map_err(|p| p.plain());
                    proptest::prop_assert_eq!(again, Ok(pipeline.text()));
                }
                Err(problems) => proptest::prop_assert!(!problems.list.is_empty() && !problems.plain().is_empty()),
            }
        }
    }
}

/// `PROPTEST_CASES` makes it longer.
pub(crate) fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(400)
}
