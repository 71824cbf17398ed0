//! An evaluation of every pairing as people and programs read it: the matrix, self-play, cross-play and gap with intervals, seats, events.

use super::matches::{Cell, Matches, SCORES};
use crate::crossplay::{Estimate, Matrix, RESAMPLES, Summary};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Rows of a matrix that are printed.
const ROWS: usize = 24;
/// Width of a printed cell.
const WIDTH: usize = 8;

/// All cells with the same agents in the same seats.
struct Arrangement<'a> {
    agents: &'a [String],
    cells: Vec<&'a Cell>,
    /// Numbers of the replicas in the first and in the second seat, rising; of two seats only.
    numbers: [Vec<u32>; 2],
    matrix: Option<Matrix>,
}

impl<'a> Arrangement<'a> {
    /// Of an evaluation's cells, in the order of their first ones.
    fn all(matches: &'a Matches) -> Vec<Self> {
        let mut found: Vec<(&[String], Vec<&Cell>)> = Vec::new();
        for cell in &matches.cells {
            match found.iter_mut().find(|(agents, _)| *agents == cell.agents) {
                Some((_, cells)) => cells.push(cell),
                None => found.push((&cell.agents, vec![cell])),
            }
        }
        found
            .into_iter()
            .map(|(agents, cells)| Self::of(agents, cells))
            .collect()
    }

    fn of(agents: &'a [String], cells: Vec<&'a Cell>) -> Self {
        let numbers = [0, 1].map(|seat| {
            let mut numbers: Vec<u32> = cells
                .iter()
                .filter_map(|cell| cell.replicas.get(seat))
                .copied()
                .collect();
            numbers.sort_unstable();
            numbers.dedup();
            numbers
        });
        let known: BTreeMap<&[u32], f64> = cells.iter().map(|cell| (&cell.replicas[..], cell.mean())).collect();
        let [rows, columns] = &numbers;
        let pairs = rows
            .iter()
            .flat_map(|row| columns.iter().map(move |column| [*row, *column]));
        let values: Option<Vec<f64>> = pairs.map(|pair| known.get(&pair[..]).copied()).collect();
        let matrix = values.filter(|_| agents.len() == 2).map(|values| Matrix {
            rows: rows.len(),
            columns: columns.len(),
            values,
        });
        Self {
            agents,
            cells,
            numbers,
            matrix,
        }
    }

    fn one_agent(&self) -> bool {
        self.agents.iter().all(|agent| *agent == self.agents[0])
    }

    /// Self-play and cross-play, where one agent has both seats and has replicas enough.
    fn summary(&self) -> Option<Summary> {
        let matrix = self.matrix.as_ref().filter(|_| self.one_agent())?;
        matrix.summary(RESAMPLES)
    }

    /// Mean over the cells, with its interval where the seats' replicas are different people.
    fn mean(&self) -> Estimate {
        if let Some(matrix) = self.matrix.as_ref().filter(|_| !self.one_agent()) {
            return matrix.mean(RESAMPLES);
        }
        let sum: f64 = self.cells.iter().map(|cell| cell.mean()).sum();
        Estimate {
            value: sum / self.cells.len().max(1) as f64,
            interval: None,
        }
    }

    /// The cells where replicas meet themselves and those where they meet others, if one agent has all seats; else all.
    fn groups(&self) -> Vec<(&'static str, Vec<&Cell>)> {
        if !self.one_agent() {
            return vec![("all", self.cells.clone())];
        }
        let alike = |cell: &&&Cell| cell.replicas.iter().all(|replica| *replica == cell.replicas[0]);
        let own: Vec<&Cell> = self.cells.iter().filter(alike).copied().collect();
        let others: Vec<&Cell> = self.cells.iter().filter(|cell| !alike(cell)).copied().collect();
        let groups = [("self-play", own), ("cross-play", others)];
        groups.into_iter().filter(|(_, cells)| !cells.is_empty()).collect()
    }

    fn text(&self, text: &mut String, events: &[String], width: usize) {
        // Writing to a string does not fail.
        if let Some(matrix) = &self.matrix {
            self.matrix_text(text, matrix, width);
        } else {
            for cell in self.cells.iter().take(ROWS) {
                let _ = writeln!(text, "{:<40}{:>WIDTH$.2}", cell.seating, cell.mean());
            }
            if self.cells.len() > ROWS {
                let _ = writeln!(text, "... {} cells; --csv has them all", self.cells.len());
            }
        }
        match self.summary() {
            Some(summary) => {
                let rows = [
                    ("self-play (SP)", summary.self_play),
                    ("cross-play (XP)", summary.cross_play),
                    ("gap (SP - XP)", summary.gap),
                ];
                for (name, number) in rows {
                    let _ = writeln!(text, "{name:<18}{}", estimate_text(number));
                }
            }
            None => {
                let _ = writeln!(text, "{:<18}{}", "mean of all cells", estimate_text(self.mean()));
            }
        }
        self.seats_text(text, events);
    }

    fn matrix_text(&self, text: &mut String, matrix: &Matrix, width: usize) {
        let [rows, columns] = &self.numbers;
        let fitting = (width.saturating_sub(8) / WIDTH).max(3);
        let shown_columns = columns.len().min(fitting);
        let shown_rows = rows.len().min(ROWS);
        let (first, second) = (&self.agents[0], &self.agents[1]);
        let _ = writeln!(
            text,
            "rows: replicas of {first} in seat 0; columns: replicas of {second} in seat 1"
        );
        let header: String = columns
            .iter()
            .take(shown_columns)
            .map(|c| format!("{c:>WIDTH$}"))
            .collect();
        let _ = writeln!(text, "{:<8}{header}", "");
        for (row, number) in rows.iter().enumerate().take(shown_rows) {
            let values = &matrix.values[row * columns.len()..][..shown_columns];
            let values: String = values.iter().map(|v| format!("{v:>WIDTH$.2}")).collect();
            let _ = writeln!(text, "{number:<8}{values}");
        }
        if (shown_rows, shown_columns) != (rows.len(), columns.len()) {
            let (r, c) = (rows.len(), columns.len());
            let _ = writeln!(
                text,
                "... {shown_rows} x {shown_columns} of {r} x {c} cells; --csv has them all"
            );
        }
    }

    /// What each seat got and did per episode.
    fn seats_text(&self, text: &mut String, events: &[String]) {
        let groups = self.groups();
        let seats = self.agents.len();
        let mut heads = format!("{:<26}", "\nmeans per episode");
        let mut seat_heads = format!("{:<25}", "");
        for (name, _) in &groups {
            let _ = write!(heads, "{name:>width$}", width = WIDTH * seats);
            for seat in 0..seats {
                let _ = write!(seat_heads, "{:>WIDTH$}", format!("seat {seat}"));
            }
        }
        let _ = writeln!(text, "{heads}\n{seat_heads}");
        let mut line = |name: &str, of: &dyn Fn(&Cell, usize) -> f64| {
            let numbers = groups
                .iter()
                .flat_map(|(_, cells)| (0..seats).map(move |seat| mean_of(cells, |c| of(c, seat))));
            let numbers: String = numbers.map(|number| format!("{number:>WIDTH$.2}")).collect();
            let _ = writeln!(text, "{name:<25}{numbers}");
        };
        line("return", &|cell, seat| {
            cell.seat_returns.get(seat).copied().map_or(0.0, f64::from)
        });
        line("shaped return", &|cell, seat| {
            cell.seat_shaped.get(seat).copied().map_or(0.0, f64::from)
        });
        for event in events {
            line(event, &|cell, seat| event_of(cell, event, seat));
        }
    }

    fn json(&self, events: &[String]) -> Value {
        let [rows, columns] = &self.numbers;
        let matrix = self
            .matrix
            .as_ref()
            .map(|m| m.values.chunks(m.columns.max(1)).collect::<Vec<_>>());
        let summary = self.summary();
        let seats = self.agents.len();
        let groups = self.groups().into_iter().map(|(name, cells)| {
            let by_seat = |of: &dyn Fn(&Cell, usize) -> f64| -> Vec<f64> {
                (0..seats).map(|seat| mean_of(&cells, |cell| of(cell, seat))).collect()
            };
            let events = events
                .iter()
                .map(|event| (event.clone(), json!(by_seat(&|c, seat| event_of(c, event, seat)))));
            let value = json!({
                "seat_returns": by_seat(&|c, seat| c.seat_returns.get(seat).copied().map_or(0.0, f64::from)),
                "seat_shaped": by_seat(&|c, seat| c.seat_shaped.get(seat).copied().map_or(0.0, f64::from)),
                "events": events.collect::<serde_json::Map<_, _>>(),
            });
            (name.replace('-', "_"), value)
        });
        json!({
            "agents": self.agents,
            "rows": rows,
            "columns": columns,
            "matrix": matrix,
            "mean": estimate_json(self.mean()),
            "self_play": summary.map(|s| estimate_json(s.self_play)),
            "cross_play": summary.map(|s| estimate_json(s.cross_play)),
            "gap": summary.map(|s| estimate_json(s.gap)),
            "per_episode": groups.collect::<serde_json::Map<_, _>>(),
        })
    }
}

/// The evaluation `entity` as text, at most `width` characters wide where it can be.
pub(super) fn text(entity: &str, matches: &Matches, width: usize) -> String {
    let episodes = matches.cells.first().map_or(0, |cell| cell.episodes);
    let cells = matches.cells.len();
    let mut text = format!(
        "\n{entity} after tick {}: task return, {cells} cells of {episodes} episodes\n",
        matches.tick
    );
    for arrangement in Arrangement::all(matches) {
        arrangement.text(&mut text, &matches.events, width);
    }
    text
}

/// The evaluation as data.
pub(super) fn json(matches: &Matches) -> Value {
    let arrangements = Arrangement::all(matches);
    let arrangements = arrangements.iter().map(|a| a.json(&matches.events));
    let cells = matches.cells.iter().map(|cell| {
        let scores = SCORES
            .iter()
            .zip(cell.scores)
            .map(|(name, value)| ((*name).to_owned(), json!(value)));
        let mut row: serde_json::Map<String, Value> = scores.collect();
        row.insert("seating".into(), json!(cell.seating));
        row.insert("replicas".into(), json!(cell.replicas));
        row.insert("episodes".into(), json!(cell.episodes));
        row.insert("seat_returns".into(), json!(cell.seat_returns));
        row.insert("seat_shaped".into(), json!(cell.seat_shaped));
        row.insert("events".into(), json!(cell.events));
        Value::Object(row)
    });
    json!({
        "tick": matches.tick,
        "arrangements": arrangements.collect::<Vec<_>>(),
        "cells": cells.collect::<Vec<_>>(),
    })
}

/// All cells of all evaluations as lines of comma-separated values, seats and events as columns.
pub(super) fn csv(evaluations: &BTreeMap<String, Matches>) -> String {
    let cells = || evaluations.values().flat_map(|m| &m.cells);
    let seats = cells().map(|cell| cell.replicas.len()).max().unwrap_or(0);
    let mut events: Vec<&String> = Vec::new();
    for event in evaluations.values().flat_map(|m| &m.events) {
        if !events.contains(&event) {
            events.push(event);
        }
    }
    let by_seat = |name: &str| (0..seats).map(|seat| format!("{name}_{seat}")).collect::<Vec<_>>();
    let mut head = vec!["entity".to_owned(), "tick".to_owned()];
    head.extend(["agent", "replica"].map(by_seat).concat());
    head.push("episodes".to_owned());
    head.extend(SCORES.map(str::to_owned));
    head.extend(["seat_return", "seat_shaped"].map(by_seat).concat());
    head.extend(events.iter().flat_map(|event| by_seat(event)));
    let mut text = head.join(",") + "\n";
    for (entity, matches) in evaluations {
        for cell in &matches.cells {
            let at = |seat: usize, values: &[f32]| values.get(seat).map(f32::to_string).unwrap_or_default();
            let mut row = vec![entity.clone(), matches.tick.to_string()];
            row.extend((0..seats).map(|seat| cell.agents.get(seat).cloned().unwrap_or_default()));
            row.extend((0..seats).map(|seat| cell.replicas.get(seat).map(u32::to_string).unwrap_or_default()));
            row.push(cell.episodes.to_string());
            row.extend(cell.scores.iter().map(f64::to_string));
            row.extend((0..seats).map(|seat| at(seat, &cell.seat_returns)));
            row.extend((0..seats).map(|seat| at(seat, &cell.seat_shaped)));
            for event in &events {
                let counts = cell.events.get(*event);
                let count = |seat: usize| counts.and_then(|c| c.get(seat)).map(f64::to_string).unwrap_or_default();
                row.extend((0..seats).map(count));
            }
            text.push_str(&row.join(","));
            text.push('\n');
        }
    }
    text
}

fn mean_of(cells: &[&Cell], of: impl Fn(&Cell) -> f64) -> f64 {
    cells.iter().map(|cell| of(cell)).sum::<f64>() / cells.len().max(1) as f64
}

fn event_of(cell: &Cell, event: &str, seat: usize) -> f64 {
    cell.events
        .get(event)
        .and_then(|counts| counts.get(seat))
        .copied()
        .unwrap_or(0.0)
}

fn estimate_text(estimate: Estimate) -> String {
    let Estimate { value, interval } = estimate;
    match interval {
        Some((low, high)) => format!("{value:>9.2}   95 % over replicas {low:.2} to {high:.2}"),
        None => format!("{value:>9.2}"),
    }
}

fn estimate_json(estimate: Estimate) -> Value {
    json!({ "value": estimate.value, "low": estimate.interval.map(|i| i.0), "high": estimate.interval.map(|i| i.1) })
}
