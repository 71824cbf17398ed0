//! Recurrent policies of JaxMARL over sequences in which episodes end: acting step by step, and learning from whole sequences.

use super::{check, files, golden, network};
use serde_json::Value;
use starling_components::act::ActInput;
use starling_components::imports::ImportedReplica;
use starling_components::random::Key;
use starling_components::spaces::Observations;
use starling_components::specs::{KnownNames, NamesSpec};
use starling_learn::network::Network;
use starling_learn::network::kernels::sequence::RESET;
use starling_learn::network::pass::Pass;
use starling_record::imports;
use std::path::Path;

/// What JAX made of one sequence, `[steps, columns]`.
struct Sequences {
    network: Network,
    parameters: Vec<f32>,
    columns: usize,
    observations: Vec<u8>,
    resets: Vec<u8>,
    logits: Vec<f32>,
    values: Vec<f32>,
}

fn read(path: &Path, about: &Value) -> Sequences {
    let beside = |key: &str| path.with_file_name(about[key].as_str().expect("a file name"));
    let checkpoint = beside("checkpoint");
    let source = ImportedReplica {
        origin: checkpoint.display().to_string(),
        tensors: imports::read(&checkpoint)
            .unwrap_or_else(|fault| panic!("{fault}"))
            .tensors,
    };
    let network = network(about);
    let (observations, logits, values) = files::table(&beside("table"));
    Sequences {
        parameters: network
            .adopt(&NamesSpec::Known(KnownNames::Jaxmarl), &source)
            .unwrap_or_else(|fault| panic!("{fault}")),
        network,
        columns: about["columns"].as_u64().expect("columns") as usize,
        observations,
        resets: files::resets(&beside("table")),
        logits,
        values,
    }
}

impl Sequences {
    /// Logits and values step by step, with the memory of the step before unless an episode begins.
    fn act(&self) -> (Vec<f32>, Vec<f32>) {
        let (columns, numbers) = (self.columns, self.network.carry());
        let ids: Vec<u32> = (0..columns as u32).collect();
        let mut carry = vec![0.0; columns * numbers];
        let (mut logits, mut values) = (Vec::new(), Vec::new());
        let rows = self.observations.chunks_exact(columns * self.network.inputs());
        for (observations, resets) in rows.zip(self.resets.chunks_exact(columns)) {
            for (memory, _) in carry
                .chunks_exact_mut(numbers)
                .zip(resets)
                .filter(|(_, reset)| **reset != 0)
            {
                memory.fill(0.0);
            }
            let before = carry.clone();
            let input = ActInput {
                observations: Observations::Bytes(observations),
                legal: None,
                carry: &before,
                ids: &ids,
                time: 0,
                key: Key::of_seed(0),
                greedy: false,
                explore: 0.0,
            };
            let (policy, value) = self
                .network
                .evaluate_rows(&self.parameters, &input)
                .expect("rows of outputs");
            logits.extend(policy);
            values.extend(value);
            self.network
                .remember(&self.parameters, &input, &mut carry)
                .expect("memories");
        }
        (logits, values)
    }

    /// Logits and values of the whole sequence at once (`reference`: by the Candle graph).
    fn learn(&self, reference: bool) -> (Vec<f32>, Vec<f32>) {
        let rows = Observations::Bytes(&self.observations);
        let mut pass = Pass::new();
        let starts = (0..self.values.len()).map(|row| (rows, row * self.network.inputs()));
        self.network.gather(&mut pass, starts);
        let flags: Vec<u8> = self.resets.iter().map(|&reset| reset * RESET).collect();
        // What was remembered before the first episode began does not matter.
        pass.remember(&flags, &vec![7.0; self.columns * self.network.carry()], self.columns);
        match reference {
            true => self.network.forward_reference(&self.parameters, &mut pass),
            false => self.network.forward(&self.parameters, &mut pass),
        }
        .expect("a forward pass");
        let outputs = self.network.outputs(&mut pass);
        (outputs.policy.to_vec(), outputs.value.to_vec())
    }
}

#[test]
fn jaxmarl_recurrent_policies_compute_what_they_compute_in_jax() {
    let (mut count, mut rows, mut inside, mut largest) = (0, 0, 0, 0.0_f32);
    for (path, about) in super::described("jaxmarl_recurrent_policy/1") {
        let sequences = read(&path, &about);
        let name = path.display();
        for (way, (logits, values)) in [
            ("acting", sequences.act()),
            ("learning", sequences.learn(false)),
            ("the graph", sequences.learn(true)),
        ] {
            largest = largest.max(check(&format!("{name}: logits by {way}"), &logits, &sequences.logits));
            largest = largest.max(check(&format!("{name}: values by {way}"), &values, &sequences.values));
        }
        count += 1;
        rows += sequences.values.len();
        inside += sequences.resets[sequences.columns..]
            .iter()
            .filter(|reset| **reset != 0)
            .count();
    }
    golden::say(&format!(
        "compared {count} recurrent policies of JaxMARL, {rows} observations with {inside} episodes that begin inside, 3 ways; the largest difference is \
         {largest:.1e}"
    ));
    assert!(
        count >= 1 && rows >= 200 && inside >= 4,
        "{count} policies, {rows} rows, {inside} beginnings"
    );
}
