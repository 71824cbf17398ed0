//! One run over processes that `mpirun` starts: the same bits for any number of them, also when one is killed and another number goes on.
//!
//! Runs with 1 and 2 processes, and with as many as `STARLING_MPI_RANKS` says.

#[path = "../ranks/pipelines.rs"]
#[allow(dead_code)] // shared with the ranks that are threads
mod pipelines;

use pipelines::{COOKS, EVOLUTION, RECURRENT};
use starling_tests::cli::{Ended, Starling, commits};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than any of these runs takes: what hangs is told.
const PATIENCE: Duration = Duration::from_secs(240);

fn binary() -> Starling {
    Starling(env!("CARGO_BIN_EXE_starling-tests").into())
}

/// Numbers of processes that are tried.
fn sizes() -> Vec<usize> {
    let asked = std::env::var("STARLING_MPI_RANKS")
        .ok()
        .and_then(|size| size.parse().ok());
    [1, 2].into_iter().chain(asked).collect()
}

fn mpirun(size: usize, args: &[&str]) -> Command {
    let mut command = Command::new("mpirun");
    command.args(["--allow-run-as-root", "--oversubscribe", "--bind-to", "none"]);
    // Processes that wait let others work: there are more of them than cores.
    command.args(["--mca", "mpi_yield_when_idle", "1", "-n", &size.to_string()]);
    command.arg(binary().0).args(args);
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// Runs to the end.
fn by_ranks(size: usize, args: &[&str]) -> Ended {
    let output = mpirun(size, args).output();
    Ended::from(output.expect("mpirun starts: install openmpi-bin"))
}

fn succeed(size: usize, args: &[&str]) {
    let ended = by_ranks(size, args);
    assert_eq!(
        ended.code,
        Some(0),
        "{size} ranks, {args:?}:\n{}\n{}",
        ended.stdout,
        ended.stderr
    );
}

struct Bench {
    folder: tempfile::TempDir,
    file: String,
}

impl Bench {
    fn new(pipeline: &str) -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let file = folder.path().join("pipeline.toml");
        std::fs::write(&file, pipeline).expect("the pipeline is written");
        let file = file.display().to_string();
        Self { folder, file }
    }

    fn out(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The run of one process without a launcher.
    fn alone(&self) -> PathBuf {
        let out = self.out("alone");
        binary().succeed(&["run", &self.file, "--out", &out]);
        out.into()
    }
}

/// Nothing differs, and there was something to compare.
fn check_same(a: &Path, b: &Path) {
    let (a, b) = (a.display().to_string(), b.display().to_string());
    binary().succeed(&["diff", &a, &b]);
    let told = binary().succeed(&["verify", &b]).stdout;
    assert!(told.contains("finished") && told.contains("of metrics"), "{told}");
}

fn check(pipeline: &str) {
    let bench = Bench::new(pipeline);
    let alone = bench.alone();
    for size in sizes() {
        let out = bench.out(&format!("by-{size}"));
        succeed(size, &["run", &bench.file, "--out", &out]);
        check_same(&alone, Path::new(&out));
    }
}

#[test]
fn mpi_ppo_has_the_same_bits_on_any_number_of_ranks() {
    check(COOKS);
}

#[test]
fn mpi_ppo_with_a_memory_has_the_same_bits_on_any_number_of_ranks() {
    check(RECURRENT);
}

#[test]
fn mpi_evolution_has_the_same_bits_on_any_number_of_ranks() {
    check(EVOLUTION);
}

/// A run that `mpirun` has started, ended with the test.
struct Running(Child);

impl Running {
    fn start(size: usize, args: &[&str]) -> Self {
        let mut command = mpirun(size, args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().expect("mpirun starts"))
    }

    /// Waits until the run in `dir` has so many commits.
    fn until_commits(&mut self, dir: &Path, count: usize) {
        let begun = Instant::now();
        while commits(dir) < count {
            assert!(begun.elapsed() < PATIENCE, "the run makes no commits");
            assert!(
                self.0.try_wait().expect("a child").is_none(),
                "it ended before it was disturbed"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The processes that it has started, by rank.
    fn ranks(&self) -> Vec<i32> {
        let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
        let mut found: Vec<(usize, i32)> = processes
            .filter_map(|entry| {
                let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
                let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
                let parent = stat
                    .rsplit(')')
                    .next()?
                    .split_whitespace()
                    .nth(1)?
                    .parse::<u32>()
                    .ok()?;
                let told = std::fs::read(entry.path().join("environ")).ok()?;
                let told = String::from_utf8_lossy(&told).into_owned();
                let rank = told
                    .split('\0')
                    .find_map(|line| line.strip_prefix("OMPI_COMM_WORLD_RANK="))?;
                (parent == self.0.id()).then_some((rank.parse().ok()?, pid))
            })
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, pid)| pid).collect()
    }

    /// How it ended.
    fn end(mut self) -> Ended {
        let begun = Instant::now();
        while self.0.try_wait().expect("a child").is_none() {
            if begun.elapsed() > PATIENCE {
                self.0.kill().ok();
                panic!("the others wait for ever");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ended::from(self.0.wait_with_output().expect("a child"))
    }
}

fn signal(pid: i32, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status();
    assert!(sent.expect("kill is there").success());
}

/// The same for sixty ticks: long enough to be disturbed.
fn longer(pipeline: &str) -> String {
    let lines = pipeline.lines().map(|line| {
        if line.starts_with("until") {
            "until = { ticks = 60 }"
        } else {
            line
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Kills the process of `rank` in the midst of the run; then so many others go on.
fn check_killed(pipeline: &str, rank: usize, others: usize) {
    let bench = Bench::new(&longer(pipeline));
    let alone = bench.alone();
    let out = bench.out("killed");
    let mut running = Running::start(2, &["run", &bench.file, "--out", &out]);
    running.until_commits(Path::new(&out), 3);
    let ranks = running.ranks();
    assert_eq!(ranks.len(), 2, "the ranks are children of mpirun");
    signal(ranks[rank], "KILL");
    let ended = running.end();
    assert_ne!(ended.code, Some(0));
    assert!(ended.stderr.contains("signal 9"), "{}", ended.stderr);
    succeed(others, &["resume", &out]);
    check_same(&alone, Path::new(&out));
}

#[test]
fn mpi_a_killed_rank_ends_the_run_and_another_number_goes_on() {
    check_killed(COOKS, 1, 1);
    check_killed(COOKS, 0, sizes().pop().unwrap_or(2));
}

#[test]
fn mpi_a_killed_rank_ends_an_evolution_and_another_number_goes_on() {
    check_killed(EVOLUTION, 1, 1);
}

#[test]
fn mpi_a_run_that_is_asked_to_stop_commits_and_goes_on() {
    let bench = Bench::new(&longer(COOKS));
    let alone = bench.alone();
    let out = bench.out("stopped");
    let mut running = Running::start(2, &["run", &bench.file, "--out", &out]);
    running.until_commits(Path::new(&out), 2);
    signal(running.0.id() as i32, "USR1");
    let ended = running.end();
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert_eq!(
        ended.stderr.matches("go on with: starling resume").count(),
        1,
        "{}",
        ended.stderr
    );
    succeed(1, &["resume", &out]);
    check_same(&alone, Path::new(&out));
}

#[test]
fn mpi_what_is_wrong_is_said_once() {
    let bench = Bench::new(COOKS);
    let out = bench.out("never");
    let ended = by_ranks(
        3,
        &[
            "run",
            &bench.file,
            "--out",
            &out,
            "--set",
            "agent.chef.learner.ppo.shards=2",
        ],
    );
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    let told = "2 shards cannot be shared out among 3 processes";
    assert_eq!(ended.stderr.matches(told).count(), 1, "{}", ended.stderr);
    assert!(!Path::new(&out).exists());
}
