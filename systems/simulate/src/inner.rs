//! A training inside something else: one agent in all seats of one environment, from its initial parameters to its end, on plain types.
//!
//! The same steps as a run's ticks, with the same keys and clocks, so that it gives the bits that a run of the same pipeline would give. It needs no
//! world, so that many can be trained side by side, in a strategy that varies what they are trained with or in a test.

use crate::blocks::LaneBlocks;
use crate::collect::{StepLaps, collect_replica};
use crate::players::Player;
use starling_components::EntityName;
use starling_components::act::Act;
use starling_components::clock::{ClockValues, Clocks};
use starling_components::fault::Fault;
use starling_components::learn::{Experience, Learn, LearnContext, LearnReport, ReplicaState};
use starling_components::memory::Memory;
use starling_components::random::{Key, Purpose};
use starling_components::rollout::ReplicaRollout;
use starling_components::schedule::RunSeed;
use starling_components::simulate::Simulate;
use std::sync::Arc;

/// What is trained, and until when.
pub struct InnerTraining<'a> {
    /// What is played.
    pub environment: &'a Arc<dyn Simulate>,
    /// The environment's name, which keys what it draws.
    pub place: &'a EntityName,
    /// Parallel copies.
    pub lanes: usize,
    /// How the agent acts.
    pub policy: &'a dyn Act,
    /// How it learns.
    pub learner: &'a dyn Learn,
    /// The agent's name, which keys what it draws.
    pub agent: &'a EntityName,
    /// Factors of task and shaped reward at the time that the clocks show.
    pub reward: &'a (dyn Fn(&Clocks) -> [f32; 2] + Sync),
    /// Probability of a random move at the time that the clocks show, as [`starling_components::act::ActInput::explore`].
    pub explore: &'a (dyn Fn(&Clocks) -> f32 + Sync),
    /// How long.
    pub ticks: u64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// `[n]`.
    pub parameters: Vec<f32>,
    /// Mean return of the episodes that ended in each tick, over seats; `None` where none did. `[ticks]`.
    pub returns: Vec<Option<f64>>,
    /// What the learner reported, `[ticks]`.
    pub reports: Vec<LearnReport>,
}

impl Trained {
    /// Mean return of the last tick in which an episode ended: how well it went.
    pub fn fitness(&self) -> Option<f64> {
        self.returns.iter().rev().copied().find_map(|mean| mean)
    }
}

impl InnerTraining<'_> {
    /// Trains `initial`, `[n]`, as replica `replica` of a run with `seed`.
    ///
    /// # Errors
    /// Whatever policy, environment or learner refuse; seats that look different.
    pub fn train(&self, seed: RunSeed, replica: u32, initial: &[f32]) -> Result<Trained, Fault> {
        let shape = self.environment.shape();
        let seats: Vec<usize> = (0..shape.seats.len()).collect();
        if shape.seats.iter().any(|seat| *seat != shape.seats[0]) {
            return Err(Fault::run(
                "one agent cannot fill seats that see or do different things",
            ));
        }
        let root = Key::of_seed(seed.0);
        let agent_key = root.entity(self.agent);
        let place_key = root.entity(self.place).replica(replica).purpose(Purpose::Environment);
        let steps = self.learner.rollout_steps();
        let carry = self.policy.carry_len();
        let mut blocks = LaneBlocks::new(Arc::clone(self.environment), vec![place_key], self.lanes, carry);
        blocks.ensure_started();
        let finals = self.learner.wants_final_observations();
        let last_values = self.learner.wants_last_values();
        let mut rollout = ReplicaRollout::zeros(shape, steps, self.lanes, carry, finals);
        let mut own = OwnState::new(initial, Memory::zeros(&self.learner.memory()));
        let mut clocks = self.clocks(steps);
        let mut trained = Trained {
            parameters: Vec::new(),
            returns: Vec::new(),
            reports: Vec::new(),
        };
        for _ in 0..self.ticks {
            let players = [Player {
                policy: self.policy,
                parameters: &own.parameters,
                key: agent_key.replica(replica).purpose(Purpose::Act).entity(self.place),
                seats: &seats,
                name: &self.agent.key,
                explore: (self.explore)(&clocks),
            }];
            let Some(lanes) = blocks.replicas.first_mut() else {
                break;
            };
            let laps = &mut StepLaps::new(false);
            let finished = collect_replica(shape, &players, None, lanes, &mut rollout, None, last_values, laps)?;
            trained.returns.push(finished.means().map(|(returns, _)| returns));
            clocks.now.env_steps += clocks.per_tick.env_steps;
            let [task_weight, shaped_weight] = (self.reward)(&clocks);
            let context = LearnContext {
                clocks,
                replica,
                key: agent_key,
                task_weight,
                shaped_weight,
            };
            let experience = [Experience {
                rollout: &rollout,
                seats: &seats,
                chair: None,
            }];
            let report = self.learner.learn(&mut own.as_replica(), &experience, &context)?;
            trained.reports.push(report);
            clocks.now.updates += 1;
            clocks.now.gradient_steps += clocks.per_tick.gradient_steps;
            clocks.now.ticks += 1;
        }
        trained.parameters = own.parameters;
        Ok(trained)
    }

    fn clocks(&self, steps: usize) -> Clocks {
        let per_tick = ClockValues {
            env_steps: (self.lanes * steps) as u64,
            updates: 1,
            gradient_steps: self.learner.gradient_steps() as u64,
            ticks: 1,
            epochs: 0,
        };
        Clocks {
            per_tick,
            total: ClockValues {
                env_steps: per_tick.env_steps * self.ticks,
                updates: self.ticks,
                gradient_steps: per_tick.gradient_steps * self.ticks,
                ticks: self.ticks,
                epochs: 0,
            },
            ..Clocks::default()
        }
    }
}

/// Parameters and optimiser state of one replica.
struct OwnState {
    parameters: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
    local_steps: u64,
    steps: u64,
    memory: Memory,
}

impl OwnState {
    fn new(initial: &[f32], memory: Memory) -> Self {
        Self {
            parameters: initial.to_vec(),
            first: vec![0.0; initial.len()],
            second: vec![0.0; initial.len()],
            local_steps: 0,
            steps: 0,
            memory,
        }
    }

    fn as_replica(&mut self) -> ReplicaState<'_> {
        ReplicaState {
            parameters: &mut self.parameters,
            first: &mut self.first,
            second: &mut self.second,
            local_steps: &mut self.local_steps,
            steps: &mut self.steps,
            memory: &mut self.memory,
        }
    }
}
