//! Running normalisation of observations and rewards.

use super::{F64, each, flat, list, number};
use serde_json::Value;
use starling_components::normalize::Moments;
use starling_simulate::normalize::{discounted, merge, scaled, standardised};

fn check_moments(what: &str, ours: &Moments, golden: [&Value; 3]) {
    let [mean, variance, count] = golden;
    F64.check_all(&format!("{what} mean"), ours.mean.clone(), &flat(mean));
    F64.check_all(&format!("{what} variance"), ours.variance.clone(), &flat(variance));
    F64.check(&format!("{what} count"), ours.count, number(count));
}

/// One case; the number of steps. Step 0 is the reset: observations only.
fn check_case(what: &str, case: &Value) -> usize {
    let width = list(&list(&list(&case["obs"])[0])[0]).len();
    let gamma = number(&case["gamma"]);
    let (mut seen, mut paid) = (Moments::new(width), Moments::new(1));
    let mut running: Vec<f64> = Vec::new();
    for (step, golden) in list(&case["steps"]).iter().enumerate() {
        let what = format!("{what} step {step}");
        let observations = flat(&list(&case["obs"])[step]);
        merge(&mut seen, &observations);
        check_moments(&what, &seen, [&golden["mean"], &golden["var"], &golden["count"]]);
        let normal = observations
            .iter()
            .enumerate()
            .map(|(index, &x)| standardised(&seen, index % width, x));
        F64.check_all(&format!("{what} observations"), normal, &flat(&golden["obs_norm"]));
        if step == 0 {
            running = vec![0.0; observations.len() / width];
            continue;
        }
        let (rewards, done) = (flat(&list(&case["reward"])[step]), flat(&list(&case["done"])[step]));
        for (row, running) in running.iter_mut().enumerate() {
            *running = discounted(*running, gamma, rewards[row], done[row] != 0.0);
        }
        F64.check_all(
            &format!("{what} returns"),
            running.clone(),
            &flat(&golden["return_val"]),
        );
        merge(&mut paid, &running);
        let [mean, variance, count] = ["ret_mean", "ret_var", "ret_count"].map(|key| &golden[key]);
        check_moments(&format!("{what} return"), &paid, [mean, variance, count]);
        let normal = rewards.iter().map(|&reward| scaled(&paid, reward));
        F64.check_all(&format!("{what} rewards"), normal, &flat(&golden["reward_norm"]));
    }
    list(&case["steps"]).len()
}

#[test]
fn learning_running_normalisation() {
    each("value_targets/1", |file| {
        let cases = list(&file["running_norm"]);
        let steps = cases.iter().enumerate();
        let steps = steps.map(|(index, case)| check_case(&format!("running_norm {index}"), case));
        (cases.len(), steps.sum())
    });
}
