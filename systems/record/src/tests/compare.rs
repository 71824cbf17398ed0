//! What may and what may not change the rows, and how a difference is told.

use super::*;
use crate::diff::{Difference, diff};
use crate::read::{Columns, episodes, metric_curves, open_part, part_bytes, read_table};
use crate::steps::{EpisodeKey, each_step};
use crate::verify::verify;
use starling_components::specs::KeepCheckpoints;
use starling_components::table::{Block, ColumnData};
use starling_components::tables::metrics::METRICS;
use starling_components::tables::trajectories::TRAJECTORIES;

fn compare(a: &Path, b: &Path) -> Difference {
    let open = |dir: &Path| Run::open_read_only(dir, None).unwrap();
    diff(&open(a), &open(b)).unwrap()
}

fn new_run(options: Options) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    run_new(dir.path(), options, None).unwrap();
    dir
}

#[test]
fn part_size_commits_and_interruptions_change_no_row() {
    let plain = new_run(Options::default());
    for (part_rows, commit_every) in [(1, 20), (5, 3), (7, 1), (24, 7)] {
        let options = Options {
            part_rows,
            commit_every,
            ..Options::default()
        };
        let other = tempfile::tempdir().unwrap();
        run_new(other.path(), options, Some(11)).unwrap();
        resume(other.path(), options, None).unwrap();
        let report = verify(other.path(), None).unwrap();
        assert!(report.is_whole(), "{:?}", report.problems);
        let difference = compare(plain.path(), other.path());
        assert!(difference.is_same(), "{part_rows} rows per part: {difference:?}");
        assert!(difference.checkpoint.is_some());
        let expected = [("episodes", 10), ("metrics", 80), ("trajectories", 240)];
        assert_eq!(
            difference.agreeing,
            expected.map(|(name, rows)| (name.to_owned(), rows))
        );
        let run = Run::open_read_only(other.path(), None).unwrap();
        assert!(run.chain().parts("metrics").all(|part| part.rows <= part_rows));
    }
}

#[test]
fn a_shorter_run_is_compared_up_to_its_end() {
    let (long, short) = (new_run(Options::default()), tempfile::tempdir().unwrap());
    run_new(short.path(), Options::default(), Some(7)).unwrap();
    let difference = compare(long.path(), short.path());
    assert!(difference.is_same(), "{difference:?}");
    assert_eq!(
        (difference.tick, difference.ticks, difference.checkpoint.clone()),
        (7, [20, 7], None)
    );
}

#[test]
fn runs_that_part_are_told_where() {
    let plain = new_run(Options::default());
    let other = tempfile::tempdir().unwrap();
    let options = Options::default();
    let mut app = app(options);
    let disturb = |clocks: Query<&Clocks>, mut agents: Query<&mut Parameters>| {
        if clocks.single().unwrap().now.ticks == 7 {
            agents.single_mut().unwrap().values[0] += 1.0;
        }
    };
    app.add_systems(Tick, disturb.before(play).in_set(TickSet::Collect));
    go(&mut app, Run::create(other.path(), PIPELINE, PROGRAM).unwrap(), None).unwrap();
    let difference = compare(plain.path(), other.path());
    assert_eq!(difference.rows[0].tick, 8, "the earliest tick comes first");
    // Four metrics per tick; "loss" of replica 0 is the first row of tick 8.
    let metrics = difference.rows.iter().find(|row| row.table == "metrics").unwrap();
    assert_eq!(
        (metrics.row, metrics.entity.as_str(), metrics.column.as_str()),
        (28, "agent.chef", "value")
    );
    assert_ne!(metrics.values[0], metrics.values[1]);
    assert!(!difference.rows.iter().any(|row| row.table == "trajectories"));
    let tensors = difference.checkpoint.unwrap();
    assert_eq!(tensors.len(), 1);
    assert_eq!(
        (tensors[0].tensor.as_str(), tensors[0].element),
        ("agent.chef/parameters/kernel", 0)
    );
}

#[test]
fn a_row_that_only_one_run_has_is_told() {
    let (plain, other) = (new_run(Options::default()), tempfile::tempdir().unwrap());
    let mut app = app(Options::default());
    let add = |clocks: Query<&Clocks>, mut outbox: ResMut<Outbox>| {
        if clocks.single().unwrap().now.ticks == 20 {
            let mut metrics = Metrics::default();
            metrics.push(20, 240, "agent.chef", 9, "surplus", 1.0);
            outbox.0.push(metrics.into_block());
        }
    };
    app.add_systems(Tick, add.in_set(TickSet::Evaluate));
    go(&mut app, Run::create(other.path(), PIPELINE, PROGRAM).unwrap(), None).unwrap();
    let difference = compare(plain.path(), other.path());
    assert_eq!(difference.rows.len(), 1);
    assert_eq!((difference.rows[0].row, &difference.rows[0].values[0]), (80, &None));
    assert!(
        difference.rows[0].to_string().contains("surplus"),
        "{}",
        difference.rows[0]
    );
}

#[test]
fn rows_read_back_as_they_were_written() {
    let dir = new_run(Options::default());
    let run = Run::open_read_only(dir.path(), None).unwrap();
    let curves = metric_curves(&run).unwrap();
    let returns = &curves[&("environment.kitchen".to_owned(), "return".to_owned())];
    assert_eq!(returns.len(), 40);
    assert_eq!(
        (returns[39].tick, returns[39].replica, returns[39].value),
        (20, 1, 20.0)
    );
    assert!(curves[&("agent.chef".to_owned(), "loss".to_owned())][4].value.is_nan());
    let all = episodes(&run).unwrap();
    assert_eq!(
        (all.len(), all[1].tick, all[1].returns[1], all[1].truncated),
        (10, 4, 1.0, true)
    );
    let expected = EpisodeKey {
        entity: "environment.kitchen".into(),
        tick: 0,
        replica: 0,
        seating: String::new(),
        lane: 2,
        episode: 4,
    };
    let (mut steps, mut entities) = (Vec::new(), std::collections::BTreeSet::new());
    let kitchens = |entity: &str| {
        entities.insert(entity.to_owned());
        entity == "environment.kitchen"
    };
    each_step(&run, kitchens, |key, step| {
        assert_eq!(key.entity, "environment.kitchen");
        if key == expected {
            steps.push(step);
        }
    })
    .unwrap();
    assert!(entities.contains("environment.kitchen"));
    assert_eq!(steps.iter().map(|s| s.step).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!((&steps[0].actions[..], steps[3].ended), (&[2, 3][..], true));
    let seatings: Vec<_> = steps.iter().map(|s| s.seating.as_str()).collect();
    let two = ["chef:0,chef:0", "chef:0,guest:2"];
    assert_eq!(seatings, [two[0], two[1], two[0], two[1]]);
}

#[test]
fn a_column_of_a_newer_version_is_absent_and_not_an_error() {
    let names = arrow::array::StringArray::from(vec!["kitchen"]);
    let batch = arrow::array::RecordBatch::try_from_iter([("entity", std::sync::Arc::new(names) as _)]).unwrap();
    let columns = Columns(&batch);
    assert!(columns.text_if_any("seating").unwrap().is_none());
    assert_eq!(columns.text_if_any("entity").unwrap().unwrap().value(0), "kitchen");
}

#[test]
fn field_metadata_say_unit_shape_and_meaning() {
    let dir = new_run(Options::default());
    let run = Run::open_read_only(dir.path(), None).unwrap();
    let part = run.chain().parts("trajectories").next().unwrap();
    let bytes = part_bytes(&*store(dir.path()), part).unwrap();
    let schema = open_part(part, bytes).unwrap().schema().clone();
    for (field, column) in schema.fields().iter().zip(TRAJECTORIES.columns) {
        let says = |key: &str| field.metadata().get(key).map(String::as_str).unwrap_or_default();
        let found = (field.name().as_str(), says("unit"), says("shape"), says("doc"));
        assert_eq!(found, (column.name, column.unit, column.shape, column.doc));
    }
    assert_eq!(
        schema.metadata()["starling.table_version"],
        TRAJECTORIES.version.to_string()
    );
}

#[test]
fn blocks_with_and_without_observations_mix() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let widths = [0, 7, 0, 3, 7, 0];
    for (dir, part_rows) in [(&dir, 1 << 18), (&other, 5)] {
        let run = Run::create(dir.path(), PIPELINE, PROGRAM).unwrap();
        let mut recorder = crate::Recorder::start(run, part_rows, KeepCheckpoints::default()).unwrap();
        for (tick, width) in (1..).zip(widths) {
            recorder.write(rows(tick, 0.0, width).remove(2)).unwrap();
        }
        recorder.commit(request(6)).unwrap();
        recorder.close().unwrap();
    }
    assert!(compare(dir.path(), other.path()).is_same());
    let run = Run::open_read_only(dir.path(), None).unwrap();
    let mut found = Vec::new();
    for batch in read_table(&run, "trajectories") {
        let batch = batch.unwrap();
        let column = batch.column_by_name("observations").unwrap();
        found.extend(
            Columns(&batch)
                .u64("tick")
                .unwrap()
                .iter()
                .enumerate()
                .map(|(row, tick)| (*tick, column.is_null(row))),
        );
    }
    let expected = (1..).zip(widths).flat_map(|(tick, width)| [(tick, width == 0); 12]);
    assert_eq!(found, expected.collect::<Vec<_>>());
}

#[test]
fn a_block_that_does_not_fit_its_table_is_a_fault() {
    let dir = tempfile::tempdir().unwrap();
    let mut recorder = crate::Recorder::start(
        Run::create(dir.path(), PIPELINE, PROGRAM).unwrap(),
        10,
        KeepCheckpoints::default(),
    )
    .unwrap();
    let mut block = rows(1, 0.0, 0).remove(0);
    block.columns[5] = ColumnData::F32(vec![0.0; 4]);
    recorder.write(block).unwrap();
    let fault = recorder.wait().unwrap_err();
    assert!(fault.message.contains("column `value`"), "{fault}");
    let block = Block {
        table: &METRICS,
        columns: vec![ColumnData::U64(vec![1])],
    };
    assert!(
        recorder.write(block).is_err(),
        "the thread has ended, so every later call says so"
    );
}
