//! What DataFusion says, as one message with a place and advice.

use datafusion::common::{DataFusionError, SchemaError};
use datafusion::sql::sqlparser::parser::ParserError;
use starling_components::{Fault, suggest};
use std::collections::BTreeSet;

/// A query that cannot be planned: the person who wrote it must act. `tables` are those that there are.
pub(super) fn planning(error: &DataFusionError, tables: &[String]) -> Fault {
    let place = error.diagnostic().and_then(|d| d.span);
    let place = place.map_or_else(String::new, |span| {
        format!("line {}, column {}: ", span.start.line, span.start.column)
    });
    let fault = |message: String| Fault::pipeline(format!("{place}{message}"));
    match error.find_root() {
        DataFusionError::SQL(error, _) => match error.as_ref() {
            ParserError::TokenizerError(text) | ParserError::ParserError(text) => fault(sentence(text)),
            ParserError::RecursionLimitExceeded => fault("the query is nested too deeply".into()),
        },
        DataFusionError::SchemaError(error, _) => match error.as_ref() {
            SchemaError::FieldNotFound { field, valid_fields } => {
                let known: BTreeSet<&str> = valid_fields.iter().map(|column| column.name.as_str()).collect();
                let message = format!("there is no column `{}`", field.flat_name().replace('"', ""));
                fault(message).advise(column_advice(&field.name, &known))
            }
            other => fault(sentence(&other.to_string())),
        },
        other => {
            let text = other.message().into_owned();
            if let Some(parts) = text.to_lowercase().split_once("compound identifier: ") {
                let name = parts.1.trim_matches(['[', ']']).replace('"', "").replace(", ", ".");
                return fault(format!("there is no column `{name}`")).advise(SETTINGS);
            }
            match missing_table(&text) {
                Some(table) => fault(format!("there is no table `{table}`"))
                    .advise(suggest::advice(table, tables.iter().map(String::as_str))),
                None => fault(sentence(&text)),
            }
        }
    }
}

const SETTINGS: &str = "a setting of the pipeline is written with its whole key in double quotes: \"agent.cart.learner.ppo.entropy\"; `DESCRIBE runs` lists them";

/// Thousands of settings are no advice; the near ones are.
fn column_advice(name: &str, known: &BTreeSet<&str>) -> String {
    match suggest::nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if name.contains('.') => SETTINGS.into(),
        None if known.len() <= 40 => format!("known: {}", known.iter().copied().collect::<Vec<_>>().join(", ")),
        None => SETTINGS.into(),
    }
}

/// The name in "table 'datafusion.public.x' not found".
fn missing_table(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("table '")?;
    let (path, rest) = rest.split_once('\'')?;
    rest.trim_start()
        .starts_with("not found")
        .then(|| path.rsplit('.').next())?
}

/// A query that fails while it runs: most often for want of memory, or because a file is not what its commit says.
pub(super) fn running(error: &DataFusionError) -> Fault {
    let root = error.find_root();
    let text = sentence(&root.message());
    match root {
        DataFusionError::ResourcesExhausted(_) => {
            Fault::run(format!("the query needs more memory than it may use: {text}"))
                .advise("allow more with `--memory-limit`, or choose fewer rows before sorting or joining them")
        }
        DataFusionError::ParquetError(_) | DataFusionError::ArrowError(..) if is_about_files(&text) => {
            unreadable(&text)
        }
        DataFusionError::ObjectStore(_) => unreadable(&text),
        DataFusionError::IoError(_) => Fault::storage(text),
        _ => Fault::pipeline(text),
    }
}

/// A part that cannot be read although it has the right length.
pub(super) fn unreadable(why: &str) -> Fault {
    Fault::records(format!("a part cannot be read: {why}"))
        .advise("`--verify` checks every hash first and leaves damaged runs out, `starling verify RUN` tells what is wrong with one")
}

fn is_about_files(text: &str) -> bool {
    let text = text.to_lowercase();
    ["parquet", "eof", "thrift", "page", "decompress", "zstd", "column chunk"]
        .iter()
        .any(|word| text.contains(word))
}

/// The first line, without what names the library's own parts, beginning with a small letter.
fn sentence(text: &str) -> String {
    let line = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    let line = line.trim_end_matches('.').trim();
    let mut letters = line.chars();
    let second_is_small = line.chars().nth(1).is_some_and(|c| !c.is_uppercase());
    match letters.next() {
        Some(first) if second_is_small => first.to_lowercase().chain(letters).collect(),
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{missing_table, sentence};

    #[test]
    fn messages_begin_small_and_lose_their_tails() {
        assert_eq!(
            sentence("Expected: an expression, found: EOF."),
            "expected: an expression, found: EOF"
        );
        assert_eq!(
            sentence("DDL not supported: CreateView"),
            "DDL not supported: CreateView"
        );
        assert_eq!(sentence("Invalid\n\nbacktrace: 0"), "invalid");
        assert_eq!(
            missing_table("table 'datafusion.public.metric' not found"),
            Some("metric")
        );
        assert_eq!(missing_table("column 'metric' not found"), None);
    }
}
