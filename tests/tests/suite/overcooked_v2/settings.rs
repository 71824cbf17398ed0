//! Wrong settings are faults with a key path and advice; custom kitchens come from files and text.

use serde_json::{Value, json};
use starling_components::Fault;
use starling_components::registry::{Choice, Registry, RulesContext, RulesSlot};
use starling_components::simulate::Simulate;
use starling_components::spaces::{ElementKind, ObservationSpace};
use starling_simulate::environments::overcooked_v2::register;
use std::path::Path;
use std::sync::Arc;

fn build(settings: Value, seats: usize, folder: Option<&Path>) -> Result<Arc<dyn Simulate>, Fault> {
    let mut registry = Registry::default();
    register(&mut registry);
    let choice = Choice {
        kind: "overcooked_v2".into(),
        settings,
    };
    registry.build::<RulesSlot>(&choice, RulesContext { seats, folder })
}

/// Settings for two seats fail at `key` with a message or advice that contains `says`.
#[track_caller]
fn check_fault(settings: Value, key: &[&str], says: &str) {
    let Err(fault) = build(settings.clone(), 2, None) else {
        panic!("accepted: {settings}")
    };
    assert_eq!(fault.key[1..], *key, "{settings}: {fault}");
    assert_eq!(fault.key[0], "overcooked_v2");
    let all = format!("{fault} {}", fault.advice.as_deref().unwrap_or_default());
    assert!(all.contains(says), "{settings}: {all}");
}

#[test]
fn overcooked_v2_wrong_settings_are_faults() {
    let two_onions = "WWPWW\n0A A0\nW   W\nWBWXW\n";
    check_fault(
        json!({"layout": "cramped_rom"}),
        &["layout"],
        "did you mean `cramped_room`?",
    );
    check_fault(json!({"layout": "zzzzzzzz"}), &["layout"], "two_rooms_both");
    check_fault(
        json!({"layout": {"name": "coord_rin"}}),
        &["layout", "name"],
        "`coord_ring`",
    );
    check_fault(json!({"layout": "long_room"}), &["layout"], "for 1 (`A`)");
    check_fault(json!({"layout": 5}), &["layout"], "name of a kitchen");
    check_fault(json!({"layout": {}}), &["layout"], "exactly one of");
    check_fault(json!({"layout": {"txt": "W"}}), &["layout", "txt"], "unknown field");
    check_fault(json!({"layout": {"file": "none.txt"}}), &["layout", "file"], "embedded");
    check_fault(
        json!({"layout": {"file": "/no/such/kitchen.txt"}}),
        &["layout", "file"],
        "cannot read",
    );
    check_fault(json!({"layout": two_onions}), &["layout"], "recipes");
    let with = |text: &str, recipes: Value| json!({"layout": {"text": text, "recipes": recipes}});
    check_fault(with(two_onions, json!([[0, 0]])), &["layout", "recipes", "0"], "has 2");
    check_fault(
        with(two_onions, json!([[0, 0, 0], [0, 1, 0]])),
        &["layout", "recipes", "1"],
        "ingredient 1",
    );
    check_fault(with(two_onions, json!([])), &["layout", "recipes"], "empty");
    check_fault(
        with(two_onions, json!([[0, -1, 0]])),
        &["layout", "recipes", "0", "1"],
        "-1",
    );
    let soup = || json!([[0, 0, 0]]);
    for (text, says) in [
        ("", "empty"),
        ("\n", "empty"),
        ("WWPWW\n0A A0\nW\nWBWXW", "open at column 4, row 2"),
        ("WWPWW\n0A A0\nW   W\nWBW W", "open at column 3, row 3"),
        ("WWPWW\n0A A0\nW   W\nWBWWW", "no goal"),
        ("WWWWW\n0A A0\nW   W\nWBWXW", "no pot"),
        ("WWPWW\n0A A0\nW   W\nWWWXW", "no plate pile"),
        ("WWPWW\nWA AW\nW   W\nWBWXW", "no pile"),
        ("WWPWW\n0   0\nW   W\nWBWXW", "no cook"),
    ] {
        check_fault(with(text, soup()), &["layout"], says);
    }
    check_fault(with(&"W".repeat(129), soup()), &["layout"], "129 wide");
    let crowd = format!("{}\nW{}W\n{}", "W".repeat(100), "A".repeat(98), "WXPB0".repeat(20));
    check_fault(with(&crowd, soup()), &["layout"], "at most 64");
    check_fault(json!({"max_steps": 0}), &["max_steps"], "at least one step");
    check_fault(json!({"max_step": 7}), &["max_step"], "unknown field");
    check_fault(json!({"random_reset": 1}), &["random_reset"], "boolean");
    check_fault(json!({"view": 65}), &["view"], "64");
    check_fault(json!({"view": -1}), &["view"], "-1");
    check_fault(json!({"observation": "features"}), &["observation"], "unknown variant");
    check_fault(
        json!({"observation": ["default", "x"]}),
        &["observation", "1"],
        "unknown variant",
    );
    check_fault(json!({"observation": ["default"]}), &["observation"], "2 seats");
    check_fault(json!({"observation": "featurized", "view": 2}), &["view"], "featurized");
    check_fault(
        json!({"observation": ["default", "default"], "view": 2}),
        &["view"],
        "list",
    );
    check_fault(
        json!({"observation": "featurized", "layout": "two_rooms"}),
        &["observation"],
        "has 2",
    );
    check_fault(
        json!({"op_ingredient_permutations": [0, 1]}),
        &["op_ingredient_permutations", "1"],
        "no ingredient 1",
    );
    let twice = json!({"layout": "two_rooms", "op_ingredient_permutations": [1, 1]});
    check_fault(twice, &["op_ingredient_permutations", "1"], "twice");
    let Err(alone) = build(json!({"layout": "long_room", "observation": "featurized"}), 1, None) else {
        panic!("one cook has no featurized observation")
    };
    assert_eq!(alone.key, ["overcooked_v2", "observation"]);
}

#[test]
fn overcooked_v2_custom_kitchens_come_from_files_and_text() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // With carriage returns and a blank line at either end, as editors leave them.
    let text = "\r\nWWPWW\r\n0A A1\r\nL   R\r\nWBWXW\r\n";
    std::fs::write(folder.path().join("demo.txt"), text).expect("the folder is writable");
    let settings = json!({"layout": {"file": "demo.txt", "recipes": [[0, 0, 1], [0, 1, 1]]}});
    let from_file = build(settings, 2, Some(folder.path())).expect("the kitchen is playable");
    let inline = build(json!({"layout": text.replace('\r', "")}), 2, None).expect("the kitchen is playable");
    for environment in [from_file, inline] {
        let shape = environment.shape();
        let expected = ObservationSpace {
            shape: vec![4, 5, 35],
            element: ElementKind::U8,
        };
        assert!(shape.seats.iter().all(|seat| seat.observation == expected));
    }
}

#[test]
fn overcooked_v2_seats_may_see_differently() {
    let environment = build(json!({"observation": ["featurized", "default"]}), 2, None).expect("cramped_room");
    let shape = environment.shape();
    assert_eq!(shape.seats[0].observation.shape, [96]);
    assert_eq!(shape.seats[0].observation.element, ElementKind::I8);
    assert_eq!(shape.seats[1].observation.shape, [4, 5, 30]);
    assert_eq!(shape.observation_width(), 600);
}
