//! The five MinAtar games (Young and Tian 2019) on a board of 10 x 10 cells, as in gymnax 1.0.1 or, where that differs, as in MinAtar 1.0.15.
//!
//! One seat sees planes of zeros and ones, `[y][x][channel]`; y grows downwards. Everything is integer. The first two words of every state are
//! the steps done and the move made last (see `game`); the others are told at the top of each game.

pub mod asterix;
pub mod breakout;
pub mod freeway;
mod game;
pub mod seaquest;
mod show;
pub mod space_invaders;

use super::single::environment;
use starling_components::environments::minatar::asterix::AsterixSettings;
use starling_components::environments::minatar::breakout::BreakoutSettings;
use starling_components::environments::minatar::freeway::FreewaySettings;
use starling_components::environments::minatar::seaquest::SeaquestSettings;
use starling_components::environments::minatar::space_invaders::SpaceInvadersSettings;
use starling_components::registry::{KindSettings, Registry, RulesContext, RulesSlot};

/// Registers `rules.minatar_<game>`.
pub fn register(registry: &mut Registry) {
    registry
        .kind::<RulesSlot, AsterixSettings>(|settings, context: RulesContext<'_>| {
            environment(AsterixSettings::NAME, asterix::Asterix::new(settings), context)
        })
        .kind::<RulesSlot, BreakoutSettings>(|settings, context: RulesContext<'_>| {
            environment(BreakoutSettings::NAME, breakout::Breakout::new(settings), context)
        })
        .kind::<RulesSlot, FreewaySettings>(|settings, context: RulesContext<'_>| {
            environment(FreewaySettings::NAME, freeway::Freeway::new(settings), context)
        })
        .kind::<RulesSlot, SeaquestSettings>(|settings, context: RulesContext<'_>| {
            environment(SeaquestSettings::NAME, seaquest::Seaquest::new(settings), context)
        })
        .kind::<RulesSlot, SpaceInvadersSettings>(|settings, context: RulesContext<'_>| {
            let rules = space_invaders::SpaceInvaders::new(settings);
            environment(SpaceInvadersSettings::NAME, rules, context)
        });
}
