//! What PPO makes of a rollout, by hand: seats that take turns, episodes that are cut off.

use super::{moves, network, seat};
use crate::batch::Batch;
use crate::columns::LanePart;
use crate::network::Network;
use starling_components::clock::Clocks;
use starling_components::fault::Fault;
use starling_components::learn::{Experience, LearnContext};
use starling_components::learners::ppo::PpoSettings;
use starling_components::random::Key;
use starling_components::rollout::ReplicaRollout;
use starling_components::spaces::{ElementKind, EnvironmentShape, ObservationBuffer};

/// Discounts whose products are exact.
pub(super) fn settings(bootstrap_truncation: bool) -> PpoSettings {
    PpoSettings {
        gamma: 0.5,
        gae_lambda: 0.5,
        bootstrap_truncation,
        ..PpoSettings::default()
    }
}

/// Two inputs, two moves, no hidden layer: the value is `2 x - y + 1/2`.
fn linear() -> (Network, Vec<f32>) {
    let network = network("{}", &seat(&[2], ElementKind::F32, moves(2)));
    let mut parameters = vec![0.0; network.layout.len()];
    for entry in &network.layout.entries {
        match entry.name.as_str() {
            "critic.out.kernel" => parameters[entry.range()].copy_from_slice(&[2.0, -1.0]),
            "critic.out.bias" => parameters[entry.range()].copy_from_slice(&[0.5]),
            _ => {}
        }
    }
    (network, parameters)
}

/// A rollout of one lane.
fn rollout(network: &Network, seats: usize, steps: usize, finals: bool) -> ReplicaRollout {
    let shape = EnvironmentShape {
        seats: vec![network.seat.clone(); seats],
        state_words: 1,
        max_steps: None,
        global_len: 0,
        masks: false,
        turns: seats > 1,
        events: Vec::new(),
    };
    ReplicaRollout::zeros(&shape, steps, 1, 0, finals)
}

fn fill(settings: &PpoSettings, rollout: &ReplicaRollout, seats: &[usize]) -> Result<Batch, Fault> {
    let (network, parameters) = linear();
    let context = LearnContext {
        clocks: Clocks::default(),
        replica: 0,
        key: Key::of_seed(0),
        task_weight: 1.0,
        shaped_weight: 0.0,
    };
    let mut batch = Batch::default();
    batch.fill(
        LanePart::ALL,
        settings,
        &network,
        &parameters,
        &[Experience {
            rollout,
            seats,
            chair: None,
        }],
        &context,
    )?;
    Ok(batch)
}

/// Seat 0 decides in steps 0 and 2, seat 1 in steps 1 and 3. 99 is never to be read.
fn turns() -> ReplicaRollout {
    let mut rollout = rollout(&linear().0, 2, 4, false);
    rollout.active = vec![1, 0, 0, 1, 1, 0, 0, 1];
    rollout.rewards = vec![1.0, 1.0, 2.0, 2.0, 4.0, 3.0, 8.0, 5.0];
    rollout.values = vec![10.0, 99.0, 99.0, 8.0, 20.0, 99.0, 99.0, 16.0, 40.0, 4.0];
    rollout
}

#[test]
fn a_seat_that_waits_learns_from_its_own_decisions() {
    let batch = fill(&settings(false), &turns(), &[0, 1]).unwrap();
    // Seat 0: (4 + 8) + 40/2 - 20 = 12, then (1 + 2) + 20/2 - 10 + 12/4 = 6. Seat 1: 5 + 4/2 - 16 = -9, then (2 + 3) + 16/2 - 8 - 9/4.
    assert_eq!(batch.samples(), 4);
    assert_eq!(batch.advantages, [6.0, 2.75, 12.0, -9.0]);
    assert_eq!(batch.targets, [16.0, 10.75, 32.0, 7.0]);
    assert_eq!(batch.values, [10.0, 8.0, 20.0, 16.0]);
}

#[test]
fn an_end_between_two_decisions_separates_them() {
    let mut rollout = turns();
    rollout.terminated[2] = 1;
    let batch = fill(&settings(false), &rollout, &[0, 1]).unwrap();
    // Seat 0: 4 - 20 (the 8 belongs to the next episode), then (1 + 2) + 20/2 - 10 - 16/4. Seat 1: (2 + 3) - 8.
    assert_eq!(batch.advantages, [-1.0, -3.0, -16.0, -9.0]);
}

#[test]
fn one_seat_of_two_is_learned_alone() {
    let batch = fill(&settings(false), &turns(), &[1]).unwrap();
    assert_eq!(batch.advantages, [2.75, -9.0]);
}

/// Cut off in step 1 of 3, where `[3, 1]`, worth 5.5, was seen.
fn cut_off() -> ReplicaRollout {
    let mut rollout = rollout(&linear().0, 1, 3, true);
    rollout.rewards = vec![1.0, 2.0, 4.0];
    rollout.values = vec![10.0, 20.0, 30.0, 8.0];
    rollout.truncated[1] = 1;
    rollout.final_observations = Some(ObservationBuffer::Floats(vec![99.0, 99.0, 3.0, 1.0, 99.0, 99.0]));
    rollout
}

#[test]
fn a_cut_off_is_an_end_or_goes_on_in_the_value_behind_it() {
    // Last: 4 + 8/2 - 30. Middle: 2 - 20, or 2 + 5.5/2 - 20. First: 1 + 20/2 - 10 plus a quarter of the middle.
    let plain = fill(&settings(false), &cut_off(), &[0]).unwrap();
    assert_eq!(plain.advantages, [-3.5, -18.0, -22.0]);
    let beyond = fill(&settings(true), &cut_off(), &[0]).unwrap();
    assert_eq!(beyond.advantages, [-2.8125, -15.25, -22.0]);
    assert_eq!(beyond.targets, [7.1875, 4.75, 8.0]);
}

#[test]
fn an_end_by_the_rules_has_no_value_behind_it() {
    let mut rollout = cut_off();
    rollout.terminated[1] = 1;
    let batch = fill(&settings(true), &rollout, &[0]).unwrap();
    assert_eq!(batch.advantages, [-3.5, -18.0, -22.0]);
    rollout.final_observations = None;
    assert!(fill(&settings(true), &rollout, &[0]).is_err());
    assert!(fill(&settings(false), &rollout, &[0]).is_ok());
}
