//! Records under the faults of a real machine: full and read-only disks, SIGKILL at any instant, other programs' readers.

use starling_components::Fault;
use starling_components::fault::FaultKind;
use starling_components::persist::{SavedTensor, Snapshot, TensorData};
use starling_components::random::{Counter, Draw, Key};
use starling_components::specs::KeepCheckpoints;
use starling_components::table::Block;
use starling_components::tables::diagnostics::Diagnostics;
use starling_components::tables::episodes::{Episode, Episodes};
use starling_components::tables::events::Events;
use starling_components::tables::matches::{CellRow, Matches};
use starling_components::tables::metrics::Metrics;
use starling_components::tables::timings::Timings;
use starling_components::tables::trajectories::Trajectories;
use starling_record::commit::{GroupClocks, Status};
use starling_record::read::{Columns, read_table};
use starling_record::verify::{Report, verify};
use starling_record::{CommitRequest, Recorder, ResumeOptions, Run};
use starling_tests::cli::commits;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Says to a copy of this test program which folder to write to; see [`record_child`].
const CHILD: &str = "STARLING_RECORD_CHILD";
/// What the copy does: `rows` for ever, or `fill` the disk.
const CHILD_TASK: &str = "STARLING_RECORD_CHILD_TASK";

fn request(tick: u64) -> CommitRequest {
    let mut group = GroupClocks::default();
    group.now.ticks = tick;
    let mut snapshot = Snapshot::default();
    let tensor = SavedTensor {
        shape: vec![1],
        data: TensorData::U64(vec![tick]),
    };
    snapshot.tensors.insert("group.kitchen/clocks/now".into(), tensor);
    CommitRequest {
        status: Status::Running,
        clocks: [("group.kitchen".to_owned(), group)].into(),
        snapshot,
    }
}

fn metrics(tick: u64) -> Block {
    let mut metrics = Metrics::default();
    for replica in 0..3 {
        metrics.push(tick, tick * 8, "agent.chef", replica, "loss", tick as f64 / 3.0);
    }
    metrics.into_block()
}

/// `rows` steps with observations that do not compress.
fn trajectories(tick: u64, rows: usize, bytes: usize) -> Block {
    let mut draw = Counter::new(Key::of_seed(tick), 0, 0, 0);
    let steps: Vec<u32> = (0..rows as u32).collect();
    Trajectories {
        seats: 2,
        action_width: 2,
        observation_bytes: bytes,
        tick: vec![tick; rows],
        entity: "environment.kitchen".into(),
        replica: vec![0; rows],
        lane: steps.clone(),
        episode: vec![0; rows],
        step: steps,
        actions: vec![3; 2 * rows],
        rewards: vec![0.5; 2 * rows],
        shaped: vec![0.0; 2 * rows],
        terminated: vec![false; rows],
        truncated: vec![false; rows],
        seatings: vec!["chef:0,chef:0".into()],
        seating_of: Vec::new(),
        observations: (0..rows * bytes).map(|_| draw.word() as u8).collect(),
    }
    .into_block()
}

/// The recorder of a new or resumed run in `dir`, and the ticks that are done.
fn open(dir: &Path, part_rows: u64) -> (Recorder, u64) {
    let resumed = Run::open_for_resume(dir, &ResumeOptions::default());
    let run = resumed
        .or_else(|_| Run::create(dir, "name = \"test\"\n", "test 0"))
        .unwrap();
    let tick = run.latest_commit().map_or(0, |commit| commit.tick);
    let fresh = run.latest_commit().is_none();
    let mut recorder = Recorder::start(run, part_rows, KeepCheckpoints::default()).unwrap();
    if fresh {
        recorder.commit(request(0)).unwrap();
    }
    (recorder, tick)
}

/// The run is whole, and its metrics are those of ticks 1 to the last committed one, each once.
fn check_whole(dir: &Path) -> Report {
    let report = verify(dir, None).unwrap();
    assert!(report.is_whole(), "{:?}", report.problems);
    let tick = report.latest.as_ref().unwrap().tick;
    let run = Run::open_read_only(dir, None).unwrap();
    let mut ticks = Vec::new();
    for batch in read_table(&run, "metrics") {
        ticks.extend_from_slice(Columns(&batch.unwrap()).u64("tick").unwrap());
    }
    assert_eq!(ticks, (1..=tick).flat_map(|t| [t; 3]).collect::<Vec<_>>());
    report
}

/// Not a test of its own: what a copy of this program does when another test starts it.
#[test]
fn record_child() {
    let Some(dir) = std::env::var_os(CHILD).map(PathBuf::from) else {
        return;
    };
    if std::env::var(CHILD_TASK).as_deref() == Ok("fill") {
        check_that_it_fills(&dir);
        return;
    }
    let (mut recorder, done) = open(&dir, 4);
    for tick in done + 1.. {
        recorder.write(metrics(tick)).unwrap();
        recorder.write(trajectories(tick, 8, 64)).unwrap();
        if tick.is_multiple_of(3) {
            recorder.commit(request(tick)).unwrap();
        }
    }
}

fn child(dir: &Path, task: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["record::record_child", "--exact", "--nocapture"]);
    command.env(CHILD, dir).env(CHILD_TASK, task);
    command
}

#[test]
fn record_a_writer_killed_at_any_instant_leaves_a_whole_run() {
    let dir = tempfile::tempdir().unwrap();
    let mut draw = Counter::new(Key::of_seed(u64::from(std::process::id())), 0, 0, 0);
    let (mut last, mut advanced) = (0, 0);
    for kill in 0..20 {
        let mut writer = child(dir.path(), "rows")
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // Every second writer gets as far as a new commit first, however slow the machine is.
        let next = commits(dir.path()) + kill % 2;
        while commits(dir.path()) < next && writer.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(u64::from(draw.below(100_000))));
        assert!(writer.try_wait().unwrap().is_none(), "the writer ended by itself");
        writer.kill().unwrap();
        writer.wait().unwrap();
        if !dir.path().join("commits/000000.json").exists() {
            continue; // killed before its first commit: the next one starts afresh
        }
        let tick = check_whole(dir.path()).latest.unwrap().tick;
        assert!(tick >= last, "kill {kill}: committed ticks {last} became {tick}");
        advanced += u32::from(tick > last);
        last = tick;
    }
    assert!(
        advanced >= 5,
        "only {advanced} of 20 writers committed anything: the test shows nothing"
    );
    println!("20 writers were killed, {advanced} of them after a commit; {last} ticks are whole");
}

/// A small file system of its own.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None`, loudly, where mounting is not permitted.
    fn new(options: &str, instead: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        if mount(&["-t", "tmpfs", "-o", options, "tmpfs"], folder.path()) {
            return Some(Self(folder));
        }
        eprintln!("NOT AS MEANT: this user may not mount a tmpfs; {instead}");
        None
    }
    fn path(&self) -> PathBuf {
        self.0.path().join("run")
    }
    fn remount(&self, options: &str) {
        assert!(
            mount(&["-o", &format!("remount,{options}")], self.0.path()),
            "remount with {options}"
        );
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

fn mount(options: &[&str], folder: &Path) -> bool {
    let status = Command::new("mount").args(options).arg(folder).status();
    status.is_ok_and(|status| status.success())
}

/// Writes rows into `dir` until the disk refuses, with everything that must hold then.
fn check_that_it_fills(dir: &Path) -> Fault {
    let (mut recorder, _) = open(dir, 64);
    for tick in 1..=4 {
        recorder.write(metrics(tick)).unwrap();
    }
    recorder.commit(request(4)).unwrap();
    recorder.wait().unwrap();
    let refused = (5..10_000).find_map(|tick| {
        let written = recorder
            .write(metrics(tick))
            .and_then(|()| recorder.write(trajectories(tick, 64, 4096)));
        written.err()
    });
    let fault = refused.expect("the disk never filled");
    assert_eq!(fault.kind, FaultKind::Storage, "{fault}");
    assert!(fault.message.contains(&*dir.to_string_lossy()), "{fault}");
    let advice = fault.advice.clone().unwrap();
    assert!(
        advice.contains("everything up to tick 4 (commit 1) is safe") && advice.contains("starling resume"),
        "{advice}"
    );
    recorder.close().unwrap();
    let report = check_whole(dir);
    assert_eq!(report.latest.unwrap().tick, 4);
    assert!(
        report.uncommitted.is_empty(),
        "half-written files stay: {:?}",
        report.uncommitted
    );
    fault
}

#[test]
fn record_a_full_disk_stops_the_run_with_its_rows_kept() {
    let Some(disk) = SmallDisk::new("size=1m", "a limit on the size of files stands in for a full disk") else {
        let dir = tempfile::tempdir().unwrap();
        let limited = child(dir.path(), "fill");
        let mut shell = Command::new("bash");
        shell.args(["-c", "trap '' XFSZ; ulimit -f 128; exec \"$@\"", "bash"]);
        shell.arg(limited.get_program()).args(limited.get_args());
        shell.env(CHILD, dir.path()).env(CHILD_TASK, "fill");
        assert!(shell.status().unwrap().success());
        return;
    };
    let fault = check_that_it_fills(&disk.path());
    assert!(
        fault.message.contains("needed") && fault.message.contains("free"),
        "{fault}"
    );
    println!("{fault}; {}", fault.advice.as_deref().unwrap_or_default());
    // Room for rows but not for the commit.
    let (mut recorder, tick) = open(&disk.path(), 64);
    recorder.write(metrics(tick + 1)).unwrap();
    let filler = disk.path().join("filler");
    let room = std::fs::write(&filler, vec![1; 2 << 20]);
    assert!(room.is_err(), "the filler was to fill the disk");
    recorder.commit(request(tick + 1)).unwrap();
    assert_eq!(recorder.wait().unwrap_err().kind, FaultKind::Storage);
    recorder.close().unwrap();
    check_whole(&disk.path());
    std::fs::remove_file(filler).unwrap();
    // With more room the run goes on.
    disk.remount("size=64m");
    let (mut recorder, tick) = open(&disk.path(), 64);
    recorder.write(metrics(tick + 1)).unwrap();
    recorder.write(trajectories(tick + 1, 640, 4096)).unwrap();
    recorder.commit(request(tick + 1)).unwrap();
    recorder.close().unwrap();
    assert_eq!(check_whole(&disk.path()).latest.unwrap().tick, 5);
}

#[test]
fn record_an_unwritable_folder_is_told_with_its_path() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let fault = Run::create(file.path().join("run"), "", "test 0").unwrap_err();
    assert_eq!(fault.kind, FaultKind::Storage);
    assert!(fault.message.contains(&*file.path().to_string_lossy()), "{fault}");
    // Root ignores permissions but not a read-only file system.
    let Some(disk) = SmallDisk::new("size=4m", "only a folder under a regular file was tried") else {
        return;
    };
    let (mut recorder, _) = open(&disk.path(), 64);
    recorder.write(metrics(1)).unwrap();
    recorder.commit(request(1)).unwrap();
    recorder.close().unwrap();
    disk.remount("ro");
    let fault = Run::open_for_resume(disk.path(), &ResumeOptions::default()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Storage);
    assert!(fault.message.contains("ead-only file system"), "{fault}");
    check_whole(&disk.path()); // reading needs no writing
    let fault = Run::create(disk.0.path().join("other"), "", "test 0").unwrap_err();
    assert_eq!(fault.kind, FaultKind::Storage);
}

/// pyarrow and DuckDB open every table unaided.
#[test]
fn record_tables_open_in_pyarrow_and_duckdb() {
    let python = std::env::var("STARLING_PYTHON").unwrap_or_else(|_| "python3".into());
    let probe = Command::new(&python).args(["-c", "import pyarrow, duckdb"]).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        let how = "`pip install -r tests/peers/requirements-tables.txt`, or name another Python in STARLING_PYTHON";
        let required = std::env::var("STARLING_REQUIRE_PEERS").as_deref() == Ok("1");
        assert!(!required, "`{python}` has no pyarrow and duckdb: {how}");
        starling_tests::golden::say(&format!(
            "LEFT OUT: `{python}` has no pyarrow and duckdb, so they did not open the tables: {how}"
        ));
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (mut recorder, _) = open(dir.path(), 100);
    for tick in 1..=6 {
        recorder.write(metrics(tick)).unwrap();
        // First without observations, then with, then without: one table for readers all the same.
        recorder
            .write(trajectories(tick, 90, if (3..6).contains(&tick) { 750 } else { 0 }))
            .unwrap();
        let mut episodes = Episodes::new(2);
        episodes.push(&Episode {
            tick,
            entity: "environment.kitchen",
            replica: 1,
            lane: 0,
            episode: 3,
            length: 400,
            returns: &[20.0, 20.0],
            shaped_returns: &[3.0, 5.0],
            truncated: true,
            seating: "chef:1,chef:1",
        });
        recorder.write(episodes.into_block()).unwrap();
        let mut matches = Matches::new(2);
        matches.push(&CellRow {
            tick,
            entity: "evaluate.crossplay",
            seating: "chef:0,chef:4000000000",
            replicas: &[0, 4_000_000_000],
            episodes: 500,
            return_mean: 20.0,
            return_std: 5.0,
            return_min: 0.0,
            return_max: 40.0,
            length_mean: 400.0,
            seat_returns: &[20.0, 20.0],
            seat_shaped: &[3.0, 5.0],
        });
        recorder.write(matches.into_block()).unwrap();
        let mut events = Events::default();
        let names = ["deliveries".to_owned(), "collisions".to_owned()];
        events.push(tick, "evaluate.crossplay", "chef:0,chef:1", &names, &[1, 2, 3, 4], 5);
        recorder.write(events.into_block()).unwrap();
        let mut diagnostics = Diagnostics::default();
        diagnostics.push(tick, "agent.chef", 0, 1, "grad_norm", f64::NAN);
        recorder.write(diagnostics.into_block()).unwrap();
        let mut timings = Timings::default();
        timings.push(tick, "collect", 1234);
        recorder.write(timings.into_block()).unwrap();
        if u64::is_multiple_of(tick, 2) {
            recorder.commit(request(tick)).unwrap();
        }
    }
    recorder.close().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/open_tables.py");
    let output = Command::new(&python).arg(script).arg(dir.path()).output().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    println!("{out}");
    assert!(output.status.success(), "{out}{err}");
    assert!(
        out.contains("trajectories: 540 rows") && out.contains("opened 7 tables"),
        "{out}"
    );
}
