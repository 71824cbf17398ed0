//! Buffers: what they keep, who starts from it, when it changes, and that all of it repeats.

use super::Run;
use crate::blocks::LaneBlocks;
use crate::buffer::StateBuffer;
use serde_json::{Value, json};
use starling_components::EntityName;
use std::sync::Arc;

/// A game that starts from a buffer of its own states.
fn tables(replicas: Value, buffer: Value) -> Value {
    let mut tables = json!({
        "until": { "ticks": 6 },
        "environment": {
            "game": { "rules": "test_game", "lanes": 5, "seats": ["left", "right"], "starts": { "buffer": "past" } },
        },
        "agent": {
            "left": { "script": "test_hash", "replicas": replicas },
            "right": { "script": "test_hash", "replicas": replicas },
        },
        "buffer": { "past": { "environment": "game", "episodes": 7, "every": 3 } },
        "record": { "trajectories": { "every": 1 } },
    });
    let past = tables["buffer"]["past"].as_object_mut().expect("a table");
    past.extend(buffer.as_object().cloned().unwrap_or_default());
    tables
}

fn build(tables: &Value) -> Run {
    Run::build(tables).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

fn states(run: &mut Run) -> Vec<Arc<[u32]>> {
    let world = run.world();
    world
        .query::<&StateBuffer>()
        .single(world)
        .expect("one buffer")
        .states
        .clone()
}

/// The lanes' states, `[lanes, 3]`, of each replica.
fn lanes(run: &mut Run) -> Vec<Vec<u32>> {
    let world = run.world();
    let blocks = world.query::<&LaneBlocks>().single(world).expect("one environment");
    blocks.blocks().map(|block| block.states().to_vec()).collect()
}

#[test]
fn a_buffer_keeps_every_third_state_of_every_pairing() {
    let check = |pair: &str, scope: &str, parts: usize, pairings_of_a_part: usize| {
        let mut run = build(&tables(json!(3), json!({ "pair": pair, "scope": scope })));
        run.tick();
        let states = states(&mut run);
        assert_eq!(states.len(), parts, "{pair} {scope}");
        for part in &states {
            let entries: Vec<&[u32]> = part.chunks_exact(3).collect();
            // Word 2 counts steps: each of the seven episodes of each pairing gives a start, and longer ones more.
            let starts = entries.iter().filter(|state| state[2] == 0).count();
            assert_eq!(starts, 7 * pairings_of_a_part, "{pair} {scope}");
            assert!(entries.iter().all(|state| state[2].is_multiple_of(3) && state[0] < 12));
            assert!(entries.len() > 2 * starts, "episodes go on");
            // In the order of the steps, so that a later state of an episode has a higher counter than the one before.
            let grows = entries
                .windows(2)
                .filter(|two| two[1][2] > 0)
                .all(|two| two[1][0] >= two[0][0]);
            assert!(grows, "{pair} {scope}");
        }
        assert!(
            states.windows(2).all(|two| two[0] != two[1]),
            "replicas have states of their own"
        );
    };
    check("index", "replica", 3, 1);
    check("product", "replica", 3, 3);
    check("index", "all_replicas", 1, 3);
    check("product", "all_replicas", 1, 9);
}

#[test]
fn every_episode_begins_in_a_state_of_the_buffer() {
    let mut run = build(&tables(json!(2), json!({})));
    let (mut begun, mut above) = (0, 0);
    for _ in 0..3 {
        run.tick();
        let states = states(&mut run);
        for (replica, own) in lanes(&mut run).iter().enumerate() {
            for state in own.chunks_exact(3).filter(|state| state[2] == 0) {
                let known = states[replica].chunks_exact(3).any(|kept| kept[..2] == state[..2]);
                assert!(known, "{state:?} was not visited");
                begun += 1;
                above += usize::from(state[0] >= 4);
            }
        }
    }
    assert!(begun > 0, "no lane has just begun");
    // Starts of the rules lie below 4; with a buffer some lie above.
    assert!(above > 0, "every episode began where the rules begin");
}

#[test]
fn a_buffer_is_filled_anew_when_it_is_due() {
    let check = |refresh: Value, changes: [bool; 5]| {
        let mut run = build(&tables(json!(1), json!({ "refresh": refresh })));
        run.tick();
        let mut before = states(&mut run);
        for (tick, expected) in changes.into_iter().enumerate() {
            run.tick();
            let after = states(&mut run);
            assert_eq!(before != after, expected, "{refresh} after tick {}", tick + 1);
            before = after;
        }
    };
    check(json!("rounds"), [false; 5]);
    check(json!({ "every": 2 }), [false, true, false, true, false]);
}

#[test]
fn buffers_repeat_on_any_threads_alone_and_after_a_restart() {
    let all = tables(json!(4), json!({ "refresh": { "every": 2 } }));
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool");
        pool.install(|| {
            let mut run = build(&all);
            (run.ticks(5), run.save())
        })
    };
    let whole = on(1);
    assert!(whole == on(3), "threads change bits");

    let mut alone = build(&tables(
        json!({ "first": 3, "count": 1 }),
        json!({ "refresh": { "every": 2 } }),
    ));
    let mut among = build(&all);
    for _ in 0..5 {
        alone.tick();
        among.tick();
        assert_eq!(states(&mut alone)[0], states(&mut among)[3]);
        assert_eq!(lanes(&mut alone)[0], lanes(&mut among)[3]);
    }

    for at in 0..5 {
        let mut first = build(&all);
        first.ticks(at);
        let mut resumed = build(&all);
        resumed.restore(&first.save());
        let rest = resumed.ticks(5 - at);
        assert!(resumed.save() == whole.1, "resumed after {at} ticks");
        assert!(whole.0.ends_with(&rest), "rows after {at} ticks");
    }
}

#[test]
fn episodes_from_a_buffer_are_not_replayed() {
    let mut run = build(&tables(json!(1), json!({})));
    let found = crate::replay::environment_of(run.world(), &EntityName::new("environment", "game"));
    let fault = found.err().expect("a refusal");
    assert!(fault.message.contains("begin in states of a buffer"), "{fault}");
}
