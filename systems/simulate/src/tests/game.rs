//! A game and a policy that use everything that the contracts allow: turns, masks, draws in transitions, a recurrent state.

use crate::lanes::Vectorised;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use starling_components::act::{Act, ActInput, ActOutput};
use starling_components::fault::Fault;
use starling_components::random::{Draw, below};
use starling_components::registry::{KindSettings, Registry, RulesContext, RulesSlot, ScriptSlot};
use starling_components::simulate::{Outcome, Rules};
use starling_components::spaces::{
    ActionSpace, ActionsMut, ElementKind, EnvironmentShape, ObservationSpace, Observations, SeatShape,
};
use std::sync::Arc;

/// Two seats move a counter in turn; the game ends at 12 or after 30 steps. State: counter, whose turn, steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GameSettings {
    turns: bool,
    bounded: bool,
}

impl Default for GameSettings {
    fn default() -> Self {
        Self {
            turns: true,
            bounded: true,
        }
    }
}

impl KindSettings for GameSettings {
    const NAME: &'static str = "test_game";
}

pub(super) struct Game(EnvironmentShape);

impl Game {
    pub(super) fn new(settings: &GameSettings) -> Self {
        let seat = SeatShape {
            observation: ObservationSpace {
                shape: vec![3],
                element: ElementKind::U8,
            },
            action: ActionSpace::Discrete {
                names: ["stay", "one", "two"].map(str::to_owned).to_vec(),
            },
        };
        Self(EnvironmentShape {
            seats: vec![seat.clone(), seat],
            state_words: 3,
            max_steps: settings.bounded.then_some(30),
            global_len: 0,
            masks: true,
            turns: settings.turns,
            events: ["points", "ends"].map(str::to_owned).to_vec(),
        })
    }
}

impl Rules for Game {
    type Action = i32;
    type Observation = u8;

    fn shape(&self) -> &EnvironmentShape {
        &self.0
    }
    fn reset<D: Draw>(&self, state: &mut [u32], draw: &mut D) {
        state.copy_from_slice(&[draw.below(4), draw.below(2), 0]);
    }
    fn step<D: Draw>(&self, state: &mut [u32], actions: &[i32], draw: &mut D, outcome: &mut Outcome<'_>) {
        let seat = state[1] as usize;
        state[0] += actions[seat] as u32;
        let luck = draw.below(5);
        state[2] += 1;
        outcome.rewards[seat] = luck as f32;
        outcome.shaped[1 - seat] = 0.5;
        outcome.terminated = state[0] >= 12;
        outcome.truncated = state[2] >= 30;
        state[1] = 1 - state[1];
    }
    fn restart<D: Draw>(&self, state: &mut [u32], _: &mut D) {
        state[2] = 0;
    }
    fn events(&self, before: &[u32], actions: &[i32], after: &[u32], out: &mut [u32]) {
        let seat = before[1] as usize;
        out[seat * 2] += actions[seat] as u32;
        out[seat * 2 + 1] += u32::from(after[0] >= 12);
    }
    fn check(&self, state: &[u32]) -> Result<(), Fault> {
        if state[0] >= 12 {
            return Err(Fault::records("the game is over"));
        }
        Ok(())
    }
    fn observe(&self, state: &[u32], out: &mut [u8]) {
        for (seat, row) in out.chunks_exact_mut(3).enumerate() {
            row.copy_from_slice(&[state[0] as u8, state[1] as u8, seat as u8]);
        }
    }
    fn legal(&self, state: &[u32], out: &mut [u8]) {
        for row in out.chunks_exact_mut(3) {
            row.copy_from_slice(&[1, 1, u8::from(state[0].is_multiple_of(2))]);
        }
    }
    fn active(&self, state: &[u32], out: &mut [u8]) {
        out.copy_from_slice(&[u8::from(state[1] == 0), u8::from(state[1] == 1)]);
    }
    fn render(&self, state: &[u32]) -> String {
        format!("{state:?}")
    }
}

/// Acts by draws, what it sees and what it remembers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HashSettings {}

impl KindSettings for HashSettings {
    const NAME: &'static str = "test_hash";
}

pub(super) struct Hash;

fn features(input: &ActInput<'_>) -> Vec<u32> {
    let rows = input.ids.len();
    match input.observations {
        Observations::Bytes(all) => {
            let width = all.len() / rows;
            let sum = |row: &[u8]| {
                row.iter()
                    .fold(0_u32, |h, &b| h.wrapping_mul(31).wrapping_add(b.into()))
            };
            all.chunks_exact(width).map(sum).collect()
        }
        Observations::Floats(all) => {
            let width = all.len() / rows;
            let sum = |row: &[f32]| {
                row.iter()
                    .fold(0_u32, |h, f| h.wrapping_mul(31).wrapping_add(f.to_bits()))
            };
            all.chunks_exact(width).map(sum).collect()
        }
    }
}

impl Act for Hash {
    fn carry_len(&self) -> usize {
        1
    }
    fn act(&self, _: &[f32], input: &ActInput<'_>, output: &mut ActOutput<'_>) -> Result<(), Fault> {
        for (row, feature) in features(input).into_iter().enumerate() {
            let [word, _] = input.key.block(input.ids[row], input.time);
            let mixed = word ^ feature.wrapping_mul(2_654_435_761) ^ input.carry[row].to_bits();
            let action = match input.legal {
                None => below(mixed, 2),
                Some(legal) => {
                    let legal: Vec<u32> = (0..3).filter(|&m| legal[row * 3 + m as usize] != 0).collect();
                    legal[below(mixed, legal.len() as u32) as usize]
                }
            };
            let ActionsMut::Discrete(actions) = &mut output.actions else {
                return Err(Fault::run("discrete actions only"));
            };
            actions[row] = action as i32;
            output.log_probs[row] = -(action as f32);
            output.values[row] = (feature % 1000) as f32 + input.carry[row];
            output.carry[row] = input.carry[row] + 1.0 + action as f32;
        }
        Ok(())
    }
    fn values(&self, _: &[f32], input: &ActInput<'_>, values: &mut [f32]) -> Result<(), Fault> {
        for (row, feature) in features(input).into_iter().enumerate() {
            values[row] = (feature % 1000) as f32 + input.carry[row];
        }
        Ok(())
    }
}

pub(super) fn register(registry: &mut Registry) {
    registry.kind::<RulesSlot, GameSettings>(|settings, _: RulesContext<'_>| {
        Ok(Arc::new(Vectorised::new(Game::new(settings))))
    });
    registry.kind::<ScriptSlot, HashSettings>(|_, _| Ok(Arc::new(Hash)));
}
