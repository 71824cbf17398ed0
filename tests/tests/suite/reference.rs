//! The reference pages' examples: every kind of every slot has a pipeline that uses it, and that pipeline runs.

use starling::Starling;
use starling::engine::{End, Limits, run_ticks};
use starling::file::layers::{Origin, Overrides};
use starling_components::registry::Registry;

/// The pipeline loads, builds and goes through its first tick; it chooses `kind` in `slot`.
fn check(starling: &Starling, slot: &str, kind: &str, text: &str) {
    let origin = Origin::Text {
        name: format!("{slot}.{kind}"),
        text: text.to_owned(),
    };
    let loaded = starling.load(&origin, &Overrides::default());
    let pipeline = loaded.unwrap_or_else(|problems| panic!("{slot}.{kind}:\n{text}\n{}", problems.plain()));
    let resolved = pipeline.text();
    assert!(
        resolved.contains(kind),
        "the example of {slot}.{kind} does not use it:\n{resolved}"
    );
    let built = starling.world(&pipeline);
    let mut app = built.unwrap_or_else(|problems| panic!("{slot}.{kind}:\n{text}\n{}", problems.plain()));
    let limits = Limits {
        ticks: Some(1),
        ..Limits::default()
    };
    let mut ticks = 0;
    let end = run_ticks(&mut app, limits, |_| ticks += 1);
    assert!(!matches!(end, End::Failed(_)), "{slot}.{kind}: {end:?}\n{text}");
    assert_eq!(ticks, 1, "{slot}.{kind} does not tick:\n{text}");
}

/// The runs that examples take from: a script that plays and is recorded.
fn teacher() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let source = tempfile::tempdir().expect("a scratch folder");
    let file = source.path().join("teacher.toml").display().to_string();
    let text = r#"
name  = "example/teacher"
until = { ticks = 1 }
[environment.pole]
rules.cart_pole = {}
lanes = 1
seats = ["teacher"]
[agent.teacher]
script = "random"
[evaluate.shown]
environment  = "pole"
episodes     = 5
trajectories = 5
"#;
    std::fs::write(&file, text).expect("a pipeline file");
    let out = folder.path().join("seed0").display().to_string();
    crate::exactness::starling().succeed(&["run", &file, "--out", &out]);
    folder
}

#[test]
fn reference_examples_run() {
    let starling = Starling::new();
    let app = starling.app();
    let registry = app.world().resource::<Registry>();
    let teacher = teacher();
    let runs = teacher.path().join("*").display().to_string();
    let mut checked = 0;
    for (slot, _) in registry.slots() {
        for kind in registry.kinds(slot) {
            let Some(example) = registry.example(slot, kind.name) else {
                panic!("`{slot}.{}` has no example: give its settings an `EXAMPLE`", kind.name)
            };
            check(
                &starling,
                slot,
                kind.name,
                &example.replace("runs/example/teacher/*", &runs),
            );
            checked += 1;
        }
    }
    assert!(checked >= 14, "only {checked} kinds");
}

#[test]
fn reference_pages_show_every_kind_with_its_example() {
    let starling = Starling::new();
    let app = starling.app();
    let registry = app.world().resource::<Registry>();
    let pages = starling.reference();
    for (slot, _) in registry.slots() {
        let name = format!("{slot}.md");
        let page = pages.iter().find(|(page, _)| *page == name).map(|(_, text)| text);
        let page = page.unwrap_or_else(|| panic!("no page {name}"));
        for kind in registry.kinds(slot) {
            assert!(
                page.contains(&format!("### `{}`\n", kind.name)),
                "{name} lacks {}",
                kind.name
            );
            let example = registry.example(slot, kind.name).unwrap_or_default();
            assert!(
                page.contains(&example),
                "{name} does not show the example of {}",
                kind.name
            );
        }
    }
}
