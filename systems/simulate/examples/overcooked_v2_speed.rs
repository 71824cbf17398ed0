//! How fast kitchens step on one core with observations written: `cargo run --release -p starling-simulate --example
//! overcooked_v2_speed [seconds]`.

use starling_components::environments::overcooked_v2::{
    KitchenChoice, ObservationChoice, ObservationKind, OvercookedV2Settings,
};
use starling_components::fault::Fault;
use starling_components::registry::RulesContext;
use starling_simulate::environments::overcooked_v2::OvercookedV2;
use starling_simulate::lanes::Vectorised;
use starling_simulate::measure::{Round, measure};

fn main() -> Result<(), Fault> {
    let seconds = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(0.1);
    let full = |layout: &str| OvercookedV2Settings {
        layout: KitchenChoice::Name(layout.into()),
        ..OvercookedV2Settings::default()
    };
    let paper = OvercookedV2Settings {
        view: 2,
        negative_rewards: true,
        sample_recipe_on_delivery: true,
        random_agent_positions: true,
        ..full("grounded_coord_simple")
    };
    let featurized = OvercookedV2Settings {
        observation: ObservationChoice::All(ObservationKind::Featurized),
        ..full("cramped_room")
    };
    let random_reset = OvercookedV2Settings {
        random_reset: true,
        ..full("grounded_coord_simple")
    };
    let cases = [
        ("cramped_room", full("cramped_room")),
        ("grounded_coord_simple", full("grounded_coord_simple")),
        ("grounded_coord_simple, view 2, paper's options", paper),
        ("grounded_coord_simple, random reset", random_reset),
        ("cramped_room, featurized", featurized),
    ];
    for (name, settings) in cases {
        let context = RulesContext { seats: 2, folder: None };
        let environment = Vectorised::new(OvercookedV2::new(&settings, context)?);
        for lanes in [1024, 4096] {
            let rounds = measure(&environment, lanes, 5, seconds)?;
            let best = rounds.iter().map(Round::steps_per_cpu_second).fold(0.0, f64::max);
            println!("{name}, {lanes} lanes: {:.2} M steps per CPU second", best / 1e6);
        }
    }
    Ok(())
}
