//! Policies of JaxMARL: files of its own `save_params` below `jaxmarl`, found by the JSON that describes them, against the logits and values that
//! JAX computed. `tests/peers/jaxmarl_policies.py` makes them.

use serde_json::Value;
use starling_components::act::ActInput;
use starling_components::fault::Fault;
use starling_components::imports::ImportedReplica;
use starling_components::random::Key;
use starling_components::registry::Registry;
use starling_components::spaces::{ActionSpace, ElementKind, ObservationSpace, Observations, SeatShape};
use starling_components::specs::{KnownNames, NamesSpec};
use starling_learn::network::Network;
use starling_learn::network::pass::Pass;
use starling_record::imports;
use starling_tests::golden;
use std::path::{Path, PathBuf};

mod files;
mod recurrent;
mod wrong;

/// Relative to the number, and absolute below 1.
const TOLERANCE: f32 = 1e-5;

/// A policy and what JAX made of its observations.
struct Policy {
    /// Where its files are, for messages.
    path: PathBuf,
    network: Network,
    source: ImportedReplica,
    /// `[rows, ...]`.
    observations: Vec<u8>,
    logits: Vec<f32>,
    values: Vec<f32>,
}

impl Policy {
    fn parameters(&self) -> Result<Vec<f32>, Fault> {
        self.network.adopt(&NamesSpec::Known(KnownNames::Jaxmarl), &self.source)
    }

    /// Logits and values, by the kernels that act.
    fn act(&self, parameters: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let ids: Vec<u32> = (0..self.values.len() as u32).collect();
        let input = ActInput {
            observations: Observations::Bytes(&self.observations),
            legal: None,
            carry: &[],
            ids: &ids,
            time: 0,
            key: Key::of_seed(0),
            greedy: false,
            explore: 0.0,
        };
        self.network
            .evaluate_rows(parameters, &input)
            .expect("a row of outputs")
    }

    /// Logits and values, by what learns (`reference`: by the Candle graph).
    fn learn(&self, parameters: &[f32], reference: bool) -> (Vec<f32>, Vec<f32>) {
        let rows = Observations::Bytes(&self.observations);
        let mut pass = Pass::new();
        let starts = (0..self.values.len()).map(|row| (rows, row * self.network.inputs()));
        self.network.gather(&mut pass, starts);
        match reference {
            true => self.network.forward_reference(parameters, &mut pass),
            false => self.network.forward(parameters, &mut pass),
        }
        .expect("a forward pass");
        let outputs = self.network.outputs(&mut pass);
        (outputs.policy.to_vec(), outputs.value.to_vec())
    }
}

/// The network that a description names.
fn network(about: &Value) -> Network {
    let shape = about["observation"].as_array().into_iter().flatten();
    let seat = SeatShape {
        observation: ObservationSpace {
            shape: shape.map(|n| n.as_u64().expect("a size") as usize).collect(),
            element: ElementKind::U8,
        },
        action: ActionSpace::Discrete {
            names: (0..about["moves"].as_u64().expect("moves"))
                .map(|i| i.to_string())
                .collect(),
        },
    };
    let spec = serde_json::from_value(about["policy"].clone()).expect("a policy table");
    let mut registry = Registry::default();
    starling_learn::register(&mut registry);
    Network::describe(&spec, &seat, &registry).expect("a network")
}

/// Every description of this schema that is committed, and every other one below the golden root.
fn described(schema: &str) -> Vec<(PathBuf, Value)> {
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a description");
        let about: Value = serde_json::from_str(&text).expect("JSON");
        (about["schema"] == schema).then_some((path, about))
    };
    let mut files = golden::files_below(&golden::committed().join("jaxmarl"), "json");
    files.extend(golden::files("jaxmarl", "json"));
    files.sort();
    files.dedup();
    files.into_iter().filter_map(read).collect()
}

/// Every feed-forward policy.
fn policies() -> Vec<Policy> {
    let all = described("jaxmarl_policy/1");
    all.iter().map(|(path, about)| policy(path, about)).collect()
}

fn policy(path: &Path, about: &Value) -> Policy {
    let beside = |key: &str| path.with_file_name(about[key].as_str().expect("a file name"));
    let checkpoint = beside("checkpoint");
    let file = imports::read(&checkpoint).unwrap_or_else(|fault| panic!("{fault}"));
    let (observations, logits, values) = files::table(&beside("table"));
    Policy {
        path: path.to_owned(),
        network: network(about),
        source: ImportedReplica {
            origin: checkpoint.display().to_string(),
            tensors: file.tensors,
        },
        observations,
        logits,
        values,
    }
}

/// The largest difference; fails above the tolerance.
fn check(what: &str, ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let mut largest = 0.0_f32;
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        let difference = (a - b).abs() / b.abs().max(1.0);
        assert!(difference <= TOLERANCE, "{what}[{i}]: ours {a}, JAX's {b}");
        largest = largest.max(difference);
    }
    largest
}

#[test]
fn jaxmarl_policies_compute_what_they_compute_in_jax() {
    let (mut count, mut rows, mut largest) = (0, 0, 0.0_f32);
    for policy in policies() {
        let parameters = policy.parameters().unwrap_or_else(|fault| panic!("{fault}"));
        let name = policy.path.display();
        for (way, (logits, values)) in [
            ("acting", policy.act(&parameters)),
            ("learning", policy.learn(&parameters, false)),
            ("the graph", policy.learn(&parameters, true)),
        ] {
            largest = largest.max(check(&format!("{name}: logits by {way}"), &logits, &policy.logits));
            largest = largest.max(check(&format!("{name}: values by {way}"), &values, &policy.values));
        }
        count += 1;
        rows += policy.values.len();
    }
    golden::say(&format!(
        "compared {count} policies of JaxMARL, {rows} observations, 3 ways; the largest difference is {largest:.1e}"
    ));
    assert!(
        count >= 2 && rows >= 1000,
        "only {count} policies and {rows} observations"
    );
}
