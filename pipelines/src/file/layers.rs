//! `extends`, `replace`, `--replace` and `--set`: from a file and the command line to one merged tree.
//!
//! The order of merging is: the files that are extended, in the order of writing, the file's own tables, the file's `[replace]`, then every `--replace` and every
//! `--set`. Later wins, key by key. `replace` holds the same keys as the file itself and merges in the same way, except that a kind it
//! names in a slot takes the place of the kind that was there: `replace.agent.chef.learner.dqn = {}`.

use super::like;
use super::read::{self, Findings};
use super::source::{Place, Sources};
use super::tree::{Data, Entry, Node};
use crate::builtin;
use crate::problem::Problem;
use crate::sweep::Sweep;
use serde_json::Value;
use starling_components::specs::SweepSpec;
use std::path::{Path, PathBuf};

/// What the command line adds to a file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `a.b.c=value`, merged.
    pub set: Vec<String>,
    /// `a.b.kind=value`, merged; another kind takes the old one's place.
    pub replace: Vec<String>,
    /// `clock=n`: ends in the place of all that the file gives; of every stage, where it has stages.
    pub until: Vec<String>,
    /// The run of the file's `[sweep]` by its number: what it says merges after `set` and `replace`. The file itself if absent.
    pub point: Option<usize>,
}

/// Where a pipeline is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    Path(PathBuf),
    /// A pipeline that came with the program, by its name, e.g. `overcooked_v2/quick`.
    Builtin(String),
    /// A text from elsewhere, e.g. a run's stored pipeline. `extends` is refused.
    Text {
        /// What to call it in messages.
        name: String,
        /// All of it.
        text: String,
    },
}

impl Origin {
    /// What a person typed: a path, or the name of a built-in pipeline (`overcooked_v2/quick`, or `quick` alone where it is the only one).
    pub fn of_argument(argument: &str) -> Result<Self, Problem> {
        let path = Path::new(argument);
        if path.is_file() {
            return Ok(Self::Path(path.to_owned()));
        }
        match builtin::find(argument) {
            Ok(name) => Ok(Self::Builtin(name.to_owned())),
            // After the names: a folder may well be called `quick`.
            Err(_) if path.is_dir() => {
                let fault =
                    starling_components::Fault::pipeline(format!("`{argument}` is a folder, not a pipeline file"));
                Err(fault
                    .advise("name a file in it; a recorded run goes on with `starling resume`")
                    .into())
            }
            Err(advice) => Err(Problem::from(
                starling_components::Fault::pipeline(format!("no file or built-in pipeline is called `{argument}`"))
                    .advise(advice),
            )),
        }
    }

    /// The folder that paths in the file are relative to.
    pub fn folder(&self) -> Option<PathBuf> {
        match self {
            Self::Path(path) => Some(path.parent().unwrap_or(Path::new("")).to_owned()),
            Self::Builtin(_) | Self::Text { .. } => None,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Builtin(name) => format!("{name}.toml (built in)"),
            Self::Text { name, .. } => name.clone(),
        }
    }

    fn read(&self) -> Result<String, String> {
        match self {
            Self::Path(path) => std::fs::read_to_string(path).map_err(|e| e.to_string()),
            Self::Builtin(name) => builtin::text(name)
                .map(str::to_owned)
                .ok_or_else(|| "no such built-in pipeline".into()),
            Self::Text { text, .. } => Ok(text.clone()),
        }
    }

    /// What `extends = "other"` in this file means.
    fn sibling(&self, other: &str) -> Result<Self, String> {
        match self {
            Self::Path(path) => Ok(Self::Path(path.parent().unwrap_or(Path::new("")).join(other))),
            Self::Builtin(name) => {
                let folder = Path::new(name).parent().unwrap_or(Path::new(""));
                builtin::normalise(&folder.join(other))
                    .map(Self::Builtin)
                    .ok_or_else(|| "a built-in pipeline extends built-in ones only".into())
            }
            Self::Text { .. } => Err("only a file can extend another".into()),
        }
    }

    fn identity(&self) -> String {
        match self {
            Self::Path(path) => path
                .canonicalize()
                .unwrap_or_else(|_| path.clone())
                .display()
                .to_string(),
            Self::Builtin(name) => format!("builtin:{name}"),
            Self::Text { name, .. } => format!("text:{name}"),
        }
    }
}

/// Reads `origin` and everything it extends, and merges the overrides into it.
pub(super) fn merged(origin: &Origin, overrides: &Overrides, sources: &mut Sources, findings: &mut Findings) -> Node {
    let mut stack = Stack {
        sources,
        findings,
        layer: 0,
        open: Vec::new(),
    };
    let mut tree = stack.file(origin, None);
    for (flag, arguments) in [("--replace", &overrides.replace), ("--set", &overrides.set)] {
        for argument in arguments {
            let source = stack.sources.add(flag, argument.clone());
            let layer = stack.next_layer();
            let mut node = read::assignment(stack.sources, source, layer, stack.findings);
            if flag == "--replace" {
                node.mark_replacing();
            }
            tree.merge(node);
        }
    }
    if let Some(n) = overrides.point {
        stack.point(&mut tree, n);
    }
    // Whose ends are given: every stage's, or the pipeline's own.
    let stages = tree.entry("stage").map_or(&[][..], |table| table.node.entries());
    let stages: Vec<String> = stages.iter().map(|stage| format!("stage.{}.", stage.key)).collect();
    let owners = if stages.is_empty() { vec![String::new()] } else { stages };
    if !overrides.until.is_empty() {
        tree.take_ends();
    }
    for argument in &overrides.until {
        if !argument.contains('=') {
            let source = stack.sources.add("--until", argument.clone());
            let all = Place {
                source,
                span: 0..argument.len(),
            };
            stack.findings.broken = true;
            stack
                .findings
                .problems
                .push(Problem::at(&all, "expected `clock=n`").advise("e.g. `--until ticks=10`"));
            continue;
        }
        for owner in &owners {
            let source = stack.sources.add("--until", format!("{owner}until.{argument}"));
            let layer = stack.next_layer();
            tree.merge(read::assignment(stack.sources, source, layer, stack.findings));
        }
    }
    like::resolve(&mut tree, findings);
    tree
}

struct Stack<'a> {
    sources: &'a mut Sources,
    findings: &'a mut Findings,
    layer: u32,
    /// Files that are being read, outermost first.
    open: Vec<String>,
}

impl Stack<'_> {
    fn next_layer(&mut self) -> u32 {
        self.layer += 1;
        self.layer
    }

    /// Merges what run `n` of the sweep says, every value in the place where the sweep says it. A sweep that cannot be read is told of by
    /// whoever checks the file's head.
    fn point(&mut self, tree: &mut Node, n: usize) {
        let Some(entry) = tree.entry("sweep").cloned() else {
            return;
        };
        let seed = tree
            .entry("seed")
            .and_then(|seed| seed.node.to_json().as_u64())
            .unwrap_or(0);
        let spec = serde_json::from_value::<SweepSpec>(entry.node.to_json());
        let Some(sweep) = spec
            .ok()
            .and_then(|spec| Sweep::of(&spec, seed).ok())
            .filter(|sweep| n < sweep.len())
        else {
            return;
        };
        for setting in sweep.point(n) {
            let layer = self.next_layer();
            let place = entry.node.find(&setting.written).unwrap_or(&entry.key_place);
            let mut node = match entry.node.get(&setting.written) {
                // A draw is not what is written there.
                Some(node)
                    if setting
                        .written
                        .first()
                        .is_none_or(|table| table != "draw" && table != "seeds") =>
                {
                    node.clone()
                }
                _ => Node::of(&setting.value, place),
            };
            // `grid.a.b` is written with these keys, `merge` and seeds with keys of their own.
            let before = setting
                .written
                .windows(setting.path.len().max(1))
                .position(|keys| keys == setting.path);
            for (depth, key) in setting.path.iter().enumerate().rev() {
                let written = before.and_then(|before| entry.node.entry_at(&setting.written[..=before + depth]));
                let data = Data::Table(vec![Entry {
                    key: key.clone(),
                    key_place: written.map_or(place, |written| &written.key_place).clone(),
                    node,
                }]);
                node = Node {
                    data,
                    ..Node::empty(place.clone(), layer)
                };
            }
            if setting.path.is_empty() && !setting.replace {
                node.take("replace");
            }
            node.set_layer(layer);
            if setting.replace {
                node.mark_replacing();
            }
            tree.merge(node);
        }
    }

    /// `asked_by` is the `extends` that led here.
    fn file(&mut self, origin: &Origin, asked_by: Option<&Place>) -> Node {
        let nothing = Place { source: 0, span: 0..0 };
        let text = match origin.read() {
            Ok(text) => text,
            Err(why) => {
                let message = format!("cannot read `{}`: {why}", origin.name());
                self.findings.broken = true;
                self.findings.problems.push(match asked_by {
                    Some(place) => Problem::at(place, message).advise("`extends` is relative to the file that says it"),
                    None => Problem::from(starling_components::Fault::pipeline(message)),
                });
                return Node::empty(nothing, 0);
            }
        };
        self.open.push(origin.identity());
        let source = self.sources.add(origin.name(), text);
        // The base's layers come first; a provisional number is good enough to read `extends`.
        let mut tree = read::document(self.sources, source, 0, self.findings);
        let mut merged = self
            .base(origin, &mut tree)
            .unwrap_or_else(|| Node::empty(Place { source, span: 0..0 }, 0));
        let replace = tree.take("replace");
        let layer = self.next_layer();
        tree.set_layer(layer);
        merged.merge(tree);
        if let Some(mut replace) = replace {
            if matches!(replace.node.data, Data::Table(_)) {
                let layer = self.next_layer();
                replace.node.set_layer(layer);
                replace.node.mark_replacing();
                merged.merge(replace.node);
            } else {
                let message = format!(
                    "`replace` is a table with the same keys as the file, not {}",
                    replace.node.kind()
                );
                self.findings.problems.push(Problem::at(&replace.node.place, message));
            }
        }
        self.open.pop();
        merged
    }

    /// Everything that `extends` in `tree` names, merged in the order of writing.
    fn base(&mut self, origin: &Origin, tree: &mut Node) -> Option<Node> {
        let extends = tree.take("extends")?;
        let items = match extends.node.data {
            Data::List(items) => items,
            data => vec![Node { data, ..extends.node }],
        };
        let mut merged: Option<Node> = None;
        for item in items {
            let place = item.place;
            let Data::Leaf(Value::String(other)) = item.data else {
                self.findings.broken = true;
                let problem = Problem::at(&place, "`extends` names a file, or a list of files");
                self.findings
                    .problems
                    .push(problem.advise("e.g. extends = \"base.toml\""));
                continue;
            };
            let Some(base) = self.one_base(origin, &other, &place) else {
                continue;
            };
            match &mut merged {
                None => merged = Some(base),
                Some(merged) => merged.merge(base),
            }
        }
        merged
    }

    fn one_base(&mut self, origin: &Origin, other: &str, place: &Place) -> Option<Node> {
        let refuse = |message: String| Problem::at(place, message);
        let problem = match origin.sibling(other) {
            Err(why) => refuse(why),
            Ok(base) if self.open.contains(&base.identity()) => {
                refuse(format!("`{other}` extends this file again: a cycle"))
            }
            Ok(base) => return Some(self.file(&base, Some(place))),
        };
        self.findings.broken = true;
        self.findings.problems.push(problem);
        None
    }
}

impl Node {
    /// Takes away every end that a file gives: its stages', or its own.
    fn take_ends(&mut self) {
        let Data::Table(entries) = &mut self.data else { return };
        match entries.iter_mut().find(|entry| entry.key == "stage") {
            Some(Entry {
                node: Node {
                    data: Data::Table(stages),
                    ..
                },
                ..
            }) => {
                for stage in stages {
                    stage.node.take("until");
                }
            }
            _ => {
                self.take("until");
            }
        }
    }

    fn set_layer(&mut self, layer: u32) {
        self.layer = layer;
        match &mut self.data {
            Data::Leaf(_) => {}
            Data::List(items) => items.iter_mut().for_each(|n| n.set_layer(layer)),
            Data::Table(entries) => entries.iter_mut().for_each(|e| e.node.set_layer(layer)),
        }
    }
}
