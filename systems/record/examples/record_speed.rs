//! How fast rows are written: `cargo run --release -p starling-record --example record_speed [SECONDS]`.
//!
//! Trajectory rows as a kitchen with two seats gives them, without and with 750 one-hot bytes of observations; the processor time is
//! that of the whole process, making the rows included.

use starling_components::Fault;
use starling_components::persist::Snapshot;
use starling_components::random::{Counter, Draw, Key};
use starling_components::specs::KeepCheckpoints;
use starling_components::table::Block;
use starling_components::tables::trajectories::Trajectories;
use starling_record::commit::Status;
use starling_record::{CommitRequest, Recorder, Run};
use std::time::Instant;

const LANES: u32 = 64;
const STEPS: u32 = 128;

fn block(tick: u64, bytes: usize) -> Block {
    let rows = (LANES * STEPS) as usize;
    let mut draw = Counter::new(Key::of_seed(tick), 0, 0, 0);
    let mut observations = vec![0_u8; rows * bytes];
    for row in observations.chunks_exact_mut(bytes.max(1)) {
        for _ in 0..20 {
            row[draw.below(bytes as u32) as usize] = 1;
        }
    }
    let lanes = |value: fn(u32, u32) -> u32| {
        (0..STEPS)
            .flat_map(move |s| (0..LANES).map(move |l| value(s, l)))
            .collect()
    };
    Trajectories {
        seats: 2,
        action_width: 2,
        observation_bytes: bytes,
        tick: vec![tick; rows],
        entity: "environment.kitchen".into(),
        replica: vec![0; rows],
        lane: lanes(|_, lane| lane),
        episode: vec![tick as u32 / 4; rows],
        step: lanes(|step, _| step),
        actions: (0..2 * rows).map(|_| draw.below(6) as i32).collect(),
        rewards: (0..2 * rows)
            .map(|_| if draw.below(200) == 0 { 20.0 } else { 0.0 })
            .collect(),
        shaped: (0..2 * rows)
            .map(|_| if draw.below(50) == 0 { 3.0 } else { 0.0 })
            .collect(),
        terminated: vec![false; rows],
        truncated: vec![false; rows],
        seatings: vec!["chef:0,chef:0".into()],
        seating_of: Vec::new(),
        observations,
    }
    .into_block()
}

/// User and system time of this process in seconds (`/proc/self/stat`, in hundredths).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .map(|f| f.parse().unwrap_or(0.0))
        .collect();
    fields
        .get(11)
        .zip(fields.get(12))
        .map_or(f64::NAN, |(user, system)| (user + system) / 100.0)
}

fn measure(bytes: usize, seconds: f64) -> Result<(), Fault> {
    let dir = std::env::temp_dir().join(format!("starling-record-speed-{}", std::process::id()));
    let mut recorder = Recorder::start(
        Run::create(&dir, "", "record_speed")?,
        1 << 18,
        KeepCheckpoints::default(),
    )?;
    // A few blocks made beforehand and cloned, so that what is measured is the writing.
    let blocks: Vec<Block> = (1..=8).map(|tick| block(tick, bytes)).collect();
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let mut rows = 0;
    while start.elapsed().as_secs_f64() < seconds {
        for block in &blocks {
            rows += block.rows() as u64;
            recorder.write(block.clone())?;
        }
    }
    recorder.commit(CommitRequest {
        status: Status::Finished,
        clocks: [].into(),
        snapshot: Snapshot::default(),
    })?;
    let run = recorder.close()?;
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let written: u64 = run.chain().parts("trajectories").map(|part| part.bytes).sum();
    println!(
        "{bytes:>4} bytes of observations: {:>9.0} rows/s of wall, {:>9.0} rows/s of processor time, {:.1} bytes per row on disk",
        rows as f64 / wall,
        rows as f64 / cpu,
        written as f64 / rows as f64
    );
    let _ = std::fs::remove_dir_all(dir);
    Ok(())
}

fn main() -> Result<(), Fault> {
    let seconds = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(3.0);
    measure(0, seconds)?;
    measure(750, seconds)
}
