//! What an update of DQN says about itself: means over its optimiser steps, and numbers per step where the pipeline asks for them.

use crate::optimizer::{diagnose, spread};
use starling_components::learn::LearnReport;

/// What is said about every optimiser step: means over the update, and single rows where diagnostics are recorded.
const NUMBERS: [&str; 5] = ["td_loss", "q_mean", "grad_norm", "update_norm", "learning_rate"];

/// Collects the numbers of one update.
pub(crate) struct Reporter {
    diagnostics: bool,
    steps: u32,
    sums: [f64; 5],
    report: LearnReport,
    before: Vec<(&'static str, f64)>,
}

impl Reporter {
    pub(crate) fn new(diagnostics: bool) -> Self {
        Self {
            diagnostics,
            steps: 0,
            sums: [0.0; 5],
            report: LearnReport::default(),
            before: Vec::new(),
        }
    }

    pub(crate) fn before_step(&mut self, gradient: &[f32], first: &[f32], second: &[f32]) {
        if self.diagnostics {
            let found = diagnose(gradient, first, second);
            self.before = vec![
                ("max_grad", found.max_grad),
                ("grad_std", found.grad_std),
                ("grad_m_cosine", found.cosine_first),
                ("grad_sq_v_cosine", found.cosine_second),
            ];
        }
    }

    /// `local` counts from the last change of the objective.
    pub(crate) fn after_step(&mut self, local: u64, numbers: [f64; 5], update: &[f32]) {
        self.steps += 1;
        self.sums
            .iter_mut()
            .zip(numbers)
            .for_each(|(sum, number)| *sum += number);
        if self.diagnostics {
            let (max_update, update_std) = spread(update);
            let rows = NUMBERS.into_iter().zip(numbers);
            let rows = rows.chain(self.before.drain(..));
            let rows = rows.chain([("max_update", max_update), ("update_std", update_std)]);
            let rows = rows.map(|(name, value)| (local as u32, name.to_owned(), value));
            self.report.diagnostics.extend(rows);
        }
    }

    pub(crate) fn finish(mut self, transitions: usize) -> LearnReport {
        let metrics = &mut self.report.metrics;
        metrics.push(("replay".to_owned(), transitions as f64));
        if self.steps > 0 {
            let means = self.sums.map(|sum| sum / f64::from(self.steps));
            metrics.extend(
                NUMBERS
                    .into_iter()
                    .zip(means)
                    .map(|(name, mean)| (name.to_owned(), mean)),
            );
        }
        self.report
    }
}
