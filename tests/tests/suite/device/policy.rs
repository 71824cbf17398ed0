//! Policies on the device: a rollout is played again on the processor with the actions that were recorded, and the policy is asked what it would
//! have done.

use super::gpu;
use starling_components::act::{Act, ActInput, ActOutput};
use starling_components::random::{Counter, Draw, Key};
use starling_components::registry::{Choice, Registry, RulesContext, RulesSlot};
use starling_components::simulate::Simulate;
use starling_components::spaces::{Actions, ActionsMut, ObservationBuffer};
use starling_components::specs::PolicySpec;
use starling_learn::network::Network;
use starling_shaders::{Actor, Moves, Packing, Play, Setup, Wants, World};
use starling_tests::golden;
use std::sync::Arc;

use super::lockstep::Written;

pub(super) fn environment(
    registry: &Registry,
    kind: &str,
    settings: serde_json::Value,
    seats: usize,
) -> Arc<dyn Simulate> {
    let choice = Choice {
        kind: kind.to_owned(),
        settings,
    };
    let context = RulesContext { seats, folder: None };
    registry.build::<RulesSlot>(&choice, context).expect("the rules")
}

/// `None`: the policy does not fit what the seat sees.
pub(super) fn network(registry: &Registry, policy: serde_json::Value, environment: &dyn Simulate) -> Option<Network> {
    let spec: PolicySpec = serde_json::from_value(policy).expect("a policy");
    Network::describe(&spec, &environment.shape().seats[0], registry).ok()
}

/// Two of dense layers and one of convolutions.
pub(super) fn policies() -> [serde_json::Value; 3] {
    let mlp = serde_json::json!({ "activation": "tanh", "layers": [], "heads": {
        "actor": [{ "dense": 64 }, { "dense": 64 }], "critic": [{ "dense": 64 }, { "dense": 64 }] } });
    let wide = serde_json::json!({ "activation": "relu", "layers": [{ "dense": 256 }, "layer_norm", { "dense": 33 }], "heads": {
        "actor": [], "critic": [{ "dense": 7 }] } });
    let cnn = serde_json::json!({ "activation": "relu",
        "layers": [{ "conv": [32, 3] }, { "conv": [16, 2] }, "flatten", { "dense": 64 }], "heads": { "actor": [], "critic": [] } });
    [mlp, wide, cnn]
}

/// Parameters that make some moves much more probable than others.
pub(super) fn parameters(network: &Network, seed: u64) -> Vec<f32> {
    let mut draw = Counter::new(Key::of_seed(seed), 0, 0, 0);
    let spread = 1.0 / (network.layout.len() as f32).sqrt().sqrt();
    (0..network.layout.len())
        .map(|_| draw.uniform(-spread, spread))
        .collect()
}

const LANES: usize = 96;
const STEPS: usize = 60;
/// Largest difference of log-probabilities and values, of 1 or of their size.
const CLOSE: f32 = 1e-4;

/// One rollout of `network` in all seats; how many actions were compared and how many of them the processor would have drawn otherwise.
fn check(name: &str, environment: &dyn Simulate, network: &Network) {
    let Some(gpu) = gpu() else { return };
    let shape = environment.shape();
    let seats: Vec<usize> = (0..shape.seats.len()).collect();
    let rows = LANES * seats.len();
    let program = network.program().expect("a program");
    let (place, who) = (Key::of_seed(1), Key::of_seed(2));
    let twin = environment.twin().expect("kernels");
    let world = World::compile(gpu, shape, &twin, Packing::Bytes).expect("kernels compile");
    let setup = Setup {
        keys: vec![std::iter::once(place).chain(seats.iter().map(|_| who)).collect()],
        lanes: LANES,
        first: 0,
        steps: STEPS,
        slots: STEPS + 1,
        final_observations: false,
        outcomes: true,
    };
    let mut block = world.open(setup).expect("lanes");
    block.reset().expect("lanes start");
    let actor = Actor::new(&block, shape, &program, &seats).expect("a policy");
    let parameters = parameters(network, 3);
    actor.set(gpu, &parameters).expect("its parameters");
    let time = 17;
    let actors = [actor];
    let play = Play {
        steps: STEPS,
        time,
        moves: Moves::Actors(&actors),
        greedy: false,
        wants: Wants {
            observations: true,
            outcomes: true,
            actions: true,
            answers: true,
            last_values: true,
            ..Wants::default()
        },
    };
    let taken = block.play(&play, |taken| {
        (
            taken.observations.to_vec(),
            taken.rewards.to_vec(),
            taken.flags.to_vec(),
            taken.actions.to_vec(),
            taken.log_probs.to_vec(),
            taken.values.to_vec(),
        )
    });
    let (observations, rewards, flags, actions, log_probs, values) = taken.expect("the device plays");

    let mut lanes = environment.open(place, LANES);
    lanes.reset();
    let mut written = Written::new(shape, LANES);
    written.observe(&*lanes);
    let ids: Vec<u32> = (0..rows as u32).collect();
    let (mut drawn, mut own_log_probs, mut own_values) = (vec![0; rows], vec![0.0; rows], vec![0.0; rows]);
    let mut otherwise = 0;
    let near = |what: &str, got: f32, want: f32| {
        assert!(
            (got - want).abs() <= CLOSE * want.abs().max(1.0),
            "{name}, {what}: {got} instead of {want}"
        );
    };
    let whole = shape.observation_width().is_multiple_of(4) || shape.float_observations();
    for step in 0..=STEPS {
        let by_row = step * rows..(step + 1) * rows;
        if whole {
            let words = observations.len() / (STEPS + 1);
            let seen = &observations[step * words..(step + 1) * words];
            match &written.observations {
                ObservationBuffer::Bytes(bytes) => {
                    assert_eq!(bytemuck::cast_slice::<u32, u8>(seen), bytes, "step {step}")
                }
                ObservationBuffer::Floats(floats) => seen
                    .iter()
                    .zip(floats)
                    .for_each(|(got, want)| near("observation", f32::from_bits(*got), *want)),
            }
        }
        let width = written.observations.len();
        let input = ActInput {
            observations: written.observations.slice(0..width),
            legal: None,
            carry: &[],
            ids: &ids,
            time: time + step as u32,
            key: who,
            greedy: false,
            explore: 0.0,
        };
        let mut output = ActOutput {
            actions: ActionsMut::Discrete(&mut drawn),
            log_probs: &mut own_log_probs,
            values: &mut own_values,
            carry: &mut [],
        };
        network.act(&parameters, &input, &mut output).expect("the policy acts");
        own_values
            .iter()
            .zip(&values[by_row.clone()])
            .for_each(|(want, got)| near("value", *got, *want));
        if step == STEPS {
            break;
        }
        let taken: Vec<i32> = actions[by_row.clone()].iter().map(|&word| word as i32).collect();
        for (row, &action) in taken.iter().enumerate() {
            if action == drawn[row] {
                near("log-probability", log_probs[step * rows + row], own_log_probs[row]);
            } else {
                otherwise += 1;
            }
        }
        written.step(&mut *lanes, Actions::Discrete(&taken));
        assert_eq!(rewards[by_row], written.rewards, "{name}: rewards of step {step}");
        let wanted: Vec<u32> = (0..LANES).map(|lane| written.flag(lane)).collect();
        assert_eq!(
            flags[step * LANES..(step + 1) * LANES],
            wanted,
            "{name}: flags of step {step}"
        );
    }
    let all = STEPS * rows;
    assert!(
        otherwise * 1000 < all,
        "{name}: {otherwise} of {all} actions differ from those that the processor draws"
    );
    golden::say(&format!(
        "{name}: {} of {all} actions are those that the processor draws",
        all - otherwise
    ));
}

#[test]
fn device_policy_rollouts_are_those_of_the_processor() {
    let app = starling::Starling::new().app();
    let registry = app.world().resource::<Registry>();
    let [mlp, wide, cnn] = policies();
    let policy = |policy: &serde_json::Value, environment: &dyn Simulate| {
        network(registry, policy.clone(), environment).expect("the policy fits")
    };
    let kitchen = environment(
        registry,
        "overcooked_v2",
        serde_json::json!({ "layout": "cramped_room", "max_steps": 40 }),
        2,
    );
    let window = serde_json::json!({ "layout": "grounded_coord_simple", "view": 2 });
    let window = environment(registry, "overcooked_v2", window, 2);
    let features = serde_json::json!({ "layout": "coord_ring", "observation": "featurized" });
    let features = environment(registry, "overcooked_v2", features, 2);
    let breakout = environment(registry, "minatar_breakout", serde_json::json!({}), 1);
    let pole = environment(registry, "cart_pole", serde_json::json!({}), 1);
    check("mlp, cramped_room", &*kitchen, &policy(&mlp, &*kitchen));
    check("cnn, cramped_room", &*kitchen, &policy(&cnn, &*kitchen));
    check("wide mlp, grounded_coord_simple", &*window, &policy(&wide, &*window));
    check("mlp, coord_ring by features", &*features, &policy(&mlp, &*features));
    check("cnn, breakout", &*breakout, &policy(&cnn, &*breakout));
    check("wide mlp, cart_pole", &*pole, &policy(&wide, &*pole));
}
