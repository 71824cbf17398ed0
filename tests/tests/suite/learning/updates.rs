//! Whole PPO updates through the learner that trains: given rollouts and orders, the network's values and log-probabilities, every
//! optimiser step, and the parameters after each update.

use super::{F32, each, flat, floats, list, number};
use serde_json::{Value, json};
use starling_components::EntityName;
use starling_components::act::{Act, ActInput, ActOutput};
use starling_components::clock::{ClockValues, Clocks};
use starling_components::learn::{Experience, LearnContext, LearnReport, ReplicaState};
use starling_components::learners::adam::Reset;
use starling_components::learners::ppo::PpoSettings;
use starling_components::memory::Memory;
use starling_components::quantity::Quantity;
use starling_components::random::Key;
use starling_components::registry::Registry;
use starling_components::rollout::ReplicaRollout;
use starling_components::spaces::{
    ActionBuffer, ActionSpace, ElementKind, EnvironmentShape, ObservationBuffer, ObservationSpace, SeatShape,
};
use starling_components::specs::PolicySpec;
use starling_learn::network::Network;
use starling_learn::optimizer::adam::Adam;
use starling_learn::ppo::Ppo;
use std::sync::Arc;

fn shape(config: &Value) -> EnvironmentShape {
    EnvironmentShape {
        seats: vec![SeatShape {
            observation: ObservationSpace {
                shape: vec![number(&config["obs_dim"]) as usize],
                element: ElementKind::F32,
            },
            action: ActionSpace::Discrete {
                names: (0..number(&config["num_actions"]) as usize)
                    .map(|i| i.to_string())
                    .collect(),
            },
        }],
        state_words: 1,
        max_steps: None,
        global_len: 0,
        masks: false,
        turns: false,
        events: Vec::new(),
    }
}

fn network(config: &Value, shape: &EnvironmentShape) -> Network {
    let hidden: Vec<Value> = list(&config["hidden"])
        .iter()
        .map(|units| json!({ "dense": units }))
        .collect();
    let policy = json!({ "activation": config["activation"], "heads": { "actor": hidden, "critic": hidden } });
    let spec: PolicySpec = serde_json::from_value(policy).expect("a policy");
    let mut registry = Registry::default();
    starling_learn::register(&mut registry);
    Network::describe(&spec, &shape.seats[0], &registry).expect("a network")
}

/// The golden parameters in the network's layout: kernel and bias of each layer, actor first.
fn parameters(value: &Value) -> Vec<f64> {
    ["actor", "critic"]
        .iter()
        .flat_map(|head| list(&value[head]))
        .flat_map(|layer| [flat(&layer["w"]), flat(&layer["b"])].concat())
        .collect()
}

/// The rollout with the values and log-probabilities that the network gives now.
fn rollout(batch: &Value, shape: &EnvironmentShape, network: &Network, parameters: &[f32]) -> ReplicaRollout {
    let (steps, lanes) = (list(&batch["obs"]).len(), list(&batch["last_obs"]).len());
    let mut rollout = ReplicaRollout::zeros(shape, steps, lanes, 0, false);
    rollout.observations = ObservationBuffer::Floats([floats(&batch["obs"]), floats(&batch["last_obs"])].concat());
    rollout.rewards = floats(&batch["reward"]);
    rollout.terminated = flat(&batch["done"]).into_iter().map(|d| d as u8).collect();
    let actions: Vec<i32> = flat(&batch["action"]).into_iter().map(|a| a as i32).collect();

    let rows = (steps + 1) * lanes;
    let ids: Vec<u32> = (0..rows as u32).collect();
    let input = ActInput {
        observations: rollout.observations.slice(0..rows * rollout.width),
        legal: None,
        carry: &[],
        ids: &ids,
        time: 0,
        key: Key::of_seed(0),
        greedy: false,
        explore: 0.0,
    };
    let mut chosen = ActionBuffer::Discrete(vec![0; rows]);
    let mut output = ActOutput {
        actions: chosen.slice_mut(0..rows),
        log_probs: &mut vec![0.0; rows],
        values: &mut rollout.values,
        carry: &mut [],
    };
    network.act(parameters, &input, &mut output).expect("finite outputs");
    // The golden actions were given, not drawn: their log-probabilities come from the probabilities of all moves.
    let all = network
        .probabilities(parameters, &input)
        .expect("finite")
        .expect("categorical");
    let moves = all.len() / rows;
    for (row, &action) in actions.iter().enumerate() {
        rollout.log_probs[row] = starling_components::maths::ln(all[row * moves + action as usize]);
    }
    rollout.actions = ActionBuffer::Discrete(actions);
    rollout
}

fn check_steps(what: &str, report: &LearnReport, golden: &[Value], first_count: u64, count: u64) {
    for (index, step) in golden.iter().enumerate() {
        let named = [
            ("total", "total_loss"),
            ("actor_loss", "policy_loss"),
            ("value_loss", "value_loss"),
            ("entropy", "entropy"),
            ("grad_norm", "grad_norm"),
            ("update_norm", "update_norm"),
        ];
        for (theirs, ours) in named {
            let found = report
                .diagnostics
                .iter()
                .find(|(s, name, _)| *s as usize == index + 1 && name == ours);
            let (_, _, value) = found.unwrap_or_else(|| panic!("{what}: no {ours} at step {index}"));
            F32.check(&format!("{what} step {index} {theirs}"), *value, number(&step[theirs]));
        }
        assert_eq!(
            number(&step["adam_count"]) as u64,
            first_count + index as u64 + 1,
            "{what} adam_count"
        );
    }
    let last = golden.last().map_or(0, |step| number(&step["adam_count"]) as u64);
    assert_eq!(count, last, "{what} adam_count after the update");
}

fn run(file: &Value, variant: &str) -> usize {
    let config = &file["config"];
    let results = &file["results"][variant];
    let shape = shape(config);
    let network = Arc::new(network(config, &shape));
    let mut adam = super::optimisers::settings(config);
    let updates = number(&config["num_updates"]);
    if config["anneal_lr"] == true {
        adam.rate =
            serde_json::from_value(json!({ "linear": { "from": config["lr"], "to": 0.0 } })).expect("a schedule");
    }
    match variant {
        "adam_rel" => adam.reset = Reset::Count,
        "adam_mr" => adam.reset = Reset::All,
        "adam_b1eqb2" => adam.b2 = adam.b1,
        "adam" => {}
        other => panic!("unknown optimiser {other}"),
    }
    let settings = PpoSettings {
        steps: number(&config["num_steps"]) as usize,
        epochs: number(&config["update_epochs"]) as usize,
        minibatches: number(&config["num_minibatches"]) as usize,
        gamma: number(&config["gamma"]),
        gae_lambda: number(&config["gae_lambda"]),
        clip: number(&config["clip_eps"]),
        entropy: Quantity::Constant(number(&config["ent_coef"])),
        value_weight: number(&config["vf_coef"]),
        ..PpoSettings::default()
    };
    let ppo = Ppo::new(settings, network.clone(), Arc::new(Adam::new(adam)), true);

    let mut values: Vec<f32> = parameters(&file["params0"]).into_iter().map(|x| x as f32).collect();
    assert_eq!(values.len(), network.layout.len());
    let (mut first, mut second) = (vec![0.0; values.len()], vec![0.0; values.len()]);
    let (mut local_steps, mut steps) = (0, 0);
    let mut compared = 0;
    for (update, (batch, golden)) in list(&file["batches"]).iter().zip(list(results)).enumerate() {
        let what = format!("{variant} update {update}");
        let rollout = rollout(batch, &shape, &network, &values);
        let rows = rollout.log_probs.len();
        let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        F32.check_all(
            &format!("{what} value"),
            wide(&rollout.values[..rows]),
            &flat(&golden["value"]),
        );
        F32.check_all(
            &format!("{what} old_logp"),
            wide(&rollout.log_probs),
            &flat(&golden["old_logp"]),
        );
        let mut clocks = Clocks::default();
        clocks.now = ClockValues {
            updates: update as u64,
            ..clocks.now
        };
        clocks.total.updates = updates as u64;
        let context = LearnContext {
            clocks,
            replica: 0,
            key: Key::of_seed(0).entity(&EntityName::new("agent", "a")),
            task_weight: 1.0,
            shaped_weight: 0.0,
        };
        let mut state = ReplicaState {
            parameters: &mut values,
            first: &mut first,
            second: &mut second,
            local_steps: &mut local_steps,
            steps: &mut steps,
            memory: &mut Memory::default(),
        };
        let experience = [Experience {
            rollout: &rollout,
            seats: &[0],
            chair: None,
        }];
        let order = |epoch: usize, order: &mut Vec<u32>| {
            *order = flat(&list(&batch["perm"])[epoch])
                .into_iter()
                .map(|i| i as u32)
                .collect();
        };
        let report = ppo
            .learn_with_orders(&mut state, &experience, &context, order)
            .unwrap_or_else(|fault| panic!("{what}: {fault}"));
        let first_count = number(&list(&golden["steps"])[0]["adam_count"]) as u64 - 1;
        check_steps(&what, &report, list(&golden["steps"]), first_count, local_steps);
        F32.check_all(
            &format!("{what} params_after"),
            wide(&values),
            &parameters(&golden["params_after"]),
        );
        compared += list(&golden["steps"]).len();
    }
    assert_eq!(steps as usize, compared, "the schedule's counter is never reset");
    compared
}

#[test]
fn learning_whole_ppo_updates() {
    each("ppo_update/1", |file| {
        let variants: Vec<_> = file["results"].as_object().expect("a table").keys().collect();
        let steps = variants.iter().map(|variant| run(file, variant)).sum();
        (variants.len(), steps)
    });
}
