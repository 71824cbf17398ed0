//! Nothing is allocated per step or per optimiser step once buffers have grown: counted by an allocator of this binary's own.

use starling::engine::{Limits, Starling, run_ticks};
use starling::file::layers::{Origin, Overrides};
use starling_components::EntityName;
use starling_components::random::Key;
use starling_components::registry::Registry;
use starling_components::spaces::{ActionSpace, ElementKind, ObservationBuffer, ObservationSpace, SeatShape};
use starling_components::specs::PolicySpec;
use starling_learn::network::Network;
use starling_learn::network::pass::Pass;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Allocations of this thread. Tests run on threads of their own.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is left to the system's allocator; counting touches a plain cell that needs no allocation and no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of `f` on this thread.
fn allocations(f: impl FnOnce()) -> u64 {
    let before = COUNT.get();
    f();
    COUNT.get() - before
}

/// Runs `f` in a pool of one thread, whose allocations are then all there are.
fn alone<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    pool.expect("a pool of one thread").install(f)
}

/// Forward and backward through `policy` allocate nothing the third time, whichever rows come.
fn check_kernels(policy: &str, shape: &[usize], element: ElementKind) {
    let seat = SeatShape {
        observation: ObservationSpace {
            shape: shape.to_vec(),
            element,
        },
        action: ActionSpace::Discrete {
            names: (0..5).map(|i| format!("move {i}")).collect(),
        },
    };
    let mut registry = Registry::default();
    starling_learn::register(&mut registry);
    let spec: PolicySpec = serde_json::from_str(policy).expect("a policy");
    let network = Network::describe(&spec, &seat, &registry).expect("a network");
    let parameters = network.initialise(Key::of_seed(0).entity(&EntityName::new("agent", "a")));
    let inputs = network.inputs();
    let count = |i: usize| (i * 2_654_435_761) >> 7;
    let buffer = match element {
        ElementKind::F32 => ObservationBuffer::Floats((0..96 * inputs).map(|i| (count(i) % 17) as f32 - 8.0).collect()),
        // Mostly zero, as grids are.
        _ => ObservationBuffer::Bytes((0..96 * inputs).map(|i| u8::from(count(i) % 11 == 0)).collect()),
    };
    let mut pass = Pass::new();
    let mut learn = |first: usize| {
        let view = buffer.slice(0..buffer.len());
        network.gather(&mut pass, (0..64).map(|row| (view, (first + row) * inputs)));
        network.forward(&parameters, &mut pass).expect("numbers");
        let out = network.outputs(&mut pass);
        out.policy_slope.fill(0.5);
        out.value_slope.fill(-0.5);
        network.backward(&parameters, &mut pass).expect("numbers");
    };
    (0..32).for_each(&mut learn);
    let counted = allocations(|| (0..32).for_each(&mut learn));
    assert_eq!(counted, 0, "{policy} on {shape:?}, {element:?}");
}

#[test]
fn kernels_allocate_nothing() {
    let mlp = r#"{"activation": "tanh", "layers": [{"dense": 32}], "heads": {"actor": [{"dense": 16}], "critic": []}}"#;
    let cnn = r#"{"layers": [{"conv": [8, 1]}, {"conv": [8, 3]}, "flatten", {"dense": 16}, "layer_norm"]}"#;
    for element in [ElementKind::F32, ElementKind::U8] {
        check_kernels(mlp, &[40], element);
        check_kernels(cnn, &[5, 4, 6], element);
    }
}

const KITCHEN: &str = r#"
name  = "test/kitchen"
until = { ticks = 100 }

[environment.kitchen]
rules.overcooked_v2 = { layout = "cramped_room" }
lanes = 4
seats = ["chef", "chef"]

[agent.chef]
replicas = 2

[agent.chef.policy]
layers = [{ conv = [8, 3] }, "flatten", { dense = 16 }]
heads  = { actor = [], critic = [] }

[agent.chef.learner.ppo]
minibatches = 2

[agent.chef.optimizer.adam]
rate          = 1e-3
max_grad_norm = 0.5
"#;

const POLE: &str = r#"
name  = "test/pole"
until = { ticks = 100 }

[environment.pole]
rules.mountain_car = {}
lanes = 8
seats = ["driver"]

[agent.driver]
normalize = { observations = true, rewards = true }

[agent.driver.policy]
activation = "tanh"
heads      = { actor = [{ dense = 16 }], critic = [{ dense = 16 }] }

[agent.driver.learner.ppo]
minibatches = 2

[agent.driver.optimizer.adam]
rate = 1e-3
"#;

/// Ticks before those that are counted, and those.
const TICKS: [u64; 2] = [3, 3];

/// Allocations of a few ticks of a pipeline with a change.
fn of_ticks(pipeline: &str, change: &str) -> u64 {
    alone(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pipeline.toml");
        std::fs::write(&file, pipeline).expect("a file");
        let starling = Starling::new();
        let overrides = Overrides {
            set: vec![change.to_owned()],
            ..Overrides::default()
        };
        let origin = Origin::of_argument(&file.display().to_string()).expect("a pipeline");
        let pipeline = starling.load(&origin, &overrides).expect("a pipeline");
        let mut app = starling.world(&pipeline).expect("a world");
        let [before, counted] = TICKS;
        let limits = Limits {
            ticks: Some(before + counted),
            ..Limits::default()
        };
        let (mut done, mut from, mut all) = (0, 0, 0);
        run_ticks(&mut app, limits, |_| {
            done += 1;
            if done == before {
                from = COUNT.get();
            }
            all = COUNT.get() - from;
        });
        assert_eq!(done, before + counted);
        all
    })
}

/// Ticks allocate, but as often for many steps as for few: rows of metrics, one result per replica. No episode ends in these.
fn check_ticks(pipeline: &str, few: &str, many: &str) {
    let (of_few, of_many) = (of_ticks(pipeline, few), of_ticks(pipeline, many));
    assert!(of_few > 0, "the allocator counts");
    assert_eq!(of_few, of_many, "{few} and {many}");
}

#[test]
fn steps_allocate_nothing() {
    check_ticks(
        KITCHEN,
        "agent.chef.learner.ppo.steps=16",
        "agent.chef.learner.ppo.steps=64",
    );
    check_ticks(
        POLE,
        "agent.driver.learner.ppo.steps=8",
        "agent.driver.learner.ppo.steps=24",
    );
}

#[test]
fn optimiser_steps_allocate_nothing() {
    check_ticks(
        KITCHEN,
        "agent.chef.learner.ppo={steps=16,epochs=1}",
        "agent.chef.learner.ppo={steps=16,epochs=5}",
    );
    check_ticks(
        POLE,
        "agent.driver.learner.ppo={steps=16,epochs=1}",
        "agent.driver.learner.ppo={steps=16,epochs=5}",
    );
}
