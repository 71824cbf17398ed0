//! What the authors of Adam-Rel log about every optimiser step: sizes of gradient and update, and how well the moments predict the gradient.

use super::adam::norm;

/// Numbers about one optimiser step, with the authors' names. Histograms per tensor: [`super::Histogram`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepDiagnostics {
    /// Norm of the gradient before clipping.
    pub grad_norm: f64,
    /// Largest absolute entry of the gradient.
    pub max_grad: f64,
    /// Population standard deviation of the gradient's entries.
    pub grad_std: f64,
    /// Cosine between gradient and first moment, both before the step.
    pub cosine_first: f64,
    /// Cosine between squared gradient and second moment, both before the step.
    pub cosine_second: f64,
}

/// Diagnoses a gradient against the moments before the step; all `[n]`.
pub fn diagnose(gradient: &[f32], first: &[f32], second: &[f32]) -> StepDiagnostics {
    let (max_grad, grad_std) = spread(gradient);
    let (mut dot, mut squared_dot, mut squared_norm) = (0.0, 0.0, 0.0);
    for ((&g, &m), &v) in gradient.iter().zip(first).zip(second) {
        let (g, m, v) = (f64::from(g), f64::from(m), f64::from(v));
        dot += g * m;
        squared_dot += g * g * v;
        squared_norm += g * g * g * g;
    }
    let grad_norm = norm(gradient);
    // Zero moments (the first step) have no direction: 0.
    let cosine = |dot: f64, a: f64, b: f64| if a * b > 0.0 { dot / (a * b) } else { 0.0 };
    StepDiagnostics {
        grad_norm,
        max_grad,
        grad_std,
        cosine_first: cosine(dot, grad_norm, norm(first)),
        cosine_second: cosine(squared_dot, squared_norm.sqrt(), norm(second)),
    }
}

/// Largest absolute entry and population standard deviation.
pub(crate) fn spread(values: &[f32]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    let (mut largest, mut squares) = (0.0_f64, 0.0);
    for &x in values {
        let x = f64::from(x);
        largest = largest.max(x.abs());
        squares += (x - mean) * (x - mean);
    }
    (largest, (squares / n).sqrt())
}
