//! What an update says about itself: means over its optimiser steps, and numbers per step where the pipeline asks for them.

use crate::optimizer::{Histogram, StepDiagnostics, StepNorms, diagnose, spread};
use crate::ppo_loss::{LossSettings, LossSums};
use starling_components::learn::LearnReport;
use starling_components::parameters::Layout;

/// What is said about every optimiser step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Detail<'a> {
    Nothing,
    /// Norms, cosines and losses.
    Numbers,
    /// And histograms of the tensors of this layout.
    Histograms(&'a Layout),
}

/// Collects the numbers of one update.
#[derive(Debug)]
pub(crate) struct Reporter<'a> {
    detail: Detail<'a>,
    loss: LossSettings<f64>,
    steps: u32,
    rows: f64,
    sums: LossSums,
    rate: f64,
    gradient_norms: f64,
    update_norms: f64,
    before: Option<StepDiagnostics>,
    report: LearnReport,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(detail: Detail<'a>, loss: LossSettings<f64>) -> Self {
        Self {
            detail,
            loss,
            steps: 0,
            rows: 0.0,
            sums: LossSums::default(),
            rate: 0.0,
            gradient_norms: 0.0,
            update_norms: 0.0,
            before: None,
            report: LearnReport::default(),
        }
    }

    pub(crate) fn before_step(&mut self, gradient: &[f32], first: &[f32], second: &[f32]) {
        self.before = match self.detail {
            Detail::Nothing => None,
            Detail::Numbers | Detail::Histograms(_) => Some(diagnose(gradient, first, second)),
        };
    }

    pub(crate) fn after_step(
        &mut self,
        sums: &LossSums,
        rows: usize,
        rate: f64,
        norms: StepNorms,
        gradient: &[f32],
        update: &[f32],
    ) {
        self.steps += 1;
        self.rows += rows as f64;
        self.sums.add(sums);
        self.rate = rate;
        self.gradient_norms += norms.gradient;
        self.update_norms += norms.update;
        let Some(before) = self.before.take() else { return };
        let (max_update, update_std) = spread(update);
        let n = rows as f64;
        let numbers = [
            ("grad_norm", before.grad_norm),
            ("max_grad", before.max_grad),
            ("grad_std", before.grad_std),
            ("update_norm", norms.update),
            ("max_update", max_update),
            ("update_std", update_std),
            ("grad_m_cosine", before.cosine_first),
            ("grad_sq_v_cosine", before.cosine_second),
            ("policy_loss", sums.policy / n),
            ("value_loss", sums.value / n),
            ("total_loss", sums.total(&self.loss, n)),
            ("entropy", sums.entropy / n),
            ("learning_rate", rate),
        ];
        let rows = numbers.map(|(name, value)| (self.steps, name.to_owned(), value));
        self.report.diagnostics.extend(rows);
        if let Detail::Histograms(layout) = self.detail {
            for (kind, values) in [("grad_hist", gradient), ("update_hist", update)] {
                for entry in &layout.entries {
                    let histogram = Histogram::of(&values[entry.range()]);
                    let name = format!("{kind}/{}", entry.name);
                    let rows = histogram.rows(&name);
                    let rows = rows.map(|(quantity, value)| (self.steps, quantity, value));
                    self.report.diagnostics.extend(rows);
                }
            }
        }
    }

    pub(crate) fn finish(mut self, explained_variance: f64) -> LearnReport {
        let (n, steps) = (self.rows.max(1.0), f64::from(self.steps.max(1)));
        let numbers = [
            ("policy_loss", self.sums.policy / n),
            ("value_loss", self.sums.value / n),
            ("total_loss", self.sums.total(&self.loss, n)),
            ("entropy", self.sums.entropy / n),
            ("approx_kl", self.sums.approx_kl / n),
            ("clip_fraction", self.sums.clipped / n),
            ("learning_rate", self.rate),
            ("explained_variance", explained_variance),
            ("grad_norm", self.gradient_norms / steps),
            ("update_norm", self.update_norms / steps),
        ];
        self.report
            .metrics
            .extend(numbers.map(|(name, value)| (name.to_owned(), value)));
        self.report
    }
}
