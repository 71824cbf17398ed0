//! The scores of one method.

use starling_components::Fault;

/// The scores of one method: for every task, those of its runs. A matrix `[runs, tasks]` where all tasks have as many runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// `[tasks][runs]`; no task is empty, and every score is finite.
    tasks: Vec<Vec<f64>>,
}

impl Scores {
    /// The scores by task, in the order of tasks and runs.
    ///
    /// # Errors
    /// No task, a task without runs, or a score that is no number.
    pub fn new(tasks: Vec<Vec<f64>>) -> Result<Self, Fault> {
        if tasks.is_empty() || tasks.iter().any(Vec::is_empty) {
            return Err(Fault::pipeline("there are no scores to aggregate"));
        }
        if let Some(bad) = tasks.iter().flatten().find(|score| !score.is_finite()) {
            return Err(
                Fault::pipeline(format!("a score is {bad}, which has no place in an aggregate"))
                    .advise("decide what a run that failed is worth, and write that: `coalesce(score, 0)`"),
            );
        }
        Ok(Self { tasks })
    }

    /// The scores of every task.
    pub fn tasks(&self) -> &[Vec<f64>] {
        &self.tasks
    }

    /// Fewest and most runs of a task.
    pub fn runs(&self) -> (usize, usize) {
        let counts = || self.tasks.iter().map(Vec::len);
        (counts().min().unwrap_or(0), counts().max().unwrap_or(0))
    }

    /// Every score, task by task.
    pub fn all(&self) -> impl Iterator<Item = f64> + '_ {
        self.tasks.iter().flatten().copied()
    }

    /// Mean over the runs of every task.
    pub fn task_means(&self) -> Vec<f64> {
        let mean = |runs: &Vec<f64>| runs.iter().sum::<f64>() / runs.len() as f64;
        self.tasks.iter().map(mean).collect()
    }

    /// Scores of the same shape whose values are replaced by `with(task, run)`.
    pub(super) fn refill(&mut self, mut with: impl FnMut(usize, usize) -> f64) {
        for (task, runs) in self.tasks.iter_mut().enumerate() {
            for (run, score) in runs.iter_mut().enumerate() {
                *score = with(task, run);
            }
        }
    }
}
