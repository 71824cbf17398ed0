//! Actor and critic by themselves learn as they do together.

use super::equality::observations;
use super::{draws, moves, network, parameters, seat, vector};
use crate::network::parts::Part;
use crate::network::pass::Pass;
use starling_components::random::Draw;
use starling_components::spaces::{ActionSpace, ElementKind};

/// Outputs and gradients have the same bits, and each part fills its own place only.
fn check(policy: &str, shape: &[usize], element: ElementKind, action: ActionSpace) {
    let network = network(policy, &seat(shape, element, action));
    assert_eq!(network.parts(), [Part::Actor, Part::Critic], "{policy}");
    let (rows, parameters) = (40, parameters(&network, 3));
    let buffer = observations(&network, rows, 4);
    let view = buffer.slice(0..buffer.len());
    let run = |part: Part| {
        let mut pass = Pass::new();
        network.begin_part(&mut pass, part);
        network.gather(&mut pass, (0..rows).map(|row| (view, row * network.inputs())));
        network.forward_more(&parameters, &mut pass).unwrap();
        let out = network.outputs(&mut pass);
        let answers = (out.policy.to_vec(), out.value.to_vec());
        let fill = |slopes: &mut [f32], seed: u64| {
            let mut draw = draws(seed);
            slopes.iter_mut().for_each(|s| *s = draw.uniform(-1.0, 1.0));
        };
        fill(out.policy_slope, 1);
        fill(out.value_slope, 2);
        fill(out.log_std_slope, 3);
        network.backward(&parameters, &mut pass).unwrap();
        (answers, pass.gradient().to_vec())
    };
    let (together, whole) = run(Part::Whole);
    let ((policy_alone, no_value), actor) = run(Part::Actor);
    let ((no_policy, value_alone), critic) = run(Part::Critic);
    assert_eq!(together, (policy_alone, value_alone), "{policy}");
    assert!(no_value.is_empty() && no_policy.is_empty());
    let (first, second) = (network.parameters_of(Part::Actor), network.parameters_of(Part::Critic));
    assert_eq!((first.start, first.end, second.end), (0, second.start, whole.len()));
    assert_eq!(actor[first.clone()], whole[first.clone()], "{policy}: actor");
    assert_eq!(critic[second.clone()], whole[second.clone()], "{policy}: critic");
    assert!(actor[second].iter().chain(&critic[first]).all(|&x| x == 0.0));
}

#[test]
fn parts_learn_alone_as_together() {
    let two =
        r#"{"activation": "tanh", "heads": {"actor": [{"dense": 24}, {"dense": 16}], "critic": [{"dense": 20}]}}"#;
    let flat = r#"{"layers": ["flatten"], "heads": {"actor": [{"dense": 24}], "critic": [{"dense": 24}]}}"#;
    let grid = r#"{"heads": {"actor": [{"conv": [8, 3]}, "flatten"], "critic": [{"conv": [4, 1]}, "flatten"]}}"#;
    check(two, &[7], ElementKind::F32, moves(5));
    check(two, &[7], ElementKind::F32, vector(2));
    check(flat, &[4, 3, 5], ElementKind::U8, moves(3));
    check(grid, &[4, 3, 5], ElementKind::F32, moves(3));
}

#[test]
fn a_shared_trunk_is_one_part() {
    let shared = r#"{"layers": [{"dense": 8}], "heads": {"actor": [{"dense": 4}], "critic": []}}"#;
    assert_eq!(
        network(shared, &seat(&[3], ElementKind::F32, moves(2))).parts(),
        [Part::Whole]
    );
}
