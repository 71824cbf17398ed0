//! What is run on several ranks.

/// Cooks that see, learn, are evaluated and recorded in every way; episodes are longer than rollouts.
pub(crate) const COOKS: &str = r#"
name  = "ranks/cooks"
seed  = 11
until = { ticks = 10 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "cramped_room_v2", max_steps = 50, random_agent_positions = true, sample_recipe_on_delivery = true }
lanes = 12
seats = ["chef", "chef"]

[agent.chef]
replicas       = 2
policy         = { activation = "tanh", heads = { actor = [{ dense = 16 }], critic = [{ dense = 16 }] } }
learner.ppo    = { steps = 30, epochs = 2, minibatches = 3, shards = 4 }
optimizer.adam_rel = { rate = { log_uniform = [3e-4, 3e-3] }, max_grad_norm = 0.5 }
reward         = { shaped = { linear = { from = 1.0, to = 0.0 } } }

[evaluate.selfplay]
environment = "kitchen"
episodes    = 4
at          = { every = 4 }

[record]
trajectories = { every = 1, observations = true }
diagnostics  = { every = 1 }
commit       = { every = 3 }
"#;

/// Agents with a memory in two seats, of which one has its own critic's memory; every other episode is recorded.
pub(crate) const RECURRENT: &str = r#"
name  = "ranks/recurrent"
seed  = 5
until = { ticks = 6 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "cramped_room_v2", view = 1, max_steps = 33 }
lanes = 8
seats = ["left", "right"]

[agent.left]
policy         = { layers = [{ conv = [4, 1] }, "flatten", { dense = 8 }, "layer_norm", { gru = 6 }], heads = { critic = [{ lstm = 5 }] } }
learner.ppo    = { steps = 20, epochs = 2, minibatches = 2, shards = 4 }
optimizer.adam = { rate = 1e-3 }

[agent.right]
policy         = { heads = { actor = [{ dense = 8 }], critic = [{ dense = 8 }] } }
learner.ppo    = { steps = 20, epochs = 1, minibatches = 2, shards = 4, bootstrap_truncation = true, normalize_advantage = false }
optimizer.adam = { rate = 1e-3 }

[record]
trajectories = { every = 2 }
commit       = { every = 2 }
"#;

/// A vector of actions, a stage that a metric ends, and a second one whose agent begins where the first did best.
pub(crate) const STAGES: &str = r#"
name = "ranks/stages"
seed = 3

[environment.pole]
rules.cart_pole = { max_steps = 60 }
lanes = 8
seats = ["first"]

[environment.pole_again]
rules.cart_pole = { max_steps = 60 }
lanes = 4
seats = ["second"]

[agent.first]
replicas       = 2
policy         = { activation = "tanh", heads = { actor = [{ dense = 16 }], critic = [{ dense = 16 }] } }
learner.ppo    = { steps = 16, epochs = 3, minibatches = 2, shards = 4 }
optimizer.adam = { rate = 5e-3 }

[agent.second]
from           = { agent = "first", pick = { best = "environment.pole.episode_return_carried" } }
learner.ppo    = { steps = 16, epochs = 1, minibatches = 2, shards = 4 }
optimizer.adam = { rate = 1e-3 }

[stage.begin]
train = ["first"]
until = { ticks = 40, metric = { name = "environment.pole.episode_return_carried", above = 30 } }
score = "environment.pole.episode_return"

[stage.go_on]
train = ["second"]
after = ["begin"]
until = { ticks = 5 }

[record]
commit = { every = 7 }
"#;

/// Evolution of two replicas; a partner that does not vary sits beside it, and members meet draws of their own.
pub(crate) const EVOLUTION: &str = r#"
name  = "ranks/evolution"
seed  = 9
until = { ticks = 8 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "cramped_room_v2", max_steps = 20 }
lanes = 1
seats = ["cook", "helper"]

[agent.cook]
replicas = 2
policy   = { layers = ["flatten", { dense = 8 }, { gru = 5 }] }

[agent.helper]
replicas = 2
policy   = { layers = ["flatten", { dense = 4 }] }

[evolve.cooks]
vary             = "agent.cook.parameters"
environment      = "kitchen"
episodes         = 2
shared_draws     = false
strategy.open_es = { population = 10, sigma = { linear = { from = 0.2, to = 0.1 } }, weight_decay = 0.001 }
optimizer.adam   = { rate = 0.05 }

[evaluate.cooks]
environment = "kitchen"
episodes    = 8
at          = { every = 4 }

[record]
commit = { every = 3 }
"#;
