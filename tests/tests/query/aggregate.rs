//! `starling aggregate` over a query, and the aggregates of SQL, against the same numbers computed here.

use super::fixture::{rows, starling, study};

fn last_returns(rate: &str) -> Vec<f64> {
    let sql = format!(
        "SELECT value FROM metrics WHERE run LIKE '%rate_{rate}_seed%' AND metric = 'return_mean' ORDER BY value"
    );
    rows(&sql).iter().map(|row| row.parse().expect("a number")).collect()
}

#[test]
fn query_aggregates_of_scores() {
    let lengths = rows("SELECT length FROM episodes WHERE run LIKE '%3e-3_seed1' ORDER BY length");
    let lengths: Vec<f64> = lengths.iter().map(|row| row.parse().expect("a number")).collect();
    let off = lengths.len() / 4;
    let middle = &lengths[off..lengths.len() - off];
    let found = rows(
        "SELECT iqm(length), optimality_gap(length, 200), optimality_gap(length / 500.0), iqm(NULL) FROM episodes WHERE run LIKE '%3e-3_seed1'",
    );
    let found: Vec<f64> = found[0]
        .split(',')
        .map(|cell| cell.parse().unwrap_or(f64::NAN))
        .collect();
    let count = lengths.len() as f64;
    let expected = [
        middle.iter().sum::<f64>() / middle.len() as f64,
        200.0 - lengths.iter().map(|l| l.min(200.0)).sum::<f64>() / count,
        1.0 - lengths.iter().map(|l| l / 500.0).sum::<f64>() / count,
    ];
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }
    assert!(found[3].is_nan(), "of nothing there is no mean");
    // Groups, and several threads that each see some of the rows.
    let grouped = "SELECT run, iqm(value) FROM metrics WHERE metric = 'episode_return' GROUP BY run ORDER BY run";
    let ended = starling()
        .command(&["query", grouped, "--threads", "3", "--format", "csv"])
        .current_dir(study())
        .output();
    let many = String::from_utf8(ended.expect("the binary starts").stdout).expect("text");
    assert_eq!(
        many.lines().skip(1).collect::<Vec<_>>(),
        rows(grouped),
        "the same bits on any number of threads"
    );
}

#[test]
fn query_aggregate_takes_scores_from_a_query() {
    let sql = "SELECT split_part(run, '_seed', 1) AS method, run, value AS score FROM metrics WHERE metric = 'return_mean' AND run LIKE '%seed%'";
    let output = starling()
        .command(&["aggregate", "--sql", sql, "--resamples", "200", "--format", "csv"])
        .current_dir(study())
        .output()
        .expect("the binary starts");
    let text = String::from_utf8(output.stdout).expect("text");
    for rate in ["1e-3", "3e-3"] {
        let scores = last_returns(rate);
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        let start = format!("cart_pole/rates/rate_{rate},mean,,");
        let line = text
            .lines()
            .find(|line| line.starts_with(&start))
            .unwrap_or_else(|| panic!("no {start} in {text}"));
        let found: f64 = line[start.len()..]
            .split(',')
            .next()
            .expect("a value")
            .parse()
            .expect("a number");
        assert!((found - mean).abs() < 1e-9);
    }
}
