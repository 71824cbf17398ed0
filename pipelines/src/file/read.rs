//! TOML text to a tree with places; command-line assignments to the same tree.

use super::source::{Place, Sources};
use super::tree::{Data, Entry, Node};
use crate::problem::Problem;
use serde_json::{Number, Value};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Deeper values are refused: no pipeline needs them, and every reader of the tree is recursive.
const MAX_DEPTH: usize = 40;

/// What was found while reading.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// In the order of reading.
    pub(super) problems: Vec<Problem>,
    /// Some text is no TOML, or some file cannot be read: what would be said about keys and values is guesswork.
    pub(super) broken: bool,
}

/// Reads the source `source` as a pipeline of layer `layer`. What cannot be read is told in `findings`; the rest is returned, so that one
/// slip does not hide the others.
pub(super) fn document(sources: &Sources, source: usize, layer: u32, findings: &mut Findings) -> Node {
    let whole = Place { source, span: 0..0 };
    let text = sources.get(&whole).map_or("", |s| s.text.as_str());
    let mut reader = Reader {
        source,
        layer,
        findings,
    };
    if let Some(at) = too_deep(text) {
        reader.findings.broken = true;
        reader.refuse(at..at + 1, "nested too deeply");
        return Node::empty(whole, layer);
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        reader.findings.broken = true;
        reader.refuse(error.span().unwrap_or(0..0), error.message());
    }
    reader.table(table.get_ref(), whole, 0)
}

/// Reads `a.b.c=value` (a TOML value, or a bare word taken as a string).
pub(super) fn assignment(sources: &Sources, source: usize, layer: u32, findings: &mut Findings) -> Node {
    let whole = Place { source, span: 0..0 };
    let text = sources.get(&whole).map_or("", |s| s.text.as_str());
    let Some((key, value)) = text.split_once('=') else {
        let all = Place {
            source,
            span: 0..text.len(),
        };
        findings.broken = true;
        findings
            .problems
            .push(Problem::at(&all, "expected `key=value`").advise("e.g. `--set agent.chef.replicas=8`"));
        return Node::empty(whole, layer);
    };
    let word = value.trim();
    if !is_bare_word(word) || DeValue::parse(word).is_ok() {
        return document(sources, source, layer, findings);
    }
    // A bare word: read the key with a stand-in value, then put the word in its place.
    let mut stand_in = Sources::default();
    let only = stand_in.add("", format!("{key}=0"));
    let mut node = document(&stand_in, only, layer, findings);
    node.renumber(source);
    let start = key.len() + 1 + (value.len() - value.trim_start().len());
    if let Some(leaf) = node.only_leaf() {
        leaf.data = Data::Leaf(Value::String(word.to_owned()));
        leaf.place.span = start..start + word.len();
    }
    node
}

fn is_bare_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || "./".contains(c))
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./:".contains(c))
}

/// Where a key or value nests beyond what a recursive parser can be trusted with: counted on the text, without parsing, so brackets and
/// dots in strings count too, which is harmless at this size.
fn too_deep(text: &str) -> Option<usize> {
    let (mut brackets, mut dots) = (0_usize, 0_usize);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' | b'{' => brackets += 1,
            b']' | b'}' => brackets = brackets.saturating_sub(1),
            b'.' => dots += 1,
            b'\n' | b'=' | b',' | b' ' => dots = 0,
            _ => {}
        }
        if brackets > MAX_DEPTH || dots > MAX_DEPTH {
            return Some(at);
        }
    }
    None
}

impl Node {
    fn renumber(&mut self, source: usize) {
        self.place.source = source;
        match &mut self.data {
            Data::Leaf(_) => {}
            Data::List(items) => items.iter_mut().for_each(|n| n.renumber(source)),
            Data::Table(entries) => entries.iter_mut().for_each(|e| {
                e.key_place.source = source;
                e.node.renumber(source);
            }),
        }
    }
    fn only_leaf(&mut self) -> Option<&mut Self> {
        if matches!(self.data, Data::Leaf(_)) {
            return Some(self);
        }
        match &mut self.data {
            Data::Table(entries) => entries.first_mut()?.node.only_leaf(),
            _ => None,
        }
    }
}

struct Reader<'a> {
    source: usize,
    layer: u32,
    findings: &'a mut Findings,
}

impl Reader<'_> {
    fn place(&self, span: Range<usize>) -> Place {
        Place {
            source: self.source,
            span,
        }
    }

    fn refuse(&mut self, span: Range<usize>, message: &str) -> Value {
        let problem = Problem::at(&self.place(span), message);
        self.findings.problems.push(problem);
        Value::Null
    }

    fn node(&self, place: Place, data: Data) -> Node {
        Node {
            data,
            ..Node::empty(place, self.layer)
        }
    }

    fn table(&mut self, table: &DeTable<'_>, place: Place, depth: usize) -> Node {
        let mut pairs: Vec<_> = table.iter().collect();
        // The parser sorts keys by name; people read them in the order of writing.
        pairs.sort_by_key(|(key, _)| key.span().start);
        let entries = pairs.into_iter().map(|(key, value)| {
            let key_place = self.place(key.span());
            Entry {
                key: key.get_ref().to_string(),
                node: self.value(value, depth + 1),
                key_place,
            }
        });
        let entries = entries.collect();
        self.node(place, Data::Table(entries))
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, depth: usize) -> Node {
        let place = self.place(value.span());
        if depth > MAX_DEPTH {
            let nothing = self.refuse(value.span(), "nested too deeply");
            return self.node(place, Data::Leaf(nothing));
        }
        let leaf = match value.get_ref() {
            DeValue::Table(table) => return self.table(table, place, depth),
            DeValue::Array(items) => {
                let items = items.iter().map(|item| self.value(item, depth + 1)).collect();
                return self.node(place, Data::List(items));
            }
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Integer(integer) => {
                let (digits, radix) = (integer.as_str(), integer.radix());
                let unsigned = u64::from_str_radix(digits, radix).map(Number::from);
                match unsigned.or_else(|_| i64::from_str_radix(digits, radix).map(Number::from)) {
                    Ok(number) => Value::Number(number),
                    Err(_) => self.refuse(value.span(), "an integer beyond 64 bits"),
                }
            }
            DeValue::Float(float) => match float.as_str().parse::<f64>().ok().and_then(Number::from_f64) {
                Some(number) => Value::Number(number),
                None => self.refuse(value.span(), "not a finite number"),
            },
            DeValue::Datetime(_) => self.refuse(value.span(), "no setting is a date"),
        };
        self.node(place, Data::Leaf(leaf))
    }
}
