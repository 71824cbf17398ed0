//! Every recorded episode is played from its initial state with its actions: state, reward, shaped reward, end and
//! observation must agree bit for bit after every step. The only draw, a new recipe, is taken from the record.

use super::traces::{Episode, Recorded, Step, read_all};
use starling_components::environments::overcooked_v2::{
    KitchenChoice, KitchenTable, ObservationChoice, ObservationKind, OvercookedV2Settings,
};
use starling_components::random::{Draw, Key};
use starling_components::registry::RulesContext;
use starling_components::simulate::{Outcome, Rules, Simulate, StepOutputs};
use starling_components::spaces::{Actions, ObservationsMut};
use starling_simulate::environments::overcooked_v2::state::{CORRECT_DELIVERY, Cook};
use starling_simulate::environments::overcooked_v2::{OvercookedV2, find};
use starling_simulate::lanes::Vectorised;
use starling_tests::golden;

#[test]
fn overcooked_v2_conforms_to_golden_traces() {
    let (files, episodes) = read_all();
    let steps: usize = episodes.iter().map(replay).sum();
    golden::say(&format!(
        "compared {files} files, {} episodes, {steps} steps",
        episodes.len()
    ));
    assert!(files > 0 && steps > 0, "no golden trace was found");
}

#[test]
fn overcooked_v2_lanes_reset_themselves_as_recorded() {
    // A kitchen with one recipe starts without a draw that matters, so that production lanes can be compared.
    let (files, episodes) = read_all();
    let episodes: Vec<_> = episodes
        .iter()
        .filter(|e| e.flags["auto_reset"] && e.recipes.len() == 1)
        .collect();
    let steps: usize = episodes.iter().map(|episode| replay_lanes(episode)).sum();
    golden::say(&format!(
        "compared {files} files, {} episodes, {steps} steps",
        episodes.len()
    ));
    assert!(steps > 0, "no auto-resetting golden trace was found");
}

/// A draw whose result is known.
pub(crate) struct RecipeOnRecord<'a> {
    pub(crate) rules: &'a OvercookedV2,
    pub(crate) recipe: u32,
}

impl Draw for RecipeOnRecord<'_> {
    fn word(&mut self) -> u32 {
        panic!("only recipes are drawn here")
    }
    fn below(&mut self, n: u32) -> u32 {
        let recipes = &self.rules.kitchen().recipes;
        assert_eq!(n as usize, recipes.len(), "only recipes are drawn here");
        let index = recipes.iter().position(|recipe| *recipe == self.recipe);
        index.unwrap_or_else(|| panic!("recipe {} is possible", self.recipe)) as u32
    }
}

pub(crate) fn rules_of(episode: &Episode) -> OvercookedV2 {
    let layout = match find(&episode.layout) {
        Some(_) => KitchenChoice::Name(episode.layout.clone()),
        None => KitchenChoice::Table(KitchenTable {
            text: Some(episode.text.clone()),
            recipes: Some(episode.recipes.clone()),
            ..KitchenTable::default()
        }),
    };
    let kind = match episode.observation.as_str() {
        "default" => ObservationKind::Default,
        "featurized" => ObservationKind::Featurized,
        other => panic!("{}: unknown observation {other}", episode.key),
    };
    let settings = OvercookedV2Settings {
        layout,
        max_steps: episode.max_steps,
        view: episode.view,
        observation: ObservationChoice::All(kind),
        random_reset: episode.flags["random_reset"],
        random_agent_positions: episode.flags["random_agent_positions"],
        start_cooking_interaction: episode.flags["start_cooking_interaction"],
        negative_rewards: episode.flags["negative_rewards"],
        sample_recipe_on_delivery: episode.flags["sample_recipe_on_delivery"],
        indicate_successful_delivery: episode.flags["indicate_successful_delivery"],
        op_ingredient_permutations: episode.op_ingredient_permutations.clone(),
    };
    let context = RulesContext {
        seats: episode.agents,
        folder: None,
    };
    let rules = OvercookedV2::new(&settings, context).unwrap_or_else(|fault| panic!("{}: {fault}", episode.key));
    let kitchen = rules.kitchen();
    let fixed: Vec<i64> = kitchen.cells.iter().map(|code| i64::from(*code)).collect();
    assert_eq!(fixed, episode.fixed, "{}: static grid", episode.key);
    assert_eq!(kitchen.ingredients, episode.ingredients, "{}: ingredients", episode.key);
    let encode = |recipe: &Vec<u32>| recipe.iter().map(|k| 4 << (2 * k)).sum();
    let mut possible: Vec<u32> = episode.recipes.iter().map(encode).collect();
    let mut ours = kitchen.recipes.clone();
    possible.sort_unstable();
    ours.sort_unstable();
    assert_eq!(ours, possible, "{}: possible recipes", episode.key);
    rules
}

/// The state words of a recorded state.
pub(crate) fn words_of(
    rules: &OvercookedV2,
    state: &Recorded,
    permutations: &[u32],
    step: u32,
    correct: bool,
) -> Vec<u32> {
    let mut words = vec![0; rules.shape().state_words];
    let parts = rules.words().change(&mut words);
    *parts.step = step;
    *parts.recipe = state.recipe as u32;
    *parts.flags = if correct { CORRECT_DELIVERY } else { 0 };
    for (i, cook) in parts.cooks.iter_mut().enumerate() {
        *cook = Cook {
            cell: state.y[i] as u32 * rules.kitchen().width as u32 + state.x[i] as u32,
            direction: state.direction[i] as u32,
            item: state.inventory[i] as u32,
        };
    }
    parts.permutations.copy_from_slice(permutations);
    for (word, value) in parts.items.iter_mut().zip(&state.dynamic) {
        *word = *value as u32;
    }
    for (word, value) in parts.timers.iter_mut().zip(&state.extra) {
        *word = *value as u32;
    }
    words
}

/// What `words` are expected to be after `step`.
pub(crate) fn expected(rules: &OvercookedV2, episode: &Episode, step: &Step) -> Vec<u32> {
    words_of(
        rules,
        &step.after,
        &episode.permutations,
        step.step as u32,
        step.correct_delivery,
    )
}

fn check_observation(rules: &OvercookedV2, words: &[u32], recorded: Option<&Vec<u8>>, at: &str) {
    let Some(recorded) = recorded else { return };
    let mut observed = vec![7; rules.shape().seats.len() * rules.shape().observation_width()];
    rules.observe(words, &mut observed);
    compare_bytes(&observed, recorded, at);
}

fn compare_bytes(ours: &[u8], recorded: &[u8], at: &str) {
    assert_eq!(ours.len(), recorded.len(), "{at}: length of the observation");
    let differs = ours.iter().zip(recorded).position(|(a, b)| a != b);
    if let Some(index) = differs {
        panic!(
            "{at}: observation differs at {index}: {} instead of {}",
            ours[index], recorded[index]
        );
    }
}

/// Replays an episode; the number of steps compared.
fn replay(episode: &Episode) -> usize {
    let rules = rules_of(episode);
    let shape: Vec<usize> = std::iter::once(episode.agents)
        .chain(rules.shape().seats[0].observation.shape.iter().copied())
        .collect();
    assert_eq!(shape, episode.shape, "{}: shape of the observation", episode.key);
    let mut words = words_of(&rules, &episode.start, &episode.permutations, 0, false);
    check_observation(
        &rules,
        &words,
        episode.observed.as_ref(),
        &format!("{} start", episode.key),
    );
    let drawn_start = episode.flags["random_reset"] || episode.flags["random_agent_positions"];
    if episode.from_reset && !drawn_start && episode.permutations.is_empty() && find(&episode.layout).is_some() {
        let recipe = episode.start.recipe as u32;
        let mut reset = vec![u32::MAX; words.len()];
        rules.reset(&mut reset, &mut RecipeOnRecord { rules: &rules, recipe });
        assert_eq!(reset, words, "{}: reset", episode.key);
    }
    for (t, step) in episode.steps.iter().enumerate() {
        let at = format!("{} t {t}", episode.key);
        let (mut rewards, mut shaped) = (vec![0.0; episode.agents], vec![0.0; episode.agents]);
        let mut outcome = Outcome {
            rewards: &mut rewards,
            shaped: &mut shaped,
            terminated: false,
            truncated: false,
        };
        let mut draw = RecipeOnRecord {
            rules: &rules,
            recipe: step.after.recipe as u32,
        };
        rules.step(&mut words, &step.actions, &mut draw, &mut outcome);
        assert!(!outcome.terminated, "{at}: only the clock ends an episode");
        let done = outcome.truncated;
        assert_eq!(done, step.done, "{at}: done");
        assert_eq!(rewards, vec![step.reward; episode.agents], "{at}: reward");
        assert_eq!(shaped, step.shaped, "{at}: shaped reward");
        if done && episode.flags["auto_reset"] {
            rules.reset(&mut words, &mut draw);
        }
        assert_eq!(
            words,
            expected(&rules, episode, step),
            "{at}: state\n{}",
            rules.render(&words)
        );
        check_observation(&rules, &words, step.observed.as_ref(), &at);
    }
    episode.steps.len()
}

/// Replays an episode in production lanes, the same in each of them.
fn replay_lanes(episode: &Episode) -> usize {
    const LANES: usize = 3;
    let plain = rules_of(episode);
    let environment = Vectorised::new(rules_of(episode));
    let rules: &dyn Simulate = &environment;
    let width = episode.agents * rules.shape().observation_width();
    let mut lanes = rules.open(Key::of_seed(1), LANES);
    lanes.reset();
    let start = words_of(&plain, &episode.start, &episode.permutations, 0, false);
    assert_eq!(lanes.states(), start.repeat(LANES), "{}: start", episode.key);
    for (t, step) in episode.steps.iter().enumerate() {
        let at = format!("{} t {t}", episode.key);
        let mut observations = vec![7; LANES * width];
        let (mut rewards, mut shaped) = (vec![7.0; LANES * episode.agents], vec![7.0; LANES * episode.agents]);
        let (mut terminated, mut truncated) = (vec![7; LANES], vec![7; LANES]);
        let mut outputs = StepOutputs {
            observations: ObservationsMut::Bytes(&mut observations),
            rewards: &mut rewards,
            shaped: &mut shaped,
            terminated: &mut terminated,
            truncated: &mut truncated,
            legal: None,
            active: None,
            final_observations: None,
            events: None,
        };
        let actions = step.actions.repeat(LANES);
        lanes
            .step(Actions::Discrete(&actions), &mut outputs)
            .expect("buffers fit");
        assert_eq!(
            lanes.states(),
            expected(&plain, episode, step).repeat(LANES),
            "{at}: state"
        );
        assert_eq!(rewards, vec![step.reward; LANES * episode.agents], "{at}: reward");
        assert_eq!(shaped, step.shaped.repeat(LANES), "{at}: shaped reward");
        assert_eq!(truncated, [u8::from(step.done); LANES], "{at}: done");
        assert_eq!(terminated, [0; LANES], "{at}: terminated");
        if let Some(recorded) = &step.observed {
            compare_bytes(&observations, &recorded.repeat(LANES), &at);
        }
    }
    episode.steps.len()
}
