//! Seats that change: who acts is who was drawn, whatever else runs; the records say who it was.

use super::game::Hash;
use super::{Run, column, of_table, u32s};
use serde_json::{Value, json};
use starling_components::EntityName;
use starling_components::act::{Act, ActInput, ActOutput};
use starling_components::random::{Key, Purpose};
use starling_components::rollout::{ReplicaRollout, Rollout};
use starling_components::spaces::{ActionBuffer, ActionsMut};
use starling_components::table::{Block, ColumnData};
use std::collections::{BTreeMap, BTreeSet};

/// Ego, who learns, meets itself, a clone, or one of a pool of five, in a game with turns, masks and memory.
fn tables(replicas: &Value, rotate: bool) -> Value {
    json!({
        "environment": { "game": {
            "rules": "test_game",
            "lanes": 7,
            "seats": ["ego", { "draw": ["ego", "pool", "clone"], "weights": [1.0, 2.0, { "linear": { "from": 0.0, "to": 4.0, "clock": "ticks" } }] }],
            "rotate": rotate,
            "pair": "product",
        } },
        "agent": {
            "ego": { "script": "test_hash", "replicas": replicas, "learner": "any" },
            "pool": { "script": "test_hash", "replicas": 5 },
            "clone": { "script": "test_hash" },
        },
        "record": { "trajectories": { "every": 2 } },
    })
}

fn build(tables: &Value) -> Run {
    Run::build(tables).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn rollouts(run: &mut Run) -> Vec<ReplicaRollout> {
    let world = run.world();
    let mut query = world.query::<&Rollout>();
    query.iter(world).flat_map(|rollout| rollout.replicas.clone()).collect()
}

/// Name and number of a chair, as `ChangingSeats` counts them, and the key that its player draws by.
fn player(chair: u16, replica: u32) -> (String, Key) {
    let (agent, number) = match chair {
        0 => ("ego", replica),
        1 => ("clone", replica),
        pool => ("pool", u32::from(pool) - 2),
    };
    let key = Key::of_seed(11)
        .entity(&EntityName::new("agent", agent))
        .replica(number);
    let key = key
        .purpose(Purpose::Act)
        .entity(&EntityName::new("environment", "game"));
    let key = if agent == "pool" { key.replica(replica) } else { key };
    (format!("{agent}:{number}"), key)
}

/// Plays every lane and seat of a first rollout again, row by row, each by the player on its chair.
fn check_rows(rollout: &ReplicaRollout, replica: u32) {
    let ActionBuffer::Discrete(actions) = &rollout.actions else {
        panic!("discrete moves");
    };
    let (lanes, seats, width) = (rollout.lanes, rollout.seats, rollout.width);
    for (lane, seat) in (0..lanes).flat_map(|lane| (0..seats).map(move |seat| (lane, seat))) {
        let mut carry = [0.0];
        for step in 0..rollout.steps {
            let cell = step * lanes + lane;
            let row = cell * seats + seat;
            let (mut action, mut log_prob, mut value, mut next) = ([0], [0.0], [0.0], [0.0]);
            if rollout.active[row] != 0 {
                let input = ActInput {
                    observations: rollout.observations.slice(row * width..(row + 1) * width),
                    legal: Some(&rollout.legal[row * 3..(row + 1) * 3]),
                    carry: &carry,
                    ids: &[(lane * seats + seat) as u32],
                    time: step as u32,
                    key: player(rollout.chairs[row], replica).1,
                    greedy: false,
                    explore: 0.0,
                };
                let mut output = ActOutput {
                    actions: ActionsMut::Discrete(&mut action),
                    log_probs: &mut log_prob,
                    values: &mut value,
                    carry: &mut next,
                };
                Hash.act(&[], &input, &mut output).expect("a row");
                carry = next;
            }
            let found = (actions[row], rollout.log_probs[row], rollout.values[row]);
            assert_eq!(
                found,
                (action[0], log_prob[0], value[0]),
                "step {step}, lane {lane}, seat {seat}"
            );
            if rollout.terminated[cell] | rollout.truncated[cell] != 0 {
                carry = [0.0];
            }
        }
    }
}

#[test]
fn everyone_acts_on_the_own_chair() {
    for rotate in [false, true] {
        let mut run = build(&tables(&json!(3), rotate));
        run.tick();
        let mut met = BTreeSet::new();
        for (replica, rollout) in rollouts(&mut run).iter().enumerate() {
            check_rows(rollout, replica as u32);
            for (cell, chairs) in rollout.chairs.chunks_exact(2).enumerate() {
                let ego = if rotate { cell % rollout.lanes % 2 } else { 0 };
                assert_eq!(chairs[ego], 0);
                met.insert(chairs[1 - ego]);
                // Who sits in a seat changes only where an episode ends.
                if cell >= rollout.lanes {
                    let before = cell - rollout.lanes;
                    let ended = rollout.terminated[before] | rollout.truncated[before] != 0;
                    assert!(ended || rollout.chairs[before * 2..before * 2 + 2] == *chairs);
                }
            }
        }
        // The clone's weight is 0 at the start of the first tick.
        assert_eq!(met.into_iter().collect::<Vec<_>>(), [0, 2, 3, 4, 5, 6]);
        run.tick();
        assert!(rollouts(&mut run)[0].chairs.contains(&1));
    }
}

/// (replica, lane, episode) and the seating of every row.
fn seatings(blocks: &[Block], table: &str) -> Vec<((u32, u32, u32), String)> {
    let mut found = Vec::new();
    for block in of_table(blocks, table) {
        let (replica, lane, episode) = (u32s(block, "replica"), u32s(block, "lane"), u32s(block, "episode"));
        for row in 0..block.rows() {
            let name = match column(block, "seating") {
                ColumnData::Name(names) => names[row].clone(),
                ColumnData::OneName { name, .. } => name.clone(),
                ColumnData::FewNames { names, rows } => names[rows[row] as usize].clone(),
                other => panic!("seating is {other:?}"),
            };
            found.push(((replica[row], lane[row], episode[row]), name));
        }
    }
    found
}

#[test]
fn records_say_who_sat_where() {
    let mut run = build(&tables(&json!({ "first": 3, "count": 2 }), true));
    let blocks = run.tick();
    let episodes: BTreeMap<_, _> = seatings(&blocks, "episodes").into_iter().collect();
    let mut compared = 0;
    for (key, name) in seatings(&blocks, "trajectories") {
        assert_eq!(key.2 % 2, 0);
        // Episodes that the tick cut have no row yet.
        if let Some(ended) = episodes.get(&key) {
            assert_eq!(*ended, name);
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared} rows");
    for (index, rollout) in rollouts(&mut run).iter().enumerate() {
        let replica = index as u32 + 3;
        for (lane, chairs) in rollout.chairs.chunks_exact(2).take(rollout.lanes).enumerate() {
            let names = [player(chairs[0], replica).0, player(chairs[1], replica).0].join(",");
            assert_eq!(episodes[&(replica, lane as u32, 0)], names);
        }
    }
    let fixed = json!({
        "environment": { "game": { "rules": "test_game", "lanes": 2, "seats": ["a", "b"] } },
        "agent": { "a": { "script": "random", "replicas": 2 }, "b": { "script": "random" } },
        "record": { "trajectories": { "every": 1 } },
    });
    let blocks = build(&fixed).tick();
    for table in ["episodes", "trajectories"] {
        let found = seatings(&blocks, table);
        assert!(!found.is_empty());
        assert!(
            found
                .iter()
                .all(|((replica, ..), name)| *name == format!("a:{replica},b:{replica}"))
        );
    }
}

#[test]
fn a_replica_alone_meets_whom_it_meets_among_others() {
    for rotate in [false, true] {
        let mut all = build(&tables(&json!(4), rotate));
        let mut alone = build(&tables(&json!({ "first": 3, "count": 1 }), rotate));
        for _ in 0..2 {
            let (of_all, of_one) = (all.tick(), alone.tick());
            let (rollouts, one) = (rollouts(&mut all), rollouts(&mut alone).remove(0));
            assert!(rollouts[3] == one, "replica 3 differs");
            assert!(rollouts[2].chairs != one.chairs, "replicas draw the same");
            for table in ["episodes", "trajectories"] {
                let mut own = seatings(&of_all, table);
                own.retain(|((replica, ..), _)| *replica == 3);
                assert_eq!(own, seatings(&of_one, table));
            }
        }
    }
}

#[test]
fn threads_and_a_restart_in_the_middle_of_episodes_change_nothing() {
    let tables = tables(&json!(3), true);
    let results: Vec<_> = [1, 2, 4]
        .into_iter()
        .map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("a pool").install(|| {
                let mut run = build(&tables);
                let first = run.tick();
                let snapshot = run.save();
                let mut resumed = build(&tables);
                resumed.restore(&snapshot);
                assert!(resumed.save() == snapshot);
                let rest = run.ticks(2);
                assert!(resumed.ticks(2) == rest, "the restored run differs");
                assert!(resumed.save() == run.save());
                (first, rest, rollouts(&mut run), run.save())
            })
        })
        .collect();
    assert!(results[0] == results[1] && results[1] == results[2]);
}

#[test]
fn a_checkpoint_with_players_that_there_are_not_is_an_error() {
    let mut run = build(&tables(&json!(1), false));
    run.ticks(2);
    let snapshot = run.save();
    let mut fewer = tables(&json!(1), false);
    fewer["agent"]["pool"]["replicas"] = json!(2);
    let mut run = build(&fewer);
    run.restore(&snapshot);
    let faults = run.try_tick().expect_err("chairs of five partners");
    assert!(faults[0].message.contains("is taken"), "{faults:?}");
}

#[test]
fn rotation_of_one_agent_changes_no_bit() {
    let tables = |rotate: bool| {
        json!({
            "environment": { "game": { "rules": "test_game", "lanes": 5, "seats": ["one", "one"], "rotate": rotate } },
            "agent": { "one": { "script": "test_hash", "replicas": 2 } },
        })
    };
    let (mut still, mut rotated) = (build(&tables(false)), build(&tables(true)));
    for _ in 0..2 {
        assert_eq!(still.tick(), rotated.tick());
        let mut rollouts_of_rotated = rollouts(&mut rotated);
        for rollout in &mut rollouts_of_rotated {
            assert!(!rollout.chairs.is_empty() && rollout.chairs.iter().all(|&chair| chair == 0));
            rollout.chairs.clear();
        }
        assert!(rollouts_of_rotated == rollouts(&mut still));
    }
}

#[test]
fn weights_that_turn_negative_stop_the_run_with_their_place() {
    let mut tables = tables(&json!(1), false);
    tables["environment"]["game"]["seats"][1]["weights"][2] =
        json!({ "linear": { "from": 0.5, "to": -0.5, "clock": "ticks" } });
    let mut run = build(&tables);
    run.ticks(2);
    let faults = run.try_tick().expect_err("a negative weight");
    assert_eq!(faults[0].key.join("."), "environment.game.seats.1.weights");
}
