//! Whole runs on a device: where every policy acts on the processor, and the world is integer, they are those of the processor to the last bit.

use super::gpu;
use crate::rows;
use starling_tests::cli::Starling;
use std::path::{Path, PathBuf};

fn starling() -> Starling {
    Starling(env!("CARGO_BIN_EXE_starling-tests").into())
}

/// The run of `text`, whose environment is on the device, with `backend` in its place.
fn run(folder: &Path, text: &str, backend: &str) -> PathBuf {
    let file = folder.join("kitchen.toml");
    std::fs::write(&file, text.replace("\"gpu\"", &format!("\"{backend}\""))).expect("the pipeline is written");
    let out = folder.join(backend);
    starling().succeed(&["run", &file.display().to_string(), "--out", &out.display().to_string()]);
    out
}

#[test]
fn device_runs_random_play_has_the_same_rows_on_both() {
    if gpu().is_none() {
        return;
    }
    let text = r#"
name  = "device/kitchen"
until = { ticks = 3 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "grounded_coord_simple", view = 2, max_steps = 50, random_reset = true, sample_recipe_on_delivery = true }
lanes   = 8
seats   = ["cook", "cook"]
backend = "gpu"

[agent.cook]
script = "random"

[record]
trajectories = { every = 1, observations = true }
"#;
    let folder = tempfile::tempdir().expect("a scratch folder");
    let tables = ["gpu", "cpu"].map(|backend| {
        let out = run(folder.path(), text, backend);
        ["trajectories", "episodes", "metrics"].map(|table| rows::table(&out, table))
    });
    assert!(tables[0][0].len() > 100, "too few rows to show anything");
    assert!(tables[0] == tables[1], "rows differ between device and processor");
}

#[test]
fn device_runs_of_memories_learn_the_same_on_both() {
    if gpu().is_none() {
        return;
    }
    let text = r#"
name  = "device/memories"
until = { ticks = 3 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "cramped_room", max_steps = 30, random_reset = true }
lanes   = 4
seats   = ["cook", "cook"]
backend = "gpu"

[agent.cook]
replicas       = 2
policy         = { layers = [{ dense = 8 }, { gru = 8 }], heads = { actor = [], critic = [] } }
learner.ppo    = { steps = 20, minibatches = 2 }
optimizer.adam = { rate = 1e-3 }

[record]
trajectories = { every = 1 }
"#;
    let folder = tempfile::tempdir().expect("a scratch folder");
    let [device, processor] = ["gpu", "cpu"].map(|backend| run(folder.path(), text, backend).display().to_string());
    assert!(
        rows::table(Path::new(&device), "episodes").len() > 4,
        "too few rows to show anything"
    );
    // Rows and parameters.
    starling().succeed(&["diff", &device, &processor]);
}
