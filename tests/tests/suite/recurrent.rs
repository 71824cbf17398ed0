//! Agents that remember: the same bits on any number of threads, killed and resumed in the midst of episodes, alone or among others, with partners
//! that change and partners without a memory.

use crate::exactness::{Bench, check_alone, check_killed, check_same};
use crate::rows;

/// Episodes are longer than rollouts, so that memories go from one to the next and through checkpoints.
const COOKS: &str = r#"
name  = "recurrent/cooks"
seed  = 11
until = { env_steps = 4_800 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "cramped_room_v2", view = 1, max_steps = 50, random_agent_positions = true, sample_recipe_on_delivery = true }
lanes = 8
seats = ["chef", "chef"]

[agent.chef]
replicas       = 4
policy         = { layers = [{ conv = [4, 1] }, "flatten", { dense = 16 }, "layer_norm", { gru = 12 }], heads = { critic = [{ lstm = 5 }] } }
learner.ppo    = { steps = 30, epochs = 2, minibatches = 2 }
optimizer.adam_rel = { rate = { log_uniform = [3e-4, 3e-3] }, max_grad_norm = 0.5 }
reward         = { shaped = { linear = { from = 1.0, to = 0.0 } } }

[evaluate.selfplay]
environment = "kitchen"
episodes    = 4
at          = { every = 8 }

[record]
trajectories = { every = 1, observations = true }
diagnostics  = { every = 1 }
commit       = { every = 3 }
"#;

/// Who sits where changes with every episode, and partners remember more, less or nothing. Episodes of the pole are cut off, too.
const PARTNERS: &str = r#"
name  = "recurrent/partners"
seed  = 3
until = { env_steps = 2_400 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "cramped_room", max_steps = 33 }
lanes  = 8
seats  = ["ego", { draw = ["elephant", "fly", "dice"] }]
rotate = true

[agent.ego]
replicas       = 2
policy         = { layers = ["flatten", { dense = 8 }, { gru = 7 }] }
learner.ppo    = { steps = 20, epochs = 2, minibatches = 4, bootstrap_truncation = true }
optimizer.adam = { rate = 1e-3 }

[agent.elephant]
replicas = 2
policy   = { layers = ["flatten", { dense = 8 }, { lstm = 9 }] }

[agent.fly]
replicas = 2
policy   = { layers = ["flatten", { dense = 8 }] }

[agent.dice]
script   = "random"
replicas = 2

[evaluate.meeting]
environment = "kitchen"
agents      = ["ego", "elephant"]
pair        = "product"
rotate      = true
episodes    = 3

[record]
trajectories = { every = 1 }
commit       = { every = 2 }
"#;

#[test]
fn recurrent_on_any_number_of_threads() {
    for pipeline in [COOKS, PARTNERS] {
        let bench = Bench::new(pipeline);
        let one = bench.run("one", &["--threads", "1"]);
        for threads in ["2", "4"] {
            check_same(&one, &bench.run(threads, &["--threads", threads]));
        }
    }
}

#[test]
fn recurrent_killed_and_resumed() {
    check_killed(COOKS);
    check_killed(PARTNERS);
}

#[test]
fn recurrent_of_a_replica_alone() {
    check_alone(COOKS, "chef");
}

/// Stopped where every lane is inside an episode: what is remembered there is in the checkpoint, and not nothing.
#[test]
fn recurrent_memories_are_saved() {
    let bench = Bench::new(COOKS);
    let part = bench.run("part", &["--until", "ticks=8"]);
    let memories = rows::tensors_of_replica(&part, 0);
    let (_, carry) = memories
        .iter()
        .find(|(name, _)| name.ends_with("carry"))
        .expect("a tensor of memories");
    assert!(carry.iter().any(|byte| *byte != 0), "nothing is remembered");
}
