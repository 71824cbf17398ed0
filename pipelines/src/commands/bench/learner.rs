//! `starling bench learner`: one optimiser step of PPO, for networks and observations of several kinds.

use super::clock::{cpu_seconds, median};
use crate::commands::Context;
use crate::engine::Starling;
use crate::problem::Problems;
use clap::Args;
use serde_json::{Value, json};
use starling_components::Fault;
use starling_components::random::{Counter, Draw, Key};
use starling_components::registry::{Choice, Registry, RulesContext, RulesSlot};
use starling_components::rollout::ReplicaRollout;
use starling_components::spaces::{
    ActionBuffer, ActionSpace, ElementKind, EnvironmentShape, ObservationBuffer, ObservationSpace, SeatShape,
};
use starling_components::specs::PolicySpec;
use starling_learn::measure::{LargeProduct, Trainee};
use starling_simulate::measure::random_play;
use std::time::Instant;

/// What to measure and for how long.
#[derive(Debug, Args)]
pub(super) struct LearnerArgs {
    /// Only rows whose name contains this
    #[arg(long, value_name = "NAME")]
    row: Option<String>,
    /// Rounds, all rows in turn
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds per row and round
    #[arg(long, default_value_t = 0.5)]
    seconds: f64,
    /// Threads
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

/// What the network reads.
enum Input {
    /// Numbers between -1 and 1: rows of this shape.
    Floats(&'static [usize]),
    /// What the cooks of a kitchen see in the middle of random play: kind of rules and its settings.
    Kitchen(&'static str, fn() -> Value),
}

struct Case {
    name: &'static str,
    policy: fn() -> Value,
    input: Input,
    steps: usize,
    lanes: usize,
}

fn mlp() -> Value {
    json!({ "activation": "tanh", "layers": [{ "dense": 64 }, { "dense": 64 }] })
}

fn cnn() -> Value {
    let conv = json!({ "conv": [32, 3] });
    json!({ "activation": "relu", "layers": [conv, conv, conv, "flatten", { "dense": 64 }] })
}

fn gru(units: usize) -> Value {
    json!({ "layers": [{ "gru": units }] })
}

/// A window of 5 x 5 cells with 30 channels.
fn window() -> Value {
    json!({ "layout": "cramped_room", "view": 2 })
}

/// 9 x 9 cells with 26 channels: larger than any of the classic kitchens.
fn hall() -> Value {
    let rows = [
        "WWWPWPWWW",
        "W       W",
        "O   W   O",
        "W A W   W",
        "W   W   W",
        "W   W A W",
        "B   W   B",
        "W       W",
        "WWWXWXWWW",
    ];
    json!({ "layout": rows.join("\n") })
}

const CASES: &[Case] = &[
    Case {
        name: "mlp_750/floats",
        policy: mlp,
        input: Input::Floats(&[750]),
        steps: 64,
        lanes: 64,
    },
    Case {
        name: "mlp_750/kitchen",
        policy: mlp,
        input: Input::Kitchen("overcooked_v2", window),
        steps: 32,
        lanes: 64,
    },
    Case {
        name: "cnn_5x5x30/floats",
        policy: cnn,
        input: Input::Floats(&[5, 5, 30]),
        steps: 16,
        lanes: 64,
    },
    Case {
        name: "cnn_5x5x30/kitchen",
        policy: cnn,
        input: Input::Kitchen("overcooked_v2", window),
        steps: 8,
        lanes: 64,
    },
    Case {
        name: "cnn_9x9x26/floats",
        policy: cnn,
        input: Input::Floats(&[9, 9, 26]),
        steps: 16,
        lanes: 64,
    },
    Case {
        name: "cnn_9x9x26/kitchen",
        policy: cnn,
        input: Input::Kitchen("overcooked_v1", hall),
        steps: 8,
        lanes: 64,
    },
    Case {
        name: "gru_64/floats",
        policy: || gru(64),
        input: Input::Floats(&[64]),
        steps: 128,
        lanes: 64,
    },
    Case {
        name: "gru_128/floats",
        policy: || gru(128),
        input: Input::Floats(&[128]),
        steps: 128,
        lanes: 256,
    },
];

/// Numbers of one case, over rounds.
#[derive(Default)]
struct Measured {
    /// Processor seconds of single steps.
    steps: Vec<f64>,
    /// Operations per second of a large product, measured next to them.
    products: Vec<f64>,
}

pub(super) fn rows(starling: &Starling, context: Context, args: &LearnerArgs) -> Result<Vec<Value>, Problems> {
    let app = starling.app();
    let registry = app.world().resource::<Registry>();
    let wanted = |case: &&Case| args.row.as_ref().is_none_or(|row| case.name.contains(row.as_str()));
    let cases: Vec<&Case> = CASES.iter().filter(wanted).collect();
    if cases.is_empty() {
        let names: Vec<_> = CASES.iter().map(|case| case.name).collect();
        let advice = format!("there are {}", names.join(", "));
        return Err(Fault::pipeline("no row has this name").advise(advice).into());
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads.max(1)).build();
    let pool = pool.map_err(|error| Fault::run(format!("no threads to measure on: {error}")))?;
    pool.install(|| {
        let mut trainees = Vec::new();
        for case in &cases {
            trainees.push(trainee(case, registry)?);
        }
        let mut measured: Vec<Measured> = cases.iter().map(|_| Measured::default()).collect();
        let large = LargeProduct::new()?;
        for _ in 0..args.rounds.max(1) {
            for (trainee, measured) in trainees.iter_mut().zip(&mut measured) {
                round(trainee, &large, args.seconds, measured)?;
            }
        }
        let mut rows = Vec::new();
        for ((case, trainee), measured) in cases.iter().zip(&trainees).zip(measured) {
            let row = row(case, trainee, args.threads, measured);
            if !context.json {
                context.data(&line(&row));
            }
            rows.push(row);
        }
        Ok(rows)
    })
}

/// Large products per round.
const PRODUCTS: usize = 9;

/// Steps for about `seconds`, with the machine's rate of products before.
fn round(trainee: &mut Trainee, large: &LargeProduct, seconds: f64, measured: &mut Measured) -> Result<(), Fault> {
    large.run()?;
    let mut products = Vec::new();
    for _ in 0..PRODUCTS {
        products.push(seconds_of(|| large.run())?);
    }
    measured
        .products
        .push(LargeProduct::FLOP / median(products.into_iter()));
    // Caches and buffers as in the middle of a training.
    trainee.step()?;
    let start = Instant::now();
    let mut first = true;
    while first || start.elapsed().as_secs_f64() < seconds {
        first = false;
        measured.steps.push(seconds_of(|| trainee.step())?);
    }
    Ok(())
}

fn seconds_of(f: impl FnOnce() -> Result<(), Fault>) -> Result<f64, Fault> {
    let before = cpu_seconds();
    f()?;
    Ok(cpu_seconds() - before)
}

fn row(case: &Case, trainee: &Trainee, threads: usize, measured: Measured) -> Value {
    let least = measured.steps.iter().copied().fold(f64::INFINITY, f64::min);
    let steps = measured.steps.len();
    let seconds = median(measured.steps.into_iter());
    let products = median(measured.products.into_iter());
    let rate = trainee.flop() / seconds;
    json!({
        "name": case.name,
        "rows": trainee.rows(),
        "threads": threads,
        "steps": steps,
        "ms": seconds * 1e3,
        "least_ms": least * 1e3,
        "ns_per_row": seconds * 1e9 / trainee.rows() as f64,
        "gflops": rate * 1e-9,
        "product_gflops": products * 1e-9,
        "fraction": rate / products,
    })
}

fn line(row: &Value) -> String {
    let number = |key: &str| row[key].as_f64().unwrap_or(f64::NAN);
    format!(
        "{:<20} batch {:>5}  {:>8.2} ms ({:.2} least)  {:>7.0} ns/row  {:>6.1} GFLOP/s, {:.2} of the machine's {:.0}\n",
        row["name"].as_str().unwrap_or_default(),
        row["rows"],
        number("ms"),
        number("least_ms"),
        number("ns_per_row"),
        number("gflops"),
        number("fraction"),
        number("product_gflops"),
    )
}

fn trainee(case: &Case, registry: &Registry) -> Result<Trainee, Problems> {
    let policy: PolicySpec = serde_json::from_value((case.policy)())
        .map_err(|error| Fault::pipeline(format!("the policy of {}: {error}", case.name)))?;
    let (seat, rollout) = match case.input {
        Input::Floats(shape) => {
            let shape = made_up(shape);
            let rollout = noise(&shape, case.steps, case.lanes);
            (shape.seats[0].clone(), rollout)
        }
        Input::Kitchen(kind, settings) => {
            let choice = Choice {
                kind: kind.to_owned(),
                settings: settings(),
            };
            let place = RulesContext { seats: 2, folder: None };
            let kitchen = registry.build::<RulesSlot>(&choice, place)?;
            let rollout = random_play(kitchen.as_ref(), case.lanes, WARM_UP, case.steps)?;
            (kitchen.shape().seats[0].clone(), rollout)
        }
    };
    Trainee::new(&policy, &seat, rollout, registry).map_err(|faults| Problems {
        list: faults.into_iter().map(Into::into).collect(),
        ..Problems::default()
    })
}

/// Steps of random play until counters and hands are as full as they get.
const WARM_UP: usize = 150;

/// One seat with six moves that sees floats.
fn made_up(shape: &[usize]) -> EnvironmentShape {
    EnvironmentShape {
        seats: vec![SeatShape {
            observation: ObservationSpace {
                shape: shape.to_vec(),
                element: ElementKind::F32,
            },
            action: ActionSpace::Discrete {
                names: (0..6).map(|i| format!("move {i}")).collect(),
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

/// Random numbers in every column; an episode ends every 50 steps or so.
fn noise(shape: &EnvironmentShape, steps: usize, lanes: usize) -> ReplicaRollout {
    let mut rollout = ReplicaRollout::zeros(shape, steps, lanes, 0, false);
    let mut draw = Counter::new(Key::of_seed(1), 0, 0, 0);
    if let ObservationBuffer::Floats(floats) = &mut rollout.observations {
        floats.fill_with(|| draw.uniform(-1.0, 1.0));
    }
    if let ActionBuffer::Discrete(actions) = &mut rollout.actions {
        actions.fill_with(|| draw.below(6) as i32);
    }
    rollout.rewards.fill_with(|| draw.uniform(-1.0, 1.0));
    rollout.terminated.fill_with(|| u8::from(draw.below(50) == 0));
    rollout
}
