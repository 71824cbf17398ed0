//! DQN on a corridor whose action-values are known: a table of values, learnt from random moves, becomes them.

use super::{draws, moves, network, seat};
use crate::dqn::Dqn;
use crate::learner::LearnerContext;
use crate::network::{AgentContext, Network};
use crate::optimizer::adam::Adam;
use starling_components::EntityName;
use starling_components::clock::{ClockValues, Clocks};
use starling_components::fault::Fault;
use starling_components::learn::{Experience, Learn, LearnContext, ReplicaState};
use starling_components::learners::adam::{AdamSettings, Reset};
use starling_components::learners::dqn::{DqnSettings, TargetSettings, TdLoss};
use starling_components::memory::Memory;
use starling_components::random::{Counter, Draw, Key};
use starling_components::ranks::Ranks;
use starling_components::rollout::ReplicaRollout;
use starling_components::spaces::{ActionBuffer, ElementKind, EnvironmentShape, ObservationBuffer};
use std::sync::Arc;

/// Cells of the corridor; behind the last is the goal.
const CELLS: usize = 5;
/// Left, right, out (an end), and a pause that is never legal where there are masks.
const MOVES: usize = 4;
const GAMMA: f64 = 0.9;
const LANES: usize = 4;
/// Episodes that are cut off last so long.
const LIMIT: usize = 7;

/// Where a move leads (`None` ends the episode) and what it pays.
fn step(cell: usize, action: usize) -> (Option<usize>, f32) {
    match action {
        0 => (Some(cell.saturating_sub(1)), 0.0),
        1 if cell + 1 == CELLS => (None, 1.0),
        1 => (Some(cell + 1), 0.0),
        2 => (None, 0.3),
        _ => (Some(cell), 0.0),
    }
}

/// By iterating the Bellman equation.
fn optimal(legal: usize) -> Vec<[f64; MOVES]> {
    let mut values = vec![[0.0; MOVES]; CELLS];
    for _ in 0..500 {
        let best: Vec<f64> = values
            .iter()
            .map(|of: &[f64; MOVES]| of[..legal].iter().copied().fold(f64::NEG_INFINITY, f64::max))
            .collect();
        for (cell, values) in values.iter_mut().enumerate() {
            for (action, value) in values.iter_mut().enumerate() {
                let (next, reward) = step(cell, action);
                *value = f64::from(reward) + next.map_or(0.0, |next| GAMMA * best[next]);
            }
        }
    }
    values
}

/// Lanes that play random moves.
struct Corridor {
    draw: Counter,
    cells: [usize; LANES],
    ages: [usize; LANES],
    masks: bool,
}

impl Corridor {
    fn shape(&self) -> EnvironmentShape {
        EnvironmentShape {
            seats: vec![seat(&[CELLS], ElementKind::U8, moves(MOVES))],
            state_words: 1,
            max_steps: None,
            global_len: 0,
            masks: self.masks,
            turns: false,
            events: Vec::new(),
        }
    }

    fn legal_moves(&self) -> usize {
        if self.masks { 3 } else { MOVES }
    }

    fn rollout(&mut self, steps: usize) -> ReplicaRollout {
        let mut rollout = ReplicaRollout::zeros(&self.shape(), steps, LANES, 0, true);
        if self.masks {
            rollout.legal.chunks_exact_mut(MOVES).for_each(|row| row[..3].fill(1));
        }
        let mut finals = vec![0; steps * LANES * CELLS];
        for time in 0..=steps {
            for lane in 0..LANES {
                let row = time * LANES + lane;
                if let ObservationBuffer::Bytes(seen) = &mut rollout.observations {
                    seen[row * CELLS + self.cells[lane]] = 1;
                }
                if time == steps {
                    continue;
                }
                let action = self.draw.below(self.legal_moves() as u32) as usize;
                if let ActionBuffer::Discrete(actions) = &mut rollout.actions {
                    actions[row] = action as i32;
                }
                let (next, reward) = step(self.cells[lane], action);
                rollout.rewards[row] = reward;
                self.ages[lane] += 1;
                // With masks no episode is cut off: the values of cut-off states need all moves to be legal.
                let cut = !self.masks && self.ages[lane] == LIMIT;
                if let Some(next) = next {
                    finals[row * CELLS + next] = 1;
                }
                rollout.terminated[row] = u8::from(next.is_none());
                rollout.truncated[row] = u8::from(cut);
                self.cells[lane] = match next {
                    Some(next) if !cut => next,
                    _ => {
                        self.ages[lane] = 0;
                        self.draw.below(CELLS as u32) as usize
                    }
                };
            }
        }
        rollout.final_observations = Some(ObservationBuffer::Bytes(finals));
        rollout
    }
}

fn adam(rate: f64, reset: Reset) -> Adam {
    Adam::new(AdamSettings {
        rate: rate.into(),
        b1: 0.9,
        b2: 0.999,
        eps: 1e-8,
        max_grad_norm: None,
        reset,
    })
}

fn agent(policy: &str, masks: bool) -> AgentContext {
    AgentContext {
        network: Arc::new(network(policy, &seat(&[CELLS], ElementKind::U8, moves(MOVES)))),
        key: Key::of_seed(4).entity(&EntityName::new("agent", "walker")),
        first_replica: 0,
        replicas: 1,
        rows_per_step: LANES,
        rows_vary: false,
        masks,
        seats_change: false,
        diagnostics: true,
        lanes: Vec::new(),
        ranks: Ranks::default(),
    }
}

fn built(settings: &DqnSettings, agent: AgentContext, reset: Reset) -> Result<Dqn, Fault> {
    let context = LearnerContext {
        agent,
        optimizer: Arc::new(adam(3e-3, reset)),
        datasets: Arc::default(),
    };
    Dqn::build(settings, context)
}

/// A learner and what it makes of one replica.
struct Trainee {
    dqn: Dqn,
    parameters: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
    local_steps: u64,
    steps: u64,
    memory: Memory,
}

impl Trainee {
    fn new(settings: &DqnSettings, policy: &str, masks: bool, reset: Reset) -> (Self, Arc<Network>) {
        let agent = agent(policy, masks);
        let network = agent.network.clone();
        let parameters = network.initialise(Key::of_seed(11));
        let dqn = built(settings, agent, reset).expect("good settings");
        let trainee = Self {
            first: vec![0.0; parameters.len()],
            second: vec![0.0; parameters.len()],
            parameters,
            local_steps: 0,
            steps: 0,
            memory: Memory::zeros(&dqn.memory()),
            dqn,
        };
        (trainee, network)
    }

    fn learn(&mut self, rollout: &ReplicaRollout, tick: u64) -> starling_components::learn::LearnReport {
        let mut state = ReplicaState {
            parameters: &mut self.parameters,
            first: &mut self.first,
            second: &mut self.second,
            local_steps: &mut self.local_steps,
            steps: &mut self.steps,
            memory: &mut self.memory,
        };
        let experience = [Experience {
            rollout,
            seats: &[0],
            chair: None,
        }];
        let context = LearnContext {
            clocks: Clocks {
                now: ClockValues {
                    ticks: tick,
                    ..ClockValues::default()
                },
                ..Clocks::default()
            },
            replica: 0,
            key: Key::of_seed(4),
            task_weight: 1.0,
            shaped_weight: 0.0,
        };
        self.dqn
            .learn(&mut state, &experience, &context)
            .expect("finite numbers")
    }
}

/// One output per cell and move, without a hidden layer: observations are one-hot, so the kernel is a table.
const TABLE: &str = r#"{ "init": "lecun_normal", "heads": { "q": [] } }"#;

/// The learnt table is the optimal one, of legal moves.
fn converges(change: impl Fn(&mut DqnSettings), masks: bool, reset: Reset) {
    let mut settings = DqnSettings {
        steps: 2,
        updates: 2,
        batch: 32,
        replay: 2000,
        learning_starts: 100,
        gamma: GAMMA,
        target: TargetSettings {
            every: 100,
            ..TargetSettings::default()
        },
        bootstrap_truncation: !masks,
        ..DqnSettings::default()
    };
    change(&mut settings);
    let (mut trainee, network) = Trainee::new(&settings, TABLE, masks, reset);
    let mut corridor = Corridor {
        draw: draws(2),
        cells: [0; LANES],
        ages: [0; LANES],
        masks,
    };
    let (kernel, bias) = (network.layout.entries[0].range(), network.layout.entries[1].range());
    // If illegal moves counted, these would be the best.
    for row in trainee.parameters[kernel.clone()].chunks_exact_mut(MOVES) {
        row[3] += if masks { 5.0 } else { 0.0 };
    }
    let mut last = None;
    for tick in 0..3000 {
        let rollout = corridor.rollout(settings.steps);
        last = Some(trainee.learn(&rollout, tick));
    }
    let expected = optimal(corridor.legal_moves());
    let table = trainee.parameters[kernel].chunks_exact(MOVES);
    for (cell, (row, expected)) in table.zip(expected).enumerate() {
        for action in 0..corridor.legal_moves() {
            let value = row[action] + trainee.parameters[bias.clone()][action];
            assert!(
                (f64::from(value) - expected[action]).abs() < 0.02,
                "cell {cell}, move {action}: {value}, expected {}",
                expected[action]
            );
        }
    }
    let report = last.expect("ticks");
    let loss = report
        .metrics
        .iter()
        .find(|(name, _)| name == "td_loss")
        .expect("a loss")
        .1;
    assert!(loss < 1e-3, "{loss}");
}

#[test]
fn a_table_becomes_the_known_values() {
    converges(|_| {}, true, Reset::None);
    converges(|_| {}, false, Reset::Count);
    converges(|s| s.double = true, true, Reset::All);
    converges(|s| (s.double, s.loss) = (true, TdLoss::Huber), false, Reset::None);
    let polyak = TargetSettings {
        every: 1,
        tau: 0.02,
        reset_every: Some(400),
    };
    converges(|s| s.target = polyak.clone(), true, Reset::Count);
}

/// (optimiser steps, Adam's own counter, local step of the diagnostics) after each tick.
fn counts(settings: &DqnSettings, ticks: u64) -> Vec<(u64, u64, Option<u32>)> {
    let (mut trainee, _) = Trainee::new(settings, TABLE, true, Reset::Count);
    let mut corridor = Corridor {
        draw: draws(2),
        cells: [0; LANES],
        ages: [0; LANES],
        masks: true,
    };
    let tick = |tick| {
        let report = trainee.learn(&corridor.rollout(settings.steps), tick);
        let local = report.diagnostics.last().map(|(local, ..)| *local);
        (trainee.steps, trainee.local_steps, local)
    };
    (0..ticks).map(tick).collect()
}

#[test]
fn learning_starts_and_the_objective_changes_by_environment_steps() {
    let target = |every, tau, reset_every| TargetSettings {
        every,
        tau,
        reset_every,
    };
    let settings = |target, starts, updates| DqnSettings {
        batch: 4,
        replay: 100,
        learning_starts: starts,
        updates,
        target,
        ..DqnSettings::default()
    };
    // 4 environment steps a tick. Learning begins after more than 8 of them; the target is copied after 12 and 24.
    let found = counts(&settings(target(12, 1.0, None), 8, 1), 6);
    let expected = [
        (0, 0, None),
        (0, 0, None),
        (1, 0, Some(1)),
        (2, 1, Some(1)),
        (3, 2, Some(2)),
        (4, 0, Some(3)),
    ];
    assert_eq!(found, expected);
    // Two optimiser steps a tick, after 2 and after 4 environment steps: the copy after 6 comes between two of a tick.
    let found = counts(&settings(target(6, 1.0, None), 0, 2), 3);
    assert_eq!(found, [(2, 2, Some(2)), (4, 1, Some(1)), (6, 0, Some(3))]);
    // A target that is drawn along has resets of their own, or none.
    let found = counts(&settings(target(1, 0.5, Some(8)), 0, 1), 3);
    assert_eq!(found, [(1, 1, Some(1)), (2, 0, Some(2)), (3, 1, Some(1))]);
    let found = counts(&settings(target(1, 0.5, None), 0, 1), 3);
    assert_eq!(found, [(1, 1, Some(1)), (2, 2, Some(2)), (3, 3, Some(3))]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let wrong = |change: &dyn Fn(&mut DqnSettings, &mut AgentContext), key: &str, part: &str| {
        let (mut settings, mut agent) = (DqnSettings::default(), agent(TABLE, true));
        change(&mut settings, &mut agent);
        let fault = built(&settings, agent, Reset::None).err().expect("a fault");
        assert_eq!(fault.key.join("."), key, "{fault}");
        assert!(fault.message.contains(part), "{fault}");
    };
    wrong(&|s, _| s.batch = 0, "batch", "at least 1");
    wrong(&|s, _| s.gamma = 1.5, "gamma", "between 0 and 1");
    wrong(&|s, _| s.target.tau = 0.0, "target.tau", "above 0");
    wrong(&|s, _| s.target.every = 0, "target.every", "at least 1");
    wrong(&|s, _| s.replay = 3, "replay", "less than one step");
    wrong(
        &|s, _| s.bootstrap_truncation = true,
        "bootstrap_truncation",
        "not known",
    );
    wrong(&|_, a| a.rows_vary = true, "", "always act");
    wrong(&|_, a| a.seats_change = true, "", "same agent");
    let memory = r#"{ "layers": [{ "gru": 8 }], "heads": { "q": [] } }"#;
    wrong(&|_, a| a.network = agent(memory, true).network, "", "remembers");
    let actor = r#"{ "heads": { "actor": [] } }"#;
    wrong(&|_, a| a.network = agent(actor, true).network, "", "no `q` head");
}
