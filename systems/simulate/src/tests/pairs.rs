//! Who meets whom in an evaluation: cells of a matrix, alone and among others, and what their rows say.

use super::ticks::check_replay;
use super::{Run, column, f32s, i32s, of_table, u32s};
use crate::replay::{self, Recorded};
use serde_json::{Value, json};
use starling_components::EntityName;
use starling_components::table::{Block, ColumnData};
use std::collections::BTreeMap;

/// Players that act by chance, scored by `score`; the second sits in an environment of its own.
fn tables(left: Value, right: Value, score: Value) -> Value {
    let kitchen = |seats: [&str; 2]| {
        let rules =
            json!({ "overcooked_v2": { "layout": "cramped_room", "max_steps": 12, "random_agent_positions": true } });
        json!({ "rules": rules, "lanes": 1, "seats": seats })
    };
    json!({
        "environment": { "one": kitchen(["left", "left"]), "two": kitchen(["right", "right"]) },
        "agent": {
            "left": { "script": "random", "replicas": left },
            "right": { "script": "random", "replicas": right },
        },
        "evaluate": { "score": score },
        "until": { "ticks": 1 },
    })
}

fn play(left: Value, right: Value, score: Value) -> Vec<Block> {
    let tables = tables(left, right, score);
    Run::build(&tables).expect("a pipeline without faults").tick()
}

fn score(agents: &[&str], pair: &str, rotate: bool) -> Value {
    json!({ "environment": "one", "agents": agents, "pair": pair, "rotate": rotate, "episodes": 70, "trajectories": 66 })
}

fn names(block: &Block, name: &str) -> Vec<String> {
    match column(block, name) {
        ColumnData::Name(values) => values.clone(),
        ColumnData::OneName { name, rows } => vec![name.clone(); *rows],
        other => panic!("{name} is {other:?}"),
    }
}

fn f64s(block: &Block, name: &str) -> Vec<f64> {
    match column(block, name) {
        ColumnData::F64(values) => values.clone(),
        other => panic!("{name} is {other:?}"),
    }
}

/// The rows of a table by seating: every value of a row as text, in order. Columns with `[seats]` entries have two.
fn by_seating(blocks: &[Block], table: &str) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::<String, Vec<String>>::new();
    for block in of_table(blocks, table) {
        let (entity, seating) = (names(block, "entity"), names(block, "seating"));
        for row in (0..block.rows()).filter(|&row| entity[row] == "evaluate.score") {
            let text = block.columns.iter().map(|column| match column {
                ColumnData::ListF32 { data, .. } => format!("{:?}", &data[2 * row..2 * row + 2]),
                ColumnData::ListU32 { data, .. } => format!("{:?}", &data[2 * row..2 * row + 2]),
                ColumnData::F64(values) => values[row].to_bits().to_string(),
                ColumnData::U64(values) => values[row].to_string(),
                ColumnData::U32(values) => values[row].to_string(),
                ColumnData::Bool(values) => values[row].to_string(),
                ColumnData::ListI32 { data, .. } => format!("{:?}", &data[2 * row..2 * row + 2]),
                ColumnData::Name(values) => values[row].clone(),
                ColumnData::OneName { name, .. } => name.clone(),
                ColumnData::Bytes { .. } => String::new(),
                other => panic!("{other:?}"),
            });
            let text: Vec<String> = text.collect();
            found.entry(seating[row].clone()).or_default().push(text.join("|"));
        }
    }
    found
}

#[test]
fn the_diagonal_of_a_product_is_the_evaluation_by_index() {
    let index = play(json!(3), json!(1), score(&["left"], "index", false));
    let product = play(json!(3), json!(1), score(&["left"], "product", false));
    for table in ["episodes", "matches", "events", "trajectories"] {
        let (index, product) = (by_seating(&index, table), by_seating(&product, table));
        assert_eq!((index.len(), product.len()), (3, 9));
        for (seating, rows) in &index {
            assert_eq!(&product[seating], rows, "{table} {seating}");
        }
        let distinct: std::collections::BTreeSet<_> = product.values().map(|rows| rows.join(" ")).collect();
        assert_eq!(distinct.len(), 9, "two cells of {table} repeat each other");
    }
}

#[test]
fn a_cell_alone_is_the_cell_of_the_matrix() {
    let agents = ["left", "right"];
    let all = play(json!(3), json!(4), score(&agents, "product", true));
    let first = |replica: u32| json!({ "first": replica, "count": 1 });
    let alone = play(first(1), first(3), score(&agents, "product", true));
    for table in ["episodes", "matches", "events", "trajectories"] {
        let (all, alone) = (by_seating(&all, table), by_seating(&alone, table));
        assert_eq!(all.len(), 2 * 3 * 4);
        assert_eq!(alone.keys().collect::<Vec<_>>(), ["left:1,right:3", "right:3,left:1"]);
        for (seating, rows) in &alone {
            assert_eq!(&all[seating], rows, "{table} {seating}");
        }
    }
}

#[test]
fn pairings_have_the_same_bits_on_any_number_of_threads() {
    let results: Vec<_> = [1, 2, 4]
        .into_iter()
        .map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("a pool")
                .install(|| play(json!(2), json!(3), score(&["right", "left"], "product", true)))
        })
        .collect();
    assert!(results[0] == results[1] && results[1] == results[2]);
}

#[test]
fn matches_and_metrics_are_sums_of_episodes() {
    let blocks = play(json!(3), json!(1), score(&["left"], "product", false));
    let episodes = of_table(&blocks, "episodes");
    let episodes = episodes
        .iter()
        .filter(|block| names(block, "entity")[0] == "evaluate.score");
    let mut returns = BTreeMap::<String, Vec<f64>>::new();
    for block in episodes {
        for (seating, value) in names(block, "seating").into_iter().zip(f64s(block, "return")) {
            returns.entry(seating).or_default().push(value);
        }
    }
    let matches = of_table(&blocks, "matches")[0];
    assert_eq!(u32s(matches, "episodes"), [70; 9]);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let cells: BTreeMap<String, f64> = names(matches, "seating")
        .into_iter()
        .zip(f64s(matches, "return_mean"))
        .collect();
    for (seating, values) in &returns {
        assert!((cells[seating] - mean(values)).abs() < 1e-9);
    }
    let metrics = of_table(&blocks, "metrics");
    let of = |metric: &str, replica: u32| {
        let rows = metrics.iter().flat_map(|block| {
            let keys = names(block, "metric").into_iter().zip(u32s(block, "replica"));
            let entity = names(block, "entity");
            keys.zip(entity).zip(f64s(block, "value"))
        });
        let own: Vec<f64> = rows
            .filter(|(((name, number), entity), _)| name == metric && *number == replica && entity == "evaluate.score")
            .map(|(_, value)| value)
            .collect();
        assert_eq!(own.len(), 1, "{metric} of replica {replica}");
        own[0]
    };
    for replica in 0..3 {
        let cell = |a: u32, b: u32| cells[&format!("left:{a},left:{b}")];
        let others: Vec<f64> = (0..3)
            .filter(|other| *other != replica)
            .flat_map(|other| [cell(replica, other), cell(other, replica)])
            .collect();
        assert_eq!(of("self_play_mean", replica), cell(replica, replica));
        assert!((of("cross_play_mean", replica) - mean(&others)).abs() < 1e-9);
        assert!((of("gap", replica) - (cell(replica, replica) - mean(&others))).abs() < 1e-9);
    }
}

#[test]
fn wrong_pairings_are_told() {
    let check = |left: u32, score: Value, place: &[&str], words: &str| {
        let faults = Run::build(&tables(json!(left), json!(1), score))
            .err()
            .expect("a fault");
        let told = faults.iter().find(|fault| fault.message.contains(words));
        assert_eq!(told.expect(words).key, place, "{faults:?}");
    };
    let key = |key| ["evaluate", "score", key];
    check(
        2,
        score(&["left", "right"], "index", false),
        &["agent", "right"],
        "2 replicas here and 1 elsewhere",
    );
    check(
        1001,
        score(&["left"], "product", false),
        &key("pair"),
        "1002001 pairings",
    );
}

#[test]
fn an_episode_of_a_cell_can_be_simulated_again() {
    let tables = tables(json!(2), json!(2), score(&["left", "right"], "product", true));
    let mut run = Run::build(&tables).expect("a pipeline without faults");
    let blocks = run.tick();
    let name = EntityName::new("evaluate", "score");
    let environment = replay::environment_of(run.world(), &name).expect("a known table");
    let mut cells = 0;
    for block in of_table(&blocks, "trajectories") {
        cells += 1;
        let (lane, step) = (u32s(block, "lane"), u32s(block, "step"));
        let (actions, rewards) = (i32s(block, "actions"), f32s(block, "rewards"));
        for wanted in [0, 65] {
            let recorded = Recorded {
                entity: name.clone(),
                replica: u32s(block, "replica")[0],
                seating: names(block, "seating")[0].clone(),
                lane: wanted,
                episode: 0,
                tick: 1,
            };
            let rows: Vec<usize> = (0..lane.len()).filter(|&row| lane[row] == wanted).collect();
            let row_of = |&row: &usize| {
                let own = 2 * row..2 * row + 2;
                let ended = Some(&row) == rows.last();
                (step[row], actions[own.clone()].to_vec(), rewards[own].to_vec(), ended)
            };
            let steps: Vec<_> = rows.iter().map(row_of).collect();
            check_replay(&*environment, &recorded, &steps);
        }
    }
    assert_eq!(cells, 2 * 2 * 2);
}
