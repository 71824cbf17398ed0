//! Distributions, advantages and the PPO loss with its gradients.

use super::{F32, F64, Tolerance, each, flat, list, number};
use serde_json::Value;
use starling_learn::Real;
use starling_learn::distribution::{categorical, gaussian};
use starling_learn::gae::{GaeSettings, gae};
use starling_learn::ppo_loss::{LossSettings, LossSums, Sample, normaliser, sample_loss};

fn reals<T: Real>(value: &Value) -> Vec<T> {
    flat(value).into_iter().map(T::of).collect()
}

fn wide<T: Real>(values: &[T]) -> Vec<f64> {
    values.iter().map(|x| x.wide()).collect()
}

#[test]
fn learning_distributions() {
    each("distributions/1", |file| {
        let mut cases = 0;
        for (index, case) in list(&file["categorical"]).iter().enumerate() {
            let what = format!("categorical {index}");
            let logits: Vec<f64> = reals(&case["logits"]);
            let mut log_probs = vec![0.0; logits.len()];
            categorical::log_probs(&logits, None, &mut log_probs);
            F64.check_all(&what, log_probs.clone(), &flat(&case["log_prob"]));
            let mut probs = vec![0.0; logits.len()];
            categorical::probabilities(&log_probs, &mut probs);
            F64.check_all(&what, probs, &flat(&case["probs"]));
            F64.check(&what, categorical::entropy(&log_probs), number(&case["entropy"]));
            assert_eq!(categorical::mode(&log_probs) as f64, number(&case["mode"]), "{what}");
            cases += 1;
        }
        for (index, case) in list(&file["diag_gaussian"]).iter().enumerate() {
            let what = format!("diag_gaussian {index}");
            let [mean, log_std, action] = ["mean", "log_std", "action"].map(|key| reals::<f64>(&case[key]));
            let log_prob = gaussian::log_prob(&mean, &log_std, &action);
            F64.check(&what, log_prob, number(&case["log_prob"]));
            F64.check(&what, gaussian::entropy(&log_std), number(&case["entropy"]));
            cases += 1;
        }
        for (index, case) in list(&file["tanh_gaussian"]).iter().enumerate() {
            let what = format!("tanh_gaussian {index}");
            let [mean, log_std, pre_tanh] = ["mean", "log_std", "pre_tanh"].map(|key| reals::<f64>(&case[key]));
            let log_prob = gaussian::squashed_log_prob(&mean, &log_std, &pre_tanh);
            F64.check(&what, log_prob, number(&case["log_prob"]));
            cases += 1;
        }
        (cases, 0)
    });
}

fn check_gae<T: Real>(tolerance: Tolerance, what: &str, case: &Value, golden: &Value) -> usize {
    let rewards: Vec<T> = reals(&case["reward"]);
    let values: Vec<T> = reals(&case["value"]);
    let last: Vec<T> = reals(&case["last_value"]);
    let done: Vec<u8> = flat(&case["done"]).into_iter().map(|d| d as u8).collect();
    let settings = GaeSettings {
        gamma: T::of(number(&case["gamma"])),
        lambda: T::of(number(&case["gae_lambda"])),
    };
    let (mut advantages, mut targets) = (vec![T::ZERO; rewards.len()], vec![T::ZERO; rewards.len()]);
    gae(
        settings,
        &rewards,
        &values,
        &done,
        &[],
        &last,
        &mut advantages,
        &mut targets,
    );
    tolerance.check_all(
        &format!("{what} advantage"),
        wide(&advantages),
        &flat(&golden["advantage"]),
    );
    tolerance.check_all(&format!("{what} target"), wide(&targets), &flat(&golden["target"]));
    rewards.len() / last.len()
}

#[test]
fn learning_gae() {
    each("gae/1", |file| {
        let mut steps = 0;
        for (index, case) in list(&file["cases"]).iter().enumerate() {
            steps += check_gae::<f64>(F64, &format!("f64 {index}"), case, &case["f64"]);
            check_gae::<f32>(F32, &format!("f32 {index}"), case, &case["f32"]);
        }
        (list(&file["cases"]).len(), steps)
    });
}

/// What one case of the loss computes.
struct Loss<T> {
    sums: LossSums,
    ratios: Vec<T>,
    log_probs: Vec<T>,
    policy_slopes: Vec<T>,
    log_std_slopes: Vec<T>,
    value_slopes: Vec<T>,
}

fn loss<T: Real>(case: &Value, settings: &LossSettings<f64>) -> Loss<T> {
    let settings = LossSettings {
        clip: T::of(settings.clip),
        value_weight: T::of(settings.value_weight),
        entropy_weight: T::of(settings.entropy_weight),
        clip_value: settings.clip_value,
    };
    let [values, old_log_probs, old_values, advantages, targets, actions] =
        ["value", "old_logp", "old_value", "advantage", "target", "action"].map(|key| reals::<T>(&case[key]));
    let gaussian_case = !case["mean"].is_null();
    let policy: Vec<T> = reals(if gaussian_case { &case["mean"] } else { &case["logits"] });
    let log_std: Vec<T> = if gaussian_case {
        reals(&case["log_std"])
    } else {
        Vec::new()
    };
    let rows = values.len();
    let width = policy.len() / rows;
    let weight = T::ONE / T::of(rows as f64);
    let (mean, scale) = if case["normalize_advantage"] == true {
        normaliser(advantages.iter().copied())
    } else {
        (T::ZERO, T::ONE)
    };
    let mut result = Loss {
        sums: LossSums::default(),
        ratios: Vec::new(),
        log_probs: Vec::new(),
        policy_slopes: vec![T::ZERO; policy.len()],
        log_std_slopes: vec![T::ZERO; log_std.len()],
        value_slopes: Vec::new(),
    };
    for row in 0..rows {
        let at = row * width..(row + 1) * width;
        let policy = &policy[at.clone()];
        let mut log_probs = vec![T::ZERO; width];
        let (log_prob, entropy) = if gaussian_case {
            let action = &actions[at.clone()];
            (
                gaussian::log_prob(policy, &log_std, action),
                gaussian::entropy(&log_std),
            )
        } else {
            categorical::log_probs(policy, None, &mut log_probs);
            let action = actions[row].wide() as usize;
            (log_probs[action], categorical::entropy(&log_probs))
        };
        let sample = Sample {
            log_prob,
            entropy,
            value: values[row],
            old_log_prob: old_log_probs[row],
            old_value: old_values[row],
            advantage: (advantages[row] - mean) * scale,
            target: targets[row],
        };
        let (slopes, ratio) = sample_loss(&settings, &sample, &mut result.sums);
        let (by_log_prob, by_entropy) = (slopes.log_prob * weight, slopes.entropy * weight);
        let out = &mut result.policy_slopes[at.clone()];
        if gaussian_case {
            let action = &actions[at];
            gaussian::gradient(
                policy,
                &log_std,
                action,
                by_log_prob,
                by_entropy,
                out,
                &mut result.log_std_slopes,
            );
        } else {
            let action = actions[row].wide() as usize;
            categorical::gradient(&log_probs, action, entropy, by_log_prob, by_entropy, out);
        }
        result.ratios.push(ratio);
        result.log_probs.push(log_prob);
        result.value_slopes.push(slopes.value * weight);
    }
    result
}

fn check_loss<T: Real>(tolerance: Tolerance, what: &str, case: &Value, golden: &Value) {
    let settings = LossSettings {
        clip: number(&case["clip_eps"]),
        value_weight: number(&case["vf_coef"]),
        entropy_weight: number(&case["ent_coef"]),
        clip_value: case["clip_value"] == true,
    };
    let ours: Loss<T> = loss(case, &settings);
    let n = ours.ratios.len() as f64;
    let sums = ours.sums;
    let scalars = [
        ("total", sums.total(&settings, n)),
        ("actor_loss", sums.policy / n),
        ("value_loss", sums.value / n),
        ("entropy", sums.entropy / n),
        ("approx_kl", sums.approx_kl / n),
    ];
    for (name, value) in scalars {
        tolerance.check(&format!("{what} {name}"), value, number(&golden[name]));
    }
    // A mean of 0/1 that the reference takes in f32.
    F32.check(
        &format!("{what} clip_fraction"),
        sums.clipped / n,
        number(&golden["clip_fraction"]),
    );
    let policy = if case["mean"].is_null() {
        "grad_logits"
    } else {
        "grad_mean"
    };
    let lists = [
        ("ratio", &ours.ratios),
        ("new_logp", &ours.log_probs),
        (policy, &ours.policy_slopes),
        ("grad_value", &ours.value_slopes),
    ];
    for (name, values) in lists {
        tolerance.check_all(&format!("{what} {name}"), wide(values), &flat(&golden[name]));
    }
    if !case["mean"].is_null() {
        tolerance.check_all(
            &format!("{what} grad_log_std"),
            wide(&ours.log_std_slopes),
            &flat(&golden["grad_log_std"]),
        );
    }
}

#[test]
fn learning_ppo_loss_and_gradients() {
    each("ppo_loss/1", |file| {
        let mut cases = 0;
        for kind in ["categorical", "gaussian"] {
            for (index, case) in list(&file[kind]).iter().enumerate() {
                check_loss::<f64>(F64, &format!("{kind} {index} f64"), case, &case["f64"]);
                check_loss::<f32>(F32, &format!("{kind} {index} f32"), case, &case["f32"]);
                cases += 1;
            }
        }
        (cases, 0)
    });
}
