//! The guides: every pipeline in a ```toml block of `docs/*.md` loads and builds; a block that stands behind `<!-- wrong: MESSAGE -->` is
//! refused with that message.

use starling::Starling;
use starling::file::layers::{Origin, Overrides};
use starling_tests::cli::repository;
use starling_tests::golden::committed;

struct Block {
    text: String,
    line: usize,
    wrong: Option<String>,
}

fn blocks(page: &str) -> Vec<Block> {
    let (mut found, mut wrong, mut open) = (Vec::new(), None, None::<Block>);
    for (number, line) in page.lines().enumerate() {
        match &mut open {
            Some(_) if line == "```" => found.extend(open.take()),
            Some(block) => block.text = format!("{}{line}\n", block.text),
            None if line == "```toml" => {
                let text = String::new();
                open = Some(Block {
                    text,
                    line: number + 1,
                    wrong: wrong.take(),
                });
            }
            None => {
                let note = line
                    .strip_prefix("<!-- wrong: ")
                    .and_then(|rest| rest.strip_suffix(" -->"));
                wrong = note.map(str::to_owned).or(wrong);
            }
        }
    }
    assert!(open.is_none(), "a block is not closed");
    found
}

#[test]
fn guides_pipelines_load_as_they_are_printed() {
    let starling = Starling::new();
    let (mut right, mut refused) = (0, 0);
    // What the pipelines take from beside them.
    let folder = tempfile::tempdir().expect("a scratch folder");
    let cook = committed().join("jaxmarl/tiny_cnn.safetensors");
    std::fs::copy(cook, folder.path().join("cook.safetensors")).expect("a copy");
    for entry in std::fs::read_dir(repository().join("docs"))
        .expect("the guides")
        .flatten()
    {
        let path = entry.path();
        if path.extension().is_none_or(|e| e != "md") {
            continue;
        }
        let page = std::fs::read_to_string(&path).expect("a page");
        for block in blocks(&page) {
            let place = format!("{}:{}", path.display(), block.line);
            let file = folder.path().join("guide.toml");
            std::fs::write(&file, block.text).expect("a pipeline file");
            let origin = Origin::Path(file);
            let built = starling
                .load(&origin, &Overrides::default())
                .and_then(|p| starling.world(&p));
            match (built, block.wrong) {
                (Ok(_), None) => right += 1,
                (Err(problems), Some(message)) => {
                    let told = problems.plain();
                    assert!(
                        told.contains(&message),
                        "{place} is refused, but not with `{message}`:\n{told}"
                    );
                    refused += 1;
                }
                (Err(problems), None) => panic!("{place} does not load:\n{}", problems.plain()),
                (Ok(_), Some(message)) => panic!("{place} loads, but should say `{message}`"),
            }
        }
    }
    assert!(
        right >= 5 && refused >= 2,
        "only {right} pipelines and {refused} wrong ones"
    );
}
