//! A population in one dispatch: every member does what it does alone, and what it does on the processor.

use super::gpu;
use super::policy::{environment, network, parameters, policies};
use serde_json::json;
use starling_components::act::{Act, ActInput, ActOutput};
use starling_components::random::Key;
use starling_components::registry::Registry;
use starling_components::simulate::Simulate;
use starling_components::spaces::{Actions, ActionsMut};
use starling_learn::network::Network;
use starling_shaders::{Packing, Population, Score, World};
use starling_tests::golden;

use super::lockstep::Written;

const LANES: usize = 6;
const STEPS: usize = 90;

/// The same member on the processor.
fn on_the_processor(environment: &dyn Simulate, network: &Network, parameters: &[f32], keys: &[Key]) -> Score {
    let shape = environment.shape();
    let seats = shape.seats.len();
    let rows = LANES * seats;
    let mut lanes = environment.open(keys[0], LANES);
    lanes.reset();
    let mut written = Written::new(shape, LANES);
    written.observe(&*lanes);
    let ids: Vec<u32> = (0..rows as u32).collect();
    let (mut moves, mut log_probs, mut values) = (vec![0; rows], vec![0.0; rows], vec![0.0; rows]);
    let mut returns = vec![0.0_f32; rows];
    let mut length = [0_u64; LANES];
    let mut score = Score::default();
    for step in 0..STEPS {
        let width = written.observations.len();
        let input = ActInput {
            observations: written.observations.slice(0..width),
            legal: None,
            carry: &[],
            ids: &ids,
            time: step as u32,
            key: keys[1],
            greedy: false,
            explore: 0.0,
        };
        let mut output = ActOutput {
            actions: ActionsMut::Discrete(&mut moves),
            log_probs: &mut log_probs,
            values: &mut values,
            carry: &mut [],
        };
        network.act(parameters, &input, &mut output).expect("the policy acts");
        let actions = moves.clone();
        written.step(&mut *lanes, Actions::Discrete(&actions));
        for (lane, length) in length.iter_mut().enumerate() {
            let own = lane * seats..(lane + 1) * seats;
            *length += 1;
            for row in own.clone() {
                returns[row] += written.rewards[row];
            }
            if written.flag(lane) != 0 {
                score.episodes += 1;
                score.steps += *length;
                score.returns += returns[own.clone()].iter().sum::<f32>() / seats as f32;
                returns[own].fill(0.0);
                *length = 0;
            }
        }
    }
    score
}

#[test]
fn device_population_is_its_members() {
    let Some(gpu) = gpu() else { return };
    let app = starling::Starling::new().app();
    let registry = app.world().resource::<Registry>();
    let settings = json!({ "layout": "cramped_room", "max_steps": 30, "negative_rewards": true, "random_reset": true });
    let kitchen = environment(registry, "overcooked_v2", settings, 2);
    let breakout = environment(registry, "minatar_breakout", json!({ "sticky_actions": 0.1 }), 1);
    for (name, environment) in [("cramped_room", kitchen), ("breakout", breakout)] {
        let [mlp, ..] = policies();
        let network = network(registry, mlp, &*environment).expect("the policy fits");
        let program = network.program().expect("a program");
        let twin = environment.twin().expect("kernels");
        let world = World::compile(gpu, environment.shape(), &twin, Packing::Bytes).expect("kernels compile");
        let members = 5;
        let numbers: Vec<f32> = (0..members).flat_map(|member| parameters(&network, member)).collect();
        let keys = |member: u32| {
            let place = Key::of_seed(4).fold(member, 0);
            let seats = environment.shape().seats.len();
            std::iter::once(place)
                .chain((0..seats).map(|_| Key::of_seed(5).fold(member, 0)))
                .collect::<Vec<_>>()
        };
        let population = |first: u32, last: u32| Population {
            program: &program,
            parameters: &numbers[first as usize * program.parameters..last as usize * program.parameters],
            keys: (first..last).map(keys).collect(),
            lanes: LANES,
            steps: STEPS,
            greedy: false,
        };
        let together = world
            .evaluate(&population(0, members as u32))
            .expect("the device plays");
        let mut same = 0;
        for (member, score) in together.iter().enumerate() {
            let number = member as u32;
            let alone = world
                .evaluate(&population(number, number + 1))
                .expect("the device plays");
            assert_eq!(alone, [*score], "{name}: member {member} alone");
            let own = &numbers[member * program.parameters..(member + 1) * program.parameters];
            same += usize::from(on_the_processor(&*environment, &network, own, &keys(number)) == *score);
            assert!(score.episodes > 0, "{name}: no episode of member {member} ended");
        }
        // An action may differ once in a while, and then everything after it does.
        assert!(
            same + 1 >= together.len(),
            "{name}: only {same} members did as on the processor"
        );
        golden::say(&format!(
            "{name}: {same} of {members} members did as on the processor: {together:?}"
        ));
    }
}
