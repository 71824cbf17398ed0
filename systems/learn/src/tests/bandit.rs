//! A contextual bandit, played without any environment: PPO learns to answer what it sees.

use super::{draws, moves, network, parameters, seat};
use crate::network::Network;
use crate::optimizer::adam::Adam;
use crate::ppo::Ppo;
use starling_components::EntityName;
use starling_components::act::{Act, ActInput, ActOutput};
use starling_components::clock::{ClockValues, Clocks};
use starling_components::learn::{Experience, Learn, LearnContext, LearnReport, ReplicaState};
use starling_components::learners::adam::{AdamSettings, Reset};
use starling_components::learners::ppo::PpoSettings;
use starling_components::memory::Memory;
use starling_components::random::{Draw, Key, Purpose};
use starling_components::rollout::ReplicaRollout;
use starling_components::spaces::{ElementKind, EnvironmentShape, ObservationBuffer};
use std::sync::Arc;

/// One replica that learns the bandit.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Trainee {
    pub(super) parameters: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
    local_steps: u64,
    steps: u64,
}

pub(super) struct Bandit {
    pub(super) network: Arc<Network>,
    pub(super) ppo: Ppo,
    lanes: usize,
    steps: usize,
}

impl Bandit {
    pub(super) fn new(
        policy: &str,
        shape: &[usize],
        lanes: usize,
        steps: usize,
        minibatches: usize,
        reset: Reset,
        diagnostics: bool,
    ) -> Self {
        let network = Arc::new(network(policy, &seat(shape, ElementKind::F32, moves(4))));
        let adam = Adam::new(AdamSettings {
            rate: 5e-3.into(),
            b1: 0.9,
            b2: 0.999,
            eps: 1e-5,
            max_grad_norm: Some(0.5),
            reset,
        });
        let settings = PpoSettings {
            steps,
            minibatches,
            ..PpoSettings::default()
        };
        Self {
            ppo: Ppo::new(settings, network.clone(), Arc::new(adam), diagnostics),
            network,
            lanes,
            steps,
        }
    }

    pub(super) fn trainee(&self, seed: u64) -> Trainee {
        let n = self.network.layout.len();
        Trainee {
            parameters: parameters(&self.network, seed),
            first: vec![0.0; n],
            second: vec![0.0; n],
            local_steps: 0,
            steps: 0,
        }
    }

    /// Plays one rollout (one step per episode: reward 1 for the move under the largest of the first four numbers) and learns from it.
    /// Returns the mean reward.
    pub(super) fn update(&self, trainee: &mut Trainee, replica: u32, update: u64) -> (f32, LearnReport) {
        let shape = EnvironmentShape {
            seats: vec![self.network.seat.clone()],
            state_words: 1,
            max_steps: Some(1),
            global_len: 0,
            masks: false,
            turns: false,
            events: Vec::new(),
        };
        let mut rollout = ReplicaRollout::zeros(&shape, self.steps, self.lanes, 0, false);
        let width = rollout.width;
        let mut draw = draws(update * 1000 + u64::from(replica));
        let ObservationBuffer::Floats(floats) = &mut rollout.observations else {
            panic!()
        };
        floats.iter_mut().for_each(|x| *x = draw.uniform(-1.0, 1.0));
        let key = Key::of_seed(9).entity(&EntityName::new("agent", "bandit"));
        let rows = self.steps * self.lanes;
        let ids: Vec<u32> = (0..rows as u32).collect();
        let input = ActInput {
            observations: rollout.observations.slice(0..rows * width),
            legal: None,
            carry: &[],
            ids: &ids,
            time: update as u32,
            key: key.replica(replica).purpose(Purpose::Act),
            greedy: false,
            explore: 0.0,
        };
        let mut output = ActOutput {
            actions: rollout.actions.slice_mut(0..rows),
            log_probs: &mut rollout.log_probs,
            values: &mut rollout.values[..rows],
            carry: &mut [],
        };
        self.network.act(&trainee.parameters, &input, &mut output).unwrap();
        for row in 0..rows {
            let ObservationBuffer::Floats(floats) = &rollout.observations else {
                panic!()
            };
            let seen = &floats[row * width..][..4];
            let best = (0..4).max_by(|&a, &b| seen[a].total_cmp(&seen[b])).unwrap();
            let starling_components::spaces::Actions::Discrete(action) = rollout.actions.slice(row..row + 1) else {
                panic!()
            };
            rollout.rewards[row] = f32::from(action[0] as usize == best);
            rollout.terminated[row] = 1;
        }
        let mean = rollout.rewards.iter().sum::<f32>() / rows as f32;
        let context = LearnContext {
            clocks: Clocks {
                now: ClockValues {
                    updates: update,
                    ..ClockValues::default()
                },
                ..Clocks::default()
            },
            replica,
            key,
            task_weight: 1.0,
            shaped_weight: 0.0,
        };
        let mut state = ReplicaState {
            parameters: &mut trainee.parameters,
            first: &mut trainee.first,
            second: &mut trainee.second,
            local_steps: &mut trainee.local_steps,
            steps: &mut trainee.steps,
            memory: &mut Memory::default(),
        };
        let experience = [Experience {
            rollout: &rollout,
            seats: &[0],
            chair: None,
        }];
        let report = self.ppo.learn(&mut state, &experience, &context).unwrap();
        (mean, report)
    }
}

pub(super) const MLP: &str =
    r#"{"activation": "tanh", "heads": {"actor": [{"dense": 32}], "critic": [{"dense": 32}]}}"#;
const CONV: &str = r#"{"layers": [{"conv": [4, 1]}, "flatten"], "heads": {"actor": [{"dense": 32}], "critic": []}}"#;

fn improves(policy: &str, shape: &[usize], reset: Reset, updates: u64) {
    let bandit = Bandit::new(policy, shape, 16, 16, 4, reset, false);
    let mut trainee = bandit.trainee(1);
    let first = bandit.update(&mut trainee, 0, 0).0;
    let last = (1..updates)
        .map(|u| bandit.update(&mut trainee, 0, u).0)
        .last()
        .unwrap();
    println!("{policy}: {first} -> {last}");
    assert!(first < 0.5 && last > 0.8, "{policy}: {first} -> {last}");
}

#[test]
fn ppo_learns_with_every_optimiser_and_both_implementations() {
    improves(MLP, &[4], Reset::None, 40);
    improves(MLP, &[4], Reset::Count, 80);
    improves(MLP, &[4], Reset::All, 40);
    improves(CONV, &[2, 2, 1], Reset::None, 60);
}

#[test]
fn threads_and_neighbours_change_no_bit() {
    // 1024 rows per minibatch: two shards.
    for (policy, shape) in [(MLP, &[4][..]), (CONV, &[2, 2, 1])] {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let bandit = Bandit::new(policy, shape, 32, 64, 2, Reset::Count, true);
            let mut trainee = bandit.trainee(1);
            let report = pool.install(|| (0..2).map(|u| bandit.update(&mut trainee, 3, u).1).last());
            (trainee, report)
        };
        let one = run(1);
        assert_eq!(one, run(2));
        assert_eq!(one, run(4));
        // The same learner object, used by another replica in between, leaves no trace.
        let bandit = Bandit::new(policy, shape, 32, 64, 2, Reset::Count, true);
        let (mut trainee, mut other) = (bandit.trainee(1), bandit.trainee(2));
        bandit.update(&mut other, 0, 0);
        bandit.update(&mut trainee, 3, 0);
        bandit.update(&mut other, 0, 1);
        bandit.update(&mut trainee, 3, 1);
        assert_eq!(one.0, trainee);
    }
}

#[test]
fn histograms_count_every_number_of_every_tensor() {
    let mut bandit = Bandit::new(MLP, &[4], 8, 8, 2, Reset::None, true);
    let count = |report: &LearnReport| {
        report
            .diagnostics
            .iter()
            .filter(|(_, q, _)| q.contains("_hist/"))
            .count()
    };
    assert_eq!(count(&bandit.update(&mut bandit.trainee(1), 0, 0).1), 0);
    bandit.ppo.settings.histograms = true;
    let report = bandit.update(&mut bandit.trainee(1), 0, 0).1;
    let steps = bandit.ppo.gradient_steps() as u32;
    let entries = &bandit.network.layout.entries;
    assert_eq!(count(&report), 2 * 33 * entries.len() * steps as usize);
    let of = |step: u32, name: &str| {
        let find = |(at, quantity, _): &&(u32, String, f64)| *at == step && quantity == name;
        report.diagnostics.iter().find(find).expect("a row").2
    };
    for step in 1..=steps {
        for (kind, largest) in [("grad_hist", "max_grad"), ("update_hist", "max_update")] {
            for entry in entries {
                let bins = (0..32).map(|bin| of(step, &format!("{kind}/{}/{bin:02}", entry.name)));
                assert_eq!(bins.sum::<f64>(), entry.range().len() as f64, "{}", entry.name);
            }
            let scales = entries
                .iter()
                .map(|entry| of(step, &format!("{kind}/{}/max", entry.name)));
            assert_eq!(scales.fold(0.0, f64::max), of(step, largest));
        }
    }
}
