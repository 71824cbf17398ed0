//! What a person meets when the device fails: an error that names the cause and what to change, rows that are kept, and a run that goes on.

use super::gpu;
use super::policy::environment;
use crate::rows;
use serde_json::json;
use starling_components::Fault;
use starling_components::random::Key;
use starling_components::registry::Registry;
use starling_shaders::{Gpu, Moves, Packing, Play, Setup, Wants, World};
use starling_tests::cli::{Ended, Starling};
use starling_tests::unplug;
use std::path::Path;
use std::sync::Arc;

fn starling() -> Starling {
    Starling(env!("CARGO_BIN_EXE_starling-tests").into())
}

/// The fault says all of `words`, and what to do.
fn says(fault: &Fault, words: &[&str]) {
    for word in words {
        assert!(fault.message.contains(word), "no `{word}` in: {}", fault.message);
    }
    assert!(fault.advice.is_some(), "no advice: {}", fault.message);
}

fn setup(lanes: usize) -> Setup {
    Setup {
        keys: vec![vec![Key::of_seed(1); 3]],
        lanes,
        first: 0,
        steps: 4,
        slots: 5,
        final_observations: false,
        outcomes: true,
    }
}

fn world(gpu: &Arc<Gpu>) -> Result<Arc<World>, Fault> {
    let app = starling::Starling::new().app();
    let registry = app.world().resource::<Registry>();
    let kitchen = environment(registry, "overcooked_v2", json!({ "layout": "cramped_room" }), 2);
    let twin = kitchen.twin().expect("kernels");
    World::compile(gpu, kitchen.shape(), &twin, Packing::Bytes)
}

#[test]
fn device_faults_a_limit_that_is_too_small() {
    if gpu().is_none() {
        return;
    }
    let small = Gpu::small(None, 1 << 20).expect("a device with small buffers");
    let world = world(&small).expect("kernels compile");
    assert!(world.open(setup(64)).is_ok());
    let Err(fault) = world.open(setup(4096)) else {
        panic!("observations of 4096 lanes are more than a mebibyte")
    };
    says(&fault, &["the observations would take", "GiB", "at most"]);
    assert!(fault.advice.is_some_and(|advice| advice.contains("lanes")));
}

#[test]
fn device_faults_a_kernel_that_does_not_compile() {
    let Some(gpu) = gpu() else { return };
    let app = starling::Starling::new().app();
    let registry = app.world().resource::<Registry>();
    let pole = environment(registry, "cart_pole", json!({}), 1);
    let mut twin = pole.twin().expect("kernels");
    twin.sources.push("fn slip() { let x: u32 = 1.0; }");
    let fault = World::compile(gpu, pole.shape(), &twin, Packing::Bytes).expect_err("the text is wrong");
    says(&fault, &["the kernel `rollout`", "slip", "1.0"]);
}

#[test]
fn device_faults_a_device_that_goes_away() {
    if gpu().is_none() {
        return;
    }
    let own = Gpu::open().expect("a device of its own");
    let world = world(&own).expect("kernels compile");
    let mut block = world.open(setup(64)).expect("lanes");
    block.reset().expect("lanes start");
    let play = Play {
        steps: 4,
        time: 0,
        moves: Moves::Random,
        greedy: false,
        wants: Wants {
            outcomes: true,
            ..Wants::default()
        },
    };
    block.play(&play, |_| ()).expect("the device plays");
    own.lose();
    let fault = block.play(&play, |_| ()).expect_err("the device has gone");
    says(&fault, &["was lost"]);
    assert!(fault.advice.is_some_and(|advice| advice.contains("--backend cpu")));
    says(
        &world.open(setup(64)).err().expect("the device has gone"),
        &["was lost"],
    );
}

const POLE: &str = r#"
name  = "device/pole"
until = { ticks = 12 }

[environment.pole]
rules.cart_pole = {}
lanes   = 8
seats   = ["balancer"]
backend = "gpu"

[agent.balancer]
replicas       = 2
policy         = { activation = "tanh", heads = { actor = [{ dense = 16 }], critic = [{ dense = 16 }] } }
learner.ppo    = { steps = 64 }
optimizer.adam = { rate = 1e-3 }

[record]
trajectories = { every = 1, observations = true }
commit       = { every = 1 }
"#;

fn write(folder: &Path, text: &str) -> String {
    let file = folder.join("pole.toml");
    std::fs::write(&file, text).expect("the pipeline is written");
    file.display().to_string()
}

#[test]
fn device_faults_a_run_goes_on_without_its_device() {
    if gpu().is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a scratch folder");
    let file = write(folder.path(), POLE);
    let out = |name: &str| folder.path().join(name).display().to_string();
    let (lost, left) = (out("lost"), out("left"));
    let ended = starling()
        .command(&["run", &file, "--out", &lost])
        .env(unplug::VARIABLE, "6")
        .output()
        .expect("the binary starts");
    let ended = Ended::from(ended);
    assert_eq!(ended.code, Some(1), "{}\n{}", ended.stdout, ended.stderr);
    for word in ["was lost", "tick 6", "--backend cpu", "what was committed is kept"] {
        assert!(ended.stderr.contains(word), "no `{word}` in:\n{}", ended.stderr);
    }
    assert!(!ended.stderr.contains("panicked"), "a panic:\n{}", ended.stderr);
    starling().succeed(&["verify", &lost]);
    let kept = rows::table(Path::new(&lost), "episodes").len();
    starling().succeed(&["resume", &lost, "--backend", "cpu"]);

    // The same commit, reached in peace, and gone on with on the processor.
    let stopped = starling().run(&["run", &file, "--out", &left, "--ticks", "5"]);
    assert!(stopped.code.is_some_and(|code| code != 1), "{}", stopped.stderr);
    starling().succeed(&["resume", &left, "--backend", "cpu"]);
    starling().succeed(&["diff", &lost, &left]);
    let whole = rows::table(Path::new(&lost), "episodes").len();
    assert!(kept > 0 && whole > kept, "{kept} episodes before, {whole} in all");
}

#[test]
fn device_faults_out_of_memory() {
    // A software adapter's memory is the process's, which a shell can bound.
    let Some(true) = gpu().map(|gpu| gpu.report().software) else {
        return;
    };
    let program = starling().0.display().to_string();
    let mut command = std::process::Command::new("sh");
    command.args([
        "-c",
        &format!("ulimit -v 1000000; exec {program} bench gpu --lanes 1024"),
    ]);
    // One thread of the adapter's, so that what it needs itself does not depend on the machine.
    let ended = Ended::from(command.env("LP_NUM_THREADS", "1").output().expect("a shell"));
    assert_eq!(ended.code, Some(1), "{}\n{}", ended.stdout, ended.stderr);
    for word in ["out of memory for", "help:"] {
        assert!(ended.stderr.contains(word), "no `{word}` in:\n{}", ended.stderr);
    }
}

#[test]
fn device_faults_without_an_adapter() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let run = |backend: &str, name: &str| {
        let file = write(folder.path(), &POLE.replace("\"gpu\"", &format!("\"{backend}\"")));
        let out = folder.path().join(name).display().to_string();
        let mut command = starling().command(&["run", &file, "--out", &out, "--ticks", "1"]);
        // No driver is found there.
        command
            .env("VK_DRIVER_FILES", "/nowhere")
            .env("VK_ICD_FILENAMES", "/nowhere");
        Ended::from(command.output().expect("the binary starts"))
    };
    let insists = run("gpu", "insists");
    assert_eq!(insists.code, Some(1), "{}\n{}", insists.stdout, insists.stderr);
    for word in ["no Vulkan adapter", "backend", "mesa-vulkan-drivers"] {
        assert!(insists.stderr.contains(word), "no `{word}` in:\n{}", insists.stderr);
    }
    let yields = run("auto", "yields");
    assert!(yields.code.is_some_and(|code| code != 1), "{}", yields.stderr);
    assert!(
        yields.stderr.contains("is played on the processor"),
        "{}",
        yields.stderr
    );
}
