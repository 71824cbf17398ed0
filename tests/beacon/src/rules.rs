//! `rules.beacon`: a walker on a line finds the beacon.
//!
//! State words: `[position, beacon, step]`. Observation bytes: one-hot of the position, then one-hot of the beacon.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use starling_components::Fault;
use starling_components::random::Draw;
use starling_components::registry::KindSettings;
use starling_components::simulate::{Outcome, Rules};
use starling_components::spaces::{ActionSpace, ElementKind, EnvironmentShape, ObservationSpace, SeatShape};

const POSITION: usize = 0;
const BEACON: usize = 1;
const STEP: usize = 2;

/// A walker on a line finds the beacon; 1 for standing on it, which ends the episode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BeaconSettings {
    /// Cells of the line.
    #[schemars(range(min = 2, max = 1024))]
    pub cells: u32,
    /// Steps until an episode is cut off.
    #[schemars(range(min = 1))]
    pub max_steps: u32,
}

impl Default for BeaconSettings {
    fn default() -> Self {
        Self {
            cells: 7,
            max_steps: 20,
        }
    }
}

impl KindSettings for BeaconSettings {
    const NAME: &'static str = "beacon";
}

/// The rules of one line.
#[derive(Debug)]
pub struct Beacon {
    settings: BeaconSettings,
    shape: EnvironmentShape,
}

impl Beacon {
    /// The rules for `seats` seats, of which there must be one.
    ///
    /// # Errors
    /// Another number of seats.
    pub fn new(settings: &BeaconSettings, seats: usize) -> Result<Self, Fault> {
        if seats != 1 {
            return Err(
                Fault::pipeline(format!("the beacon has one walker, the file seats {seats} agents"))
                    .advise("give `seats` one name"),
            );
        }
        let walker = SeatShape {
            observation: ObservationSpace {
                shape: vec![2 * settings.cells as usize],
                element: ElementKind::U8,
            },
            action: ActionSpace::Discrete {
                names: ["left", "stay", "right"].map(str::to_owned).to_vec(),
            },
        };
        let shape = EnvironmentShape {
            seats: vec![walker],
            state_words: 3,
            max_steps: Some(settings.max_steps),
            global_len: 0,
            masks: false,
            turns: false,
            events: Vec::new(),
        };
        Ok(Self {
            settings: settings.clone(),
            shape,
        })
    }
}

impl Rules for Beacon {
    type Action = i32;
    type Observation = u8;

    fn shape(&self) -> &EnvironmentShape {
        &self.shape
    }

    fn reset<D: Draw>(&self, state: &mut [u32], draw: &mut D) {
        let cells = self.settings.cells;
        state[POSITION] = draw.below(cells);
        // One of the other cells: an episode never starts on its beacon.
        state[BEACON] = (state[POSITION] + 1 + draw.below(cells - 1)) % cells;
        state[STEP] = 0;
    }

    fn restart<D: Draw>(&self, state: &mut [u32], _draw: &mut D) {
        state[STEP] = 0;
    }

    fn step<D: Draw>(&self, state: &mut [u32], actions: &[i32], _draw: &mut D, outcome: &mut Outcome<'_>) {
        let last = self.settings.cells - 1;
        state[POSITION] = match actions[0] {
            0 => state[POSITION].saturating_sub(1),
            2 => (state[POSITION] + 1).min(last),
            _ => state[POSITION],
        };
        state[STEP] += 1;
        outcome.terminated = state[POSITION] == state[BEACON];
        outcome.truncated = state[STEP] >= self.settings.max_steps;
        if outcome.terminated {
            outcome.rewards[0] = 1.0;
        }
    }

    fn observe(&self, state: &[u32], out: &mut [u8]) {
        out.fill(0);
        out[state[POSITION] as usize] = 1;
        out[(self.settings.cells + state[BEACON]) as usize] = 1;
    }

    fn render(&self, state: &[u32]) -> String {
        let cell = |i| match (i == state[POSITION], i == state[BEACON]) {
            (true, _) => '@',
            (_, true) => '*',
            _ => '.',
        };
        (0..self.settings.cells).map(cell).collect()
    }
}
