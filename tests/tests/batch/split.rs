//! Replicas of one run in jobs of their own.

use crate::{Place, cart, runs};

/// Two cooks, four replicas, every pair of which plays together at the end.
fn kitchen(sweep: &str) -> String {
    format!(
        r#"
name  = "study/cart"
seed  = 3
until = {{ ticks = 6 }}

[environment.kitchen]
rules.overcooked_v2 = {{ layout = "cramped_room" }}
lanes = 4
seats = ["chef", "chef"]

[agent.chef]
replicas = 4
policy.layers  = ["flatten", {{ dense = 16 }}]
learner.ppo    = {{ steps = 150, epochs = 1, minibatches = 2 }}
optimizer.adam = {{ rate = [1e-3, 1e-3, 5e-4, 2e-3] }}
reward.shaped  = 1.0

[evaluate.crossplay]
environment = "kitchen"
pair = "product"
episodes = 3

[record]
commit = {{ every = 2 }}
trajectories = {{ every = 2, observations = true }}
diagnostics = {{ every = 1 }}
{sweep}"#
    )
}

#[test]
fn batch_split_over_four_jobs_and_joined_is_the_unsplit_run() {
    let place = Place::new(&kitchen("[sweep]\nsplit = 4"));
    std::fs::write(place.folder.path().join("whole.toml"), kitchen("")).expect("written");
    place.succeed(&["run", "whole.toml", "--out", "whole"]);
    place.succeed(&["sweep", "study.toml", "--workers", "2"]);
    let batch = place.batch();
    let here = batch.to_string_lossy();
    place.succeed(&["batch", "join", &here]);
    let joined = batch.join(&runs(&batch)[0]);
    let joined = joined.to_string_lossy();
    place.succeed(&["diff", "whole", &joined]);
    place.succeed(&["verify", &joined]);
    let matrix = |run: &str| place.succeed(&["show", run]).stdout.replace(run, "RUN");
    assert_eq!(matrix("whole"), matrix(&joined));
    assert!(matrix("whole").contains("crossplay"), "{}", matrix("whole"));
    let again = place.succeed(&["batch", "join", &here]);
    assert!(again.stderr.contains("joined before"), "{}", again.stderr);
}

#[test]
fn batch_split_unevenly_is_the_unsplit_run() {
    let place = Place::new(&kitchen("[sweep]\nsplit = 3"));
    std::fs::write(place.folder.path().join("whole.toml"), kitchen("")).expect("written");
    place.succeed(&["run", "whole.toml", "--out", "whole"]);
    place.succeed(&["sweep", "study.toml"]);
    let batch = place.batch();
    let too_early = Place::new(&kitchen("[sweep]\nsplit = 3"));
    too_early.succeed(&["sweep", "study.toml", "--render", "--out", "runs/study/cart/b"]);
    let refused = too_early.run(&["batch", "join", &too_early.batch().to_string_lossy()]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("is not done"), "{}", refused.stderr);
    place.succeed(&["batch", "join", &batch.to_string_lossy()]);
    place.succeed(&["diff", "whole", &batch.join(&runs(&batch)[0]).to_string_lossy()]);
}

#[test]
fn batch_split_is_refused_where_replicas_meet_earlier() {
    let check = |pipeline: &str, message: &str| {
        let place = Place::new(pipeline);
        let ended = place.run(&["sweep", "study.toml", "--dry-run"]);
        assert_eq!(ended.code, Some(2), "{}", ended.stdout);
        assert!(ended.stderr.contains(message), "{message}:\n{}", ended.stderr);
    };
    let sweep = "[sweep]\nsplit = 4";
    check(
        &kitchen(sweep).replace("episodes = 3", "episodes = 3\nat = { every = 2 }"),
        "this evaluation is not at the end",
    );
    check(&kitchen("[sweep]\nsplit = 5"), "4 replicas cannot be split over 5 jobs");
    check(
        &kitchen(sweep).replace("ticks = 6", "ticks = 1"),
        "no more than one tick",
    );
    check(
        &cart(4).replace("seeds = 2", "split = 2"),
        "1 replicas cannot be split over 2 jobs",
    );
}
