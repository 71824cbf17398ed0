//! `starling bench gpu`: how fast kernels step environments with random actions, every observation written; and how fast a population plays.

use crate::commands::Context;
use crate::engine::Starling;
use crate::problem::Problems;
use clap::Args;
use serde_json::{Value, json};
use starling_components::Fault;
use starling_components::layers::Activation;
use starling_components::program::{Operation, Program, Step};
use starling_components::random::Key;
use starling_components::registry::{Choice, Registry, RulesContext, RulesSlot};
use starling_components::simulate::Simulate;
use starling_shaders::{Block, Gpu, Moves, Packing, Play, Population, Setup, Wants, World};
use std::sync::Arc;
use std::time::Instant;

/// What to measure.
#[derive(Debug, Args)]
pub(super) struct GpuArgs {
    /// Lanes, one row each
    #[arg(long, value_delimiter = ',', default_values_t = GpuArgs::default().lanes)]
    lanes: Vec<usize>,
    /// Steps of one dispatch
    #[arg(long, default_value_t = GpuArgs::default().steps)]
    steps: usize,
    /// Seconds per row; the best dispatch counts
    #[arg(long, default_value_t = GpuArgs::default().seconds)]
    seconds: f64,
    /// Observations of so many last steps are kept, where they fit
    #[arg(long, default_value_t = GpuArgs::default().ring)]
    ring: usize,
}

impl Default for GpuArgs {
    fn default() -> Self {
        Self {
            lanes: vec![4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20],
            steps: 64,
            seconds: 1.0,
            ring: 16,
        }
    }
}

/// Name, kind of rules, settings, seats.
type Case = (&'static str, &'static str, fn() -> Value, usize);

const CASES: &[Case] = &[
    (
        "overcooked_v1/cramped_room",
        "overcooked_v1",
        || json!({ "layout": "cramped_room" }),
        2,
    ),
    (
        "overcooked_v2/cramped_room",
        "overcooked_v2",
        || json!({ "layout": "cramped_room" }),
        2,
    ),
    (
        "overcooked_v2/grounded_coord_simple",
        "overcooked_v2",
        || json!({ "layout": "grounded_coord_simple", "view": 2 }),
        2,
    ),
    ("classic_control/cart_pole", "cart_pole", || json!({}), 1),
    ("minatar/breakout", "minatar_breakout", || json!({}), 1),
];

pub(super) fn rows(starling: &Starling, context: Context, args: &GpuArgs) -> Result<Vec<Value>, Problems> {
    let gpu = Gpu::open()?;
    let app = starling.app();
    let registry = app.world().resource::<Registry>();
    let bandwidth = gpu.bandwidth()?;
    if !context.json {
        context.data(&format!(
            "{}\ncopies of its memory: {:.1} GB/s read and written\n\n{:<38} {:>8} {:>5} {:>14} {:>14} {:>9} {:>7}\n",
            gpu.report(),
            bandwidth / 1e9,
            "random play, observations as bits",
            "lanes",
            "ring",
            "M steps/s",
            "by its clock",
            "GB/s",
            "of best"
        ));
    }
    let mut rows = vec![json!({ "device": gpu.report().to_string(), "bandwidth": bandwidth })];
    for (name, kind, settings, seats) in CASES {
        let environment = environment(registry, kind, settings(), *seats)?;
        for &lanes in &args.lanes {
            match measure(&gpu, &*environment, lanes, args) {
                Ok(speed) => {
                    if !context.json {
                        context.data(&speed.line(name, lanes, bandwidth));
                    }
                    rows.push(speed.row(name, lanes));
                }
                // A row that the device has no room for says so, and the others go on.
                Err(fault) => {
                    if !context.json {
                        context.data(&format!("{name:<38} {lanes:>8}  {}\n", fault.message));
                    }
                    rows.push(json!({ "name": name, "lanes": lanes, "fault": fault.message }));
                }
            }
        }
    }
    let environment = environment(registry, "cart_pole", json!({}), 1)?;
    rows.push(population(&gpu, &*environment, context, args)?);
    Ok(rows)
}

fn environment(registry: &Registry, kind: &str, settings: Value, seats: usize) -> Result<Arc<dyn Simulate>, Fault> {
    let choice = Choice {
        kind: kind.to_owned(),
        settings,
    };
    registry.build::<RulesSlot>(&choice, RulesContext { seats, folder: None })
}

/// What one row shows.
struct Speed {
    ring: usize,
    steps_per_second: f64,
    by_device: Option<f64>,
    /// Bytes of one environment step's observations.
    bytes: usize,
}

impl Speed {
    fn line(&self, name: &str, lanes: usize, bandwidth: f64) -> String {
        let written = self.steps_per_second * self.bytes as f64;
        format!(
            "{name:<38} {lanes:>8} {:>5} {:>14.3} {:>14} {:>9.2} {:>6.1}%\n",
            self.ring,
            self.steps_per_second / 1e6,
            self.by_device
                .map_or("-".to_owned(), |speed| format!("{:.3}", speed / 1e6)),
            written / 1e9,
            // A copy reads as much as it writes.
            100.0 * written / (bandwidth / 2.0)
        )
    }
    fn row(&self, name: &str, lanes: usize) -> Value {
        json!({
            "name": name,
            "lanes": lanes,
            "ring": self.ring,
            "steps_per_second": self.steps_per_second,
            "steps_per_device_second": self.by_device,
            "observation_bytes_per_step": self.bytes,
        })
    }
}

fn measure(gpu: &Arc<Gpu>, environment: &dyn Simulate, lanes: usize, args: &GpuArgs) -> Result<Speed, Fault> {
    let shape = environment.shape();
    let twin = environment
        .twin()
        .ok_or_else(|| Fault::run("these rules have no kernels"))?;
    let world = World::compile(gpu, shape, &twin, Packing::Bits)?;
    let bytes = 4 * world.observation_words() * shape.seats.len();
    let room = gpu.report().max_binding.min(gpu.report().max_buffer) as usize;
    let ring = args.ring.min(room / (bytes * lanes).max(1)).max(1);
    let mut block = world.open(Setup {
        keys: vec![vec![Key::of_seed(1); 1 + shape.seats.len()]],
        lanes,
        first: 0,
        steps: 1,
        slots: ring,
        final_observations: false,
        outcomes: false,
    })?;
    block.reset()?;
    let mut time = 0;
    let mut speed = Speed {
        ring,
        steps_per_second: 0.0,
        by_device: None,
        bytes,
    };
    dispatch(&mut block, args.steps, &mut time)?;
    let begun = Instant::now();
    while begun.elapsed().as_secs_f64() < args.seconds {
        let now = Instant::now();
        let device = dispatch(&mut block, args.steps, &mut time)?;
        let steps = (lanes * args.steps) as f64;
        speed.steps_per_second = speed.steps_per_second.max(steps / now.elapsed().as_secs_f64());
        let own = device.filter(|&seconds| seconds > 0.0).map(|seconds| steps / seconds);
        speed.by_device = own.map_or(speed.by_device, |own| {
            Some(speed.by_device.map_or(own, |best| best.max(own)))
        });
    }
    Ok(speed)
}

/// One dispatch; the seconds that the device says it took.
fn dispatch(block: &mut Block, steps: usize, time: &mut u32) -> Result<Option<f64>, Fault> {
    let play = Play {
        steps,
        time: *time,
        moves: Moves::Random,
        greedy: false,
        wants: Wants {
            time: true,
            ..Wants::default()
        },
    };
    *time = time.wrapping_add(steps as u32);
    block.play(&play, |taken| taken.seconds)
}

/// Members and lanes of the population.
const MEMBERS: usize = 256;
const LANES: usize = 16;

fn population(gpu: &Arc<Gpu>, environment: &dyn Simulate, context: Context, args: &GpuArgs) -> Result<Value, Fault> {
    let shape = environment.shape();
    let twin = environment
        .twin()
        .ok_or_else(|| Fault::run("these rules have no kernels"))?;
    let world = World::compile(gpu, shape, &twin, Packing::Bytes)?;
    let program = perceptron(shape.observation_width(), 64, shape.moves());
    let parameters = vec![0.01; MEMBERS * program.parameters];
    let population = Population {
        program: &program,
        parameters: &parameters,
        keys: vec![vec![Key::of_seed(1); 1 + shape.seats.len()]; MEMBERS],
        lanes: LANES,
        steps: args.steps.max(32),
        greedy: false,
    };
    world.evaluate(&population)?;
    let begun = Instant::now();
    let scores = world.evaluate(&population)?;
    let speed = (MEMBERS * LANES * population.steps) as f64 / begun.elapsed().as_secs_f64();
    let episodes: u64 = scores.iter().map(|score| score.episodes).sum();
    if !context.json {
        context.data(&format!(
            "\n{MEMBERS} policies of 4-64-64-2 on cart_pole, {LANES} lanes each: {:.3} M steps/s, {episodes} episodes\n",
            speed / 1e6
        ));
    }
    Ok(json!({ "name": "population", "members": MEMBERS, "lanes": LANES, "steps_per_second": speed }))
}

/// Two hidden layers of `units`, and both heads on them.
fn perceptron(inputs: usize, units: usize, moves: usize) -> Program {
    let mut at = 0;
    let mut dense = |from: Option<usize>, inputs: usize, outputs: usize, activation: Activation| {
        let weights = at;
        at += (inputs + 1) * outputs;
        Step {
            operation: Operation::Dense {
                inputs,
                outputs,
                activation,
            },
            weights,
            bias: weights + inputs * outputs,
            from,
            len: outputs,
        }
    };
    let steps = vec![
        dense(None, inputs, units, Activation::Tanh),
        dense(Some(0), units, units, Activation::Tanh),
        dense(Some(1), units, moves, Activation::None),
        dense(Some(1), units, 1, Activation::None),
    ];
    Program {
        steps,
        policy: 2,
        value: 3,
        inputs,
        moves,
        parameters: at,
    }
}
