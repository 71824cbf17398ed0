//! `from = { runs = ... }`: parameters of earlier runs arrive bit for bit, at the moments that were asked for, and what changed or vanished
//! since is told.

use crate::rows;
use starling_components::persist::{SavedTensor, TensorData};
use starling_record::Run;
use starling_record::checkpoint;
use starling_record::read::metric_curves;
use starling_tests::cli::Starling;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn starling() -> Starling {
    Starling(env!("CARGO_BIN_EXE_starling-tests").into())
}

/// Trains two balancers for ten ticks, and keeps every checkpoint.
const SOURCE: &str = r#"
name  = "source"
until = { ticks = 10 }

[environment.pole]
rules.cart_pole = { max_steps = 30 }
lanes = 4
seats = ["balancer"]

[agent.balancer]
replicas       = 2
policy         = { heads = { actor = [{ dense = 8 }], critic = [{ dense = 8 }] } }
learner.ppo    = { steps = 16, minibatches = 2 }
optimizer.adam = { rate = 1e-2 }

[evaluate.final]
environment = "pole"
episodes    = 4
at          = { every = 2 }

[record]
commit      = { every = 1 }
checkpoints = "all"
"#;

/// Plays with what `from` gives.
fn taker(from: &str) -> String {
    format!(
        r#"name  = "taker"
until = {{ ticks = 2 }}

[environment.pole]
rules.cart_pole = {{ max_steps = 30 }}
lanes = 2
seats = ["frozen"]

[agent.frozen]
from = {{ {from} }}

[record]
commit = {{ every = 1 }}
"#
    )
}

/// Two source runs, `sp/a` and `sp/b`.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let bench = Self { folder };
        let source = bench.write("source.toml", SOURCE);
        for (seed, name) in ["a", "b"].into_iter().enumerate() {
            let (out, seed) = (bench.path(&format!("sp/{name}")), seed.to_string());
            starling().succeed(&["run", &source, "--out", &out, "--seed", &seed]);
        }
        bench
    }
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.folder.path().join(name), text).expect("a file is written");
        self.path(name)
    }
    fn all(&self) -> String {
        format!("runs = {:?}, agent = \"balancer\"", self.path("sp/*"))
    }
    fn take(&self, name: &str, from: &str, options: &[&str]) -> PathBuf {
        let file = self.write(&format!("{name}.toml"), &taker(from));
        let out = self.path(name);
        let mut args = vec!["run", &file, "--out", &out];
        args.extend(options);
        starling().succeed(&args);
        out.into()
    }
}

fn cut(tensor: &SavedTensor, index: usize) -> Vec<u32> {
    let TensorData::F32(values) = &tensor.data else {
        panic!("parameters are floats")
    };
    let width = values.len() / tensor.shape[0];
    values[index * width..(index + 1) * width]
        .iter()
        .map(|v| v.to_bits())
        .collect()
}

/// The bits of one replica's parameters at a commit.
fn parameters(run: &Path, agent: &str, commit: Option<u64>, index: usize) -> BTreeMap<String, Vec<u32>> {
    let run = Run::open_read_only(run, commit).unwrap_or_else(|fault| panic!("{fault}"));
    let snapshot =
        checkpoint::read(&run, run.latest_commit().expect("a commit")).unwrap_or_else(|fault| panic!("{fault}"));
    let prefix = format!("agent.{agent}/parameters/");
    let own = snapshot
        .tensors
        .iter()
        .filter_map(|(name, tensor)| Some((name.strip_prefix(&prefix)?, tensor)));
    let own: BTreeMap<_, _> = own
        .map(|(name, tensor)| (name.to_owned(), cut(tensor, index)))
        .collect();
    assert!(own.len() >= 8, "{agent} has parameters");
    own
}

/// The taker's replicas are these (run, commit, index) of the sources, in this order.
fn check_taken(bench: &Bench, taken: &Path, expected: &[(&str, Option<u64>, usize)]) {
    for (replica, &(run, commit, index)) in expected.iter().enumerate() {
        let source = parameters(Path::new(&bench.path(run)), "balancer", commit, index);
        assert_eq!(
            parameters(taken, "frozen", None, replica),
            source,
            "replica {replica} is {run}, {commit:?}, {index}"
        );
    }
    let text = std::fs::read_to_string(taken.join("pipeline.toml")).expect("a resolved pipeline");
    assert!(text.contains(&format!("replicas = {}", expected.len())), "{text}");
}

#[test]
fn from_runs_last_best_and_progress() {
    let bench = Bench::new();
    let last = bench.take("last", &bench.all(), &[]);
    check_taken(
        &bench,
        &last,
        &[
            ("sp/a", None, 0),
            ("sp/a", None, 1),
            ("sp/b", None, 0),
            ("sp/b", None, 1),
        ],
    );

    let moments = bench.take("moments", &format!("{}, progress = [0.1, 0.5, 1.0]", bench.all()), &[]);
    let expected = ["sp/a", "sp/b"]
        .into_iter()
        .flat_map(|run| (0..2).flat_map(move |index| [1, 5, 10].map(|commit| (run, Some(commit), index))));
    check_taken(&bench, &moments, &expected.collect::<Vec<_>>());

    let best = bench.take(
        "best",
        &format!("{}, pick = {{ best = \"evaluate.final.return_mean\" }}", bench.all()),
        &[],
    );
    let mut expected = Vec::new();
    for name in ["sp/a", "sp/b"] {
        let run = Run::open_read_only(bench.path(name), None).expect("a run");
        let curves = metric_curves(&run).expect("metrics");
        let points = &curves[&("evaluate.final".to_owned(), "return_mean".to_owned())];
        for replica in 0..2 {
            let own: Vec<_> = points.iter().filter(|p| p.replica == replica).collect();
            let most = own.iter().map(|p| p.value).fold(f64::NEG_INFINITY, f64::max);
            let tick = own.iter().find(|p| p.value == most).expect("a best tick").tick;
            expected.push((name, Some(tick), replica as usize));
        }
    }
    check_taken(&bench, &best, &expected);
}

#[test]
fn from_runs_repeats_resumes_and_takes_a_part() {
    let bench = Bench::new();
    let from = format!("{}, progress = [0.5, 1.0]", bench.all());
    let whole = bench.take("whole", &from, &[]);
    let same = |other: &str| starling().succeed(&["diff", &whole.display().to_string(), other]);

    let resolved = whole.join("pipeline.toml");
    let text = std::fs::read_to_string(&resolved).expect("a resolved pipeline");
    assert_eq!(text.matches("hash = ").count(), 4, "two moments of two runs: {text}");
    // Another run that the pattern matches is no part of a pipeline that is already resolved.
    starling().succeed(&[
        "run",
        &bench.path("source.toml"),
        "--out",
        &bench.path("sp/c"),
        "--seed",
        "9",
    ]);
    let again = bench.path("again");
    starling().succeed(&["run", &resolved.display().to_string(), "--out", &again]);
    same(&again);
    assert_eq!(
        std::fs::read_to_string(format!("{again}/pipeline.toml")).expect("a file"),
        text
    );
    std::fs::remove_dir_all(bench.path("sp/c")).expect("removed");

    let stopped = bench.path("stopped");
    let file = bench.path("whole.toml");
    assert_eq!(
        starling().run(&["run", &file, "--out", &stopped, "--ticks", "1"]).code,
        Some(3)
    );
    starling().succeed(&["resume", &stopped]);
    same(&stopped);

    let alone = bench.take("alone", &from, &["--set", "agent.frozen.replicas={first=3, count=1}"]);
    assert_eq!(
        parameters(&alone, "frozen", None, 0),
        parameters(&whole, "frozen", None, 3)
    );
    assert_eq!(
        rows::of_replica(&alone, "episodes", 3),
        rows::of_replica(&whole, "episodes", 3)
    );
}

#[test]
fn from_runs_takes_what_the_agent_has_seen() {
    let bench = Bench::new();
    let (file, out) = (bench.path("source.toml"), bench.path("seeing/a"));
    starling().succeed(&[
        "run",
        &file,
        "--out",
        &out,
        "--set",
        "agent.balancer.normalize.observations=true",
    ]);
    let from = format!("runs = {:?}, agent = \"balancer\"", bench.path("seeing/*"));
    let taken = bench.take("taken", &from, &[]);
    let statistics = |run: &Path, agent: &str| {
        let run = Run::open_read_only(run, None).expect("a run");
        let snapshot = checkpoint::read(&run, run.latest_commit().expect("a commit")).expect("a checkpoint");
        let name = |part: &str| format!("agent.{agent}/normalize/observation_{part}");
        ["mean", "variance", "count"].map(|part| snapshot.tensors[&name(part)].clone())
    };
    let theirs = statistics(Path::new(&out), "balancer");
    assert!(matches!(&theirs[2].data, TensorData::F64(counts) if counts.iter().all(|&count| count > 600.0)));
    assert_eq!(statistics(&taken, "frozen"), theirs);
    let text = taker(&from).replace("[agent.frozen]", "[agent.frozen]\nnormalize = { rewards = true }");
    check_refused(&bench, &text, &["does not normalise as this agent does"]);
}

/// `check` refuses the taker at a line and column with all of `parts`.
fn check_refused(bench: &Bench, text: &str, parts: &[&str]) {
    let file = bench.write("wrong.toml", text);
    let ended = starling().run(&["check", &file]);
    assert_ne!(ended.code, Some(0), "{text}");
    for part in parts {
        assert!(ended.stderr.contains(part), "`{part}` is not in:\n{}", ended.stderr);
    }
    assert!(ended.stderr.contains("wrong.toml:"), "{}", ended.stderr);
}

#[test]
fn from_runs_refuses_what_does_not_fit() {
    let bench = Bench::new();
    let all = bench.all();
    let runs = |pattern: &str| format!("runs = {:?}", bench.path(pattern));
    let refused = |from: &str, parts: &[&str]| check_refused(&bench, &taker(from), parts);
    // Runs that are not there yet: the file may be right, and cannot run.
    let waiting = bench.write(
        "wrong.toml",
        &taker(&format!("{}, agent = \"balancer\"", runs("sp/z*"))),
    );
    let checked = starling().succeed(&["check", &waiting]);
    assert!(checked.stderr.contains("no run matches"), "{}", checked.stderr);
    let ended = starling().run(&["run", &waiting, "--out", &bench.path("waiting")]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for part in ["no run matches", "wrong.toml:10:17:", "relative to where"] {
        assert!(ended.stderr.contains(part), "{}", ended.stderr);
    }
    refused(
        &format!("{}, agent = \"balancr\"", runs("sp/*")),
        &["has no agent `balancr`", "did you mean `balancer`?"],
    );
    refused(&runs("sp/*"), &["whose parameters are taken"]);
    refused(
        &format!("{all}, progress = [0.5, 1.5]"),
        &["progress lies between 0 and 1"],
    );
    refused(
        &format!("{all}, progress = [0.5], pick = {{ best = \"x\" }}"),
        &["both say which moment"],
    );
    refused(
        &format!("{all}, pick = {{ best = \"evaluate.final.retun_mean\" }}"),
        &["has not recorded", "return_mean"],
    );
    refused(&format!("{all}, file = \"x.safetensors\""), &["not from both"]);
    let count = |text: String| text.replace("[agent.frozen]", "[agent.frozen]\nreplicas = 3");
    check_refused(&bench, &count(taker(&all)), &["3 replicas", "`from` gives 4"]);
    let other = taker(&all).replace(
        "[agent.frozen]",
        "[agent.frozen]\npolicy = { heads = { actor = [{ dense = 9 }] } }",
    );
    let parts = [
        "`actor.0.kernel` is [4, 8], the network needs [4, 9]",
        "`critic.0.kernel` [4, 8]",
    ];
    check_refused(&bench, &other, &parts);

    // An unfinished run, and one whose checkpoints lie too far apart.
    let file = bench.path("source.toml");
    starling().run(&["run", &file, "--out", &bench.path("other/unfinished"), "--ticks", "2"]);
    refused(
        &format!("{}, agent = \"balancer\"", runs("other/*")),
        &["has not ended", "starling resume"],
    );
    let sparse = bench.path("sparse/x");
    starling().succeed(&["run", &file, "--out", &sparse, "--set", "record.checkpoints=2"]);
    let from = format!("{}, agent = \"balancer\", progress = [0.5]", runs("sparse/*"));
    refused(
        &from,
        &[
            "progress 0.5 is asked for",
            "at 0.90 (commit 9)",
            "checkpoints = \"all\"",
        ],
    );
}

#[test]
fn from_runs_tells_what_changed_since() {
    let bench = Bench::new();
    let taken = bench.take("taken", &bench.all(), &[]);
    let text = std::fs::read_to_string(taken.join("pipeline.toml")).expect("a resolved pipeline");
    let at = text.find("hash = \"").expect("a hash") + 8;
    let hash = &text[at..at + 64];
    let other = "0".repeat(64);
    check_refused(&bench, &text.replace(hash, &other), &["has changed", hash, &other]);

    // The parameters themselves are damaged.
    let last = bench.path("sp/b/checkpoints/000010.safetensors");
    let bytes = std::fs::read(&last).expect("a checkpoint");
    let mut damaged = bytes.clone();
    let end = damaged.len() - 1;
    damaged[end] ^= 1;
    std::fs::write(&last, &damaged).expect("written");
    check_refused(&bench, &text, &["is damaged"]);
    std::fs::write(&last, &bytes).expect("written");

    std::fs::rename(bench.path("sp/b"), bench.path("moved")).expect("moved away");
    check_refused(&bench, &text, &["is not there", "sp/b", "bring it back"]);
    let resumed = starling().run(&["resume", &taken.display().to_string()]);
    assert!(resumed.stderr.contains("is not there"), "{}", resumed.stderr);
    // Who only looks at the run needs no source.
    starling().succeed(&["show", &taken.display().to_string()]);
}
