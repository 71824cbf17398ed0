//! A curve as a small text plot.

use std::fmt::Write as _;

const HEIGHT: usize = 10;

/// Draws `values` over equal steps of x from `x.0` to `x.1`, `width` columns wide, one mark per column; columns are means of what falls in
/// them. `None` where there is nothing finite to draw.
pub(crate) fn curve(values: &[f64], x: (f64, f64), label: &str, width: usize) -> Option<String> {
    let width = width.clamp(10, 100);
    let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let columns: Vec<f64> = columns(&finite, width.min(finite.len().max(1)));
    let low = columns.iter().copied().reduce(f64::min)?;
    let high = columns.iter().copied().reduce(f64::max)?;
    let span = if high > low { high - low } else { 1.0 };
    let row_of = |value: f64| (((value - low) / span) * (HEIGHT - 1) as f64).round() as usize;
    let mut text = format!("{label}\n");
    for row in (0..HEIGHT).rev() {
        let tick = low + span * row as f64 / (HEIGHT - 1) as f64;
        let label = if row % 3 == 0 { number(tick) } else { String::new() };
        let marks: String = columns
            .iter()
            .map(|&v| if row_of(v) == row { '*' } else { ' ' })
            .collect();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{label:>9} |{}", marks.trim_end());
    }
    let _ = writeln!(text, "{:>9} +{}", "", "-".repeat(columns.len()));
    let (from, to) = (number(x.0), number(x.1));
    let gap = columns.len().saturating_sub(from.len() + to.len()).max(1);
    let _ = writeln!(text, "{:>9}  {from}{}{to}", "", " ".repeat(gap));
    Some(text)
}

/// `values` cut into `width` parts of nearly equal length, each as its mean.
fn columns(values: &[f64], width: usize) -> Vec<f64> {
    if values.is_empty() {
        return Vec::new();
    }
    let bounds = (0..width).map(|i| (i * values.len() / width, (i + 1) * values.len() / width));
    bounds
        .filter(|(from, to)| to > from)
        .map(|(from, to)| values[from..to].iter().sum::<f64>() / (to - from) as f64)
        .collect()
}

/// A number in at most seven characters: `12.5`, `3.0 M`.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 1e9 => format!("{:.1} G", value / 1e9),
        v if v >= 1e6 => format!("{:.1} M", value / 1e6),
        v if v >= 1e4 => format!("{:.1} k", value / 1e3),
        v if v >= 100.0 || value == value.trunc() => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rising_line_rises() {
        let values: Vec<f64> = (0..400).map(f64::from).collect();
        let text = curve(&values, (0.0, 1e6), "return", 40).expect("finite values");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), HEIGHT + 3);
        let mark = |line: &str| line.find('*').expect("a mark in every row of a line");
        assert!(mark(lines[1]) > mark(lines[HEIGHT]), "{text}");
        assert!(text.contains("1.0 M"));
    }

    #[test]
    fn nothing_finite_is_no_plot_and_a_constant_is_one() {
        assert!(curve(&[f64::NAN], (0.0, 1.0), "x", 40).is_none());
        assert!(curve(&[], (0.0, 1.0), "x", 40).is_none());
        assert!(curve(&[2.0; 5], (0.0, 1.0), "x", 40).is_some());
    }
}
