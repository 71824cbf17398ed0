//! Methods beside one another: performance profiles and the probability of improvement.

use super::Scores;

/// The fraction of all runs of all tasks that score above `tau`: one point of a performance profile over runs.
pub fn fraction_above(scores: &Scores, tau: f64) -> f64 {
    let (mut above, mut count) = (0.0, 0.0);
    for score in scores.all() {
        above += f64::from(score > tau);
        count += 1.0;
    }
    above / count
}

/// The fraction of tasks whose mean over runs is above `tau`: one point of a performance profile over tasks.
pub fn fraction_of_tasks_above(scores: &Scores, tau: f64) -> f64 {
    let means = scores.task_means();
    means.iter().filter(|mean| **mean > tau).count() as f64 / means.len() as f64
}

/// How likely a run of `x` scores higher than one of `y` on the same task, in the mean over tasks; a tie counts half.
///
/// Task by task it is the Mann-Whitney statistic over the number of pairs. Both must have the same tasks.
pub fn probability_of_improvement(x: &Scores, y: &Scores) -> f64 {
    debug_assert_eq!(x.tasks().len(), y.tasks().len());
    let tasks = x.tasks().iter().zip(y.tasks());
    let sum: f64 = tasks.map(|(x, y)| wins(x, y)).sum();
    sum / x.tasks().len() as f64
}

/// The fraction of pairs in which `x` is higher, ties counting half.
fn wins(x: &[f64], y: &[f64]) -> f64 {
    let mut sorted = y.to_vec();
    sorted.sort_by(f64::total_cmp);
    let won = |score: &f64| {
        let lower = sorted.partition_point(|other| other < score);
        let not_higher = sorted.partition_point(|other| other <= score);
        (lower + not_higher) as f64 / 2.0
    };
    x.iter().map(won).sum::<f64>() / (x.len() * y.len()) as f64
}
