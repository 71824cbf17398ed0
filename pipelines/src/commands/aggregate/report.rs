//! One line per number, as a table for people or as data.

use crate::commands::query::Format;
use crate::statistics::Estimate;
use serde_json::{Value, json};
use starling_components::Fault;
use std::fmt::Write as _;

/// One number of one method.
pub(super) struct Line {
    pub(super) method: String,
    pub(super) statistic: &'static str,
    /// The score that a point of a profile is at.
    pub(super) at: Option<f64>,
    pub(super) estimate: Estimate,
}

impl Line {
    fn json(&self) -> Value {
        let Estimate { value, low, high } = self.estimate;
        json!({
            "method": self.method, "statistic": self.statistic, "at": self.at, "value": value, "low": low, "high": high,
        })
    }
}

/// All lines.
pub(super) fn text(lines: &[Line], format: Format) -> Result<String, Fault> {
    let mut text = String::new();
    // Writing to a string does not fail.
    match format {
        Format::Table => {
            let width = lines
                .iter()
                .map(|line| line.method.chars().count())
                .max()
                .unwrap_or(0)
                .max(6);
            let _ = writeln!(
                text,
                "{:<width$}  {:<22}{:>12}{:>12}{:>12}",
                "method", "statistic", "value", "low", "high"
            );
            for Line {
                method,
                statistic,
                at,
                estimate,
            } in lines
            {
                let name = at.map_or_else(|| (*statistic).to_owned(), |at| format!("{statistic} {at}"));
                let Estimate { value, low, high } = estimate;
                let _ = writeln!(text, "{method:<width$}  {name:<22}{value:>12.4}{low:>12.4}{high:>12.4}");
            }
        }
        Format::Csv => {
            text.push_str("method,statistic,at,value,low,high\n");
            for Line {
                method,
                statistic,
                at,
                estimate,
            } in lines
            {
                let at = at.map(|at| at.to_string()).unwrap_or_default();
                let Estimate { value, low, high } = estimate;
                let method = match method.contains([',', '"', '\n', '\r']) {
                    true => format!("\"{}\"", method.replace('"', "\"\"")),
                    false => method.clone(),
                };
                let _ = writeln!(text, "{method},{statistic},{at},{value},{low},{high}");
            }
        }
        Format::Json => {
            let _ = writeln!(text, "{:#}", lines.iter().map(Line::json).collect::<Value>());
        }
        Format::Jsonl => {
            for line in lines {
                let _ = writeln!(text, "{}", line.json());
            }
        }
        Format::Parquet | Format::Arrow => {
            return Err(Fault::pipeline("aggregates are written as table, csv, json or jsonl"));
        }
    }
    Ok(text)
}
