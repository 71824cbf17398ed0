//! `from = { file = ..., names = ... }`: the parameters in a safetensors file, the same for every replica.

use super::agents::Taken;
use starling_components::Fault;
use starling_components::imports::{Imported, ImportedReplica};
use starling_components::specs::{AgentSpec, FoundSource, FromSpec};
use starling_record::imports;
use std::path::{Component, Path, PathBuf};

/// Reads the parameters that `spec` starts from and completes it with what was found. `folder` is the pipeline file's.
///
/// # Errors
/// With the key within the agent's table.
pub(super) fn take(spec: &mut AgentSpec, folder: Option<&Path>) -> Result<Taken, Fault> {
    let from = spec.from.clone().unwrap_or_default();
    let in_from = |fault: Fault| fault.within(["from"]);
    check(spec, &from).map_err(in_from)?;
    let file = from.file.as_deref().unwrap_or_default();
    let (path, hash) = place(&from.found, Path::new(file), folder).map_err(in_from)?;
    let read = imports::read(&path).map_err(|fault| in_from(fault.within(["file"])))?;
    if let Some(hash) = hash.filter(|hash| *hash != read.sha256) {
        let (here, now) = (path.display(), &read.sha256);
        let message = format!("`{here}` has changed: its hash is {now}, this pipeline was resolved with {hash}");
        let fault =
            Fault::pipeline(message).advise("bring the old file back, or leave `found` out to read the new one");
        return Err(in_from(fault.within(["found", "0", "hash"])));
    }
    let source = ImportedReplica {
        origin: path.display().to_string(),
        tensors: read.tensors,
    };
    let found = vec![FoundSource {
        path: path.display().to_string(),
        commit: None,
        replica: None,
        hash: read.sha256,
    }];
    spec.from = Some(FromSpec { found, ..from.clone() });
    Ok(Taken {
        imported: Imported {
            names: from.names,
            sources: vec![source; spec.replicas.count() as usize],
        },
        statistics: Vec::new(),
    })
}

/// Refuses what has no meaning with a file.
fn check(spec: &AgentSpec, from: &FromSpec) -> Result<(), Fault> {
    if spec.script.is_some() {
        let fault = Fault::pipeline("a script has no parameters that could come from elsewhere");
        return Err(fault.advise("leave `from` or `script` out"));
    }
    if spec.policy.is_none() {
        let fault = Fault::pipeline("a file holds parameters and does not say of which network");
        return Err(fault
            .advise("describe it in `policy`: layers, activation and heads")
            .within(["file"]));
    }
    if spec.normalize.is_some() {
        let fault = Fault::pipeline("a file does not hold the statistics that `normalize` goes on with");
        return Err(fault
            .advise("leave `normalize` out, or take the agent from the `runs` that trained it")
            .within(["file"]));
    }
    let others = [
        ("agent", from.agent.is_some()),
        ("pick", from.pick.best().is_some()),
        ("progress", !from.progress.is_empty()),
    ];
    match others.into_iter().find(|(_, said)| *said) {
        None => Ok(()),
        Some((key, _)) => {
            let fault = Fault::pipeline(format!(
                "a `file` holds one moment of one agent: `{key}` chooses nothing"
            ));
            Err(fault.advise(format!("leave `{key}` out")).within([key]))
        }
    }
}

/// Where the file is, and its hash if the pipeline was resolved before. A resolved pipeline stands in another folder, so it says the whole path.
fn place<'a>(
    found: &'a [FoundSource],
    file: &Path,
    folder: Option<&Path>,
) -> Result<(PathBuf, Option<&'a str>), Fault> {
    let before = match found {
        [] => {
            let path = folder.map_or_else(|| file.to_owned(), |folder| folder.join(file));
            return Ok((std::path::absolute(&path).unwrap_or(path), None));
        }
        [before] => before,
        [_, second, ..] => {
            let fault = Fault::pipeline(format!(
                "one `file` cannot be found in two places, here also `{}`",
                second.path
            ));
            return Err(fault.within(["found", "1"]));
        }
    };
    let path = Path::new(&before.path);
    // `../x/y` may have been found as `/a/x/y`.
    let below: PathBuf = file
        .components()
        .skip_while(|part| !matches!(part, Component::Normal(_)))
        .collect();
    let same = if file.is_absolute() {
        path == file
    } else {
        path.ends_with(&below)
    };
    if same {
        return Ok((path.to_owned(), Some(&before.hash)));
    }
    let fault = Fault::pipeline(format!("`{}` is not the file `{}`", before.path, file.display()));
    Err(fault
        .advise("leave `found` out to look for the file again")
        .within(["found", "0", "path"]))
}
