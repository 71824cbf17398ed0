//! The plugin in a world without a simulator: agents are built from their tables, learn from rollouts made by hand, and are saved.

use super::{draws, moves, seat};
use crate::LearnPlugin;
use bevy_app::App;
use serde_json::{Value, json};
use starling_components::EntityName;
use starling_components::clock::{Clocks, Member};
use starling_components::fault::Faults;
use starling_components::parameters::{OptimizerState, Parameters, Replicas};
use starling_components::persist::{restore_world, save_world};
use starling_components::random::{Draw, Key};
use starling_components::rollout::{ReplicaRollout, Rollout};
use starling_components::schedule::{Build, MemoryEstimate, RunSeed, Tick};
use starling_components::seating::Seating;
use starling_components::simulate::{Lanes, LiveEnvironment, Simulate};
use starling_components::spaces::{ActionBuffer, ElementKind, EnvironmentShape, ObservationBuffer};
use starling_components::specs::{AgentSpec, Backend, EnvironmentSpec, Pair};
use starling_components::stage::StagePlan;
use starling_components::table::{ColumnData, Outbox};
use std::sync::Arc;

const LANES: usize = 4;
const STEPS: usize = 8;

/// An environment that has a shape and nothing else.
struct ShapeOnly(EnvironmentShape);

impl Simulate for ShapeOnly {
    fn shape(&self) -> &EnvironmentShape {
        &self.0
    }
    fn open_from(&self, _: Key, _: u32, _: usize) -> Box<dyn Lanes> {
        panic!("nothing is simulated here")
    }
}

fn shape() -> EnvironmentShape {
    let one = seat(&[3, 2, 2], ElementKind::U8, moves(4));
    EnvironmentShape {
        seats: vec![one.clone(), one],
        state_words: 1,
        max_steps: None,
        global_len: 0,
        masks: false,
        turns: false,
        events: Vec::new(),
    }
}

fn rollout(replica: u32, tick: u64) -> ReplicaRollout {
    let mut draw = draws(u64::from(replica) * 100 + tick);
    let mut rollout = ReplicaRollout::zeros(&shape(), STEPS, LANES, 0, false);
    if let ObservationBuffer::Bytes(bytes) = &mut rollout.observations {
        bytes.iter_mut().for_each(|b| *b = draw.below(3) as u8);
    }
    if let ActionBuffer::Discrete(actions) = &mut rollout.actions {
        actions.iter_mut().for_each(|a| *a = draw.below(4) as i32);
    }
    rollout.log_probs.fill(-1.386);
    rollout.rewards.iter_mut().for_each(|r| *r = draw.unit());
    rollout.shaped.iter_mut().for_each(|r| *r = draw.unit());
    rollout
        .terminated
        .iter_mut()
        .for_each(|d| *d = u8::from(draw.below(5) == 0));
    rollout
}

/// A built world with one agent `chef` in both seats of `kitchen`.
fn world(agent: &Value) -> App {
    let mut app = App::new();
    app.init_resource::<Faults>()
        .init_resource::<Outbox>()
        .init_resource::<MemoryEstimate>()
        .insert_resource(RunSeed(5));
    app.add_plugins(LearnPlugin);
    let world = app.world_mut();
    let spec: AgentSpec = serde_json::from_value(agent.clone()).expect("an agent table");
    let replicas = Replicas((0..spec.replicas.count()).map(|i| spec.replicas.first() + i).collect());
    let group = world
        .spawn((EntityName::new("group", "kitchen"), Clocks::default()))
        .id();
    let chef = world
        .spawn((EntityName::new("agent", "chef"), spec, replicas, Member(group)))
        .id();
    let kitchen = (
        EntityName::new("environment", "kitchen"),
        EnvironmentSpec {
            rules: serde_json::from_value(json!("none")).expect("a choice"),
            lanes: LANES as u32,
            seats: vec!["chef".into(), "chef".into()],
            rotate: false,
            pair: Pair::Index,
            starts: None,
            backend: Backend::Cpu,
        },
        Seating::Fixed(vec![chef, chef]),
        LiveEnvironment(Arc::new(ShapeOnly(shape()))),
        Rollout::default(),
        Member(group),
    );
    let kitchen = world.spawn(kitchen).id();
    world.entity_mut(group).insert(StagePlan {
        train: vec![chef],
        environments: vec![kitchen],
        ..StagePlan::default()
    });
    world.run_schedule(Build);
    app
}

fn tick(app: &mut App) {
    let world = app.world_mut();
    let numbers = world.query::<&Replicas>().single(world).expect("one agent").0.clone();
    let now = world.query::<&Clocks>().single(world).expect("one group").now.ticks;
    let mut rollouts = world.query::<&mut Rollout>();
    rollouts.single_mut(world).expect("one environment").replicas = numbers.iter().map(|&r| rollout(r, now)).collect();
    world.run_schedule(Tick);
    let faults = &world.resource::<Faults>().0;
    assert!(faults.is_empty(), "{faults:?}");
    let mut clocks = world.query::<&mut Clocks>();
    clocks.single_mut(world).expect("one group").now.ticks += 1;
}

fn state(app: &mut App) -> (Parameters, OptimizerState) {
    let world = app.world_mut();
    let (parameters, optimizer) = world
        .query::<(&Parameters, &OptimizerState)>()
        .single(world)
        .expect("one agent");
    (parameters.clone(), optimizer.clone())
}

fn chef(replicas: &Value) -> Value {
    json!({
        "replicas": replicas,
        "policy": { "layers": [{ "dense": 16 }], "activation": "tanh" },
        "learner": { "ppo": { "steps": STEPS, "entropy": { "log_uniform": [0.001, 0.1] } } },
        "optimizer": { "adam_rel": { "rate": { "linear": { "from": 1e-3, "to": 0.0, "over": 10.0 } }, "max_grad_norm": 0.5 } },
        "reward": { "shaped": 0.5 },
    })
}

#[test]
fn a_saved_world_goes_on_with_the_same_bits() {
    let mut whole = world(&chef(&json!(2)));
    (0..2).for_each(|_| tick(&mut whole));
    let saved = save_world(whole.world_mut());
    (0..2).for_each(|_| tick(&mut whole));

    let mut resumed = world(&chef(&json!(2)));
    restore_world(resumed.world_mut(), &saved).expect("a fitting checkpoint");
    let clocks_of = |app: &mut App| {
        let world = app.world_mut();
        *world.query::<&Clocks>().single(world).expect("one group")
    };
    // Clocks are saved by the simulator's plugin.
    let world_mut = resumed.world_mut();
    let mut clocks = world_mut.query::<&mut Clocks>();
    let mut clocks = clocks.single_mut(world_mut).expect("one group");
    (clocks.now.ticks, clocks.now.updates, clocks.now.gradient_steps) = (2, 2, 32);
    (0..2).for_each(|_| tick(&mut resumed));
    assert_eq!(state(&mut whole), state(&mut resumed));
    assert_eq!(clocks_of(&mut whole), clocks_of(&mut resumed));
    assert_eq!(clocks_of(&mut whole).now.gradient_steps, 64);
}

#[test]
fn a_replica_alone_is_the_same_as_among_others() {
    let mut all = world(&chef(&json!(4)));
    let mut alone = world(&chef(&json!({ "first": 3, "count": 1 })));
    for _ in 0..3 {
        tick(&mut all);
        tick(&mut alone);
    }
    let ((all, all_state), (alone, alone_state)) = (state(&mut all), state(&mut alone));
    assert_eq!(all.replica(3), alone.replica(0));
    assert_ne!(all.replica(2), all.replica(3));
    let n = alone.layout.len();
    assert_eq!(all_state.second[3 * n..], alone_state.second);
}

#[test]
fn metrics_are_one_row_per_replica_and_number() {
    let mut app = world(&chef(&json!(2)));
    tick(&mut app);
    let outbox = app.world().resource::<Outbox>();
    let block = outbox
        .0
        .iter()
        .find(|b| b.table.name == "metrics")
        .expect("a block of metrics");
    assert_eq!(block.rows(), 2 * 10);
    let ColumnData::U64(ticks) = &block.columns[0] else {
        panic!()
    };
    assert!(ticks.iter().all(|&t| t == 1));
    assert!(
        app.world()
            .resource::<MemoryEstimate>()
            .0
            .iter()
            .all(|(_, bytes)| *bytes > 0)
    );
}

/// Every fault is found, at its key.
fn wrong(agent: &Value, expected: &[(&str, &str)]) {
    let app = world(agent);
    let found: Vec<_> = app
        .world()
        .resource::<Faults>()
        .0
        .iter()
        .map(|f| (f.key.join("."), f.message.clone()))
        .collect();
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((key, message), (expected_key, part)) in found.iter().zip(expected) {
        assert_eq!(key, expected_key, "{message}");
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn faults_name_their_keys() {
    let mut agent = chef(&json!(1));
    agent["policy"]["layers"] = json!(["flatten", { "conv": [8, 3] }]);
    wrong(&agent, &[("agent.chef.policy.layers.1.conv", "takes a grid")]);
    agent["policy"] = json!({ "layers": [{ "conv": [8, 3] }, { "dense": 8 }], "activation": "gelu" });
    wrong(
        &agent,
        &[
            ("agent.chef.policy.activation", "gelu"),
            ("agent.chef.policy.layers.1.dense", "takes a vector"),
        ],
    );
    agent["policy"] =
        json!({ "layers": [{ "conv": [8, 3] }], "heads": { "critic": [{ "grue": 3 }], "actor": ["flatten"] } });
    wrong(
        &agent,
        &[("agent.chef.policy.heads.critic.0.grue", "no layer is called")],
    );
    agent["policy"] = json!({ "layers": [{ "conv": [8, 3] }, { "gru": 3 }] });
    wrong(&agent, &[("agent.chef.policy.layers.1.gru", "takes a vector")]);
    agent["policy"] = json!({ "layers": ["flatten", { "lstm": 0 }] });
    wrong(
        &agent,
        &[("agent.chef.policy.layers.1.lstm.units", "at least one unit")],
    );
    agent["policy"] = json!({ "layers": [{ "conv": [8, 3] }] });
    wrong(
        &agent,
        &[
            ("agent.chef.policy.heads.actor", "takes a vector"),
            ("agent.chef.policy.heads.critic", "takes a vector"),
        ],
    );
    let mut agent = chef(&json!(1));
    agent["learner"]["ppo"]["minibatches"] = json!(7);
    wrong(
        &agent,
        &[("agent.chef.learner.ppo.minibatches", "do not divide 64 samples")],
    );
    let mut forgetful = chef(&json!(1));
    forgetful["policy"] = json!({ "layers": ["flatten", { "gru": 3 }] });
    forgetful["learner"]["ppo"]["minibatches"] = json!(16);
    wrong(
        &forgetful,
        &[(
            "agent.chef.learner.ppo.minibatches",
            "16 minibatches do not divide 8 columns",
        )],
    );
    forgetful["policy"] = json!({ "layers": ["flatten", { "gru": 3 }], "heads": { "q": [] } });
    forgetful["learner"] = json!({ "dqn": {} });
    wrong(
        &forgetful,
        &[("agent.chef.learner.dqn", "the policy remembers what was before")],
    );
    agent["learner"]["ppo"] = json!({ "steps": STEPS, "clip": 0.0 });
    wrong(&agent, &[("agent.chef.learner.ppo.clip", "must be positive")]);
    agent["optimizer"] = json!({ "adam": { "rate": [] } });
    wrong(&agent, &[("agent.chef.optimizer.adam.rate", "one value per replica")]);
    agent.as_object_mut().expect("a table").remove("optimizer");
    wrong(&agent, &[("agent.chef.learner", "needs an `optimizer`")]);
}

#[test]
fn a_loss_that_is_not_a_number_says_where() {
    let mut app = world(&chef(&json!(1)));
    let world = app.world_mut();
    let mut broken = rollout(0, 0);
    broken.rewards[3] = f32::NAN;
    let mut rollouts = world.query::<&mut Rollout>();
    rollouts.single_mut(world).expect("one environment").replicas = vec![broken];
    world.run_schedule(Tick);
    let faults = &world.resource::<Faults>().0;
    assert_eq!(faults.len(), 1, "{faults:?}");
    let fault = &faults[0];
    assert!(
        fault.message.contains("epoch 1") && fault.message.contains("tick 1, replica 0"),
        "{fault}"
    );
    assert!(fault.advice.is_some());
}
