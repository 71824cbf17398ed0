//! One number for the scores of a method over tasks and runs.

use super::Scores;

/// Mean over tasks of the means over runs.
pub fn mean(scores: &Scores) -> f64 {
    let means = scores.task_means();
    means.iter().sum::<f64>() / means.len() as f64
}

/// Median over tasks of the means over runs. Half of the tasks may be anything without changing it.
pub fn median(scores: &Scores) -> f64 {
    let mut means = scores.task_means();
    means.sort_by(f64::total_cmp);
    let half = means.len() / 2;
    if means.len() % 2 == 1 {
        means[half]
    } else {
        f64::midpoint(means[half - 1], means[half])
    }
}

/// Interquartile mean: the mean of the middle half of all runs of all tasks.
pub fn iqm(scores: &Scores) -> f64 {
    trimmed_mean(&mut scores.all().collect::<Vec<_>>(), 0.25).unwrap_or(f64::NAN)
}

/// By how much scores fall short of `gamma` in the mean; what is above it counts as `gamma`.
pub fn optimality_gap(scores: &Scores, gamma: f64) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for score in scores.all() {
        sum += score.min(gamma);
        count += 1.0;
    }
    gamma - sum / count
}

/// The mean without the lowest and the highest `cut` of the values, each rounded down to a whole number of them, as
/// `scipy.stats.trim_mean` does; `None` where no value is left. Sorts `values`.
pub fn trimmed_mean(values: &mut [f64], cut: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let off = (values.len() as f64 * cut) as usize;
    let middle = values
        .get(off..values.len() - off)
        .filter(|middle| !middle.is_empty())?;
    Some(middle.iter().sum::<f64>() / middle.len() as f64)
}
