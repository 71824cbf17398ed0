//! Wrong files and what is said about them; merges, replacement, defaults. A small registry of its own, so that no kind of the program matters.

use super::layers::{Origin, Overrides};
use super::{Pipeline, load};
use bevy_ecs::prelude::*;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use starling_components::quantity::Quantity;
use starling_components::registry::{Choice, KindSettings, Registry, Slot, choice_schema, choices_schema};
use starling_components::specs::RecordSpec;

/// An agent with everything that the checker must understand.
#[derive(Component, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TestAgent {
    /// How many.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 8))]
    replicas: u32,
    /// How it learns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "learner")]
    learner: Option<Choice>,
    /// Its layers.
    #[serde(default)]
    #[schemars(schema_with = "layers")]
    layers: Vec<Choice>,
    /// Where it sits.
    #[serde(default)]
    #[schemars(length(max = 2))]
    seats: Vec<String>,
}

fn one() -> u32 {
    1
}
fn learner(_: &mut SchemaGenerator) -> Schema {
    choice_schema("learner")
}
fn layers(_: &mut SchemaGenerator) -> Schema {
    choices_schema("layer")
}

struct LearnerSlot;
impl Slot for LearnerSlot {
    const NAME: &'static str = "learner";
    const DOC: &'static str = "Learners.";
    type Context<'a> = ();
    type Built = ();
}

struct LayerSlot;
impl Slot for LayerSlot {
    const NAME: &'static str = "layer";
    const DOC: &'static str = "Layers.";
    type Context<'a> = ();
    type Built = ();
}

macro_rules! kind {
    ($type:ident, $name:literal) => {
        impl KindSettings for $type {
            const NAME: &'static str = $name;
        }
    };
}

/// A learner.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Ppo {
    steps: usize,
    rate: Quantity,
    #[schemars(schema_with = "learner")]
    #[serde(skip_serializing_if = "Option::is_none")]
    inner: Option<Choice>,
}
impl Default for Ppo {
    fn default() -> Self {
        Self {
            steps: 128,
            rate: Quantity::Constant(0.5),
            inner: None,
        }
    }
}
kind!(Ppo, "ppo");

/// Another.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Dqn {
    buffer: u64,
    #[serde(default)]
    double: bool,
}
kind!(Dqn, "dqn");

/// A layer of some size.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Dense(#[schemars(range(min = 1))] usize);
kind!(Dense, "dense");

/// A layer without settings.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Flatten {}
kind!(Flatten, "flatten");

fn registry() -> Registry {
    let mut registry = Registry::default();
    registry
        .table::<TestAgent>("agent")
        .single_table::<RecordSpec>("record")
        .kind::<LearnerSlot, Ppo>(|_, ()| Ok(()))
        .kind::<LearnerSlot, Dqn>(|_, ()| Ok(()))
        .kind::<LayerSlot, Dense>(|_, ()| Ok(()))
        .kind::<LayerSlot, Flatten>(|_, ()| Ok(()));
    registry
}

const HEAD: &str = "name = \"a/b\"\nuntil = { ticks = 3 }\n";

fn read(text: &str, set: &[&str], replace: &[&str]) -> Result<Pipeline, String> {
    let origin = Origin::Text {
        name: "x.toml".into(),
        text: text.into(),
    };
    let own = |list: &[&str]| list.iter().map(|&s| s.to_owned()).collect();
    let overrides = Overrides {
        set: own(set),
        replace: own(replace),
        until: Vec::new(),
        ..Overrides::default()
    };
    load(&origin, &overrides, &registry()).map_err(|problems| problems.plain())
}

/// `body` after two lines of head gives exactly the `expected` problems, without the pictures of the lines.
fn check(body: &str, expected: &[&str]) {
    check_with(body, &[], &[], expected);
}

fn check_with(body: &str, set: &[&str], replace: &[&str], expected: &[&str]) {
    let found = read(&format!("{HEAD}{body}"), set, replace).err().unwrap_or_default();
    let lines: Vec<&str> = found.lines().filter(|l| !l.contains(" | ")).map(str::trim).collect();
    assert_eq!(lines, expected, "\nof:\n{body}\nin full:\n{found}");
}

/// `body` is fine, and `agent.a` is `expected` once resolved.
fn resolves(body: &str, set: &[&str], replace: &[&str], expected: &str) {
    let pipeline = read(&format!("{HEAD}{body}"), set, replace).unwrap_or_else(|e| panic!("{body}\n{e}"));
    let agent = pipeline.instances.iter().find(|i| i.key == "a").expect("agent a");
    let json = serde_json::to_string(&agent.values).expect("plain values");
    assert_eq!(json, expected);
    let again = read(&pipeline.text(), &[], &[]).unwrap_or_else(|e| panic!("{}\n{e}", pipeline.text()));
    assert_eq!(again.text(), pipeline.text(), "a resolved file resolves to itself");
    assert_eq!((again.head, again.instances), (pipeline.head, pipeline.instances));
}

#[test]
fn unknown_names_get_a_suggestion() {
    check(
        "[agnet.a]",
        &["x.toml:3:2: unknown table `agnet`", "help: did you mean `agent`?"],
    );
    check(
        "sed = 3",
        &["x.toml:3:1: unknown key `sed`", "help: did you mean `seed`?"],
    );
    check(
        "[agent.a]\nreplcas = 3",
        &["x.toml:4:1: unknown key `replcas`", "help: did you mean `replicas`?"],
    );
    check(
        "[agent.a]\nlearner.pop = {}",
        &["x.toml:4:9: no learner is called `pop`", "help: did you mean `ppo`?"],
    );
    check(
        "[agent.a]\nlayers = [\"flaten\"]",
        &[
            "x.toml:4:11: no layer is called `flaten`",
            "help: did you mean `flatten`?",
        ],
    );
    check(
        "[agent.a]\nlearner.ppo.rate = { linaer = { from = 1.0, to = 0.0 } }",
        &[
            "x.toml:4:22: no `rate` is called `linaer`",
            "help: did you mean `linear`?",
        ],
    );
    check(
        "[agent.a]\nlearner.ppo.rate.linear = { from = 1.0, to = 0.0, clock = \"update\" }",
        &["x.toml:4:59: `update` is no `clock`", "help: did you mean `updates`?"],
    );
    check(
        "[sweep]\ngrid.agent.a.replicas = 3",
        &[
            "x.toml:4:25: `agent.a.replicas` needs a list of values",
            "help: e.g. grid.agent.a.replicas = [1, 2]",
        ],
    );
    check(
        "[sweep]\nmerg = []",
        &["x.toml:4:1: unknown key `merg`", "help: did you mean `merge`?"],
    );
}

#[test]
fn wrong_types_and_ranges_are_told_in_place() {
    check(
        "[agent.a]\nreplicas = \"many\"",
        &["x.toml:4:12: expected an integer, found a string"],
    );
    check(
        "[agent.a]\nreplicas = 0",
        &["x.toml:4:12: 0 is below the least allowed value, 1"],
    );
    check(
        "[agent.a]\nreplicas = 9",
        &["x.toml:4:12: 9 is above the largest allowed value, 8"],
    );
    check(
        "[agent.a]\nreplicas = 1.5",
        &["x.toml:4:12: expected an integer, found a number with a fraction"],
    );
    check(
        "[agent.a]\nseats = [\"x\", 3]",
        &["x.toml:4:15: expected a string, found an integer"],
    );
    check(
        "[agent.a]\nseats = [\"x\", \"y\", \"z\"]",
        &["x.toml:4:9: takes at most 2 entries, has 3"],
    );
    check(
        "[agent.a]\nlearner = 3",
        &[
            "x.toml:4:11: expected a kind of learner, found an integer",
            "help: known: dqn, ppo",
        ],
    );
    check(
        "[agent.a]\nlayers = [\"dense\"]",
        &[
            "x.toml:4:11: `dense` needs a value: an integer",
            "help: { dense = ... }",
        ],
    );
    check(
        "[agent.a]\nlayers = [{ dense = 0 }]",
        &["x.toml:4:21: 0 is below the least allowed value, 1"],
    );
    check("agent = 3", &["x.toml:3:9: `agent` is a table, not an integer"]);
    check("record = [1]", &["x.toml:3:10: `record` is a table, not a list"]);
    check(
        "[agent.a]\nlearner.ppo.rate = [0.1]\nreplicas = 1\n[agent.\"b c\"]",
        &[
            "x.toml:6:8: `b c` cannot name an entity of `agent`",
            "help: letters, digits, `_` and `-`",
        ],
    );
}

#[test]
fn what_is_missing_is_told_at_its_table() {
    check(
        "[agent.a]\nlearner.dqn = {}",
        &["x.toml:4:9: `agent.a.learner.dqn` lacks the key `buffer`"],
    );
    let nameless = read("until = {}\n", &[], &[]).err().unwrap_or_default();
    assert!(
        nameless.starts_with("x.toml:1:1: the file lacks the key `name`\n"),
        "{nameless}"
    );
    assert!(
        nameless.contains("help: name: The run's folder under `runs/`"),
        "{nameless}"
    );
}

#[test]
fn values_are_checked_against_their_table() {
    check(
        "[agent.a]\nreplicas = 3\nlearner.ppo.rate = [0.1, 0.2]",
        &["x.toml:5:20: a list with one value per replica needs 3 values, this one has 2"],
    );
    check(
        "[agent.a]\nlearner.ppo.rate.uniform = [2, 1]",
        &["x.toml:4:13: `uniform` needs low < high"],
    );
}

#[test]
fn text_that_is_no_toml_is_told_in_place() {
    check("[agent.a\nreplicas = 3", &["x.toml:3:9: unclosed table, expected `]`"]);
    check("seed = inf", &["x.toml:3:8: not a finite number"]);
    check("seed = 2026-01-01", &["x.toml:3:8: no setting is a date"]);
    check(
        "seed = 99999999999999999999",
        &["x.toml:3:8: an integer beyond 64 bits"],
    );
    let deep = format!("seed = {}", "[".repeat(100_000));
    let found = read(&deep, &[], &[]).err().unwrap_or_default();
    assert!(
        found.contains("nested too deeply"),
        "{}",
        &found[..200.min(found.len())]
    );
    let dotted = format!("{}a = 1", "a.".repeat(100_000));
    let found = read(&dotted, &[], &[]).err().unwrap_or_default();
    assert!(found.contains("nested too deeply"));
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_the_file() {
    check(
        "sed = 1\n[agent.a]\nreplicas = 0\nlayers = [\"flaten\", { dense = 0 }]\n[agnet.b]",
        &[
            "x.toml:3:1: unknown key `sed`",
            "help: did you mean `seed`?",
            "x.toml:5:12: 0 is below the least allowed value, 1",
            "x.toml:6:11: no layer is called `flaten`",
            "help: did you mean `flatten`?",
            "x.toml:6:31: 0 is below the least allowed value, 1",
            "x.toml:7:2: unknown table `agnet`",
            "help: did you mean `agent`?",
        ],
    );
}

#[test]
fn the_line_is_shown_with_its_span() {
    let found = read(&format!("{HEAD}[agent.a]\nreplicas = 12"), &[], &[])
        .err()
        .unwrap_or_default();
    let expected =
        "x.toml:4:12: 12 is above the largest allowed value, 8\n    4 | replicas = 12\n      |            ^^\n";
    assert_eq!(found, expected);
}

#[test]
fn every_default_is_said() {
    resolves("[agent.a]", &[], &[], r#"{"replicas":1,"layers":[],"seats":[]}"#);
    resolves(
        "[agent.a]\nlearner = \"ppo\"\nlayers = [\"flatten\", { dense = 64 }]",
        &[],
        &[],
        r#"{"replicas":1,"learner":{"ppo":{"steps":128,"rate":0.5}},"layers":["flatten",{"dense":64}],"seats":[]}"#,
    );
    resolves(
        "[agent.a]\nlearner.ppo.inner.dqn.buffer = 3",
        &[],
        &[],
        r#"{"replicas":1,"learner":{"ppo":{"steps":128,"rate":0.5,"inner":{"dqn":{"buffer":3,"double":false}}}},"layers":[],"seats":[]}"#,
    );
    let pipeline = read(HEAD, &[], &[]).expect("a head is enough here");
    assert!(pipeline.text().contains("[record]\n"), "{}", pipeline.text());
}

#[test]
fn set_merges_values_and_bare_words() {
    resolves(
        "[agent.a]\nlearner.ppo = { steps = 4 }",
        &[
            "agent.a.learner.ppo.rate=0.25",
            "agent.a.replicas=2",
            "agent.a.seats=[\"x\"]",
        ],
        &[],
        r#"{"replicas":2,"learner":{"ppo":{"steps":4,"rate":0.25}},"layers":[],"seats":["x"]}"#,
    );
    resolves(
        "[agent.a]",
        &["agent.a.learner=ppo"],
        &[],
        r#"{"replicas":1,"learner":{"ppo":{"steps":128,"rate":0.5}},"layers":[],"seats":[]}"#,
    );
    check_with(
        "[agent.a]",
        &["agent.a.replicas=many"],
        &[],
        &["--set:1:18: expected an integer, found a string"],
    );
    check_with(
        "[agent.a]",
        &["agent.a.replicas"],
        &[],
        &[
            "--set:1:1: expected `key=value`",
            "help: e.g. `--set agent.chef.replicas=8`",
        ],
    );
    let pipeline = read(HEAD, &["seed=5"], &[]).expect("fine");
    assert_eq!(pipeline.head.seed, 5);
}

#[test]
fn another_kind_needs_replace() {
    let body = "[agent.a]\nlearner.ppo.steps = 4";
    let advice = "help: merging keeps both; to put `dqn` in the place of `ppo`: `replace.agent.a.learner.dqn = { ... }` in the file, or --replace agent.a.learner.dqn={...}";
    check_with(
        body,
        &["agent.a.learner.dqn={buffer=3}"],
        &[],
        &["--set:1:17: two kinds of learner: `ppo` and `dqn`", advice],
    );
    check_with(
        body,
        &["agent.a.learner=dqn"],
        &[],
        &[
            "--set:1:9: `agent.a.learner.dqn` lacks the key `buffer`",
            "--set:1:17: two kinds of learner: `ppo` and `dqn`",
            advice,
        ],
    );
    check(
        "[agent.a]\nlearner = { ppo = {}, dqn = { buffer = 3 } }",
        &["x.toml:4:23: two kinds of learner: `ppo` and `dqn`", "help: choose one"],
    );
    let dqn = r#"{"replicas":1,"learner":{"dqn":{"buffer":3,"double":false}},"layers":[],"seats":[]}"#;
    resolves(body, &[], &["agent.a.learner.dqn={buffer=3}"], dqn);
    resolves(
        body,
        &["agent.a.learner.dqn.buffer=3"],
        &["agent.a.learner.dqn={}"],
        dqn,
    );
    resolves(
        &format!("{body}\n[replace.agent.a]\nlearner.dqn = {{ buffer = 3 }}"),
        &[],
        &[],
        dqn,
    );
    // The same kind again starts from its defaults.
    let ppo = r#"{"replicas":1,"learner":{"ppo":{"steps":128,"rate":0.5}},"layers":[],"seats":[]}"#;
    resolves(body, &[], &["agent.a.learner.ppo={}"], ppo);
    // A schedule is a choice of the same sort; a constant simply wins.
    let line = "[agent.a]\nlearner.ppo.rate.linear = { from = 1, to = 0 }";
    let constant = r#"{"replicas":1,"learner":{"ppo":{"steps":128,"rate":0.5}},"layers":[],"seats":[]}"#;
    resolves(line, &["agent.a.learner.ppo.rate=0.5"], &[], constant);
    let drawn = r#"{"replicas":1,"learner":{"ppo":{"steps":128,"rate":{"uniform":[1.0,2.0]}}},"layers":[],"seats":[]}"#;
    resolves(line, &[], &["agent.a.learner.ppo.rate.uniform=[1, 2]"], drawn);
}

#[test]
fn a_file_extends_others() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("a file");
    let load_file = |name: &str| {
        let origin = Origin::Path(dir.path().join(name));
        load(&origin, &Overrides::default(), &registry()).map_err(|problems| problems.plain())
    };
    write(
        "base.toml",
        &format!("{HEAD}seed = 1\n[agent.a]\nreplicas = 2\nlearner.ppo.steps = 4\n"),
    );
    write(
        "middle.toml",
        "extends = \"base.toml\"\nname = \"c\"\n[agent.a.learner.ppo]\nrate = 0.1\n",
    );
    write(
        "top.toml",
        "extends = \"middle.toml\"\nseed = 7\n[agent.b]\n[replace.agent.a]\nlearner.dqn.buffer = 1\n",
    );
    let top = load_file("top.toml").expect("fine");
    assert_eq!((top.head.name.as_str(), top.head.seed), ("c", 7));
    assert_eq!(top.instances.len(), 3);
    assert!(
        top.text()
            .contains("learner = { dqn = { buffer = 1, double = false } }"),
        "{}",
        top.text()
    );

    // Several bases: later ones win.
    write("part.toml", "seed = 9\n[agent.a]\nreplicas = 3\n");
    write(
        "both.toml",
        "extends = [\"middle.toml\", \"part.toml\"]\nname = \"d\"\n",
    );
    let both = load_file("both.toml").expect("fine");
    assert_eq!((both.head.name.as_str(), both.head.seed), ("d", 9));
    assert!(both.text().contains("replicas = 3"), "{}", both.text());
    assert!(both.text().contains("rate = 0.1"), "{}", both.text());
    write("wrong.toml", "extends = [\"base.toml\", 3]");
    let wrong = load_file("wrong.toml").err().unwrap_or_default();
    assert!(wrong.contains("wrong.toml:1:25: `extends` names a file"), "{wrong}");

    write("a.toml", "extends = \"b.toml\"");
    write("b.toml", "extends = \"a.toml\"");
    let cycle = load_file("a.toml").err().unwrap_or_default();
    assert!(
        cycle.contains("b.toml:1:11: `a.toml` extends this file again: a cycle"),
        "{cycle}"
    );
    write("lost.toml", "extends = \"nowhere.toml\"");
    let lost = load_file("lost.toml").err().unwrap_or_default();
    assert!(lost.contains("lost.toml:1:11: cannot read"), "{lost}");
    // A problem in the base is shown in the base.
    write("bad.toml", &format!("{HEAD}[agent.a]\nreplicas = 0\n"));
    write("good.toml", "extends = \"bad.toml\"");
    let found = load_file("good.toml").err().unwrap_or_default();
    assert!(found.contains("bad.toml:4:12: 0 is below"), "{found}");
}

#[test]
fn an_entity_may_be_like_another() {
    let text = format!(
        "{HEAD}[agent.c]\nlike = \"b\"\nreplicas = 5\n[agent.a]\nreplicas = 2\nlearner.ppo.steps = 4\n\
         [agent.b]\nlike = \"a\"\nlearner.ppo.rate = 0.1\n[replace.agent.d]\nlike = \"a\"\nlearner.dqn.buffer = 1\n[agent.d]\n"
    );
    let pipeline = read(&text, &["agent.a.learner.ppo.steps=8"], &[]).expect("fine");
    let resolved = pipeline.text();
    let of = |agent: &str| {
        let found = pipeline.instances.iter().find(|instance| instance.key == agent);
        serde_json::to_string(&found.expect("an instance").values).expect("json")
    };
    assert!(
        of("b").contains("\"replicas\":2") && of("b").contains("0.1"),
        "{resolved}"
    );
    assert!(
        of("c").contains("\"replicas\":5") && of("c").contains("0.1"),
        "{resolved}"
    );
    assert!(of("c").contains("\"steps\":8"), "{resolved}");
    assert!(of("d").contains("dqn") && !of("d").contains("ppo"), "{resolved}");
    assert!(!resolved.contains("like"), "{resolved}");
    check(
        "[agent.a]\nlike = \"bb\"\n[agent.b]\nlike = \"b\"\n",
        &[
            "x.toml:4:8: no agent is called `bb`",
            "help: did you mean `b`?",
            "x.toml:6:8: `b` is like itself: a cycle",
        ],
    );
    check(
        "[agent.a]\nlike = 3\n",
        &["x.toml:4:8: `like` names another agent, not an integer"],
    );
}

#[test]
fn a_name_that_cannot_be_a_folder_is_refused() {
    for name in ["", "/a", "a/../b", "a//b", "a b"] {
        let text = format!("name = \"{name}\"\nuntil.ticks = 1\n");
        let found = read(&text, &[], &[]).err().unwrap_or_default();
        assert!(found.starts_with("x.toml:1:8: "), "{name}: {found}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}", set in "[a-z.=\\[\\]{}\"0-9]{0,40}") {
        let _ = read(&text, &[&set], &[&set]);
    }

    #[test]
    fn no_edit_of_a_good_file_panics(at in 0_usize..400, len in 0_usize..30, with in "[\\[\\]{}=.,\"a-z0-9\\n -]{0,12}") {
        let good = format!("{HEAD}[agent.a]\nreplicas = 2\nlearner.ppo = {{ steps = 3, rate.linear = {{ from = 1, to = 0 }} }}\nlayers = [\"flatten\", {{ dense = 3 }}]\n[replace.agent.a]\nlearner.dqn.buffer = 3\n");
        let start = at.min(good.len());
        let end = (start + len).min(good.len());
        let text = format!("{}{with}{}", &good[..start], &good[end..]);
        if let Ok(pipeline) = read(&text, &[], &[]) {
            let resolved = pipeline.text();
            let again = read(&resolved, &[], &[]).map(|p| p.text());
            proptest::prop_assert_eq!(again, Ok(resolved));
        }
    }
}
