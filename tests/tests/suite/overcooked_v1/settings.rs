//! Wrong settings are faults with a key path and advice; defaults are those of the published results.

use serde_json::{Value, json};
use starling_components::Fault;
use starling_components::environments::overcooked_v1::{OvercookedV1Settings, PlateShaping};
use starling_components::registry::{Choice, Registry, RulesContext, RulesSlot};
use starling_components::simulate::Simulate;
use starling_components::spaces::ActionSpace;
use starling_simulate::environments::overcooked_v1::register;
use std::sync::Arc;

fn build(settings: Value, seats: usize) -> Result<Arc<dyn Simulate>, Fault> {
    let mut registry = Registry::default();
    register(&mut registry);
    let choice = Choice {
        kind: "overcooked_v1".into(),
        settings,
    };
    registry.build::<RulesSlot>(&choice, RulesContext { seats, folder: None })
}

#[test]
fn overcooked_v1_wrong_settings_are_faults() {
    let check = |settings: Value, key: &[&str], says: &str| {
        let Err(fault) = build(settings.clone(), 2) else {
            panic!("accepted: {settings}")
        };
        assert_eq!(fault.key[1..], *key, "{settings}: {fault}");
        let all = format!("{fault} {}", fault.advice.as_deref().unwrap_or_default());
        assert!(all.contains(says), "{settings}: {all}");
    };
    check(
        json!({"layout": "cramped_rom"}),
        &["layout"],
        "did you mean `cramped_room`?",
    );
    // A kitchen of V2's.
    check(
        json!({"layout": "two_rooms"}),
        &["layout"],
        "no kitchen of overcooked_v1",
    );
    check(json!({"layout": "WPWW\n0 AX\nWBWW\n"}), &["layout"], "for 1 (`A`)");
    check(
        json!({"layout": "WPWWW\n0A AX\nWBR1W\n"}),
        &["layout"],
        "has 2 ingredients",
    );
    check(
        json!({"layout": "WPWWW\n0A AX\nWBRWW\n"}),
        &["layout"],
        "neither recipe indicators",
    );
    let recipes = json!({"layout": {"name": "coord_ring", "recipes": [[0, 0, 1]]}});
    check(recipes, &["layout", "recipes"], "three onions");
    check(json!({"max_steps": 0}), &["max_steps"], "at least one step");
    check(json!({"plate_shaping": "never"}), &["plate_shaping"], "unknown variant");
    check(json!({"observation": "default"}), &["observation"], "unknown variant");
    check(json!({"view": 2}), &["view"], "unknown field");
}

#[test]
fn overcooked_v1_shapes_follow_the_settings() {
    let check = |settings: Value, shape: &[usize]| {
        let environment = build(settings.clone(), 2).expect("a classic kitchen");
        for seat in &environment.shape().seats {
            assert_eq!(seat.observation.shape, shape, "{settings}");
            let ActionSpace::Discrete { names } = &seat.action else {
                panic!("moves are discrete")
            };
            assert_eq!(names.join(" "), "up down right left stay interact");
        }
    };
    check(json!({}), &[4, 5, 26]);
    check(json!({"layout": "counter_circuit"}), &[5, 8, 26]);
    check(json!({"observation": "v2"}), &[4, 5, 30]);
    check(json!({"observation": "featurized"}), &[96]);
    check(json!({"layout": "WPWWW\n0A AX\nWBWWW\n"}), &[3, 5, 26]);
    assert_eq!(OvercookedV1Settings::default().plate_shaping, PlateShaping::Legacy);
}
