//! Q-learning: targets, losses, gradients, and target networks that follow.

use super::{F32, F64, Tolerance, each, flat, list, number};
use serde_json::Value;
use starling_components::learners::dqn::TdLoss;
use starling_learn::Real;
use starling_learn::distribution::action_values::best;
use starling_learn::dqn_loss::{cost, follow, target};

fn reals<T: Real>(value: &Value) -> Vec<T> {
    flat(value).into_iter().map(T::of).collect()
}

/// One batch with plain or double targets; the rows compared.
fn check_batch<T: Real>(tolerance: Tolerance, what: &str, case: &Value, double: bool) -> usize {
    let golden = &case[if double { "double_dqn" } else { "dqn" }];
    let rows = list(&case["q"]).len();
    let (mut loss, mut gradient, mut targets) = (0.0, Vec::new(), Vec::new());
    for row in 0..rows {
        let of = |key: &str| reals::<T>(&case[key][row]);
        let at = |key: &str| number(&case[key][row]);
        let (values, online, older) = (of("q"), of("q_next_online"), of("q_next_target"));
        let next = if double {
            older[best(&online, None).0]
        } else {
            best(&older, None).1
        };
        let gamma = T::of(number(&case["gamma"]));
        let target = target(T::of(at("reward")), gamma, at("done") != 0.0, next);
        let action = at("action") as usize;
        let (row_loss, slope) = cost(TdLoss::Mse, values[action] - target);
        loss += row_loss.wide() / rows as f64;
        let slopes = (0..values.len()).map(|index| {
            if index == action {
                slope.wide() / rows as f64
            } else {
                0.0
            }
        });
        gradient.extend(slopes);
        targets.push(target.wide());
    }
    tolerance.check_all(&format!("{what} target"), targets, &flat(&golden["target"]));
    tolerance.check(&format!("{what} loss"), loss, number(&golden["loss"]));
    tolerance.check_all(&format!("{what} grad_q"), gradient, &flat(&golden["grad_q"]));
    rows
}

fn check_follow<T: Real>(tolerance: Tolerance, what: &str, case: &Value) {
    let mut older: Vec<T> = reals(&case["target"]);
    follow(T::of(number(&case["tau"])), &reals::<T>(&case["online"]), &mut older);
    let older = older.iter().map(|x| x.wide());
    tolerance.check_all(what, older, &flat(&case["new_target"]));
}

#[test]
fn learning_value_targets() {
    each("value_targets/1", |file| {
        let (batches, followed) = (list(&file["dqn"]), list(&file["polyak"]));
        let mut rows = 0;
        for (index, case) in batches.iter().enumerate() {
            for double in [false, true] {
                let what = format!("batch {index}, double {double}");
                rows += check_batch::<f64>(F64, &format!("{what}, f64"), case, double);
                rows += check_batch::<f32>(F32, &format!("{what}, f32"), case, double);
            }
        }
        for (index, case) in followed.iter().enumerate() {
            check_follow::<f64>(F64, &format!("polyak {index}, f64"), case);
            check_follow::<f32>(F32, &format!("polyak {index}, f32"), case);
        }
        assert!(!followed.is_empty());
        (batches.len() + followed.len(), rows)
    });
}
