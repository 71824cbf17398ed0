//! The manual's page: every question is asked, and the answer must be the one that is printed.
//!
//! A block of SQL or of a shell command is followed by a block of text, its answer. `<!-- varies: COLUMN, ... -->` before the answer names columns
//! that no two executions share. `STARLING_BLESS=1` writes the answers into the page instead.

use super::fixture::{ask, starling, study};
use starling_tests::cli::repository;
use std::process::Command;

struct Question {
    /// `sql` or `sh`.
    language: String,
    text: String,
    varies: Vec<String>,
    /// Lines of the answer in the page: from, to (exclusive).
    lines: (usize, usize),
}

/// The end of a block that begins after line `start`.
fn end(lines: &[&str], start: usize) -> usize {
    let length = lines[start..].iter().position(|line| *line == "```");
    start + length.expect("the block is closed")
}

fn questions(page: &str) -> Vec<Question> {
    let lines: Vec<&str> = page.lines().collect();
    let (mut found, mut asked, mut varies) = (Vec::new(), None, Vec::new());
    let mut at = 0;
    while at < lines.len() {
        match lines[at] {
            "```sql" | "```sh" => {
                let close = end(&lines, at + 1);
                let text = lines[at + 1..close].join("\n");
                asked = Some((lines[at].trim_start_matches('`').to_owned(), text));
                at = close;
            }
            "```text" => {
                let close = end(&lines, at + 1);
                if let Some((language, text)) = asked.take() {
                    found.push(Question {
                        language,
                        text,
                        varies: std::mem::take(&mut varies),
                        lines: (at + 1, close),
                    });
                }
                at = close;
            }
            line => {
                let note = line
                    .strip_prefix("<!-- varies: ")
                    .and_then(|rest| rest.strip_suffix(" -->"));
                varies.extend(note.into_iter().flat_map(|note| note.split(", ")).map(str::to_owned));
            }
        }
        at += 1;
    }
    found
}

fn answer(question: &Question) -> String {
    let (ok, out, error) = if question.language == "sql" {
        let ended = ask(&question.text);
        (ended.code == Some(0), ended.stdout, ended.stderr)
    } else {
        let program = format!(
            "starling() {{ \"{}\" \"$@\"; }}\n{}",
            starling().0.display(),
            question.text
        );
        let output = Command::new("sh")
            .arg("-c")
            .arg(program)
            .current_dir(study())
            .env("NO_COLOR", "1")
            .output();
        let output = output.expect("a shell");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };
    assert!(ok, "this failed:\n{}\n{error}", question.text);
    out.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// The cells of a table, without those of the columns in `varies`.
fn cells(table: &str, varies: &[String]) -> Vec<Vec<String>> {
    let lines: Vec<&str> = table.lines().collect();
    let rule = lines
        .iter()
        .position(|line| line.starts_with("--") && line.trim_matches(['-', ' ']).is_empty());
    let Some(rule) = rule else {
        return lines.iter().map(|line| vec![(*line).to_owned()]).collect();
    };
    let mut spans = Vec::new();
    let mut start = 0;
    for word in lines[rule].split("  ") {
        let last = spans.len() + 1 == lines[rule].split("  ").count();
        spans.push((start, if last { usize::MAX } else { start + word.len() }));
        start += word.len() + 2;
    }
    let cut = |line: &str, (from, to): (usize, usize)| -> String {
        let letters = line.chars().skip(from).take(to.saturating_sub(from));
        letters.collect::<String>().trim().to_owned()
    };
    let heads: Vec<String> = spans.iter().map(|&span| cut(lines[0], span)).collect();
    let kept: Vec<_> = spans
        .iter()
        .zip(&heads)
        .filter(|(_, head)| !varies.contains(head))
        .collect();
    assert_eq!(
        kept.len() + varies.len(),
        heads.len(),
        "{varies:?} are not among {heads:?}"
    );
    let lines = lines.iter().enumerate().filter(|(number, _)| *number != rule);
    lines
        .map(|(_, line)| kept.iter().map(|(span, _)| cut(line, **span)).collect())
        .collect()
}

#[test]
fn query_page_answers_its_questions() {
    let path = repository().join("docs/query.md");
    let page = std::fs::read_to_string(&path).expect("the page");
    let questions = questions(&page);
    assert!(questions.len() >= 10, "the page has only {} questions", questions.len());
    let mut lines: Vec<String> = page.lines().map(str::to_owned).collect();
    let bless = std::env::var_os("STARLING_BLESS").is_some();
    // From the last to the first, so that lines keep their numbers.
    for question in questions.iter().rev() {
        let (from, to) = question.lines;
        let (printed, found) = (lines[from..to].join("\n"), answer(question));
        if bless {
            lines.splice(from..to, found.lines().map(str::to_owned));
        } else {
            let (printed, found) = (cells(&printed, &question.varies), cells(&found, &question.varies));
            assert_eq!(
                printed, found,
                "the page has another answer (STARLING_BLESS=1 renews it) to:\n{}",
                question.text
            );
        }
    }
    if bless {
        std::fs::write(&path, lines.join("\n") + "\n").expect("the page can be written");
    }
}
