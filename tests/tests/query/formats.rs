//! Output formats against independent readers, and what a wrong question is told.

use super::fixture::{ask, ask_in, study};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Float64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs;

const QUESTION: &str = "SELECT run, tick, value FROM metrics WHERE metric = 'episode_return' ORDER BY run, tick";

fn values(batches: &[RecordBatch]) -> Vec<f64> {
    let column = |batch: &RecordBatch| {
        batch
            .column_by_name("value")
            .expect("the column")
            .as_primitive::<Float64Type>()
            .values()
            .to_vec()
    };
    batches.iter().flat_map(column).collect()
}

#[test]
fn query_formats_hold_the_same_rows() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = |name: &str| folder.path().join(name);
    for name in ["rows.csv", "rows.json", "rows.jsonl", "rows.parquet", "rows.arrow"] {
        let ended = ask_in(study(), QUESTION, &["--output", path(name).to_str().expect("a path")]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(ended.stdout, "", "rows go to the file only");
    }
    assert_eq!(
        fs::read_dir(folder.path()).expect("a folder").count(),
        5,
        "no temporary file stays"
    );
    let csv = fs::read_to_string(path("rows.csv")).expect("a file");
    let from_csv: Vec<f64> = csv
        .lines()
        .skip(1)
        .map(|line| line.rsplit(',').next().expect("a cell").parse().expect("a number"))
        .collect();
    assert!(from_csv.len() > 100);
    let json: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(path("rows.json")).expect("a file")).expect("JSON");
    let from_json: Vec<f64> = json
        .as_array()
        .expect("an array")
        .iter()
        .map(|row| row["value"].as_f64().expect("a number"))
        .collect();
    let lines = fs::read_to_string(path("rows.jsonl")).expect("a file");
    let of_line = |line| {
        serde_json::from_str::<serde_json::Value>(line).expect("JSON")["value"]
            .as_f64()
            .expect("a number")
    };
    let from_jsonl: Vec<f64> = lines.lines().map(of_line).collect();
    let parquet = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path("rows.parquet")).expect("a file"))
        .expect("Parquet");
    let parquet: Vec<RecordBatch> = parquet
        .build()
        .expect("Parquet")
        .map(|batch| batch.expect("rows"))
        .collect();
    let ipc = arrow::ipc::reader::FileReader::try_new(fs::File::open(path("rows.arrow")).expect("a file"), None)
        .expect("Arrow");
    let ipc: Vec<RecordBatch> = ipc.map(|batch| batch.expect("rows")).collect();
    for other in [from_json, from_jsonl, values(&parquet), values(&ipc)] {
        assert_eq!(from_csv.len(), other.len());
        // The JSON reader of this test rounds some numbers in their last bit.
        let same = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-12 * a.abs();
        assert!(from_csv.iter().zip(&other).all(same));
    }
}

#[test]
fn query_json_is_the_global_option() {
    let ended = ask_in(
        study(),
        "SELECT run, problem, seed FROM runs WHERE run = 'cart_pole/stopped'",
        &["--json"],
    );
    let rows: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(
        rows,
        serde_json::json!([{ "run": "cart_pole/stopped", "problem": null, "seed": 0 }])
    );
    let none = ask_in(study(), "SELECT run FROM runs WHERE false", &["--json"]);
    assert_eq!(none.stdout.trim(), "[]");
}

/// A file that was there stays as it was when the query fails on the way.
#[test]
fn query_files_are_whole_or_untouched() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = folder.path().join("rows.csv");
    fs::write(&path, "before").expect("a file");
    let output = path.to_str().expect("a path");
    // Division by zero is met in the middle.
    let ended = ask_in(
        study(),
        "SELECT 1 / (tick - 60) FROM runs, (SELECT CAST(tick AS BIGINT) AS tick FROM metrics) m",
        &["--output", output],
    );
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(&path).expect("the file"), "before");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    let nowhere = ask_in(study(), "SELECT 1", &["--output", "no/such/folder/rows.csv"]);
    assert_eq!(nowhere.code, Some(5), "{}", nowhere.stderr);
}

/// The question, what is told, and the advice.
fn refused(sql: &str, message: &str, advice: &str) {
    let ended = ask(sql);
    assert_eq!(ended.code, Some(2), "{sql}\n{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains(message), "`{sql}` is told:\n{}", ended.stderr);
    assert!(ended.stderr.contains(advice), "`{sql}` is told:\n{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}

#[test]
fn query_slips_are_told_with_what_is_near() {
    refused(
        "SELECT * FROM metric",
        "there is no table `metric`",
        "did you mean `metrics`?",
    );
    refused(
        "SELECT valeu FROM metrics",
        "line 1, column 8: there is no column `valeu`",
        "did you mean `value`?",
    );
    refused(
        "SELECT \"agent.balancer.optimizer.adam.rat\" FROM runs",
        "there is no column",
        "in double quotes",
    );
    refused(
        "SELECT agent.balancer.optimizer.adam.rate FROM runs",
        "agent",
        "in double quotes",
    );
    refused("SELEC 1", "SELEC", "");
    refused("SELECT run FROM runs WHERE", "expected", "");
    refused("SELECT iqm('a') FROM runs", "iqm", "");
    refused("", "no question", "");
}

#[test]
fn query_changes_nothing() {
    for sql in [
        "CREATE TABLE t AS SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "INSERT INTO runs VALUES (1)",
        "DROP TABLE runs",
        "COPY (SELECT 1) TO 'out.csv'",
        "SET datafusion.execution.batch_size = 1",
        "DELETE FROM metrics",
        "UPDATE metrics SET value = 0",
    ] {
        let ended = ask(sql);
        assert_eq!(ended.code, Some(2), "{sql}: {}", ended.stderr);
    }
    refused("SELECT * FROM '/etc/passwd'", "there is no table", "");
}

#[test]
fn query_memory_is_bounded_and_said_so() {
    let sql = "SELECT array_agg(value) FROM metrics";
    let ended = ask_in(study(), sql, &["--memory-limit", "20KiB"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("--memory-limit"), "{}", ended.stderr);
    // A sort of more than fits goes to the disk and comes back whole.
    let sql = "SELECT count(*) AS n FROM (SELECT row_number() OVER (ORDER BY value, tick, run) AS r FROM metrics) WHERE r > 0";
    let (roomy, tight) = (
        ask_in(study(), sql, &[]),
        ask_in(study(), sql, &["--memory-limit", "24MiB"]),
    );
    assert_eq!(
        (tight.code, &tight.stdout),
        (Some(0), &roomy.stdout),
        "{}",
        tight.stderr
    );
}

#[test]
fn query_a_folder_without_runs_is_no_failure() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let ended = ask_in(folder.path(), "SELECT 1", &[]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("--runs DIR"), "{}", ended.stderr);
    fs::create_dir_all(folder.path().join("runs/not_a_run/metrics")).expect("a folder");
    fs::write(folder.path().join("runs/notes.txt"), "").expect("a file");
    let ended = ask_in(folder.path(), "SELECT count(*) FROM runs", &["--format", "csv"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "count(*)\n0\n"));
    assert!(ended.stderr.contains("no runs"), "{}", ended.stderr);
    let ended = ask_in(folder.path(), "SELECT count(*) FROM metrics", &["--format", "csv"]);
    assert_eq!(ended.stdout, "count(*)\n0\n");
}
