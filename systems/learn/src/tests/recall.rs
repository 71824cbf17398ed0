//! A cue at the first step of an episode that has to be repeated at its last: a network with a memory learns it, one without stays at chance.

use super::{draws, moves, network, parameters, seat};
use crate::network::Network;
use crate::optimizer::adam::Adam;
use crate::ppo::Ppo;
use starling_components::EntityName;
use starling_components::act::{Act, ActInput, ActOutput};
use starling_components::clock::{ClockValues, Clocks};
use starling_components::learn::{Experience, Learn, LearnContext, ReplicaState};
use starling_components::learners::adam::{AdamSettings, Reset};
use starling_components::learners::ppo::PpoSettings;
use starling_components::memory::Memory;
use starling_components::random::{Counter, Draw, Key, Purpose};
use starling_components::rollout::ReplicaRollout;
use starling_components::spaces::{ActionBuffer, ElementKind, EnvironmentShape, ObservationBuffer};
use std::sync::Arc;

/// Steps of an episode; rollouts end in the midst of some.
const LENGTH: usize = 5;
const STEPS: usize = 16;
const LANES: usize = 32;

struct Recall {
    network: Arc<Network>,
    ppo: Ppo,
}

/// What goes on from rollout to rollout.
struct Player {
    parameters: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
    counts: [u64; 2],
    carry: Vec<f32>,
    /// Step of its episode and cue of every lane.
    lanes: Vec<(usize, usize)>,
    draw: Counter,
    update: u64,
}

impl Recall {
    fn new(layer: &str, fused: bool) -> Self {
        let policy = format!(
            r#"{{"activation": "tanh", "layers": [{layer}], "heads": {{"actor": [{{"dense": 16}}], "critic": [{{"dense": 16}}]}}}}"#
        );
        let mut network = network(&policy, &seat(&[3], ElementKind::F32, moves(2)));
        if !fused {
            network.plan = None;
        }
        let network = Arc::new(network);
        let adam = Adam::new(AdamSettings {
            rate: 5e-3.into(),
            b1: 0.9,
            b2: 0.999,
            eps: 1e-5,
            max_grad_norm: Some(0.5),
            reset: Reset::None,
        });
        let settings = PpoSettings {
            steps: STEPS,
            minibatches: 2,
            ..PpoSettings::default()
        };
        Self {
            ppo: Ppo::new(settings, network.clone(), Arc::new(adam), false),
            network,
        }
    }

    fn player(&self) -> Player {
        let n = self.network.layout.len();
        let mut draw = draws(21);
        Player {
            parameters: parameters(&self.network, 1),
            first: vec![0.0; n],
            second: vec![0.0; n],
            counts: [0, 0],
            carry: vec![0.0; LANES * self.network.carry()],
            lanes: (0..LANES).map(|lane| (lane % LENGTH, draw.below(2) as usize)).collect(),
            draw,
            update: 0,
        }
    }

    /// One rollout and what is learnt from it; the mean reward of the steps that count.
    fn update(&self, player: &mut Player) -> f32 {
        let shape = EnvironmentShape {
            seats: vec![self.network.seat.clone()],
            state_words: 1,
            max_steps: None,
            global_len: 0,
            masks: false,
            turns: false,
            events: Vec::new(),
        };
        let numbers = self.network.carry();
        let mut rollout = ReplicaRollout::zeros(&shape, STEPS, LANES, numbers, false);
        rollout.carry.copy_from_slice(&player.carry);
        let key = Key::of_seed(9).entity(&EntityName::new("agent", "a"));
        let ids: Vec<u32> = (0..LANES as u32).collect();
        let (mut sum, mut count) = (0.0, 0.0);
        for step in 0..=STEPS {
            for (lane, &(at, cue)) in player.lanes.iter().enumerate() {
                let ObservationBuffer::Floats(floats) = &mut rollout.observations else {
                    panic!()
                };
                let seen = &mut floats[(step * LANES + lane) * 3..][..3];
                seen.copy_from_slice(&[0.0, 0.0, f32::from(at + 1 == LENGTH)]);
                seen[cue] = f32::from(at == 0);
            }
            let rows = step * LANES..(step + 1) * LANES;
            let before = player.carry.clone();
            let input = ActInput {
                observations: rollout.observations.slice(rows.start * 3..rows.end * 3),
                legal: None,
                carry: &before,
                ids: &ids,
                time: player.update as u32 * STEPS as u32 + step as u32,
                key: key.purpose(Purpose::Act),
                greedy: false,
                explore: 0.0,
            };
            if step == STEPS {
                self.network
                    .values(&player.parameters, &input, &mut rollout.values[rows])
                    .unwrap();
                break;
            }
            let mut output = ActOutput {
                actions: rollout.actions.slice_mut(rows.clone()),
                log_probs: &mut rollout.log_probs[rows.clone()],
                values: &mut rollout.values[rows.clone()],
                carry: &mut player.carry,
            };
            self.network.act(&player.parameters, &input, &mut output).unwrap();
            let ActionBuffer::Discrete(actions) = &rollout.actions else {
                panic!()
            };
            for (lane, (at, cue)) in player.lanes.iter_mut().enumerate() {
                let row = rows.start + lane;
                *at += 1;
                if *at == LENGTH {
                    rollout.rewards[row] = f32::from(actions[row] as usize == *cue);
                    rollout.terminated[row] = 1;
                    (sum, count) = (sum + rollout.rewards[row], count + 1.0);
                    (*at, *cue) = (0, player.draw.below(2) as usize);
                    player.carry[lane * numbers..(lane + 1) * numbers].fill(0.0);
                }
            }
        }
        let context = LearnContext {
            clocks: Clocks {
                now: ClockValues {
                    updates: player.update,
                    ..ClockValues::default()
                },
                ..Clocks::default()
            },
            replica: 0,
            key,
            task_weight: 1.0,
            shaped_weight: 0.0,
        };
        let [local_steps, steps] = &mut player.counts;
        let mut state = ReplicaState {
            parameters: &mut player.parameters,
            first: &mut player.first,
            second: &mut player.second,
            local_steps,
            steps,
            memory: &mut Memory::default(),
        };
        let experience = [Experience {
            rollout: &rollout,
            seats: &[0],
            chair: None,
        }];
        self.ppo.learn(&mut state, &experience, &context).unwrap();
        player.update += 1;
        sum / count
    }
}

/// The share of cues that are repeated, over the last of so many updates.
fn recalled(layer: &str, updates: usize) -> f32 {
    let recall = Recall::new(layer, true);
    let mut player = recall.player();
    let shares: Vec<f32> = (0..updates).map(|_| recall.update(&mut player)).collect();
    let last = &shares[updates - 10..];
    let share = last.iter().sum::<f32>() / last.len() as f32;
    println!("{layer}: {} -> {share}", shares[0]);
    share
}

#[test]
fn a_memory_recalls_what_it_saw() {
    assert!(recalled(r#"{"gru": 16}"#, 100) > 0.95);
    assert!(recalled(r#"{"lstm": 16}"#, 150) > 0.95);
    let forgetful = recalled(r#"{"dense": 16}"#, 100);
    assert!((0.4..0.6).contains(&forgetful), "{forgetful}");
}

#[test]
fn threads_change_no_bit_of_columns() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let recall = Recall::new(r#"{"gru": 16}"#, true);
        let mut player = recall.player();
        pool.install(|| {
            for _ in 0..3 {
                recall.update(&mut player);
            }
        });
        (player.parameters, player.carry)
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(4));
}

#[test]
fn kernels_and_graph_learn_the_same() {
    let [ours, reference] = [true, false].map(|fused| {
        let recall = Recall::new(r#"{"gru": 8}"#, fused);
        let mut player = recall.player();
        recall.update(&mut player);
        player.parameters
    });
    // Eight steps of Adam turn slopes near zero by the sign of their rounding: each by up to a rate of 5e-3, hardly any of them in truth.
    let apart = ours
        .iter()
        .zip(&reference)
        .filter(|(a, b)| (*a - *b).abs() > 1e-4)
        .count();
    assert!(apart * 100 <= ours.len(), "{apart} of {} parameters", ours.len());
}
