//! `from = { file = ..., names = ... }`: parameters of a safetensors file arrive bit for bit in every replica, and a file that changed, vanished
//! or does not fit is told in its place.

use starling_components::persist::TensorData;
use starling_record::{Run, checkpoint};
use starling_tests::cli::Starling;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

type Tensors = Vec<(&'static str, Vec<usize>)>;

/// The balancer's network, as flax calls its tensors.
fn flax() -> Tensors {
    vec![
        ("params,Dense_0,kernel", vec![4, 3]),
        ("params,Dense_0,bias", vec![3]),
        ("params,Dense_1,kernel", vec![3, 2]),
        ("params,Dense_1,bias", vec![2]),
        ("params,Dense_2,kernel", vec![4, 1]),
        ("params,Dense_2,bias", vec![1]),
    ]
}

/// The number at a place of a tensor: all differ.
fn number(tensor: usize, index: usize, first: f32) -> f32 {
    first + tensor as f32 * 0.1 + index as f32 * 0.001
}

/// A safetensors file, written from the format's description: the header's length, the header, the numbers.
fn safetensors(tensors: &Tensors, first: f32) -> Vec<u8> {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (i, (name, shape)) in tensors.iter().enumerate() {
        let start = data.len();
        let numbers = (0..shape.iter().product()).map(|j| number(i, j, first));
        data.extend(numbers.flat_map(f32::to_le_bytes));
        let about = serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, data.len()] });
        header.insert((*name).to_owned(), about);
    }
    let header = serde_json::Value::Object(header).to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}

struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    /// A folder with `weights/balancer.safetensors`.
    fn new() -> Self {
        let bench = Self {
            folder: tempfile::tempdir().expect("a scratch folder"),
        };
        std::fs::create_dir(bench.path("weights")).expect("a folder");
        bench.save(&safetensors(&flax(), 0.5));
        bench
    }
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
    fn save(&self, bytes: &[u8]) {
        std::fs::write(self.path("weights/balancer.safetensors"), bytes).expect("a file is written");
    }
    /// A pipeline in `pipes/`, beside `weights/`.
    fn pipeline(&self, from: &str, more: &str) -> String {
        let text = format!(
            r#"name  = "taker"
until = {{ ticks = 4 }}

[environment.pole]
rules.cart_pole = {{ max_steps = 30 }}
lanes = 2
seats = ["balancer"]

[agent.balancer]
replicas = 2
policy   = {{ heads = {{ actor = [{{ dense = 3 }}] }} }}
from     = {from}
{more}

[record]
commit = {{ every = 1 }}
"#
        );
        std::fs::create_dir_all(self.path("pipes")).expect("a folder");
        let path = self.path("pipes/taker.toml");
        std::fs::write(&path, text).expect("a file is written");
        path.display().to_string()
    }
}

fn starling() -> Starling {
    Starling(env!("CARGO_BIN_EXE_starling-tests").into())
}

const FROM: &str = r#"{ file = "../weights/balancer.safetensors", names = "jaxmarl" }"#;

/// `args` end with exit code 2 and say all of `parts`.
fn check_refused(args: &[&str], parts: &[&str]) {
    let ended = starling().run(args);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for part in parts {
        let told = ended.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(part), "no `{part}` in {}", ended.stderr);
    }
}

/// The parameters in a run's newest checkpoint, `[replicas, ...]`.
fn parameters(run: &Path) -> BTreeMap<String, Vec<f32>> {
    let run = Run::open_read_only(run, None).unwrap_or_else(|fault| panic!("{fault}"));
    let commit = run.latest_commit().expect("a commit");
    let snapshot = checkpoint::read(&run, commit).unwrap_or_else(|fault| panic!("{fault}"));
    let own = snapshot.tensors.into_iter().filter_map(|(name, tensor)| {
        let TensorData::F32(values) = tensor.data else {
            return None;
        };
        Some((name.strip_prefix("agent.balancer/parameters/")?.to_owned(), values))
    });
    own.collect()
}

#[test]
fn from_file_gives_every_replica_the_numbers_of_the_file() {
    let bench = Bench::new();
    let (file, out) = (bench.pipeline(FROM, ""), bench.path("out"));
    starling().succeed(&["run", &file, "--out", &out.display().to_string()]);
    let ours = [
        "actor.0.kernel",
        "actor.0.bias",
        "actor.out.kernel",
        "actor.out.bias",
        "critic.out.kernel",
        "critic.out.bias",
    ];
    let expected = ours.iter().zip(flax()).enumerate().map(|(i, (name, (_, shape)))| {
        let one: Vec<f32> = (0..shape.iter().product()).map(|j| number(i, j, 0.5)).collect();
        ((*name).to_owned(), [one.clone(), one].concat())
    });
    assert_eq!(parameters(&out), expected.collect());
}

#[test]
fn from_file_is_refused_once_it_has_changed() {
    let bench = Bench::new();
    let learns = "learner.ppo = { steps = 16, minibatches = 2 }\noptimizer.adam = { rate = 1e-2 }";
    let (file, out) = (bench.pipeline(FROM, learns), bench.path("out").display().to_string());
    starling().run(&["run", &file, "--out", &out, "--ticks", "2"]);
    let resolved = bench.path("out/pipeline.toml").display().to_string();
    let text = std::fs::read_to_string(&resolved).expect("a resolved pipeline");
    let hash = text
        .split("hash = \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a hash");
    assert_eq!(hash.len(), 64, "{text}");
    starling().succeed(&["check", &resolved]);

    bench.save(&safetensors(&flax(), 0.25));
    let changed = ["has changed: its hash is", hash, "leave `found` out"];
    check_refused(&["check", &resolved], &changed);
    check_refused(&["resume", &out], &changed);
    starling().succeed(&["check", &file]);
    std::fs::remove_file(bench.path("weights/balancer.safetensors")).expect("it was there");
    check_refused(&["check", &resolved], &["cannot read"]);

    bench.save(&safetensors(&flax(), 0.5));
    starling().succeed(&["resume", &out]);
    let whole = bench.path("whole").display().to_string();
    starling().succeed(&["run", &file, "--out", &whole]);
    starling().succeed(&["diff", &whole, &out]);
}

#[test]
fn from_file_that_does_not_fit_is_told_in_its_place() {
    let bench = Bench::new();
    let mut tensors = flax();
    tensors[0].1 = vec![3, 4];
    tensors[3].0 = "params,Dense_1,offset";
    bench.save(&safetensors(&tensors, 0.0));
    let file = bench.pipeline(FROM, "");
    check_refused(
        &["check", &file],
        &[
            "taker.toml:12:1",
            "missing: `params,Dense_1,bias` [2] for `actor.out.bias`",
            "`params,Dense_0,kernel` is [3, 4], the network needs [4, 3]",
            "not in the network: `params,Dense_1,offset` [2]",
        ],
    );
    bench.save(b"something else");
    check_refused(
        &["check", &file],
        &["is not a whole safetensors file", "taker.toml:12:"],
    );
    for (from, part) in [
        (r#"{ file = "gone.safetensors" }"#, "cannot read"),
        (
            r#"{ file = "gone.safetensors", progress = [0.5] }"#,
            "`progress` chooses nothing",
        ),
        (
            r#"{ file = "gone.safetensors", agent = "balancer" }"#,
            "`agent` chooses nothing",
        ),
    ] {
        check_refused(&["check", &bench.pipeline(from, "")], &[part, "taker.toml:12:"]);
    }
}
