use super::*;

fn scores(tasks: &[&[f64]]) -> Scores {
    Scores::new(tasks.iter().map(|runs| runs.to_vec()).collect()).expect("scores")
}

#[test]
fn aggregates_of_scores_by_hand() {
    // Task means are 2, 5 and 11.
    let scores = scores(&[&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0], &[1.0, 2.0, 30.0]]);
    assert_eq!((mean(&scores), median(&scores)), (6.0, 5.0));
    // Nine scores lose two at each end: 1 1 | 2 2 3 4 5 | 6 30.
    assert_eq!(iqm(&scores), 3.2);
    // Clipped at 4: 1 2 3 4 4 4 1 2 4.
    assert!((optimality_gap(&scores, 4.0) - (4.0 - 25.0 / 9.0)).abs() < 1e-12);
}

#[test]
fn median_of_an_even_number_of_tasks_lies_between() {
    assert_eq!(median(&scores(&[&[1.0], &[10.0], &[2.0], &[4.0]])), 3.0);
}

#[test]
fn trimming_rounds_down_to_whole_values() {
    assert_eq!(
        trimmed_mean(&mut [3.0, 1.0, 100.0], 0.25),
        Some(104.0 / 3.0),
        "three values lose none"
    );
    assert_eq!(trimmed_mean(&mut [100.0, 1.0, 3.0, -7.0], 0.25), Some(2.0));
    assert_eq!(trimmed_mean(&mut [], 0.25), None);
}

#[test]
fn profiles_count_runs_and_tasks() {
    let scores = scores(&[&[0.0, 1.0], &[0.5, 0.5]]);
    assert_eq!(fraction_above(&scores, 0.5), 0.25, "above, not at");
    assert_eq!(fraction_of_tasks_above(&scores, 0.4), 1.0);
    assert_eq!(fraction_of_tasks_above(&scores, 0.5), 0.0);
}

#[test]
fn improvement_counts_ties_half() {
    let (x, y) = (scores(&[&[1.0, 2.0]]), scores(&[&[1.0, 0.0, 3.0]]));
    // 1 against 1 0 3: half, won, lost; 2: won, won, lost.
    assert_eq!(probability_of_improvement(&x, &y), 3.5 / 6.0);
    assert_eq!(probability_of_improvement(&y, &x), 2.5 / 6.0);
    assert_eq!(probability_of_improvement(&x, &x), 0.5);
}

#[test]
fn scores_that_are_none_are_refused() {
    for tasks in [
        vec![],
        vec![vec![]],
        vec![vec![1.0], vec![]],
        vec![vec![f64::NAN]],
        vec![vec![f64::INFINITY]],
    ] {
        assert!(Scores::new(tasks.clone()).is_err(), "{tasks:?}");
    }
}

#[test]
fn intervals_are_functions_of_seed_and_name() {
    let scores = scores(&[&[1.0, 2.0, 3.0, 4.0, 5.5], &[2.0, 9.0, 4.0]]);
    let of = |scores: &Scores| vec![mean(scores), iqm(scores)];
    let bootstrap = Bootstrap {
        resamples: 2000,
        ..Bootstrap::default()
    };
    let once = bootstrap.estimate("a", &scores, &of);
    let alone = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a thread");
    assert_eq!(
        once,
        alone.install(|| bootstrap.estimate("a", &scores, &of)),
        "on any number of threads"
    );
    assert_ne!(once, bootstrap.estimate("b", &scores, &of));
    assert_ne!(once, Bootstrap { seed: 1, ..bootstrap }.estimate("a", &scores, &of));
    for Estimate { value, low, high } in once {
        assert!(low < value && value < high);
    }
}

#[test]
fn a_method_beside_itself_is_drawn_twice() {
    let scores = scores(&[&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]);
    let bootstrap = Bootstrap {
        resamples: 2000,
        ..Bootstrap::default()
    };
    let found = bootstrap.compare(["a", "a"], [&scores, &scores], &probability_of_improvement);
    assert_eq!(found.value, 0.5);
    assert!(found.low < 0.3 && found.high > 0.7, "{found:?}");
}

#[test]
fn percentiles_of_a_ramp() {
    let ramp: Vec<f64> = (0..=1000).map(f64::from).collect();
    let check = |part: f64, expected: f64| assert!((percentile(&ramp, part).expect("values") - expected).abs() < 1e-9);
    check(0.025, 25.0);
    check(0.9755, 975.5);
    assert_eq!(percentile(&[], 0.5), None);
}
