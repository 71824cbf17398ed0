//! What is wrong, said to the person who must act: message, place and advice, as a picture on terminals, as plain lines elsewhere, or as JSON.

use crate::file::source::{Place, Sources};
use crate::terminal;
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report};
use serde_json::{Value, json};
use starling_components::Fault;
use starling_components::fault::FaultKind;
use std::fmt::Write as _;

/// One problem.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Decides the exit code.
    pub kind: FaultKind,
    /// A lower-case fragment that fits "failed: ...".
    pub message: String,
    /// What to do about it.
    pub advice: Option<String>,
    /// Where it was written.
    pub place: Option<Place>,
    /// The pipeline key, where one is known but written nowhere.
    pub key: Vec<String>,
}

impl Problem {
    /// A wrong pipeline value at `place`.
    pub fn at(place: &Place, message: impl Into<String>) -> Self {
        Self {
            place: Some(place.clone()),
            ..Self::from(Fault::pipeline(message))
        }
    }
    /// Adds what to do about it.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self {
            kind: fault.kind,
            message: fault.message,
            advice: fault.advice,
            place: None,
            key: fault.key,
        }
    }
}

/// All problems found, with the texts that they lie in. Never empty where it is an error.
#[derive(Debug, Clone, Default)]
pub struct Problems {
    /// The texts.
    pub sources: Sources,
    /// In the order of the file.
    pub list: Vec<Problem>,
}

impl From<Fault> for Problems {
    fn from(fault: Fault) -> Self {
        Self {
            sources: Sources::default(),
            list: vec![fault.into()],
        }
    }
}

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.plain().trim_end())
    }
}

impl std::error::Error for Problems {}

impl Problems {
    /// Puts the problems in the order of the file.
    pub fn sort(&mut self) {
        self.list
            .sort_by_key(|p| p.place.as_ref().map(|p| (p.source, p.span.start)));
    }

    /// Everything, for a person at this terminal or for a log.
    pub fn render(&self) -> String {
        if terminal::stderr_is_terminal() {
            return self.list.iter().map(|p| self.fancy(p)).collect();
        }
        self.plain()
    }

    /// `file:line:column: message`, the line with the span marked, and the advice on a line of its own.
    pub fn plain(&self) -> String {
        let mut text = String::new();
        for problem in &self.list {
            let Problem { message, advice, .. } = problem;
            // Writing to a string does not fail.
            let _ = match self.address(problem) {
                Some(address) => writeln!(text, "{address}: {message}"),
                None if problem.key.is_empty() => writeln!(text, "error: {message}"),
                None => writeln!(text, "error: {}: {message}", problem.key.join(".")),
            };
            if let Some((line, covered)) = problem.place.as_ref().and_then(|p| self.sources.excerpt(p)) {
                let column = problem.place.as_ref().and_then(|p| self.sources.line_column(p));
                let (number, column) = column.unwrap_or((1, 1));
                let _ = writeln!(text, "{number:>5} | {line}");
                let _ = writeln!(text, "      | {}{}", " ".repeat(column - 1), "^".repeat(covered));
            }
            if let Some(advice) = advice {
                let _ = writeln!(text, "  help: {advice}");
            }
        }
        text
    }

    /// One object per problem.
    pub fn json(&self) -> Value {
        let one = |problem: &Problem| {
            let place = problem.place.as_ref();
            let (line, column) = place.and_then(|p| self.sources.line_column(p)).unzip();
            json!({
                "file": place.and_then(|p| self.sources.get(p)).map(|s| &s.name),
                "line": line,
                "column": column,
                "span": place.map(|p| [p.span.start, p.span.end]),
                "key": problem.key,
                "kind": kind_name(problem.kind),
                "message": problem.message,
                "advice": problem.advice,
            })
        };
        Value::Array(self.list.iter().map(one).collect())
    }

    /// The worst kind decides the exit code: a wrong pipeline before anything else, since it is what the reader can mend.
    pub fn kind(&self) -> FaultKind {
        self.list.iter().map(|p| p.kind).min().unwrap_or(FaultKind::Run)
    }

    fn address(&self, problem: &Problem) -> Option<String> {
        let place = problem.place.as_ref()?;
        let (line, column) = self.sources.line_column(place)?;
        Some(format!("{}:{line}:{column}", self.sources.get(place)?.name))
    }

    fn fancy(&self, problem: &Problem) -> String {
        let message = match &problem.place {
            None if !problem.key.is_empty() => format!("{}: {}", problem.key.join("."), problem.message),
            _ => problem.message.clone(),
        };
        let mut diagnostic = MietteDiagnostic::new(message);
        diagnostic.help = problem.advice.clone();
        let source = problem.place.as_ref().and_then(|p| Some((p, self.sources.get(p)?)));
        let report = match source {
            Some((place, source)) => {
                diagnostic.labels = Some(vec![LabeledSpan::new_with_span(None, place.span.clone())]);
                Report::new(diagnostic).with_source_code(NamedSource::new(&source.name, source.text.clone()))
            }
            None => Report::new(diagnostic),
        };
        let theme = if terminal::colours() {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let mut text = String::new();
        let handler = GraphicalReportHandler::new_themed(theme).with_width(terminal::width());
        if handler.render_report(&mut text, report.as_ref()).is_err() {
            return self.plain();
        }
        text
    }
}

fn kind_name(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Pipeline => "pipeline",
        FaultKind::Missing => "missing",
        FaultKind::Run => "run",
        FaultKind::Storage => "storage",
        FaultKind::Records => "records",
        FaultKind::Fenced => "fenced",
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self {
            sources: Sources::default(),
            list: vec![problem],
        }
    }
}
