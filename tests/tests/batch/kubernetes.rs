//! The manifest of a Kubernetes Indexed Job.

use crate::{Place, cart};
use std::process::Command;

#[test]
fn batch_kubernetes_manifest_fits_the_published_schema() {
    let place = Place::new(&cart(8));
    let shown = place.succeed(&["sweep", "study.toml", "--render", "--dry-run", "--workers", "2"]);
    assert!(!place.folder.path().join("runs").exists(), "a dry run writes nothing");
    let manifest: serde_json::Value = serde_json::from_str(&shown.stdout).expect("JSON");
    assert_eq!(manifest["spec"]["completions"], 4);
    assert_eq!(manifest["spec"]["parallelism"], 2);

    let python = std::env::var("STARLING_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let file = place.folder.path().join("job.json");
    std::fs::write(&file, &shown.stdout).expect("written");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/kubernetes_schema.py");
    let validate = |file: &std::path::Path| {
        Command::new(&python)
            .arg(script)
            .arg(file)
            .output()
            .expect("python starts")
    };
    let output = validate(&file);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.contains("No module named") && std::env::var_os("STARLING_REQUIRE_PEERS").is_none() {
        eprintln!("`{python}` has no kubernetes-validate: this test shows nothing");
        return;
    }
    assert!(output.status.success(), "{said}");
    // The schema is one that refuses.
    let wrong = shown.stdout.replace("\"completions\": 4", "\"completions\": \"four\"");
    assert_ne!(wrong, shown.stdout);
    std::fs::write(&file, wrong).expect("written");
    assert!(
        !validate(&file).status.success(),
        "a manifest with a wrong type is refused"
    );

    // What a pod would do, with the batch where the volume is mounted.
    place.succeed(&["sweep", "study.toml", "--render"]);
    let command = manifest["spec"]["template"]["spec"]["containers"][0]["command"]
        .as_array()
        .expect("a command");
    let words: Vec<String> = command
        .iter()
        .map(|word| word.as_str().expect("a word").to_owned())
        .collect();
    for index in 0..4 {
        let words = words.iter().map(|word| {
            word.replace("/starling/", "")
                .replace("$(JOB_COMPLETION_INDEX)", &index.to_string())
        });
        let words: Vec<String> = words.skip(1).collect();
        place.succeed(&words.iter().map(String::as_str).collect::<Vec<_>>());
    }
    place.succeed(&["batch", "status", &place.batch().to_string_lossy()]);
}
