//! What the command line names: stored agents, and how to call them.

use crate::file::layers::Origin;
use crate::problem::Problems;
use crate::sources::folders;
use starling_components::{Fault, suggest};
use starling_record::Run;
use std::collections::BTreeSet;
use std::path::Path;

/// An agent that is stored somewhere.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stored {
    /// What it is called here.
    pub(super) name: String,
    /// Where it is.
    pub(super) from: Source,
}

/// Where an agent is stored.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    /// An agent of runs that share one pipeline.
    Runs {
        /// Folders, in the order of the command line.
        folders: Vec<String>,
        /// Its name there.
        agent: String,
        /// The name of their pipeline.
        pipeline: String,
    },
    /// A safetensors file.
    File {
        /// Its path.
        path: String,
        /// With JaxMARL's names.
        jaxmarl: bool,
    },
}

impl Stored {
    /// Everything that the command line names.
    ///
    /// # Errors
    /// Nothing is there, or it holds no agent, or not the one that is asked for.
    pub(super) fn all(sources: &[String], jaxmarl: bool) -> Result<Vec<Self>, Fault> {
        let mut found: Vec<Source> = Vec::new();
        for source in sources {
            if Path::new(source).is_file() {
                found.push(Source::File {
                    path: source.clone(),
                    jaxmarl,
                });
                continue;
            }
            let (pattern, wanted) = split(source);
            for folder in folders(pattern)? {
                for (pipeline, agent) in agents_of(&folder, wanted)? {
                    add(&mut found, folder.clone(), agent, pipeline);
                }
            }
        }
        let names = names(&found);
        Ok(names
            .into_iter()
            .zip(found)
            .map(|(name, from)| Self { name, from })
            .collect())
    }

    /// The pipeline that it was trained by.
    ///
    /// # Errors
    /// A file says nothing of it; the run's is unreadable.
    pub(super) fn pipeline(&self) -> Result<Origin, Problems> {
        match &self.from {
            Source::Runs { folders, .. } => origin(&folders[0]),
            Source::File { path, .. } => {
                let fault = Fault::pipeline(format!("`{path}` does not say which environment it is for"));
                Err(fault.advise("name a pipeline with `--in`").into())
            }
        }
    }
}

/// What `--in` names: a run's stored pipeline, a file, or a built-in pipeline.
pub(super) fn origin(place: &str) -> Result<Origin, Problems> {
    if !Path::new(place).join("commits").is_dir() {
        return Ok(Origin::of_argument(place)?);
    }
    let run = Run::open_read_only(place, None)?;
    Ok(Origin::Text {
        name: format!("{}/pipeline.toml", run.place()),
        text: run.pipeline().to_owned(),
    })
}

/// `RUN:AGENT`, unless there is a folder of that name.
fn split(source: &str) -> (&str, Option<&str>) {
    match source.rsplit_once(':') {
        Some((pattern, agent)) if !Path::new(source).exists() && !agent.contains('/') => (pattern, Some(agent)),
        _ => (source, None),
    }
}

/// The agents of a run that are meant, with the name of its pipeline: the one that is asked for, else those that learnt, else those with
/// parameters.
fn agents_of(folder: &str, wanted: Option<&str>) -> Result<Vec<(String, String)>, Fault> {
    let run = Run::open_read_only(folder, None)?;
    let unreadable =
        |e: toml::de::Error| Fault::records(format!("the pipeline of `{folder}` is no TOML: {}", e.message()));
    let pipeline: toml::Table = toml::from_str(run.pipeline()).map_err(unreadable)?;
    let name = pipeline.get("name").and_then(toml::Value::as_str).unwrap_or_default();
    let agents = pipeline.get("agent").and_then(toml::Value::as_table);
    let with = |key: &str| -> Vec<&String> {
        let agents = agents.into_iter().flatten();
        agents
            .filter(|(_, agent)| agent.get(key).is_some())
            .map(|(name, _)| name)
            .collect()
    };
    let (learnt, known) = (with("learner"), with("policy"));
    let chosen = match wanted {
        Some(wanted) if known.iter().any(|agent| *agent == wanted) => vec![wanted.to_owned()],
        Some(wanted) => {
            let fault = Fault::pipeline(format!("`{folder}` has no agent `{wanted}` with parameters"));
            return Err(fault.advise(suggest::advice(wanted, known.iter().map(|k| k.as_str()))));
        }
        None if learnt.is_empty() => known.into_iter().cloned().collect(),
        None => learnt.into_iter().cloned().collect(),
    };
    if chosen.is_empty() {
        return Err(Fault::pipeline(format!("`{folder}` has no agent with parameters")));
    }
    Ok(chosen.into_iter().map(|agent| (name.to_owned(), agent)).collect())
}

/// Adds a run to the agent that it is more of, if there is one: another seed of the same pipeline in the same folder.
fn add(found: &mut Vec<Source>, folder: String, agent: String, pipeline: String) {
    let parent = |path: &str| Path::new(path).parent().map(Path::to_path_buf);
    for from in found.iter_mut() {
        if let Source::Runs {
            folders,
            agent: known,
            pipeline: of,
        } = from
            && (&*known, &*of) == (&agent, &pipeline)
            && parent(&folders[0]) == parent(&folder)
        {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
            return;
        }
    }
    found.push(Source::Runs {
        folders: vec![folder],
        agent,
        pipeline,
    });
}

/// The shortest names that tell all agents apart: their own; their pipeline's; both; folders'; or numbered.
fn names(found: &[Source]) -> Vec<String> {
    let last = |path: &str| {
        path.rsplit('/')
            .find(|part| !part.is_empty())
            .unwrap_or("agent")
            .to_owned()
    };
    let stem = |path: &str| last(path).trim_end_matches(".safetensors").to_owned();
    let schemes: [&dyn Fn(&Source) -> String; 4] = [
        &|from: &Source| match from {
            Source::Runs { agent, .. } => agent.clone(),
            Source::File { path, .. } => stem(path),
        },
        &|from: &Source| match from {
            Source::Runs { pipeline, .. } => last(pipeline),
            Source::File { path, .. } => stem(path),
        },
        &|from: &Source| match from {
            Source::Runs { pipeline, agent, .. } => format!("{}_{agent}", last(pipeline)),
            Source::File { path, .. } => stem(path),
        },
        &|from: &Source| match from {
            Source::Runs { folders, agent, .. } => format!("{}_{agent}", last(&folders[0])),
            Source::File { path, .. } => stem(path),
        },
    ];
    let plain = |name: String| -> String {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        name.chars().map(|c| if allowed(c) { c } else { '_' }).collect()
    };
    for scheme in schemes {
        let names: Vec<String> = found.iter().map(|from| plain(scheme(from))).collect();
        if names.iter().collect::<BTreeSet<_>>().len() == names.len() {
            return names;
        }
    }
    let numbered = found.iter().enumerate();
    numbered
        .map(|(index, from)| plain(format!("{}_{index}", schemes[0](from))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(runs: &[(&str, &str, &str)], files: &[&str], expected: &[&str]) {
        let mut found = Vec::new();
        for (folder, pipeline, agent) in runs {
            add(
                &mut found,
                (*folder).to_owned(),
                (*agent).to_owned(),
                (*pipeline).to_owned(),
            );
        }
        found.extend(files.iter().map(|path| Source::File {
            path: (*path).to_owned(),
            jaxmarl: true,
        }));
        assert_eq!(names(&found), expected);
    }

    #[test]
    fn agents_are_called_by_what_tells_them_apart() {
        check(
            &[("runs/sp/seed0", "sp", "chef"), ("runs/sp/seed1", "sp", "chef")],
            &[],
            &["chef"],
        );
        check(
            &[
                ("runs/o/sp/seed0", "o/sp", "chef"),
                ("runs/o/fcp/seed0", "o/fcp", "ego"),
            ],
            &[],
            &["chef", "ego"],
        );
        check(
            &[
                ("runs/o/sp/seed0", "o/sp", "chef"),
                ("runs/o/fcp/seed0", "o/fcp", "chef"),
            ],
            &[],
            &["sp", "fcp"],
        );
        check(
            &[("a/one", "sp", "chef"), ("b/two", "sp", "chef")],
            &[],
            &["one_chef", "two_chef"],
        );
        check(
            &[("a/one", "sp", "chef"), ("b/one", "sp", "chef")],
            &[],
            &["chef_0", "chef_1"],
        );
        check(
            &[("a/one", "sp", "chef")],
            &["x/cnn.v1.safetensors"],
            &["chef", "cnn_v1"],
        );
    }

    #[test]
    fn an_agent_is_asked_for_behind_a_colon() {
        assert_eq!(split("runs/sp/*:chef"), ("runs/sp/*", Some("chef")));
        assert_eq!(split("runs/sp/*"), ("runs/sp/*", None));
        assert_eq!(split("odd:place/seed0"), ("odd:place/seed0", None));
    }
}
