//! Patterns of paths: `*` is any part of one name, `?` any one character of it, `{a,b}` a or b.

use std::path::Path;

/// The folders that `pattern` matches, sorted. A name that begins with a dot is matched only by a pattern that says so.
pub(super) fn folders(pattern: &str) -> Vec<String> {
    let mut found: Vec<String> = expand(pattern).iter().flat_map(|one| folders_of(one)).collect();
    found.sort();
    found.dedup();
    found
}

fn folders_of(pattern: &str) -> Vec<String> {
    let root = if pattern.starts_with('/') { "/" } else { "" };
    let mut found = vec![root.to_owned()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        found = found.iter().flat_map(|base| below(base, part)).collect();
    }
    found.retain(|path| !path.is_empty() && Path::new(path).is_dir());
    found
}

/// `pattern` could have matched `path`.
pub(super) fn fits(pattern: &str, path: &str) -> bool {
    let parts =
        |text: &'_ str| -> Vec<String> { text.split('/').filter(|p| !p.is_empty()).map(str::to_owned).collect() };
    let fits = |pattern: &str| {
        let (patterns, names) = (parts(pattern), parts(path));
        pattern.starts_with('/') == path.starts_with('/')
            && patterns.len() == names.len()
            && patterns
                .iter()
                .zip(&names)
                .all(|(pattern, name)| name_fits(pattern, name))
    };
    expand(pattern).iter().any(|one| fits(one))
}

/// The patterns without braces that a pattern stands for.
fn expand(pattern: &str) -> Vec<String> {
    let braces = pattern.split_once('{').and_then(|(head, rest)| {
        let (choices, tail) = rest.split_once('}')?;
        Some((head, choices, tail))
    });
    let Some((head, choices, tail)) = braces else {
        return vec![pattern.to_owned()];
    };
    let tails = expand(tail);
    let with = |choice| tails.iter().map(move |tail| format!("{head}{choice}{tail}"));
    choices.split(',').flat_map(with).collect()
}

fn below(base: &str, part: &str) -> Vec<String> {
    let join = |name: &str| match base {
        "" => name.to_owned(),
        "/" => format!("/{name}"),
        _ => format!("{base}/{name}"),
    };
    if !part.contains(['*', '?']) {
        return vec![join(part)];
    }
    let folder = if base.is_empty() { "." } else { base };
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let shown = names.filter(|name| !name.starts_with('.') || part.starts_with('.'));
    shown
        .filter(|name| name_fits(part, name))
        .map(|name| join(&name))
        .collect()
}

/// One name against one pattern: the last star takes as little as it can, and more when what follows does not fit.
fn name_fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                n = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_patterns() {
        let check = |pattern, path, expected| assert_eq!(fits(pattern, path), expected, "{pattern} {path}");
        check("runs/sp/*", "runs/sp/seed0", true);
        check("runs/sp/*", "runs/sp/seed0/commits", false);
        check("runs/*/seed?", "runs/sp/seed10", false);
        check("runs/*/seed*", "runs/sp/seed10", true);
        check("/runs/a*b*c", "/runs/aXbbYc", true);
        check("/runs/a*b*c", "/runs/aXbbY", false);
        check("runs/x", "/runs/x", false);
        check("*", "", false);
        check("runs/{sp,fcp}/seed{0,1}", "runs/fcp/seed1", true);
        check("runs/{sp,fcp}/seed{0,1}", "runs/fcp/seed2", false);
    }

    #[test]
    fn folders_are_found_in_name_order() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        for name in ["seed10", "seed2", "other", ".hidden"] {
            std::fs::create_dir_all(dir.path().join("sp").join(name)).expect("a folder");
        }
        std::fs::write(dir.path().join("sp/seed_file"), "").expect("a file");
        let root = dir.path().display().to_string();
        let check = |pattern: &str, expected: &[&str]| {
            let expected: Vec<String> = expected.iter().map(|name| format!("{root}/{name}")).collect();
            assert_eq!(folders(&format!("{root}/{pattern}")), expected, "{pattern}");
        };
        check("sp/seed*", &["sp/seed10", "sp/seed2"]);
        check("*/*", &["sp/other", "sp/seed10", "sp/seed2"]);
        check("sp/seed2", &["sp/seed2"]);
        check("{sp,none}/{seed2,seed10,seed2}", &["sp/seed10", "sp/seed2"]);
        check("nothing/*", &[]);
    }
}
