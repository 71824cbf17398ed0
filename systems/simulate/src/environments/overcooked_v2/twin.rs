//! The kitchen in WGSL: its tables as words, its options as constants.

use super::objects::{BUTTON, FIRST_PILE, GOAL, INDICATOR};
use super::{OvercookedV2, PlatesPay};
use starling_components::twin::{Constant, Twin};
use starling_shaders::sources;

/// Words of a state before those of the cooks.
const HEAD: usize = 3;

impl OvercookedV2 {
    /// These rules for a device.
    pub(super) fn twin(&self) -> Twin {
        let mut twin = self.kitchen_twin(vec![sources::OVERCOOKED_V2]);
        let (mut places, mut cells) = (Vec::new(), Vec::new());
        let first = twin.table.len() + 2 * self.space_of.len();
        for &space in &self.space_of {
            places.extend([(first + cells.len()) as u32, self.spaces[space].len() as u32]);
            cells.extend_from_slice(&self.spaces[space]);
        }
        twin = twin.with_words("SPACES_AT", places.into_iter().chain(cells));
        twin.with("RANDOM_POSITIONS", Constant::Flag(self.options.random_agent_positions))
            .with("RANDOM_RESET", Constant::Flag(self.options.random_reset))
    }

    /// What every game in this kitchen needs: one transition and the observation of OvercookedV2, with `more` sources.
    pub(crate) fn kitchen_twin(&self, more: Vec<&'static str>) -> Twin {
        let featurized = self.featurizer.is_some();
        let mut all = vec![sources::OVERCOOKED_KITCHEN, sources::OVERCOOKED_V2_OBSERVE];
        all.push(if featurized {
            sources::OVERCOOKED_V2_FEATURIZE
        } else {
            sources::OVERCOOKED_V2_NO_FEATURES
        });
        all.extend(more);
        let twin = self.options_of(self.tables_of(Twin::new(all)));
        self.seen_of(twin)
    }

    fn tables_of(&self, mut twin: Twin) -> Twin {
        let kitchen = &self.kitchen;
        let cells = |code: u8| kitchen.cells_where(|other| other == code);
        let [steps, faced] = self.ways.tables();
        twin = twin
            .with_words("CODES_AT", kitchen.cells.iter().map(|&code| u32::from(code)))
            .with_words("STEPS_AT", steps)
            .with_words("FACED_AT", faced)
            .with_words("STARTS_AT", kitchen.starts.iter().copied());
        let lists = [
            ("RECIPES_AT", "RECIPES_COUNT", kitchen.recipes.clone()),
            ("POTS_AT", "POTS_COUNT", self.pots.clone()),
            ("BUTTONS_AT", "BUTTONS_COUNT", cells(BUTTON)),
            ("WALLS_AT", "WALLS_COUNT", self.walls.clone()),
            ("INDICATORS_AT", "INDICATORS_COUNT", cells(INDICATOR)),
            ("GOALS_AT", "GOALS_COUNT", cells(GOAL)),
            (
                "PILES_AT",
                "PILES_COUNT",
                kitchen.cells_where(|code| code >= FIRST_PILE),
            ),
            (
                "LISTED_AT",
                "LISTED_COUNT",
                self.options.op_ingredient_permutations.clone(),
            ),
        ];
        for (at, count, list) in lists {
            twin = twin.with(count, Constant::Word(list.len() as u32)).with_words(at, list);
        }
        if let Some(featurizer) = &self.featurizer {
            let (targets, costs) = featurizer.distances();
            twin = twin
                .with("TARGETS_COUNT", Constant::Word(targets.len() as u32))
                .with_words("TARGETS_AT", targets.iter().copied())
                .with_words("COSTS_AT", costs.iter().map(|&cost| u32::from(cost)));
        }
        let featurized = (0..self.words.cooks).map(|seat| u32::from(self.is_featurized(seat)));
        twin.with_words("FEATURIZED_AT", featurized)
    }

    fn options_of(&self, twin: Twin) -> Twin {
        let (options, words) = (&self.options, &self.words);
        let items = HEAD + 3 * words.cooks + words.permutations;
        let word = |number: usize| Constant::Word(number as u32);
        let pay = match options.plates_pay {
            PlatesPay::CountedBefore => 0,
            PlatesPay::CountedNow => 1,
            PlatesPay::Never => 2,
        };
        twin.with("CELLS", word(words.cells))
            .with("WIDTH", word(self.kitchen.width))
            .with("HEIGHT", word(self.kitchen.height))
            .with("INGREDIENTS", word(self.kitchen.ingredients))
            .with("PERMUTATIONS", word(words.permutations))
            .with("ITEMS", word(items))
            .with("TIMERS", word(items + words.cells))
            .with("MAX_STEPS", Constant::Word(options.max_steps))
            .with("VIEW", word(options.view))
            .with("PLATES_PAY", word(pay))
            .with("START_COOKING", Constant::Flag(options.start_cooking_interaction))
            .with("NEGATIVE_REWARDS", Constant::Flag(options.negative_rewards))
            .with("SAMPLE_RECIPE", Constant::Flag(options.sample_recipe_on_delivery))
            .with(
                "INDICATE_DELIVERY",
                Constant::Flag(options.indicate_successful_delivery),
            )
    }

    fn seen_of(&self, mut twin: Twin) -> Twin {
        let n = self.kitchen.ingredients;
        let channels = self.painter.shape()[2];
        let featurized = self.featurizer.is_some();
        let canvas = self.painter.canvas().filter(|_| !featurized);
        // Every cell a few times per seat, with the ingredients of what lies there; the way to every target from every cook for each to see;
        // and the cells that cooks may start from.
        let (cells, cooks) = (self.words.cells, self.words.cooks);
        let side = 2 * self.options.view + 1;
        let seen = 2 * cooks * (cells + side * side) * (4 + n);
        let features = if featurized { 2 * cooks * cooks * 10 * cells } else { 0 };
        twin.loops = seen + features + cells * (4 + 2 * cooks) + cooks * cooks * (cooks + 8);
        twin = twin.with("PAINTED", Constant::Flag(canvas.is_some()));
        twin.canvas = canvas.map_or(Vec::new(), <[u8]>::to_vec);
        twin.channels = if (0..self.words.cooks).all(|seat| self.is_featurized(seat)) {
            vec![8]
        } else if featurized {
            vec![8; channels]
        } else {
            let counts = |len: usize| std::iter::repeat_n(2_u8, len);
            let flags = |len: usize| std::iter::repeat_n(1_u8, len);
            let cook = || flags(7).chain(counts(n));
            let block = || flags(2).chain(counts(n));
            let all = cook().chain(cook()).chain(flags(6 + n)).chain(block()).chain(block());
            // The longest time of a pot has five bits.
            all.chain([5]).chain(flags(channels - 25 - 5 * n)).collect()
        };
        twin
    }
}
