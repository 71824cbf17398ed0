//! Same bits whatever runs besides; whole episodes in the records; what is recorded can be simulated again.

use super::{Run, f32s, i32s, of_table, u32s};
use crate::replay::{self, Recorded};
use serde_json::{Value, json};
use starling_components::EntityName;
use starling_components::clock::Clocks;
use starling_components::rollout::{ReplicaRollout, Rollout};
use starling_components::schedule::RunSeed;
use starling_components::simulate::{Simulate, StepOutputs};
use starling_components::spaces::{Actions, ObservationBuffer};
use starling_components::table::{Block, ColumnData};

/// Two groups of one environment each, and an evaluation; the second has many lanes, so that chunks and shards are used.
fn tables(replicas: Value, every: u32) -> Value {
    json!({
        "environment": {
            "game": { "rules": "test_game", "lanes": 3, "seats": ["left", "right"] },
            "poles": { "rules": "cart_pole", "lanes": 1100, "seats": ["pilot"] },
        },
        "agent": {
            "left": { "script": "random", "replicas": replicas },
            "right": { "script": "test_hash", "replicas": replicas },
            "pilot": { "script": "test_hash", "replicas": replicas },
        },
        "evaluate": {
            "score": { "environment": "game", "episodes": 70, "at": { "every": 2 }, "trajectories": 66 },
        },
        "record": { "trajectories": { "every": every, "observations": true } },
    })
}

fn build(tables: &Value) -> Run {
    Run::build(tables).expect("a pipeline without faults")
}

fn rollouts(run: &mut Run) -> Vec<Vec<ReplicaRollout>> {
    let world = run.world();
    let mut query = world.query::<(&EntityName, &Rollout)>();
    let mut found: Vec<_> = query.iter(world).collect();
    found.sort_by_key(|(name, _)| *name);
    found.into_iter().map(|(_, rollout)| rollout.replicas.clone()).collect()
}

#[test]
fn a_replica_alone_is_the_replica_among_others() {
    let (mut all, mut alone) = (
        build(&tables(json!(4), 1)),
        build(&tables(json!({ "first": 3, "count": 1 }), 1)),
    );
    for _ in 0..2 {
        let (all_blocks, alone_blocks) = (all.tick(), alone.tick());
        for (all, alone) in rollouts(&mut all).iter().zip(&rollouts(&mut alone)) {
            assert_eq!(all.len(), 4);
            assert!(all[3] == alone[0], "replica 3 differs");
            assert!(all[2] != alone[0], "replicas repeat each other");
        }
        let of_replica_3 = |blocks: &[Block]| -> Vec<Vec<ColumnData>> {
            let trajectories = of_table(blocks, "trajectories");
            let own = trajectories.iter().filter(|block| u32s(block, "replica")[0] == 3);
            own.map(|block| block.columns.clone()).collect()
        };
        assert_eq!(of_replica_3(&all_blocks), of_replica_3(&alone_blocks));
    }
}

#[test]
fn threads_change_nothing() {
    let results: Vec<_> = [1, 2, 4]
        .into_iter()
        .map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .expect("a pool");
            pool.install(|| {
                let mut run = build(&tables(json!(2), 3));
                (run.ticks(3), rollouts(&mut run), run.save())
            })
        })
        .collect();
    assert!(results[0] == results[1] && results[1] == results[2]);
    assert!(!of_table(&results[0].0, "trajectories").is_empty());
}

#[test]
fn a_restored_run_goes_on_with_the_same_bits() {
    let tables = tables(json!(2), 2);
    let mut straight = build(&tables);
    straight.tick();
    let snapshot = straight.save();
    let rest = straight.ticks(2);
    let mut resumed = build(&tables);
    resumed.restore(&snapshot);
    assert!(resumed.save() == snapshot);
    assert_eq!(resumed.ticks(2), rest);
    assert!(rollouts(&mut resumed) == rollouts(&mut straight));
    assert!(resumed.save() == straight.save());
    let mut early = build(&tables);
    let before = build(&tables).save();
    early.restore(&before);
    assert_eq!(early.tick(), build(&tables).tick());
}

#[test]
fn clocks_stop_the_group() {
    let mut run = build(&tables(json!(1), 1));
    let per_tick = 128 * 3;
    for tick in 1..=3 {
        let blocks = run.tick();
        assert!(!of_table(&blocks, "metrics").is_empty());
        let world = run.world();
        let mut query = world.query::<(&EntityName, &Clocks)>();
        let game = query
            .iter(world)
            .find(|(name, _)| **name == EntityName::new("group", "game"));
        let clocks = *game.expect("a group per connected component").1;
        assert_eq!((clocks.now.ticks, clocks.now.env_steps), (tick, tick * per_tick));
        assert_eq!(clocks.finished, tick == 3);
        assert_eq!(clocks.total.env_steps, 3 * per_tick);
    }
    assert_eq!(run.tick(), Vec::new(), "a finished group does nothing");
}

/// Steps an episode again from its recorded actions and checks the recorded rewards.
pub(super) fn check_replay(environment: &dyn Simulate, recorded: &Recorded, rows: &[(u32, Vec<i32>, Vec<f32>, bool)]) {
    let shape = environment.shape();
    let mut block = replay::open(environment, RunSeed(11), recorded);
    let seats = shape.seats.len();
    let width = seats * shape.observation_width();
    let mut observations = ObservationBuffer::zeros(shape, width);
    let (mut rewards, mut shaped) = (vec![0.0; seats], vec![0.0; seats]);
    let (mut terminated, mut truncated) = ([0], [0]);
    let (mut legal, mut active) = (vec![0; seats * shape.moves()], vec![0; seats]);
    for (step, actions, recorded_rewards, ended) in rows {
        assert_eq!(block.episode_steps(), [*step]);
        let mut outputs = StepOutputs {
            observations: observations.slice_mut(0..width),
            rewards: &mut rewards,
            shaped: &mut shaped,
            terminated: &mut terminated,
            truncated: &mut truncated,
            legal: shape.masks.then_some(&mut *legal),
            active: shape.turns.then_some(&mut *active),
            final_observations: None,
            events: None,
        };
        block.step(Actions::Discrete(actions), &mut outputs).expect("one lane");
        assert_eq!(&rewards, recorded_rewards);
        assert_eq!((terminated[0] | truncated[0]) != 0, *ended);
    }
}

#[test]
fn recorded_episodes_are_whole_and_can_be_simulated_again() {
    let every = 3;
    let mut run = build(&tables(json!(2), every));
    let blocks = run.ticks(3);
    let trajectories = of_table(&blocks, "trajectories");
    let (mut whole, mut evaluated) = (0, 0);
    for entity in ["environment.game", "environment.poles", "evaluate.score"] {
        let (table, key) = entity.split_once('.').expect("table.key");
        let environment = replay::environment_of(run.world(), &EntityName::new(table, key)).expect("a known table");
        let seats = environment.shape().seats.len();
        let mut episodes = std::collections::BTreeMap::<_, Vec<_>>::new();
        for block in &trajectories {
            let ColumnData::OneName { name, .. } = &block.columns[1] else {
                panic!("one name per block");
            };
            let ColumnData::U64(ticks) = &block.columns[0] else {
                panic!("ticks are u64");
            };
            if name != entity {
                continue;
            }
            let (replica, lane, episode) = (u32s(block, "replica"), u32s(block, "lane"), u32s(block, "episode"));
            let (steps, actions, rewards) = (u32s(block, "step"), i32s(block, "actions"), f32s(block, "rewards"));
            let flags = |name| match super::column(block, name) {
                ColumnData::Bool(values) => values.clone(),
                other => panic!("{name} is {other:?}"),
            };
            let (terminated, truncated) = (flags("terminated"), flags("truncated"));
            for row in 0..block.rows() {
                // The tick tells evaluations apart; an episode of training may span several.
                let tick = if table == "evaluate" { ticks[row] } else { 0 };
                let own = row * seats..(row + 1) * seats;
                episodes
                    .entry((replica[row], lane[row], episode[row], tick))
                    .or_default()
                    .push((
                        steps[row],
                        actions[own.clone()].to_vec(),
                        rewards[own].to_vec(),
                        terminated[row] || truncated[row],
                    ));
            }
        }
        assert!(!episodes.is_empty(), "{entity} recorded nothing");
        for ((replica, lane, episode, tick), rows) in episodes {
            assert!(table == "evaluate" || episode % every == 0);
            let numbers: Vec<u32> = rows.iter().map(|row| row.0).collect();
            assert_eq!(numbers, (0..rows.len() as u32).collect::<Vec<_>>());
            let ends = rows.iter().filter(|row| row.3).count();
            assert!(ends <= 1 && (ends == 0 || rows.last().is_some_and(|row| row.3)));
            whole += ends;
            evaluated += usize::from(table == "evaluate");
            let recorded = Recorded {
                entity: EntityName::new(table, key),
                replica,
                seating: String::new(),
                lane,
                episode,
                tick,
            };
            check_replay(&*environment, &recorded, &rows);
        }
    }
    assert!(whole > 100);
    // Ticks 2 and 3 (the last), two replicas, 66 recorded lanes.
    assert_eq!(evaluated, 2 * 2 * 66);
}

#[test]
fn episode_rows_agree_with_the_rollout() {
    let mut run = build(&tables(json!(1), 1));
    let blocks = run.tick();
    let rollout = rollouts(&mut run)[0][0].clone();
    let episodes = of_table(&blocks, "episodes")[0];
    let (mut steps, mut returns) = (vec![0_u32; rollout.lanes], vec![[0.0_f32; 2]; rollout.lanes]);
    let (mut lengths, mut expected) = (Vec::new(), Vec::new());
    for step in 0..rollout.steps {
        for lane in 0..rollout.lanes {
            let row = step * rollout.lanes + lane;
            steps[lane] += 1;
            for (total, reward) in returns[lane].iter_mut().zip(&rollout.rewards[row * 2..]) {
                *total += reward;
            }
            if rollout.terminated[row] | rollout.truncated[row] != 0 {
                lengths.push(std::mem::take(&mut steps[lane]));
                expected.extend(std::mem::take(&mut returns[lane]));
            }
        }
    }
    assert!(!lengths.is_empty());
    assert_eq!(u32s(episodes, "length"), lengths);
    assert_eq!(f32s(episodes, "returns"), expected);
    // Idle seats do nothing: their action, log-probability and value are 0.
    for (row, &active) in rollout.active.iter().enumerate() {
        assert!(active != 0 || (rollout.log_probs[row], rollout.values[row]) == (0.0, 0.0));
    }
    assert_eq!(
        rollout.active.iter().filter(|&&a| a != 0).count() * 2,
        rollout.active.len()
    );
}

#[test]
fn metrics_are_written_when_due() {
    let mut tables = tables(json!(1), 1);
    tables["record"] = json!({ "metrics": { "every": 2 } });
    tables["evaluate"] = json!({});
    let mut run = build(&tables);
    let counts: Vec<usize> = (0..3).map(|_| of_table(&run.tick(), "metrics").len()).collect();
    // Two environments; every second tick and the last.
    assert_eq!(counts, [0, 2, 2]);
}

/// Processor time of all threads of this process; Linux only.
fn cpu_nanoseconds() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    let of = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("schedstat")).ok();
    let texts = tasks.flatten().filter_map(of);
    texts
        .filter_map(|text| text.split_whitespace().next()?.parse::<f64>().ok())
        .sum()
}

/// `cargo test --release -p starling-simulate -- --ignored --nocapture --test-threads 1 speed`
#[test]
#[ignore = "a measurement, not a check"]
fn speed_of_collection() {
    for (rules, seats, lanes, replicas) in [
        (json!("cart_pole"), json!(["one"]), 4, 64),
        (json!("cart_pole"), json!(["one"]), 1024, 1),
        (
            json!({ "overcooked_v2": { "layout": "cramped_room" } }),
            json!(["one", "one"]),
            64,
            4,
        ),
    ] {
        for record in [json!({}), json!({ "trajectories": { "every": 1 } })] {
            let mut run = build(&json!({
                "environment": { "game": { "rules": rules, "lanes": lanes, "seats": seats } },
                "agent": { "one": { "script": "random", "replicas": replicas } },
                "record": record,
                "until": { "ticks": 1000 },
            }));
            run.ticks(2);
            let (start, ticks) = (cpu_nanoseconds(), 20);
            run.ticks(ticks);
            let steps = ticks * 128 * lanes * replicas;
            let nanoseconds = (cpu_nanoseconds() - start) / steps as f64;
            println!("{rules} {replicas} x {lanes} lanes, {record}: {nanoseconds:.1} CPU ns per environment step");
        }
    }
}
