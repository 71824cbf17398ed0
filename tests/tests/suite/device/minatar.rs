//! The five MinAtar games, both variants, with and without sticky actions.

use super::lockstep;
use starling_components::environments::minatar::Variant;
use starling_components::environments::minatar::asterix::AsterixSettings;
use starling_components::environments::minatar::breakout::BreakoutSettings;
use starling_components::environments::minatar::freeway::FreewaySettings;
use starling_components::environments::minatar::seaquest::SeaquestSettings;
use starling_components::environments::minatar::space_invaders::SpaceInvadersSettings;
use starling_components::simulate::Rules;
use starling_shaders::Packing;
use starling_simulate::environments::minatar::{asterix, breakout, freeway, seaquest, space_invaders};
use starling_simulate::lanes::Vectorised;

const VARIANTS: [Variant; 2] = [Variant::Gymnax, Variant::Original];

fn check<R: Rules>(name: &str, rules: R) {
    let environment = Vectorised::new(rules);
    lockstep::random(name, &environment);
    lockstep::few(name, &environment, Packing::Bits);
}

#[test]
fn device_lockstep_minatar_breakout() {
    for (sticky_actions, full_action_set) in [(0.0, false), (0.25, true)] {
        let settings = BreakoutSettings {
            sticky_actions,
            full_action_set,
            max_steps: 60,
        };
        check("breakout", breakout::Breakout::new(&settings).expect("settings"));
    }
}

#[test]
fn device_lockstep_minatar_asterix() {
    for variant in VARIANTS {
        let settings = AsterixSettings {
            variant,
            sticky_actions: 0.1,
            max_steps: 400,
            ..AsterixSettings::default()
        };
        check("asterix", asterix::Asterix::new(&settings).expect("settings"));
    }
}

#[test]
fn device_lockstep_minatar_freeway() {
    for variant in VARIANTS {
        let settings = FreewaySettings {
            variant,
            sticky_actions: 0.1,
            max_steps: 400,
            ..FreewaySettings::default()
        };
        check("freeway", freeway::Freeway::new(&settings).expect("settings"));
    }
}

#[test]
fn device_lockstep_minatar_space_invaders() {
    for sticky_actions in [0.0, 0.1] {
        let settings = SpaceInvadersSettings {
            sticky_actions,
            max_steps: 400,
            ..SpaceInvadersSettings::default()
        };
        let rules = space_invaders::SpaceInvaders::new(&settings).expect("settings");
        check("space_invaders", rules);
    }
}

#[test]
fn device_lockstep_minatar_seaquest() {
    for variant in VARIANTS {
        let settings = SeaquestSettings {
            variant,
            sticky_actions: 0.1,
            max_steps: 400,
            ..SeaquestSettings::default()
        };
        check("seaquest", seaquest::Seaquest::new(&settings).expect("settings"));
    }
}
