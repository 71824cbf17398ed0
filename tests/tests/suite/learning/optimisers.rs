//! Adam, Adam-Rel, Adam-MR and Adam with equal decays, step by step.

use super::{F32, F64, Tolerance, each, flat, list, number};
use serde_json::Value;
use starling_components::learn::ReplicaState;
use starling_components::learners::adam::{AdamSettings, Reset};
use starling_components::memory::Memory;
use starling_components::quantity::Quantity;
use starling_learn::Real;
use starling_learn::optimizer::Optimizer;
use starling_learn::optimizer::adam::{Adam, AdamConstants, norm};

/// The settings that a golden configuration names.
pub(super) fn settings(config: &Value) -> AdamSettings {
    AdamSettings {
        rate: Quantity::Constant(number(&config["lr"])),
        b1: number(&config["b1"]),
        b2: number(&config["b2"]),
        eps: number(&config["eps"]),
        max_grad_norm: config["max_grad_norm"].as_f64(),
        reset: match config["reset"].as_str() {
            Some("count") => Reset::Count,
            Some("all") => Reset::All,
            _ => Reset::None,
        },
    }
}

/// Named tensors as one flat buffer, in name order.
fn tensors(value: &Value) -> Vec<f64> {
    let table = value.as_object().expect("a table of tensors");
    let mut names: Vec<_> = table.keys().collect();
    names.sort();
    names.into_iter().flat_map(|name| flat(&table[name])).collect()
}

fn rate(config: &Value, step: usize) -> f64 {
    let base = number(&config["lr"]);
    let anneal = &config["anneal"];
    if anneal.is_null() {
        return base;
    }
    let per_update = number(&anneal["num_minibatches"]) * number(&anneal["update_epochs"]);
    base * (1.0 - (step as f64 / per_update).floor() / number(&anneal["num_updates"]))
}

fn resets(config: &Value, step: usize) -> bool {
    list(&config["reset_before"]).iter().any(|s| number(s) as usize == step)
}

/// The state of one run in either precision.
struct State<T> {
    parameters: Vec<T>,
    first: Vec<T>,
    second: Vec<T>,
    update: Vec<T>,
    count: u64,
}

impl<T: Real> State<T> {
    fn new(start: &[f64]) -> Self {
        let zeros = vec![T::ZERO; start.len()];
        Self {
            parameters: start.iter().map(|&x| T::of(x)).collect(),
            first: zeros.clone(),
            second: zeros.clone(),
            update: zeros,
            count: 0,
        }
    }
    fn check(&self, tolerance: Tolerance, what: &str, golden: &Value) {
        let wide = |values: &[T]| values.iter().map(|x| x.wide()).collect::<Vec<_>>();
        tolerance.check_all(
            &format!("{what} update"),
            wide(&self.update),
            &tensors(&golden["update"]),
        );
        tolerance.check_all(
            &format!("{what} params"),
            wide(&self.parameters),
            &tensors(&golden["params"]),
        );
        tolerance.check_all(&format!("{what} m"), wide(&self.first), &tensors(&golden["m"]));
        tolerance.check_all(&format!("{what} v"), wide(&self.second), &tensors(&golden["v"]));
        assert_eq!(self.count as f64, number(&golden["adam_count"]), "{what} adam_count");
    }
}

#[test]
fn learning_optimisers_take_the_golden_steps() {
    each("optimizer/1", |file| {
        let mut steps = 0;
        for case in list(&file["cases"]) {
            let (config, name) = (&case["config"], case["name"].as_str().unwrap_or("?"));
            let settings = settings(config);
            let adam = Adam::new(settings.clone());
            let start = tensors(&case["params0"]);
            let (mut double, mut single) = (State::<f64>::new(&start), State::<f32>::new(&start));
            let mut global = 0;
            for (step, gradient) in list(&case["grads"]).iter().enumerate() {
                let gradient = tensors(gradient);
                let what = format!("{name} step {step}");

                // In f64 through the formula ...
                if resets(config, step) {
                    double.count = 0;
                    if settings.reset == Reset::All {
                        double.first.fill(0.0);
                        double.second.fill(0.0);
                    }
                }
                double.count += 1;
                let size = norm(&gradient);
                F64.check(
                    &format!("{what} grad_norm"),
                    size,
                    number(&case["f64"][step]["grad_norm"]),
                );
                let constants = AdamConstants::<f64>::new(&settings, double.count, rate(config, step), size);
                let State {
                    parameters,
                    first,
                    second,
                    update,
                    ..
                } = &mut double;
                constants.apply(parameters, first, second, &gradient, update);
                double.check(F64, &what, &case["f64"][step]);

                // ... in f32 through the optimiser that trains.
                let gradient: Vec<f32> = gradient.iter().map(|&g| g as f32).collect();
                let State {
                    parameters,
                    first,
                    second,
                    update,
                    count,
                } = &mut single;
                let mut state = ReplicaState {
                    parameters,
                    first,
                    second,
                    local_steps: count,
                    steps: &mut global,
                    memory: &mut Memory::default(),
                };
                if resets(config, step) {
                    adam.begin_update(&mut state);
                }
                let norms = adam
                    .step(&mut state, &gradient, rate(config, step), update)
                    .expect("finite");
                F32.check(
                    &format!("{what} grad_norm"),
                    norms.gradient,
                    number(&case["f32"][step]["grad_norm"]),
                );
                single.check(F32, &what, &case["f32"][step]);
                // The schedule's counter is never reset.
                assert_eq!(global, step as u64 + 1);
                steps += 1;
            }
        }
        (list(&file["cases"]).len(), steps)
    });
}

/// After a very long time under the gradient 1 the gradient becomes k: the size of step t in units of the rate.
#[test]
fn learning_update_sizes_follow_the_theory() {
    each("adam_theory/1", |file| {
        let settings = AdamSettings {
            rate: Quantity::Constant(1.0),
            b1: number(&file["b1"]),
            b2: number(&file["b2"]),
            eps: 0.0,
            max_grad_norm: None,
            reset: Reset::None,
        };
        let mut steps = 0;
        for case in list(&file["cases"]) {
            let k = number(&case["k"]);
            // Adam's own counter has grown until the bias correction is 1; Adam-Rel's starts again.
            for (column, start) in [(1, 1 << 40), (2, 0)] {
                let (mut first, mut second) = ([1.0], [1.0]);
                for row in list(&case["rows"]) {
                    let row = flat(row);
                    let t = start + row[0] as u64;
                    let (mut parameter, mut update) = ([0.0], [0.0]);
                    AdamConstants::<f64>::new(&settings, t, 1.0, k).apply(
                        &mut parameter,
                        &mut first,
                        &mut second,
                        &[k],
                        &mut update,
                    );
                    F64.check(&format!("k {k} t {} column {column}", row[0]), -update[0], row[column]);
                    steps += 1;
                }
            }
        }
        (list(&file["cases"]).len(), steps)
    });
}

/// Adam-Rel with a reset before every step has t = 1 always: the update is `rate (m / 0.1) / (sqrt(v / 0.001) + eps)`.
#[test]
fn learning_adam_rel_that_resets_every_step_is_always_at_step_one() {
    let adam = Adam::new(AdamSettings {
        rate: Quantity::Constant(1e-3),
        b1: 0.9,
        b2: 0.999,
        eps: 1e-5,
        max_grad_norm: None,
        reset: Reset::Count,
    });
    let (mut parameters, mut first, mut second, mut update) = ([0.5_f32; 3], [0.0; 3], [0.0; 3], [0.0; 3]);
    let (mut local_steps, mut steps) = (0, 0);
    for step in 0..50 {
        let gradient = [0.3 + step as f32 * 0.01, -2.0, 1e-3];
        let mut state = ReplicaState {
            parameters: &mut parameters,
            first: &mut first,
            second: &mut second,
            local_steps: &mut local_steps,
            steps: &mut steps,
            memory: &mut Memory::default(),
        };
        adam.begin_update(&mut state);
        adam.step(&mut state, &gradient, 1e-3, &mut update).expect("finite");
        assert_eq!(local_steps, 1);
        for i in 0..3 {
            let (m, v) = (f64::from(first[i]), f64::from(second[i]));
            let expected = -1e-3 * (m / 0.1) / ((v / 0.001).sqrt() + 1e-5);
            F32.check(&format!("step {step}"), f64::from(update[i]), expected);
        }
    }
    assert_eq!(steps, 50);
}
