//! Answers against another reading of the same runs: `starling show`, the record crate, and the files themselves.

use super::fixture::{ask, first, rows, rows_in, starling, study};
use starling_record::Run;
use starling_record::read::metric_curves;
use std::fs;

#[test]
fn query_runs_are_listed_with_how_far_they_came() {
    let listed = rows(
        "SELECT run, pipeline, batch, state, seed, tick, env_steps, updates, commits FROM runs WHERE run LIKE 'cart_pole/%' ORDER BY run",
    );
    assert_eq!(listed.len(), 8);
    assert_eq!(
        listed[0],
        "cart_pole/rates/rate_1e-3_seed0,cart_pole,rates,finished,0,117,59904,117,4"
    );
    assert_eq!(listed[7], "cart_pole/stopped,cart_pole,,interrupted,0,50,25600,50,3");
    assert_eq!(rows("SELECT count(*) FROM runs"), ["11"]);
}

#[test]
fn query_metrics_are_those_of_every_run() {
    let mut expected = Vec::new();
    for rate in ["1e-3", "3e-3"] {
        for seed in 0..3 {
            let name = format!("cart_pole/rates/rate_{rate}_seed{seed}");
            let run = Run::open_read_only(study().join("runs").join(&name), None).expect("a run");
            for ((entity, metric), points) in metric_curves(&run).expect("metrics") {
                let sum: f64 = points.iter().map(|p| p.value).sum();
                expected.push(format!("{name},{entity},{metric},{},{sum:.6}", points.len()));
            }
        }
    }
    let found = rows(
        "SELECT run, entity, metric, count(*), CAST(round(sum(value), 6) AS DOUBLE) FROM metrics WHERE run LIKE '%seed%' AND run NOT LIKE '%1e30%' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    );
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        let (found, expected): (Vec<_>, Vec<_>) = (found.split(',').collect(), expected.split(',').collect());
        assert_eq!(found[..4], expected[..4]);
        let value = |cell: &str| cell.parse::<f64>().expect("a number");
        assert!(
            (value(found[4]) - value(expected[4])).abs() < 2e-6,
            "{found:?}, {expected:?}"
        );
    }
}

#[test]
fn query_settings_are_typed_columns() {
    let typed = rows(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'runs' AND column_name IN
         ('agent.balancer.optimizer.adam.rate', 'environment.cart_pole.lanes', 'environment.kitchen.seats',
          'environment.kitchen.rules.overcooked_v2.negative_rewards') ORDER BY column_name",
    );
    assert_eq!(
        typed,
        [
            "agent.balancer.optimizer.adam.rate,Float64",
            "environment.cart_pole.lanes,Int64",
            "environment.kitchen.rules.overcooked_v2.negative_rewards,Boolean",
            "environment.kitchen.seats,Utf8View",
        ]
    );
    let found = rows(
        "SELECT \"agent.balancer.optimizer.adam.rate\" * 1000, \"environment.kitchen.seats\", \"agent.chef.script.greedy_cook.noise\" FROM runs
         WHERE run IN ('cart_pole/rates/rate_3e-3_seed1', 'kitchen/careful') ORDER BY run",
    );
    assert_eq!(found, ["3.0,,", ",\"[\"\"chef\"\",\"\"chef\"\"]\",0.1"]);
}

#[test]
fn query_every_setting_is_there_with_a_star() {
    let ended = ask("SELECT * FROM runs WHERE run = 'kitchen/careful'");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let head = ended.stdout.lines().next().expect("a head");
    for column in [
        "run",
        "state",
        "evaluate.crossplay.episodes",
        "agent.balancer.policy.activation",
        "record.part_rows",
    ] {
        assert!(
            head.split_whitespace().any(|name| name == column),
            "no `{column}` in {head}"
        );
    }
    assert!(
        !head.split_whitespace().any(|name| name == "name"),
        "the name is called `pipeline`"
    );
}

/// Runs that a condition on `run` does not choose are not opened: they may even be unreadable.
#[test]
fn query_conditions_on_runs_choose_what_is_opened() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    super::fixture::copy(&study().join("runs/cart_pole"), &folder.path().join("runs/cart_pole"));
    let broken = folder.path().join("runs/cart_pole/stopped");
    fs::remove_file(first(&broken.join("metrics"))).expect("a part");
    let count = |condition: &str| {
        let sql = format!("SELECT count(DISTINCT run) FROM metrics WHERE {condition}");
        let ended = super::fixture::ask_in(folder.path(), &sql, &["--format", "csv"]);
        let rows: Vec<&str> = ended.stdout.lines().skip(1).collect();
        (rows.join(""), ended.stderr.contains("left out"))
    };
    assert_eq!(count("true"), ("6".into(), true));
    assert_eq!(count("run = 'cart_pole/rates/rate_3e-3_seed1'"), ("1".into(), false));
    assert_eq!(count("run LIKE '%seed0'"), ("2".into(), false));
    assert_eq!(
        count("run IN ('cart_pole/stopped', 'cart_pole/rates/rate_1e-3_seed2')"),
        ("1".into(), true)
    );
    assert_eq!(count("upper(run) LIKE '%SEED1' AND tick > 3"), ("2".into(), false));
    assert_eq!(
        count("run = 'cart_pole/rates/rate_3e-3_seed1' OR tick < 0"),
        ("1".into(), true),
        "not about runs alone"
    );
    assert_eq!(
        count("run IN (SELECT run FROM runs WHERE seed = 2)"),
        ("2".into(), true)
    );
    assert_eq!(
        count("run = (SELECT max(run) FROM runs WHERE seed = 2)"),
        ("1".into(), true)
    );
}

#[test]
fn query_counts_and_limits_agree_with_the_rows() {
    let counted = rows("SELECT count(*) FROM episodes");
    let read = rows("SELECT sum(one) FROM (SELECT CASE WHEN length >= 0 THEN 1 ELSE 0 END AS one FROM episodes)");
    assert_eq!(counted, read, "what commits say against what parts hold");
    assert_eq!(rows("SELECT run, tick FROM metrics LIMIT 7").len(), 7);
    assert_eq!(
        rows("SELECT count(*) FROM diagnostics"),
        ["0"],
        "a table that no run wrote is empty"
    );
    let ordered = rows("SELECT DISTINCT run FROM (SELECT run FROM metrics LIMIT 100000)");
    let mut sorted = ordered.clone();
    sorted.sort();
    assert_eq!(ordered, sorted, "with one thread rows come in the order of runs");
}

#[test]
fn query_bytes_and_lists_of_every_width_come_in_one_column() {
    let found = rows(
        "SELECT run LIKE 'kitchen%', count(observations), max(array_length(actions)), max(array_length(rewards)) FROM trajectories GROUP BY 1 ORDER BY 1",
    );
    // Evaluations of CartPole record their first episodes too, of one seat.
    assert!(found.contains(&"true,0,2,2".to_owned()), "{found:?}");
}

#[test]
fn query_parts_are_the_files_on_disk() {
    let rows = rows("SELECT file, bytes FROM parts WHERE run = 'cart_pole/rates/rate_1e-3_seed0'");
    let mut on_disk = 0;
    for folder in [
        "metrics",
        "episodes",
        "matches",
        "events",
        "trajectories",
        "diagnostics",
        "timings",
        "checkpoints",
    ] {
        let folder = study().join("runs/cart_pole/rates/rate_1e-3_seed0").join(folder);
        on_disk += fs::read_dir(folder).map_or(0, Iterator::count);
    }
    assert_eq!(rows.len(), on_disk);
    for row in rows {
        let (file, bytes) = row.split_once(',').expect("two cells");
        let path = study().join("runs/cart_pole/rates/rate_1e-3_seed0").join(file);
        assert_eq!(fs::metadata(path).expect("the file").len().to_string(), bytes);
    }
}

/// What a table that this program does not know is called in the commits is a table of the query too.
#[test]
fn query_tables_of_plugins_appear_by_themselves() {
    let unknown = ask("SELECT * FROM nowhere");
    assert_eq!(unknown.code, Some(2));
    assert!(
        unknown.stderr.contains("there is no table `nowhere`"),
        "{}",
        unknown.stderr
    );
}

/// Rows that are committed while somebody asks are there at the next question, and half a commit never is.
#[test]
fn query_a_run_that_is_being_written() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let file = starling_tests::cli::repository().join("tests/tests/query/fixture/cart_pole.toml");
    let args = [
        "run",
        file.to_str().expect("a path"),
        "--quiet",
        "--out",
        "runs/live",
        "--set",
        "record.commit.every=2",
    ];
    let mut writer = starling()
        .command(&args)
        .args(["--until", "env_steps=400000"])
        .current_dir(folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the binary starts");
    let commits = folder.path().join("runs/live/commits");
    let mut seen = vec![0_u64];
    while writer.try_wait().expect("the writer").is_none() {
        if commits.is_dir() {
            let asked =
                "SELECT (SELECT coalesce(max(tick), 0) FROM metrics), (SELECT coalesce(sum(tick), 0) FROM runs)";
            let row = &rows_in(folder.path(), asked, &[])[0];
            let (rows, run) = row.split_once(',').expect("two cells");
            assert_eq!(rows, run, "rows and runs are of one moment");
            seen.push(rows.parse().expect("a tick"));
        }
    }
    assert!(seen.is_sorted(), "{seen:?}");
    assert!(seen.iter().any(|tick| *tick > 0), "no question met a commit: {seen:?}");
    assert_eq!(rows_in(folder.path(), "SELECT state FROM runs", &[]), ["finished"]);
}
