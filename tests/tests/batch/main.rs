//! Batches: the same bits however often their processes are killed, stopped and started, and however replicas are split over jobs.

mod kubernetes;
mod local;
mod slurm;
mod split;

use starling_tests::cli::Starling;
use std::path::{Path, PathBuf};

/// CartPole with small networks, `ticks` ticks each: two rates, and two seeds, or as many as `STARLING_BATCH_SEEDS` says.
pub(crate) fn cart(ticks: u32) -> String {
    let seeds = std::env::var("STARLING_BATCH_SEEDS").unwrap_or_else(|_| "2".to_owned());
    format!(
        r#"
name  = "study/cart"
until = {{ ticks = {ticks} }}

[environment.cart]
rules.cart_pole = {{ max_steps = 500 }}
lanes = 4
seats = ["balancer"]

[agent.balancer]
policy.heads  = {{ actor = [{{ dense = 16 }}], critic = [{{ dense = 16 }}] }}
learner.ppo   = {{ steps = 64, epochs = 2, minibatches = 2 }}
optimizer.adam = {{ rate = 1e-3, max_grad_norm = 0.5 }}

[evaluate.final]
environment = "cart"
episodes = 8
at = "end"

[record]
commit = {{ every = 4 }}
trajectories = {{ every = 20 }}

[sweep]
grid.agent.balancer.optimizer.adam.rate = [1e-3, 3e-4]
seeds = {seeds}
"#
    )
}

/// A folder with a pipeline file, and the binary.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) starling: Starling,
}

impl Place {
    pub(crate) fn new(pipeline: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("study.toml"), pipeline).expect("written");
        let starling = Starling(PathBuf::from(env!("CARGO_BIN_EXE_starling-tests")));
        Self { folder, starling }
    }

    pub(crate) fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = self.starling.command(args);
        command.current_dir(self.folder.path());
        command
    }

    /// Runs to the end; exit code, stdout and stderr.
    pub(crate) fn run(&self, args: &[&str]) -> starling_tests::cli::Ended {
        self.command(args).output().expect("the binary starts").into()
    }

    pub(crate) fn succeed(&self, args: &[&str]) -> starling_tests::cli::Ended {
        let ended = self.run(args);
        assert_eq!(ended.code, Some(0), "{args:?}:\n{}\n{}", ended.stdout, ended.stderr);
        ended
    }

    /// The only batch here.
    pub(crate) fn batch(&self) -> PathBuf {
        let folder = self.folder.path().join("runs/study/cart");
        let entries = std::fs::read_dir(&folder).expect("a folder of batches");
        let mut batches = entries.map(|entry| entry.expect("an entry").path());
        let batch = batches.next().expect("a batch");
        assert_eq!(batches.next(), None, "one batch");
        batch
    }
}

/// Names of the runs of a batch, as its file lists them.
pub(crate) fn runs(batch: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(batch.join("batch.json")).expect("batch.json");
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let runs = value["runs"].as_array().expect("runs");
    runs.iter()
        .map(|run| run["name"].as_str().expect("a name").to_owned())
        .collect()
}

/// Every run of `one` is the same in `two`: parameters, and every row of every table but `timings`.
pub(crate) fn same(place: &Place, one: &Path, two: &Path) {
    let names = runs(one);
    assert_eq!(names, runs(two));
    for name in names {
        let (one, two) = (one.join(&name), two.join(&name));
        place.succeed(&["diff", &one.to_string_lossy(), &two.to_string_lossy()]);
    }
}

/// The process that writes the run in `dir`, as its lock says.
pub(crate) fn writer(dir: &Path) -> Option<String> {
    let text = std::fs::read_to_string(dir.join("lock")).ok()?;
    Some(text.strip_prefix("process ")?.split(' ').next()?.to_owned())
}

pub(crate) fn signal(name: &str, pid: &str) {
    let sent = std::process::Command::new("kill").args([name, pid]).output();
    sent.expect("kill starts"); // the process may have ended
}

/// Waits until `done`, at most two minutes.
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..24_000 {
        if done() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("waited two minutes for {what}");
}
