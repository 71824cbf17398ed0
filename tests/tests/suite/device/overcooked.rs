//! OvercookedV2 in every registered kitchen with random options, Overcooked V1 in its five, and random kitchens: with random actions and with
//! those of cooks who deliver.

use super::lockstep::{self, Length, Written, random_actions};
use crate::overcooked_v2::random_settings;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use starling_components::act::{Act, ActInput, ActOutput};
use starling_components::environments::overcooked_v1::{OvercookedV1Settings, PlateShaping, Seen};
use starling_components::environments::overcooked_v2::{
    KitchenChoice, ObservationChoice, ObservationKind, OvercookedV2Settings,
};
use starling_components::random::{Counter, Draw, Key};
use starling_components::registry::RulesContext;
use starling_components::simulate::Simulate;
use starling_components::spaces::{ActionsMut, EnvironmentShape, ObservationBuffer, Observations};
use starling_shaders::Packing;
use starling_simulate::environments::overcooked_v1::{CLASSIC_KITCHENS, OvercookedV1};
use starling_simulate::environments::overcooked_v2::{KITCHENS, OvercookedV2};
use starling_simulate::lanes::Vectorised;
use starling_simulate::scripts::greedy_cook::{GreedyCook, GreedyCookSettings};
use starling_tests::golden;

/// Whether an option is on in the kitchen of that number.
fn flag(draw: &mut Counter) -> bool {
    draw.below(2) == 1
}

fn context(seats: usize) -> RulesContext<'static> {
    RulesContext { seats, folder: None }
}

/// Moves of cooks who deliver, now and then random ones.
struct Cooks {
    cook: GreedyCook,
    shape: EnvironmentShape,
    lanes: usize,
    draw: Counter,
}

impl Cooks {
    fn new(shape: &EnvironmentShape, lanes: usize) -> Self {
        Self {
            cook: GreedyCook::new(&GreedyCookSettings::default(), &shape.seats[0]).expect("a cook"),
            shape: shape.clone(),
            lanes,
            draw: Counter::new(Key::of_seed(21), 0, 0, 0),
        }
    }

    fn moves(&mut self, time: usize, written: &Written) -> Vec<u32> {
        let ObservationBuffer::Bytes(bytes) = &written.observations else {
            panic!("kitchens are seen in bytes")
        };
        let rows = self.lanes * self.shape.seats.len();
        let ids: Vec<u32> = (0..rows as u32).collect();
        let mut actions = vec![0; rows];
        let (mut log_probs, mut values) = (vec![0.0; rows], vec![0.0; rows]);
        let input = ActInput {
            observations: Observations::Bytes(bytes),
            legal: None,
            carry: &[],
            ids: &ids,
            time: time as u32,
            key: Key::of_seed(8),
            greedy: false,
            explore: 0.0,
        };
        let mut output = ActOutput {
            actions: ActionsMut::Discrete(&mut actions),
            log_probs: &mut log_probs,
            values: &mut values,
            carry: &mut [],
        };
        self.cook.act(&[], &input, &mut output).expect("cooks act");
        let random = random_actions(&self.shape, self.lanes, &mut self.draw);
        let mixed = actions.iter().zip(random);
        mixed
            .map(|(&own, other)| if self.draw.below(5) == 0 { other } else { own as u32 })
            .collect()
    }
}

/// A quarter of a million steps in which soup is delivered.
fn delivered(name: &str, environment: &dyn Simulate) {
    let length = Length {
        lanes: 500,
        steps: 20,
        dispatches: 25,
    };
    let mut cooks = Cooks::new(environment.shape(), length.lanes);
    let mut paid = 0;
    let played = lockstep::play(environment, length, Packing::Bytes, |time, written| {
        paid += written.rewards.iter().filter(|&&reward| reward > 0.0).count();
        cooks.moves(time, written)
    });
    if let Some((steps, ended)) = played {
        assert!(paid > 0, "{name}: nothing was delivered");
        golden::say(&format!(
            "{name}: {steps} steps of cooks with {paid} deliveries and {ended} auto-resets, equal bit for bit"
        ));
    }
}

/// The kitchens of even or odd numbers, with random options: two tests, so that two cores have something to do.
fn in_kitchens(remainder: usize) {
    for (number, kitchen) in KITCHENS
        .iter()
        .enumerate()
        .filter(|(number, _)| number % 2 == remainder)
    {
        let mut draw = Counter::new(Key::of_seed(77), number as u32, 0, 0);
        let plain = OvercookedV2Settings {
            layout: KitchenChoice::Name(kitchen.name.into()),
            max_steps: 50 + draw.below(100),
            random_reset: flag(&mut draw),
            random_agent_positions: flag(&mut draw),
            start_cooking_interaction: flag(&mut draw),
            negative_rewards: flag(&mut draw),
            sample_recipe_on_delivery: flag(&mut draw),
            indicate_successful_delivery: flag(&mut draw),
            view: draw.below(3),
            ..OvercookedV2Settings::default()
        };
        let cooks = kitchen.text.chars().filter(|&symbol| symbol == 'A').count();
        let rules = OvercookedV2::new(&plain, context(cooks)).expect("a kitchen");
        let ingredients = rules.kitchen().ingredients as u32;
        lockstep::random(kitchen.name, &Vectorised::new(rules));
        if draw.below(3) == 0 {
            let named = OvercookedV2Settings {
                op_ingredient_permutations: (0..ingredients).collect(),
                ..plain.clone()
            };
            let rules = OvercookedV2::new(&named, context(cooks)).expect("a kitchen");
            let name = format!("{} with names of its own", kitchen.name);
            lockstep::few(&name, &Vectorised::new(rules), Packing::Bits);
        }
        if ingredients == 1 && cooks > 1 {
            let mut kinds = vec![ObservationKind::Featurized; cooks];
            kinds[0] = if flag(&mut draw) {
                ObservationKind::Default
            } else {
                ObservationKind::Featurized
            };
            let features = OvercookedV2Settings {
                view: 0,
                observation: ObservationChoice::PerSeat(kinds),
                ..plain
            };
            let rules = OvercookedV2::new(&features, context(cooks)).expect("a kitchen");
            let name = format!("{} by features", kitchen.name);
            lockstep::few(&name, &Vectorised::new(rules), Packing::Bytes);
        }
    }
}

#[test]
fn device_lockstep_overcooked_v2_in_every_other_kitchen() {
    in_kitchens(0);
}

#[test]
fn device_lockstep_overcooked_v2_in_the_kitchens_between() {
    in_kitchens(1);
}

#[test]
fn device_lockstep_overcooked_v2_deliveries() {
    for layout in [
        "cramped_room",
        "cramped_room_v2",
        "grounded_coord_simple",
        "counter_circuit",
    ] {
        let settings = OvercookedV2Settings {
            layout: KitchenChoice::Name(layout.into()),
            max_steps: 200,
            negative_rewards: true,
            sample_recipe_on_delivery: true,
            indicate_successful_delivery: true,
            ..OvercookedV2Settings::default()
        };
        let rules = OvercookedV2::new(&settings, context(2)).expect("a kitchen");
        delivered(layout, &Vectorised::new(rules));
    }
}

/// A software adapter ends loops after so many iterations; a rollout that is longer than that is as right as a short one.
#[test]
fn device_lockstep_long_rollouts() {
    let settings = OvercookedV2Settings {
        layout: KitchenChoice::Name("asymm_advantages".into()),
        max_steps: 90,
        random_reset: true,
        ..OvercookedV2Settings::default()
    };
    let environment = Vectorised::new(OvercookedV2::new(&settings, context(2)).expect("a kitchen"));
    let shape = environment.shape().clone();
    let mut draw = Counter::new(Key::of_seed(12), 0, 0, 0);
    let length = Length {
        lanes: 9,
        steps: 400,
        dispatches: 2,
    };
    for packing in [Packing::Bytes, Packing::Bits] {
        lockstep::play(&environment, length, packing, |_, _| {
            random_actions(&shape, length.lanes, &mut draw)
        });
    }
}

#[test]
fn device_lockstep_overcooked_v1() {
    let seen = [Seen::V1, Seen::V2, Seen::Featurized, Seen::V1, Seen::V1];
    for ((number, (layout, _)), seen) in CLASSIC_KITCHENS.iter().enumerate().zip(seen) {
        let settings = OvercookedV1Settings {
            layout: KitchenChoice::Name((*layout).into()),
            max_steps: 60 + 40 * number as u32,
            random_reset: number % 2 == 0,
            plate_shaping: [PlateShaping::Legacy, PlateShaping::Fixed][number % 2],
            observation: seen,
        };
        let rules = OvercookedV1::new(&settings, context(2)).expect("a kitchen");
        let (name, environment) = (format!("overcooked_v1 {layout}"), Vectorised::new(rules));
        lockstep::random(&name, &environment);
        if seen == Seen::V1 {
            lockstep::few(&name, &environment, Packing::Bits);
        }
    }
}

#[test]
fn device_lockstep_overcooked_v2_in_random_kitchens() {
    if super::gpu().is_none() {
        return;
    }
    let mut runner = TestRunner::deterministic();
    for number in 0..14 {
        let settings = random_settings().new_tree(&mut runner).expect("settings").current();
        let rules = crate::overcooked_v2::rules_of(&settings);
        let packing = [Packing::Bytes, Packing::Bits][number % 2];
        lockstep::few(&format!("random kitchen {number}"), &Vectorised::new(rules), packing);
    }
}
