//! The runs of one query: found once, each looked at once, so that all tables of the query show the same moment.

use super::settings::Settings;
use rayon::prelude::*;
use starling_components::Fault;
use starling_record::survey::{self, Inspection, Newest, State};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

/// One run, looked at no deeper than the query needs.
#[derive(Debug)]
pub(super) struct Run {
    /// Path under the runs' folder, with `/`.
    pub(super) name: String,
    pub(super) dir: PathBuf,
    newest: OnceLock<Newest>,
    inspection: OnceLock<Inspection>,
    settings: OnceLock<Settings>,
}

impl Run {
    /// Its newest commit.
    pub(super) fn newest(&self) -> &Newest {
        self.newest.get_or_init(|| survey::newest(&self.dir))
    }

    /// All its commits up to the newest.
    pub(super) fn inspection(&self, hashes: bool) -> &Inspection {
        self.inspection
            .get_or_init(|| survey::inspect(&self.dir, self.newest().number, hashes))
    }

    /// What its pipeline says.
    pub(super) fn settings(&self) -> &Settings {
        self.settings.get_or_init(|| Settings::of(&self.dir))
    }
}

/// All runs below one folder.
#[derive(Debug)]
pub(crate) struct Runs {
    /// Absolute.
    pub(super) folder: PathBuf,
    pub(super) list: Vec<Run>,
    /// Every byte that a query could read is checked first.
    hashes: bool,
    left_out: Mutex<BTreeMap<String, (State, String)>>,
}

impl Runs {
    /// Finds the runs below `folder`.
    ///
    /// # Errors
    /// There is no such folder.
    pub(crate) fn find(folder: &Path, hashes: bool) -> Result<Arc<Self>, Fault> {
        let absolute = folder.canonicalize().ok().filter(|folder| folder.is_dir());
        let Some(folder) = absolute else {
            return Err(Fault::pipeline(format!("there is no folder `{}`", folder.display()))
                .advise("name the folder that holds the runs: `--runs DIR`"));
        };
        let run = |dir: PathBuf| {
            let inside = dir.strip_prefix(&folder).unwrap_or(&dir);
            let name: Vec<_> = inside.components().map(|c| c.as_os_str().to_string_lossy()).collect();
            let name = if name.is_empty() { ".".into() } else { name.join("/") };
            Run {
                name,
                dir,
                newest: OnceLock::new(),
                inspection: OnceLock::new(),
                settings: OnceLock::new(),
            }
        };
        let mut list: Vec<Run> = survey::find(&folder).into_iter().map(run).collect();
        // By name rather than by path: `a-b` comes before `a/b` in the one order and after it in the other.
        list.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Arc::new(Self {
            folder,
            list,
            hashes,
            left_out: Mutex::default(),
        }))
    }

    /// Every commit of `run`, and whether its rows count.
    pub(super) fn inspect<'a>(&self, run: &'a Run) -> &'a Inspection {
        run.inspection(self.hashes)
    }

    /// The chosen runs whose rows count, in order. The others are remembered, to be told of.
    pub(super) fn readable<'a>(&self, chosen: &[&'a Run]) -> Vec<(&'a Run, &'a Inspection)> {
        let looked: Vec<_> = chosen.par_iter().map(|run| (*run, self.inspect(run))).collect();
        let (good, bad): (Vec<_>, Vec<_>) = looked.into_iter().partition(|(_, i)| i.state.is_readable());
        if let Ok(mut left_out) = self.left_out.lock() {
            for (run, inspection) in bad {
                let problem = inspection.problem.as_ref().map(|fault| fault.message.clone());
                left_out.insert(run.name.clone(), (inspection.state, problem.unwrap_or_default()));
            }
        }
        good
    }

    /// Runs whose rows did not count so far: name, state and why.
    pub(crate) fn left_out(&self) -> Vec<(String, State, String)> {
        let left_out = self.left_out.lock().map(|l| l.clone()).unwrap_or_default();
        let told = left_out.into_iter().map(|(name, (state, why))| (name, state, why));
        told.collect()
    }
}
