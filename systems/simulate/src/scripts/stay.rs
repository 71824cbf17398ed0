//! `script.stay`: does nothing, wherever a move for that exists.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use starling_components::act::{Act, ActInput, ActOutput};
use starling_components::fault::Fault;
use starling_components::registry::{KindSettings, Registry, ScriptSlot};
use starling_components::spaces::{ActionSpace, ActionsMut};
use std::sync::Arc;

/// Names of moves that do nothing.
const IDLE: [&str; 3] = ["stay", "noop", "idle"];

/// Makes the move called `stay`, `noop` or `idle` for ever; where it is illegal, the first legal one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StaySettings {}

impl KindSettings for StaySettings {
    const NAME: &'static str = "stay";
    const EXAMPLE: &'static str = r#"script = "stay""#;
}

/// Registers `script.stay`.
pub fn register(registry: &mut Registry) {
    registry.kind::<ScriptSlot, StaySettings>(|_, seat| Ok(Arc::new(Stay::new(&seat.action)?)));
}

/// The idle policy over one action space.
#[derive(Debug, Clone, Copy)]
pub struct Stay {
    idle: usize,
    moves: usize,
}

impl Stay {
    /// For this action space.
    ///
    /// # Errors
    /// No move does nothing.
    pub fn new(space: &ActionSpace) -> Result<Self, Fault> {
        let ActionSpace::Discrete { names } = space else {
            return Err(Fault::pipeline(
                "only a choice among named moves can have one that does nothing",
            ));
        };
        let idle = names.iter().position(|name| IDLE.contains(&name.as_str()));
        let Some(idle) = idle else {
            return Err(Fault::pipeline("no move of this seat does nothing")
                .advise(format!("its moves are {}", names.join(", "))));
        };
        Ok(Self {
            idle,
            moves: names.len(),
        })
    }

    /// The move in row `row`.
    fn choice(&self, legal: Option<&[u8]>, row: usize) -> usize {
        let Some(legal) = legal.map(|legal| &legal[row * self.moves..(row + 1) * self.moves]) else {
            return self.idle;
        };
        let first = legal.iter().position(|&legal| legal != 0);
        if legal[self.idle] == 0 {
            first.unwrap_or(self.idle)
        } else {
            self.idle
        }
    }
}

impl Act for Stay {
    fn act(&self, _: &[f32], input: &ActInput<'_>, output: &mut ActOutput<'_>) -> Result<(), Fault> {
        let ActionsMut::Discrete(actions) = &mut output.actions else {
            return Err(Fault::run("staying is a move"));
        };
        for (row, action) in actions.iter_mut().enumerate() {
            *action = self.choice(input.legal, row) as i32;
        }
        output.values.fill(0.0);
        output.log_probs.fill(0.0);
        Ok(())
    }

    fn values(&self, _: &[f32], _: &ActInput<'_>, values: &mut [f32]) -> Result<(), Fault> {
        values.fill(0.0);
        Ok(())
    }

    fn probabilities(&self, _: &[f32], input: &ActInput<'_>) -> Result<Option<Vec<f32>>, Fault> {
        let mut all = vec![0.0; input.ids.len() * self.moves];
        for (row, probabilities) in all.chunks_exact_mut(self.moves).enumerate() {
            probabilities[self.choice(input.legal, row)] = 1.0;
        }
        Ok(Some(all))
    }
}
