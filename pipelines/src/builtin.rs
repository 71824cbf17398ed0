//! The pipelines that come with the program, so that a bare binary can run them: every file of this folder's subfolders.
//!
//! Files below a folder called `parts` are not pipelines of their own; others extend them.

use starling_components::suggest;
use std::path::{Component, Path};

/// Name and text, parts included, in name order. Written by the build script.
const PIPELINES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/pipelines.rs"));

/// The names of all that can be run.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    let names = PIPELINES.iter().map(|(name, _)| *name);
    names.filter(|name| !name.split('/').any(|folder| folder == "parts"))
}

/// The text of the pipeline or part called `name`.
pub fn text(name: &str) -> Option<&'static str> {
    PIPELINES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}

/// The full name of what a person typed: `overcooked_v2/quick`, `quick`, `pipelines/overcooked_v2/quick.toml`.
///
/// # Errors
/// Advice where nothing, or more than one pipeline, is meant.
pub fn find(argument: &str) -> Result<&'static str, String> {
    let wanted = argument.strip_prefix("pipelines/").unwrap_or(argument);
    let wanted = wanted.strip_suffix(".toml").unwrap_or(wanted);
    if let Some(exact) = names().find(|name| *name == wanted) {
        return Ok(exact);
    }
    let short = |name: &'static str| name.rsplit('/').next().unwrap_or(name);
    let matching: Vec<_> = names().filter(|name| short(name) == wanted).collect();
    match matching[..] {
        [one] => Ok(one),
        [] => Err(match suggest::nearest(wanted, names().chain(names().map(short))) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("built in: {}", names().collect::<Vec<_>>().join(", ")),
        }),
        _ => Err(format!("say which: {}", matching.join(", "))),
    }
}

/// `a/../b.toml` as the name `b`; `None` if it leaves the pipelines' folder.
pub fn normalise(path: &Path) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    let name = parts.join("/");
    Some(name.strip_suffix(".toml").unwrap_or(&name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_is_found_by_path_name_and_short_name() {
        for argument in ["overcooked_v2/quick", "quick", "pipelines/overcooked_v2/quick.toml"] {
            assert_eq!(find(argument), Ok("overcooked_v2/quick"), "{argument}");
        }
        assert_eq!(find("quik"), Err("did you mean `quick`?".into()));
        assert_eq!(normalise(Path::new("a/../b.toml")), Some("b".into()));
        assert_eq!(normalise(Path::new("../b.toml")), None);
    }
}
