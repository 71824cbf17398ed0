//! Every kernel parses and is valid, on any machine: no adapter is asked.

use super::policy::{environment, network, policies};
use serde_json::json;
use starling_components::act::Act;
use starling_components::registry::Registry;
use starling_shaders::{Draws, Packing, compose, compose_policy};

fn check(name: &str, text: &str) {
    let module =
        naga::front::wgsl::parse_str(text).unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(text)));
    let mut validator =
        naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::empty());
    validator
        .validate(&module)
        .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(text)));
}

#[test]
fn device_kernels_are_valid() {
    let app = starling::Starling::new().app();
    let registry = app.world().resource::<Registry>();
    let games = [
        ("overcooked_v2", json!({ "layout": "cramped_room" }), 2),
        (
            "overcooked_v2",
            json!({ "layout": "coord_ring", "observation": ["default", "featurized"] }),
            2,
        ),
        (
            "overcooked_v2",
            json!({ "layout": "grounded_coord_ring", "view": 2, "op_ingredient_permutations": [0, 1] }),
            2,
        ),
        ("overcooked_v1", json!({ "layout": "cramped_room" }), 2),
        (
            "overcooked_v1",
            json!({ "layout": "cramped_room", "observation": "v2" }),
            2,
        ),
        ("cart_pole", json!({}), 1),
        ("acrobot", json!({}), 1),
        ("mountain_car", json!({}), 1),
        ("mountain_car_continuous", json!({}), 1),
        ("pendulum", json!({}), 1),
        ("minatar_asterix", json!({}), 1),
        ("minatar_breakout", json!({}), 1),
        ("minatar_freeway", json!({}), 1),
        ("minatar_seaquest", json!({}), 1),
        ("minatar_space_invaders", json!({}), 1),
    ];
    for (kind, settings, seats) in games {
        let environment = environment(registry, kind, settings, seats);
        let twin = environment.twin().unwrap_or_else(|| panic!("{kind} has kernels"));
        for (packing, draws) in [
            (Packing::Bytes, Draws::Generator),
            (Packing::Bits, Draws::Generator),
            (Packing::Bytes, Draws::Recorded { words: 3 }),
        ] {
            let (text, _) = compose(environment.shape(), &twin, packing, draws);
            check(&format!("{kind}, {packing:?}, {draws:?}"), &text);
        }
        for policy in policies() {
            // A convolution reads grids, and only some policies choose among moves.
            let Some(network) = network(registry, policy, &*environment) else {
                continue;
            };
            let Some(program) = network.program() else { continue };
            for rows in [1, 4] {
                let text = compose_policy(&program, environment.shape(), &[0], rows);
                check(&format!("{kind}, a policy of {rows} rows"), &text);
            }
        }
    }
}
