//! OvercookedV2 (Gessler et al., ICLR 2025) as in JaxMARL 0.2.0, over any kitchen and number of cooks.
//!
//! The one idea: a kitchen is compiled into small tables once, so that a step touches only cooks, pots and buttons, and an
//! observation is a copy of what never changes plus the few cells that do. All arithmetic is on integers. The words of a state are
//! documented in [`state`].

mod build;
mod check;
mod events;
mod featurize;
mod interaction;
mod kitchen;
mod kitchens;
mod movement;
pub mod objects;
mod observe;
mod picture;
mod render;
mod reset;
pub mod state;
mod twin;

pub use build::register;
pub use interaction::{BUTTON_COST, BUTTON_TIME, COOK_TIME, DELIVERY_REWARD, PlatesPay};
pub use kitchen::{Kitchen, MAX_COOKS, MAX_SIDE};
pub use kitchens::{KITCHENS, RegisteredKitchen, find};

use featurize::Featurizer;
use interaction::{Terms, pass_time, plates_in_hands};
use movement::Ways;
use objects::{ACTIONS, BUTTON, INTERACT, POT, WALL};
use observe::Painter;
use starling_components::Fault;
use starling_components::environments::overcooked_v2::ObservationKind;
use starling_components::picture::Picture;
use starling_components::random::Draw;
use starling_components::simulate::{Outcome, Rules};
use starling_components::spaces::{ActionSpace, ElementKind, EnvironmentShape, ObservationSpace, SeatShape};
use starling_components::twin::Twin;
use state::{CORRECT_DELIVERY, Words};

/// The options of the rules, checked; see `OvercookedV2Settings`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // documented in the settings
pub struct Options {
    pub max_steps: u32,
    /// 0: the whole kitchen.
    pub view: usize,
    /// One per cook.
    pub observation: Vec<ObservationKind>,
    pub random_reset: bool,
    pub random_agent_positions: bool,
    pub start_cooking_interaction: bool,
    pub negative_rewards: bool,
    pub sample_recipe_on_delivery: bool,
    pub indicate_successful_delivery: bool,
    pub op_ingredient_permutations: Vec<u32>,
    /// No setting: V1 has two other ways.
    pub plates_pay: PlatesPay,
}

/// The rules of one kitchen with its options. Made by [`OvercookedV2::new`] from settings.
#[derive(Debug)]
pub struct OvercookedV2 {
    kitchen: Kitchen,
    options: Options,
    words: Words,
    shape: EnvironmentShape,
    ways: Ways,
    pots: Vec<u32>,
    buttons: Vec<u32>,
    walls: Vec<u32>,
    /// Distinct recipes, in the order in which their deliveries are counted.
    dishes: Vec<u32>,
    /// Distinct enclosed spaces of the cooks' starts, and which is whose.
    spaces: Vec<Vec<u32>>,
    space_of: Vec<usize>,
    painter: Painter,
    featurizer: Option<Featurizer>,
}

impl OvercookedV2 {
    /// Compiles a kitchen. `build` has checked that the options fit it.
    fn compile(kitchen: Kitchen, options: Options) -> Self {
        let painter = Painter::of(&kitchen, &options);
        let is_featurized = |kind: &ObservationKind| *kind == ObservationKind::Featurized;
        let featurizer = options
            .observation
            .iter()
            .any(is_featurized)
            .then(|| Featurizer::of(&kitchen));
        let with_permutations = !options.op_ingredient_permutations.is_empty();
        let cooks = kitchen.starts.len();
        let words = Words {
            cooks,
            permutations: if with_permutations {
                cooks * kitchen.ingredients
            } else {
                0
            },
            cells: kitchen.cells.len(),
        };
        let (mut spaces, mut space_of) = (Vec::new(), Vec::new());
        for start in &kitchen.starts {
            let space = kitchen.enclosed_space(*start);
            let known = spaces.iter().position(|other| *other == space);
            space_of.push(known.unwrap_or(spaces.len()));
            if known.is_none() {
                spaces.push(space);
            }
        }
        let seat = |kind: &ObservationKind| SeatShape {
            observation: match kind {
                ObservationKind::Default => ObservationSpace {
                    shape: painter.shape().to_vec(),
                    element: ElementKind::U8,
                },
                ObservationKind::Featurized => ObservationSpace {
                    shape: vec![featurize::len(cooks)],
                    element: ElementKind::I8,
                },
            },
            action: ActionSpace::Discrete {
                names: ACTIONS.map(str::to_owned).to_vec(),
            },
        };
        let shape = EnvironmentShape {
            seats: options.observation.iter().map(seat).collect(),
            state_words: words.len(),
            max_steps: Some(options.max_steps),
            global_len: 0,
            masks: false,
            turns: false,
            events: events::names(&kitchen),
        };
        Self {
            ways: Ways::of(&kitchen),
            pots: kitchen.cells_where(|code| code == POT),
            buttons: kitchen.cells_where(|code| code == BUTTON),
            walls: kitchen.cells_where(|code| code == WALL),
            dishes: events::distinct(&kitchen.recipes),
            kitchen,
            options,
            words,
            shape,
            spaces,
            space_of,
            painter,
            featurizer,
        }
    }

    /// The same rules, with taking plates paid in another way.
    pub(crate) fn with_plates(mut self, pay: PlatesPay) -> Self {
        self.options.plates_pay = pay;
        self
    }

    /// The kitchen.
    pub fn kitchen(&self) -> &Kitchen {
        &self.kitchen
    }
    /// The options.
    pub fn options(&self) -> &Options {
        &self.options
    }
    fn is_featurized(&self, seat: usize) -> bool {
        self.options.observation.get(seat) == Some(&ObservationKind::Featurized)
    }
    /// Where the parts of a state are.
    pub fn words(&self) -> &Words {
        &self.words
    }
}

impl Rules for OvercookedV2 {
    type Action = i32;
    type Observation = u8;

    fn shape(&self) -> &EnvironmentShape {
        &self.shape
    }

    fn reset<D: Draw>(&self, state: &mut [u32], draw: &mut D) {
        self.start(state, draw);
    }

    fn step<D: Draw>(&self, words: &mut [u32], actions: &[i32], draw: &mut D, outcome: &mut Outcome<'_>) {
        let mut state = self.words.change(words);
        self.ways.advance(state.cooks, actions);

        let terms = Terms {
            start_cooking_interaction: self.options.start_cooking_interaction,
            negative_rewards: self.options.negative_rewards,
            pots: &self.pots,
            recipe: *state.recipe,
            plates_pay: self.options.plates_pay,
            plates_in_hands: plates_in_hands(state.cooks),
        };
        let mut task = 0;
        let mut correct_delivery = false;
        for (i, &action) in actions.iter().enumerate() {
            if action == INTERACT {
                let cell = self.ways.faced(state.cooks[i]);
                let earned = terms.interact(&mut state, i, cell, self.kitchen.cells[cell]);
                task += earned.task;
                correct_delivery |= earned.correct_delivery;
                outcome.shaped[i] = earned.shaped as f32;
            }
        }
        pass_time(&mut state, &self.pots, &self.buttons);

        *state.flags = if correct_delivery { CORRECT_DELIVERY } else { 0 };
        if correct_delivery && self.options.sample_recipe_on_delivery {
            *state.recipe = self.draw_recipe(draw);
        }
        *state.step += 1;
        outcome.rewards.fill(task as f32);
        // Only the clock ends an episode.
        outcome.truncated = *state.step >= self.options.max_steps;
    }

    fn restart<D: Draw>(&self, state: &mut [u32], draw: &mut D) {
        self.start_over(state, draw);
    }

    fn events(&self, before: &[u32], actions: &[i32], after: &[u32], out: &mut [u32]) {
        self.count_events(before, actions, after, out);
    }

    fn observe(&self, state: &[u32], out: &mut [u8]) {
        self.see(&self.words.read(state), out);
    }

    fn check(&self, state: &[u32]) -> Result<(), Fault> {
        self.check_state(&self.words.read(state))
            .map_err(|what| Fault::records(format!("a state of a kitchen is damaged: {what}")))
    }

    fn render(&self, state: &[u32]) -> String {
        self.text(&self.words.read(state))
    }

    fn view(&self, state: &[u32], seat: usize) -> Option<String> {
        self.text_for(&self.words.read(state), seat)
    }

    fn picture(&self, state: &[u32]) -> Option<Picture> {
        Some(self.drawing(&self.words.read(state)))
    }

    fn twin(&self) -> Option<Twin> {
        Some(self.twin())
    }
}
