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
