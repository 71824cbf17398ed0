//! Wrong pipelines: every problem at once, each with its key path and advice.

use super::Run;
use serde_json::{Value, json};

/// `path: message` of every fault, sorted.
fn check(tables: &Value, expected: &[(&str, &str)]) {
    let Err(faults) = Run::build(tables) else {
        panic!("a wrong pipeline was built: {tables}");
    };
    let mut found: Vec<(String, String)> = faults
        .iter()
        .map(|fault| (fault.key.join("."), fault.message.clone()))
        .collect();
    found.sort();
    let mut missing: Vec<_> = expected.to_vec();
    missing.retain(|(path, part)| !found.iter().any(|(key, message)| key == path && message.contains(part)));
    assert!(
        missing.is_empty() && found.len() == expected.len(),
        "missing {missing:?} in {found:#?}"
    );
    assert!(faults.iter().all(|fault| fault.advice.is_some()), "{faults:#?}");
}

#[test]
fn all_problems_are_reported_at_once() {
    let tables = json!({
        "environment": {
            "game": { "rules": "test_game", "lanes": 3, "seats": ["left", "rihgt"] },
            "poles": { "rules": "cart_pol", "lanes": 3, "seats": ["left"] },
            "many": { "rules": "test_game", "lanes": 3, "seats": ["left"] },
        },
        "agent": {
            "left": { "script": "random" },
            "right": { "script": "rndom" },
        },
        "evaluate": { "score": { "environment": "gam", "episodes": 1 } },
    });
    check(
        &tables,
        &[
            ("environment.game.seats.1", "no agent is called `rihgt`"),
            ("environment.poles.rules.cart_pol", "no rules is called `cart_pol`"),
            ("environment.many.seats", "has 2 seats, 1 agents"),
            ("evaluate.score.environment", "no environment is called `gam`"),
        ],
    );
}

#[test]
fn evaluations_end_and_fit() {
    let tables = json!({
        "environment": {
            "game": { "rules": { "test_game": { "bounded": false } }, "lanes": 3, "seats": ["one", "one"] },
        },
        "agent": { "one": { "script": "random" } },
        "evaluate": {
            "endless": { "environment": "game", "episodes": 1 },
            "crowd": { "environment": "game", "episodes": 1, "agents": ["one", "one", "one"] },
            "stranger": { "environment": "game", "episodes": 1, "agents": ["on"] },
        },
    });
    check(
        &tables,
        &[
            ("evaluate.endless.environment", "may never end"),
            ("evaluate.crowd.agents", "has 2 seats, 3 agents"),
            ("evaluate.stranger.agents.0", "no agent is called `on`"),
            ("evaluate.stranger.agents.1", "no agent is called `on`"),
        ],
    );
}

#[test]
fn replicas_meet_and_everyone_plays() {
    let tables = json!({
        "environment": {
            "game": { "rules": "test_game", "lanes": 3, "seats": ["two", "three"] },
        },
        "agent": {
            "two": { "script": "random", "replicas": 2 },
            "three": { "script": "random", "replicas": 3 },
            "idle": { "script": "random" },
            "nobody": {},
            "janus": { "script": "random", "policy": {} },
        },
    });
    check(
        &tables,
        &[
            ("agent.three.replicas", "with 2 and 3 replicas"),
            ("agent.idle", "plays nowhere"),
            ("agent.janus", "plays nowhere"),
            ("agent.nobody", "neither `policy` nor `script`"),
            ("agent.janus", "both `policy` and `script`"),
        ],
    );
}

#[test]
fn seats_that_change_name_whom_they_draw_and_how_often() {
    let tables = |seats: Value, pair: &str, others: Value| {
        json!({
            "environment": { "game": {
                "rules": "test_game", "lanes": 3, "seats": ["ego", seats], "pair": pair,
            } },
            "agent": {
                "ego": { "script": "random", "replicas": 2, "learner": "any" },
                "pool": { "script": "random", "replicas": 3 },
            },
            "evaluate": others,
        })
    };
    let with = |seat: Value, expected: &[(&str, &str)]| check(&tables(seat, "product", json!({})), expected);
    let seat = "environment.game.seats.1";
    let at = |rest: &str| format!("{seat}.{rest}");
    with(
        json!({ "draw": ["pool", "pol", "pool"], "weights": [1.0] }),
        &[
            (&at("draw.1"), "no agent is called `pol`"),
            (&at("draw.2"), "`pool` is named twice"),
            (&at("weights"), "1 weights for 3 agents"),
        ],
    );
    with(
        json!({ "draw": ["ego", "pool"], "weights": [0.0, -1.0] }),
        &[(&at("weights.1"), "a weight of -1")],
    );
    with(
        json!({ "draw": ["ego", "pool"], "weights": [[1.0], 0.0] }),
        &[(&at("weights.0"), "needs 2 values")],
    );
    with(
        json!({ "draw": ["ego", "pool"], "weights": [0.0, 0.0] }),
        &[(&at("weights"), "all weights are 0")],
    );
    with(json!({ "draw": [] }), &[(&at("draw"), "nobody to draw")]);
    let nowhere = ("agent.pool", "plays nowhere");
    with(json!("ego"), &[("environment.game.pair", "nobody to pair"), nowhere]);
    let drawn = json!({ "draw": ["ego", "pool"] });
    check(
        &tables(drawn.clone(), "index", json!({})),
        &[("agent.pool.replicas", "with 2 and 3 replicas")],
    );
    let mut pupils = tables(drawn.clone(), "product", json!({}));
    pupils["agent"]["pool"]["learner"] = json!("any");
    check(
        &pupils,
        &[
            ("environment.game.pair", "nobody to pair"),
            ("agent.pool.replicas", "with 2 and 3 replicas"),
        ],
    );
    check(
        &tables(
            drawn,
            "product",
            json!({ "score": { "environment": "game", "episodes": 1 } }),
        ),
        &[("evaluate.score.agents", "who plays in `game` changes")],
    );
}

#[test]
fn a_stage_ends_and_starts() {
    let tables = |until: Value| {
        json!({
            "environment": { "game": { "rules": "test_game", "lanes": 3, "seats": ["one", "one"] } },
            "agent": { "one": { "script": "random" } },
            "until": until,
        })
    };
    check(&tables(json!({})), &[("until", "never ends")]);
    check(&tables(json!({ "updates": 5 })), &[("until", "never ends")]);
    check(
        &tables(json!({ "env_steps": 383 })),
        &[("until.env_steps", "one tick adds 384")],
    );
    assert!(Run::build(&tables(json!({ "env_steps": 384 }))).is_ok());
}

#[test]
fn a_buffer_has_the_replicas_of_seats_that_change() {
    let tables = json!({
        "environment": {
            "game": { "rules": "test_game", "lanes": 3, "seats": ["one", "one"] },
            "practice": {
                "rules": "test_game", "lanes": 3, "seats": ["other", "other"], "rotate": true, "starts": { "buffer": "past" },
            },
        },
        "agent": { "one": { "script": "random", "replicas": 2 }, "other": { "script": "random", "replicas": 3 } },
        "buffer": { "past": { "environment": "game", "episodes": 1 } },
    });
    check(
        &tables,
        &[("environment.practice.starts.buffer", "`practice` has 3 replicas")],
    );
}

#[test]
fn buffers_are_filled_and_used() {
    let tables = json!({
        "environment": {
            "game": { "rules": "test_game", "lanes": 3, "seats": ["one", "one"], "starts": { "buffer": "pst" } },
            "endless": { "rules": { "test_game": { "bounded": false } }, "lanes": 3, "seats": ["one", "one"], "starts": { "buffer": "for_ever" } },
            "pole": { "rules": "cart_pole", "lanes": 3, "seats": ["pilot"], "starts": { "buffer": "past" } },
        },
        "agent": { "one": { "script": "random", "replicas": 2 }, "pilot": { "script": "random", "replicas": 3 } },
        "buffer": {
            "past": { "environment": "game", "episodes": 1 },
            "for_ever": { "environment": "endless", "episodes": 1 },
            "unused": { "environment": "game", "episodes": 1 },
            "stranger": { "environment": "gme", "episodes": 1 },
        },
    });
    check(
        &tables,
        &[
            ("environment.game.starts.buffer", "no buffer is called `pst`"),
            ("buffer.for_ever.environment", "may never end"),
            ("environment.pole.starts.buffer", "the states of `game` have 3 words"),
            ("buffer.unused", "nobody starts from buffer `unused`"),
            ("buffer.stranger.environment", "no environment is called `gme`"),
        ],
    );
}
