//! Aggregates against `rliable`, number by number (`tests/peers/rliable_scores.py` wrote what it says), and `starling aggregate` over a file.

use serde_json::Value;
use starling::statistics::{
    Bootstrap, Estimate, Scores, fraction_above, fraction_of_tasks_above, iqm, mean, median, optimality_gap,
    probability_of_improvement,
};
use starling_tests::cli::{Starling, repository};
use starling_tests::golden::{committed, say};

/// A matrix `[runs, tasks]`.
fn scores(rows: &Value) -> Scores {
    let rows: Vec<Vec<f64>> = serde_json::from_value(rows.clone()).expect("a matrix");
    let tasks = (0..rows[0].len()).map(|task| rows.iter().map(|row| row[task]).collect());
    Scores::new(tasks.collect()).expect("scores")
}

/// The widest of all deviations of bounds, in standard errors.
#[derive(Default)]
struct Widest(f64);

impl Widest {
    /// `step` is how far apart the values of the statistic can lie, where it is a count: between two of them a percentile is a matter of luck.
    fn compare(&mut self, what: &str, found: Estimate, expected: &Value, step: f64) {
        let number = |key: &str| expected[key].as_f64().expect("a number");
        assert!(
            (found.value - number("value")).abs() < 1e-9,
            "{what}: {} is not {}",
            found.value,
            number("value")
        );
        // Two bootstraps, each with this error; their mean over five has a little less.
        let error = number("error").hypot(number("error"));
        for (bound, expected) in [(found.low, number("low")), (found.high, number("high"))] {
            let off = ((bound - expected).abs() - step).max(0.0);
            assert!(
                off <= 6.0 * error + 1e-9,
                "{what}: {bound} is not {expected} within {error}"
            );
            self.0 = self.0.max(if error > 0.0 { off / error } else { 0.0 });
        }
    }
}

#[test]
fn statistics_are_those_of_rliable() {
    let path = committed().join("statistics/rliable.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("the golden file")).expect("JSON");
    let gamma = golden["gamma"].as_f64().expect("a number");
    let taus: Vec<f64> = serde_json::from_value(golden["taus"].clone()).expect("numbers");
    let bootstrap = Bootstrap {
        resamples: golden["resamples"].as_u64().expect("a number") as u32,
        ..Bootstrap::default()
    };
    let (mut compared, mut widest) = (0, Widest::default());
    for case in golden["cases"].as_array().expect("cases") {
        let name = case["name"].as_str().expect("a name");
        let sides = ["x", "y"].map(|side| scores(&case[side]));
        for (side, scores) in ["x", "y"].iter().zip(&sides) {
            let expected = &case[format!("of_{side}")];
            let all = scores.all().count() as f64;
            let of = |scores: &Scores| {
                let runs = taus.iter().map(|tau| fraction_above(scores, *tau));
                let tasks = taus.iter().map(|tau| fraction_of_tasks_above(scores, *tau));
                let aggregates = [mean(scores), median(scores), iqm(scores), optimality_gap(scores, gamma)];
                aggregates.into_iter().chain(runs).chain(tasks).collect()
            };
            let found = bootstrap.estimate(&format!("{name} {side}"), scores, &of);
            let aggregates =
                ["mean", "median", "iqm", "optimality_gap"].map(|key| (key.to_owned(), &expected[key], 0.0));
            let points = |key: &'static str, step: f64| {
                let points = expected[key].as_array().expect("points").iter();
                points
                    .enumerate()
                    .map(move |(at, value)| (format!("{key} {at}"), value, step))
            };
            // Scores that are quarters make sums that are, too.
            let coarse = if name == "ties" { 0.25 / all } else { 0.0 };
            let aggregates = aggregates.map(|(key, value, _)| (key, value, coarse));
            let points =
                points("profile", 1.0 / all).chain(points("profile_of_tasks", 1.0 / scores.tasks().len() as f64));
            for ((key, expected, step), found) in aggregates.into_iter().chain(points).zip(&found) {
                widest.compare(&format!("{name} {side} {key}"), *found, expected, step);
                compared += 1;
            }
        }
        let found = bootstrap.compare(["x", "y"], [&sides[0], &sides[1]], &probability_of_improvement);
        let pairs = sides.iter().map(|s| s.runs().0 as f64).product::<f64>() * sides[0].tasks().len() as f64;
        widest.compare(&format!("{name} improvement"), found, &case["improvement"], 1.0 / pairs);
        compared += 1;
    }
    assert!(compared > 100);
    say(&format!(
        "statistics: {compared} numbers of rliable, bounds within {:.1} Monte Carlo errors",
        widest.0
    ));
}

fn starling() -> Starling {
    Starling(env!("CARGO_BIN_EXE_starling-tests").into())
}

#[test]
fn statistics_aggregate_reads_a_file_of_scores() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = folder.path().join("scores.csv");
    let mut lines = vec!["method,task,run,score".to_owned()];
    for (method, shift) in [("plain", 0), ("better, they say", 2)] {
        for task in 0..2 {
            lines.extend((0..4).map(|run| format!("\"{method}\",t{task},{run},{}", task * 10 + run + shift)));
        }
    }
    std::fs::write(&path, lines.join("\n")).expect("a file");
    let path = path.to_str().expect("a path");
    let run = |more: &[&str]| {
        starling()
            .succeed(&[&["aggregate", path, "--resamples", "500"], more].concat())
            .stdout
    };
    let csv = run(&[
        "--format",
        "csv",
        "--gamma",
        "10",
        "--profile",
        "3,11",
        "--improvement",
        "better, they say,plain",
    ]);
    assert!(csv.starts_with("method,statistic,at,value,low,high\n"), "{csv}");
    let value = |start: &str| {
        let line = csv
            .lines()
            .find(|line| line.starts_with(start))
            .unwrap_or_else(|| panic!("no {start} in {csv}"));
        line[start.len()..]
            .split(',')
            .next()
            .expect("a value")
            .parse::<f64>()
            .expect("a number")
    };
    assert_eq!(value("plain,mean,,"), 6.5);
    assert_eq!(value("\"better, they say\",iqm,,"), 8.5);
    assert_eq!(value("plain,optimality_gap,,"), 10.0 - (1.0 + 2.0 + 3.0 + 40.0) / 8.0);
    assert_eq!(value("plain,runs_above,3,"), 0.5);
    assert_eq!(value("plain,runs_above,11,"), 0.25);
    // 2 3 4 5 against 0 1 2 3: won 2.5 + 3.5 + 4 + 4 of 16.
    assert_eq!(value("\"better, they say over plain\",improvement,,"), 14.0 / 16.0);
    let reversed: Vec<String> = lines
        .iter()
        .take(1)
        .chain(lines.iter().skip(1).rev())
        .cloned()
        .collect();
    std::fs::write(path, reversed.join("\n")).expect("a file");
    let again = run(&[
        "--format",
        "csv",
        "--gamma",
        "10",
        "--profile",
        "3,11",
        "--improvement",
        "better, they say,plain",
    ]);
    assert_eq!(csv, again, "the order of rows changes nothing");
}

#[test]
fn statistics_aggregate_refuses_what_it_cannot_compare() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = folder.path().join("scores.csv");
    let refused = |text: &str, more: &[&str], message: &str| {
        std::fs::write(&path, text).expect("a file");
        let ended = starling().run(&[&["aggregate", path.to_str().expect("a path")], more].concat());
        assert_eq!(ended.code, Some(2), "{}{}", ended.stdout, ended.stderr);
        assert!(
            ended.stderr.contains(message),
            "`{message}` is not in:\n{}",
            ended.stderr
        );
    };
    refused("", &[], "empty");
    refused("method,scor\na,1\n", &[], "did you mean `scor`?");
    refused("method,score\na,high\n", &[], "`high` is no score");
    refused("method,score\na,\n", &[], "has no score");
    refused("method,score\na,nan\n", &[], "a score is NaN");
    refused("method,run,score\na,1,2\na,1,3\n", &[], "more than one score");
    refused(
        "method,score\na,1\n",
        &["--improvement", "a,b"],
        "no method is called `b`",
    );
    refused(
        "method,task,score\na,s,1\nb,t,1\n",
        &["--improvement", "a,b"],
        "not scored on the same tasks",
    );
    refused("method,score\na,1\n", &["--confidence", "1"], "less than 1");
    assert!(repository().join("docs/query.md").is_file());
}

#[cfg(not(feature = "query"))]
#[test]
fn query_is_a_feature_and_says_so() {
    for args in [vec!["query", "SELECT 1"], vec!["aggregate", "--sql", "SELECT 1"]] {
        let ended = starling().run(&args);
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("cargo build --release --features query"),
            "{}",
            ended.stderr
        );
    }
}
