//! "Did you mean": advice for a name that nothing has.

/// What to do about `wrong`, given the names that exist.
pub(crate) fn did_you_mean<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    let nearest = known.iter().min_by_key(|name| distance(wrong, name));
    match nearest {
        None => "there is none in this pipeline".to_owned(),
        Some(name) if distance(wrong, name) <= wrong.chars().count().div_ceil(2) => {
            format!("did you mean `{name}`? known: {}", known.join(", "))
        }
        Some(_) => format!("known: {}", known.join(", ")),
    }
}

/// Levenshtein distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_near_names_only() {
        let check =
            |wrong: &str, expected: &str| assert_eq!(did_you_mean(wrong, ["chef", "waiter"].into_iter()), expected);
        check("chf", "did you mean `chef`? known: chef, waiter");
        check("pilot", "known: chef, waiter");
        assert_eq!(
            did_you_mean("chef", std::iter::empty()),
            "there is none in this pipeline"
        );
    }
}
