//! `starling bench environments`: how fast environments step on one core.

use crate::commands::Context;
use crate::engine::Starling;
use crate::problem::Problems;
use clap::Args;
use serde_json::{Value, json};
use starling_components::registry::{Choice, Registry, RulesContext, RulesSlot};
use starling_simulate::measure::{Round, measure};

/// How long to measure.
#[derive(Debug, Args)]
pub(super) struct EnvironmentsArgs {
    /// Rounds; the best one counts, since a shared machine only makes a round slower
    #[arg(long, default_value_t = EnvironmentsArgs::default().rounds)]
    rounds: usize,
    /// Seconds per round
    #[arg(long, default_value_t = EnvironmentsArgs::default().seconds)]
    seconds: f64,
}

impl Default for EnvironmentsArgs {
    fn default() -> Self {
        Self {
            rounds: 5,
            seconds: 0.5,
        }
    }
}

/// Name, kind of rules, settings, seats.
type Case = (&'static str, &'static str, fn() -> Value, usize);

const CASES: &[Case] = &[
    (
        "overcooked_v2/cramped_room",
        "overcooked_v2",
        || json!({ "layout": "cramped_room" }),
        2,
    ),
    (
        "overcooked_v2/grounded_coord_simple",
        "overcooked_v2",
        || json!({ "layout": "grounded_coord_simple" }),
        2,
    ),
    (
        "overcooked_v1/cramped_room",
        "overcooked_v1",
        || json!({ "layout": "cramped_room" }),
        2,
    ),
    ("classic_control/cart_pole", "cart_pole", || json!({}), 1),
    ("classic_control/acrobot", "acrobot", || json!({}), 1),
    ("classic_control/mountain_car", "mountain_car", || json!({}), 1),
    (
        "classic_control/mountain_car_continuous",
        "mountain_car_continuous",
        || json!({}),
        1,
    ),
    ("classic_control/pendulum", "pendulum", || json!({}), 1),
    ("minatar/breakout", "minatar_breakout", || json!({}), 1),
    ("minatar/asterix", "minatar_asterix", || json!({}), 1),
    ("minatar/freeway", "minatar_freeway", || json!({}), 1),
    ("minatar/space_invaders", "minatar_space_invaders", || json!({}), 1),
    ("minatar/seaquest", "minatar_seaquest", || json!({}), 1),
];

const LANES: [usize; 2] = [1024, 4096];

pub(super) fn rows(starling: &Starling, context: Context, args: &EnvironmentsArgs) -> Result<Vec<Value>, Problems> {
    let app = starling.app();
    let registry = app.world().resource::<Registry>();
    let mut rows = Vec::new();
    for (name, kind, settings, seats) in CASES {
        let choice = Choice {
            kind: (*kind).to_owned(),
            settings: settings(),
        };
        let place = RulesContext {
            seats: *seats,
            folder: None,
        };
        let environment = registry.build::<RulesSlot>(&choice, place)?;
        for lanes in LANES {
            let measured = measure(environment.as_ref(), lanes, args.rounds.max(1), args.seconds)?;
            let best = measured
                .iter()
                .max_by(|a, b| a.steps_per_cpu_second().total_cmp(&b.steps_per_cpu_second()));
            let Some(best) = best else { continue };
            if !context.json {
                let speed = best.steps_per_cpu_second() / 1e6;
                context.data(&format!(
                    "{name:<40} {lanes:>5} lanes  {speed:>8.2} M steps per CPU second\n"
                ));
            }
            rows.push(row(name, lanes, best));
        }
    }
    Ok(rows)
}

/// `steps_per_second` is per second of processor time: what one core does when nobody else wants it.
fn row(name: &str, lanes: usize, round: &Round) -> Value {
    json!({
        "name": name,
        "lanes": lanes,
        "steps_per_second": round.steps_per_cpu_second(),
        "cpu_seconds": round.cpu_seconds,
        "wall_seconds": round.wall_seconds,
        "steps": round.steps,
    })
}
