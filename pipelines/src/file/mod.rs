//! From a pipeline file to checked, resolved values: parse, merge, check against the schemas, fill in defaults.
//!
//! Every step keeps places, so that whatever refuses a value later, also a system that builds from it, can be shown in the file.

pub mod layers;
mod like;
pub mod schemas;
pub mod source;
pub mod tree;

mod check;
mod read;
mod resolve;
mod shape;
mod write;

use crate::problem::{Problem, Problems};
use crate::sources::Statistics;
use crate::sweep::Sweep;
use check::{Checker, Entities};
use layers::{Origin, Overrides};
use read::Findings;
use resolve::Resolver;
use schemas::Schemas;
use serde_json::{Map, Value};
use source::{Place, Sources};
use starling_components::Fault;
use starling_components::demonstrations::Demonstrations;
use starling_components::imports::Imported;
use starling_components::registry::{Choice, Registry, RulesContext, RulesSlot, SettingsError, Slot, choice_schema};
use starling_components::specs::PipelineSpec;
use starling_components::suggest;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tree::{Data, Entry, Node};

/// One table of a pipeline with every default filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// The table's kind, e.g. `environment`.
    pub table: String,
    /// Its key; the table's own name where a file has one such table at most.
    pub key: String,
    /// At most one per file.
    pub single: bool,
    /// Its values.
    pub values: Map<String, Value>,
}

impl Instance {
    /// Keys from the file's root.
    pub fn path(&self) -> Vec<String> {
        if self.single {
            return vec![self.table.clone()];
        }
        vec![self.table.clone(), self.key.clone()]
    }
}

/// A checked and resolved pipeline.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// The head of the file.
    pub head: PipelineSpec,
    /// The tables, by kind and key.
    pub instances: Vec<Instance>,
    /// The folder that paths in the file are relative to; none for a built-in pipeline.
    pub folder: Option<PathBuf>,
    /// Parameters that agents take from elsewhere, by the agent's key.
    pub(crate) imports: BTreeMap<String, Imported>,
    /// What those agents have seen, per replica, where they normalise.
    pub(crate) statistics: BTreeMap<String, Vec<Statistics>>,
    /// The steps of its datasets, by key.
    pub(crate) datasets: BTreeMap<String, Demonstrations>,
    /// What it takes from elsewhere is not looked at: it is not going to learn or play with it.
    pub(crate) only_read: bool,
    /// The runs of its `[sweep]`, if it has one; the resolved text has none.
    pub(crate) sweep: Option<Sweep>,
    tree: Node,
    sources: Sources,
}

/// Reads a pipeline.
///
/// # Errors
/// All problems found, each in its place.
pub fn load(origin: &Origin, overrides: &Overrides, registry: &Registry) -> Result<Pipeline, Problems> {
    let mut sources = Sources::default();
    let mut findings = Findings::default();
    let tree = layers::merged(origin, overrides, &mut sources, &mut findings);
    let Findings { problems, broken } = findings;
    if broken {
        return Err(Problems {
            sources,
            list: problems,
        });
    }
    let schemas = Schemas::of(registry);
    let mut loader = Loader {
        registry,
        schemas: &schemas,
        problems,
        folder: origin.folder(),
        instances: Vec::new(),
        entities: entities(&tree),
        tree,
    };
    let mut head = loader.run();
    let sweep = head.as_mut().and_then(|head| loader.sweep(head));
    if !loader.problems.is_empty() {
        loader.problems_of_rules();
    }
    let Loader {
        problems,
        mut instances,
        tree,
        ..
    } = loader;
    let Some(head) = head.filter(|_| problems.is_empty()) else {
        let mut problems = Problems {
            sources,
            list: problems,
        };
        problems.sort();
        return Err(problems);
    };
    instances.sort_by(|a, b| (&a.table, &a.key).cmp(&(&b.table, &b.key)));
    Ok(Pipeline {
        head,
        instances,
        folder: origin.folder(),
        imports: BTreeMap::new(),
        statistics: BTreeMap::new(),
        datasets: BTreeMap::new(),
        only_read: false,
        sweep,
        tree,
        sources,
    })
}

/// A pipeline file from the keys at its top and its tables, each with its path.
pub(crate) fn document<'a>(
    head: &Map<String, Value>,
    tables: impl IntoIterator<Item = (&'a [String], &'a Map<String, Value>)>,
) -> String {
    let header = |path: &[String]| path.iter().map(|part| write::key(part)).collect::<Vec<_>>().join(".");
    write::document(head, tables.into_iter().map(|(path, keys)| (header(path), keys)))
}

/// The keys of every table of the file, sound or not.
fn entities(tree: &Node) -> Entities {
    let keys = |table: &Entry| table.node.entries().iter().map(|e| e.key.clone()).collect();
    tree.entries()
        .iter()
        .map(|table| (table.key.clone(), keys(table)))
        .collect()
}

impl Pipeline {
    /// Keys of all tables of one kind.
    pub(crate) fn names<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a str> {
        let own = self.instances.iter().filter(move |instance| instance.table == table);
        own.map(|instance| instance.key.as_str())
    }

    /// The pipeline as a file that stands alone: everything merged, every default said. Reading it gives the same pipeline.
    pub fn text(&self) -> String {
        let head = serde_json::to_value(&self.head).unwrap_or_default();
        let head = head.as_object().cloned().unwrap_or_default();
        let tables = self.instances.iter().map(|instance| {
            let header: Vec<_> = instance.path().iter().map(|part| write::key(part)).collect();
            (header.join("."), &instance.values)
        });
        write::document(&head, tables)
    }

    /// The file says something at this path, in whichever of its layers.
    pub(crate) fn says(&self, path: &[&str]) -> bool {
        let mut node = &self.tree;
        path.iter().all(|key| {
            let entry = node.entry(key);
            node = entry.map_or(node, |entry| &entry.node);
            entry.is_some()
        })
    }

    /// The values of one table as its spec.
    pub(crate) fn spec<T: serde::de::DeserializeOwned>(&self, index: usize) -> Option<T> {
        serde_json::from_value(Value::Object(self.instances[index].values.clone())).ok()
    }

    /// Puts a completed spec in the place of a table's values.
    ///
    /// # Errors
    /// What the table refuses now that it is complete, with keys from the file's root.
    pub(crate) fn put<T: serde::Serialize>(
        &mut self,
        registry: &Registry,
        index: usize,
        spec: &T,
    ) -> Result<(), Vec<Fault>> {
        let value = serde_json::to_value(spec).unwrap_or_default();
        let instance = &mut self.instances[index];
        match resolved(
            registry,
            &Schemas::of(registry),
            self.folder.clone(),
            &instance.table,
            &value,
        ) {
            Ok(values) => instance.values = values,
            Err(errors) => {
                let fault = |error: SettingsError| Fault::pipeline(error.message).within(error.path);
                let faults = errors.into_iter().map(fault);
                return Err(faults.map(|fault| fault.within(instance.path())).collect());
            }
        }
        Ok(())
    }

    /// Shows faults in the file.
    pub fn locate(&self, faults: Vec<Fault>) -> Problems {
        let locate = |fault: Fault| {
            let place = self.tree.find(&fault.key).cloned();
            // `[record]` is one table whose entity has a key all the same.
            let place = place.or_else(|| self.tree.find(fault.key.get(1..).unwrap_or_default()).cloned());
            Problem {
                place,
                ..Problem::from(fault)
            }
        };
        Problems {
            sources: self.sources.clone(),
            list: faults.into_iter().map(locate).collect(),
        }
    }
}

struct Loader<'a> {
    registry: &'a Registry,
    schemas: &'a Schemas,
    folder: Option<PathBuf>,
    problems: Vec<Problem>,
    instances: Vec<Instance>,
    entities: Entities,
    tree: Node,
}

impl Loader<'_> {
    fn run(&mut self) -> Option<PipelineSpec> {
        let top = Place {
            source: self.tree.place.source,
            span: 0..0,
        };
        let mut head = Node::empty(top.clone(), 0);
        let mut entries = match std::mem::replace(&mut self.tree.data, Data::Table(Vec::new())) {
            Data::Table(entries) => entries,
            _ => Vec::new(),
        };
        for entry in &mut entries {
            self.top_entry(entry, &mut head);
        }
        self.tree.data = Data::Table(entries);
        self.defaults_of_single_tables();
        let mut checker = Checker::new(self.schemas, &self.entities, &[]);
        checker.value(&mut head, &self.schemas.head, &top);
        let fine = checker.problems.is_empty();
        self.problems.append(&mut checker.problems);
        if !fine || head.unread() {
            return None;
        }
        match serde_json::from_value::<PipelineSpec>(head.to_json()) {
            Ok(spec) => {
                self.run_name(&spec, &head);
                Some(spec)
            }
            Err(error) => {
                self.problems.push(Problem::at(&top, error.to_string()));
                None
            }
        }
    }

    /// Takes the sweep out of the head: a run is one of its runs.
    fn sweep(&mut self, head: &mut PipelineSpec) -> Option<Sweep> {
        let spec = head.sweep.take()?;
        match Sweep::of(&spec, head.seed) {
            Ok(sweep) => Some(sweep),
            Err(faults) => {
                for fault in faults.into_iter().map(|fault| fault.within(["sweep"])) {
                    let place = self.tree.find(&fault.key).cloned();
                    self.problems.push(Problem {
                        place,
                        ..Problem::from(fault)
                    });
                }
                None
            }
        }
    }

    /// The name becomes a folder.
    fn run_name(&mut self, spec: &PipelineSpec, head: &Node) {
        let fine = |part: &str| !part.is_empty() && part != "." && part != ".." && part.chars().all(is_name_character);
        if !spec.name.split('/').all(fine)
            && let Some(entry) = head.entry("name")
        {
            let problem = Problem::at(
                &entry.node.place,
                format!("`{}` cannot name a folder of runs", spec.name),
            );
            self.problems
                .push(problem.advise("letters, digits, `_`, `-`, `.`, in parts separated by `/`"));
        }
    }

    fn top_entry(&mut self, entry: &mut Entry, head: &mut Node) {
        let schemas = self.schemas;
        if let Some(table) = schemas.tables.get(entry.key.as_str()) {
            if !matches!(entry.node.data, Data::Table(_)) {
                let message = format!("`{}` is a table, not {}", entry.key, entry.node.kind());
                self.problems.push(Problem::at(&entry.node.place, message));
            } else if table.single {
                let name = entry.key.clone();
                self.instance(&name, &name, true, &entry.key_place, &mut entry.node);
            } else if let Data::Table(instances) = &mut entry.node.data {
                for Entry { key, key_place, node } in instances {
                    self.key_name(&entry.key, key, key_place);
                    self.instance(&entry.key, key, false, key_place, node);
                }
            }
            return;
        }
        let head_keys = || {
            let properties = schemas.head.get("properties").and_then(Value::as_object);
            properties.into_iter().flat_map(|p| p.keys().map(String::as_str))
        };
        if head_keys().any(|key| key == entry.key) {
            if let Data::Table(entries) = &mut head.data {
                entries.push(entry.clone());
            }
            return;
        }
        let known: Vec<&str> = schemas
            .tables
            .keys()
            .copied()
            .chain(head_keys())
            .chain(["extends", "replace"])
            .collect();
        let what = if matches!(entry.node.data, Data::Table(_)) {
            "table"
        } else {
            "key"
        };
        let problem = Problem::at(&entry.key_place, format!("unknown {what} `{}`", entry.key));
        self.problems.push(problem.advise(suggest::advice(&entry.key, known)));
    }

    /// Names end up in checkpoints, seatings and folders, where these characters separate.
    fn key_name(&mut self, table: &str, key: &str, place: &Place) {
        if key.is_empty() || !key.chars().all(|c| is_name_character(c) && c != '.') {
            let problem = Problem::at(place, format!("`{key}` cannot name an entity of `{table}`"));
            self.problems.push(problem.advise("letters, digits, `_` and `-`"));
        }
    }

    fn instance(&mut self, table: &str, key: &str, single: bool, at: &Place, node: &mut Node) {
        let path = if single { vec![table] } else { vec![table, key] };
        let schemas = self.schemas;
        let Some(schema) = schemas.tables.get(table).map(|t| &t.schema) else {
            return;
        };
        let mut checker = Checker::new(schemas, &self.entities, &path);
        checker.value(node, schema, at);
        let fine = checker.problems.is_empty();
        self.problems.append(&mut checker.problems);
        self.problems.append(&mut checker.strangers);
        if !fine || node.unread() {
            return;
        }
        match self.resolved(table, node.to_json()) {
            Ok(values) => self.instances.push(Instance {
                table: table.to_owned(),
                key: key.to_owned(),
                single,
                values,
            }),
            Err(errors) => {
                for error in errors {
                    let place = node.find(&error.path).unwrap_or(at);
                    self.problems.push(Problem::at(place, error.message));
                }
            }
        }
    }

    fn resolved(&self, table: &str, value: Value) -> Result<Map<String, Value>, Vec<SettingsError>> {
        resolved(self.registry, self.schemas, self.folder.clone(), table, &value)
    }

    /// What rules refuse, for a file that has other problems. Whoever builds a world would find it, but no world is built from such a file; rules look
    /// at their own settings only, so they can be asked now, and a reader hears of everything at once.
    fn problems_of_rules(&mut self) {
        let environments = self.tree.entry("environment").map_or(&[][..], |e| e.node.entries());
        for environment in environments {
            let (Some(rules), Some(seats)) = (environment.node.entry("rules"), environment.node.entry("seats")) else {
                continue;
            };
            let Data::List(seats) = &seats.node.data else { continue };
            let path = ["environment", &environment.key, "rules"];
            let mut checker = Checker::new(self.schemas, &self.entities, &path);
            let mut node = rules.node.clone();
            checker.value(&mut node, &choice_schema(RulesSlot::NAME).to_value(), &rules.key_place);
            if !checker.problems.is_empty() || node.unread() {
                continue;
            }
            let Ok(choice) = serde_json::from_value::<Choice>(node.to_json()) else {
                continue;
            };
            let context = RulesContext {
                seats: seats.len(),
                folder: self.folder.as_deref(),
            };
            if let Err(fault) = self.registry.build::<RulesSlot>(&choice, context) {
                let place = rules.node.find(&fault.key).unwrap_or(&rules.key_place).clone();
                self.problems.push(Problem {
                    place: Some(place),
                    ..Problem::from(fault)
                });
            }
        }
    }

    /// A table that a file may leave out still has its defaults in the resolved pipeline.
    fn defaults_of_single_tables(&mut self) {
        let schemas = self.schemas;
        for (name, _) in schemas.tables.iter().filter(|(_, table)| table.single) {
            if self.tree.entry(name).is_some() {
                continue;
            }
            if let Ok(values) = self.resolved(name, Value::Object(Map::new())) {
                self.instances.push(Instance {
                    table: (*name).to_owned(),
                    key: (*name).to_owned(),
                    single: true,
                    values,
                });
            }
        }
    }
}

/// The values of one table with every default.
fn resolved(
    registry: &Registry,
    schemas: &Schemas,
    folder: Option<PathBuf>,
    table: &str,
    value: &Value,
) -> Result<Map<String, Value>, Vec<SettingsError>> {
    let (Some(info), Some(schema)) = (registry.table_info(table), schemas.tables.get(table)) else {
        return Ok(Map::new());
    };
    let mut value = (info.resolve)(value).map_err(|error| vec![error])?;
    let mut resolver = Resolver::new(registry, schemas);
    resolver.folder = folder;
    if let Some(values) = value.as_object().filter(|_| table == "agent") {
        resolver.replicas = resolve::replicas_of(values);
    }
    resolver.choices(&mut value, &schema.schema);
    match value {
        Value::Object(values) if resolver.problems.is_empty() => Ok(values),
        _ => Err(resolver.problems),
    }
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-.".contains(c)
}

#[cfg(test)]
mod tests;
