//! Where text came from: files and command-line arguments, kept so that every value can be shown in its place.

use std::ops::Range;

/// A stretch of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Index into [`Sources`].
    pub source: usize,
    /// Bytes.
    pub span: Range<usize>,
}

/// One text: a pipeline file, or an argument such as `--set seed=3`.
#[derive(Debug, Clone)]
pub struct Source {
    /// Path as the user gave it, or `--set`.
    pub name: String,
    /// All of it.
    pub text: String,
}

/// All texts that one pipeline was read from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    list: Vec<Source>,
}

impl Sources {
    /// Keeps `text` and returns its index.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> usize {
        self.list.push(Source {
            name: name.into(),
            text: text.into(),
        });
        self.list.len() - 1
    }

    /// The text that `place` lies in.
    pub fn get(&self, place: &Place) -> Option<&Source> {
        self.list.get(place.source)
    }

    /// Line and column of the start of `place`, both from 1; columns count characters.
    pub fn line_column(&self, place: &Place) -> Option<(usize, usize)> {
        let text = &self.get(place)?.text;
        let start = floor_boundary(text, place.span.start);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
        Some((line, before[line_start..].chars().count() + 1))
    }

    /// The line that `place` starts in, and how many of its characters from there on belong to `place` (at least one).
    pub fn excerpt(&self, place: &Place) -> Option<(&str, usize)> {
        let text = &self.get(place)?.text;
        let start = floor_boundary(text, place.span.start);
        let end = floor_boundary(text, place.span.end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let covered = text[start..end.min(line_end)].chars().count().max(1);
        Some((text[line_start..line_end].trim_end_matches('\r'), covered))
    }
}

/// The last character boundary at or before `at`: spans come from a parser and are not trusted to cut characters well.
fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
