//! Deep Q-learning (Mnih et al. 2015), in the order of PureJaxRL's update.
//!
//! [`Dqn::learn`] is the algorithm; `crate::replay` keeps what was done, [`crate::dqn_loss`] says what is computed. What outlives an update, the
//! target parameters and the replay buffer, is in the learner's memory.

use crate::distribution::action_values::best;
use crate::dqn_loss::{cost, follow, target};
use crate::dqn_report::Reporter;
use crate::learner::LearnerContext;
use crate::network::pass::Pass;
use crate::network::{Head, Network};
use crate::optimizer::Optimizer;
use crate::ppo::SHARD;
use crate::replay::{Replay, ReplayShape, Transition};
use starling_components::fault::Fault;
use starling_components::learn::{Experience, Learn, LearnContext, LearnReport, ReplicaState};
use starling_components::learners::dqn::DqnSettings;
use starling_components::memory::{Buffer, Element, Memory, MemoryBuffer};
use starling_components::random::Purpose;
use starling_components::spaces::ElementKind;
use std::sync::{Arc, Mutex};

/// DQN for one agent.
pub struct Dqn {
    settings: DqnSettings,
    network: Arc<Network>,
    optimizer: Arc<dyn Optimizer>,
    replay: ReplayShape,
    diagnostics: bool,
    /// Buffers that no update is using.
    spare: Mutex<Vec<Workspace>>,
}

/// The buffers of one update.
#[derive(Debug, Default)]
struct Workspace {
    transitions: Vec<Transition>,
    /// The next observations under the target parameters, and the observations under the online ones.
    next: Pass,
    online: Pass,
    /// The online network's choice of the next move, where it chooses.
    choices: Vec<usize>,
    targets: Vec<f32>,
    gradient: Vec<f32>,
    update: Vec<f32>,
}

/// Sums over the rows of one optimiser step.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    loss: f64,
    values: f64,
}

/// Counters that outlive an update.
#[derive(Debug, Clone, Copy, Default)]
struct Counters {
    /// Environment steps taken in.
    env_steps: u64,
    /// Optimiser steps since the objective changed.
    local: u64,
}

impl Learn for Dqn {
    fn learn(
        &self,
        state: &mut ReplicaState<'_>,
        experience: &[Experience<'_>],
        context: &LearnContext,
    ) -> Result<LearnReport, Fault> {
        let spare = self.spare.lock().map_or_else(|_| None, |mut spare| spare.pop());
        let mut workspace = spare.unwrap_or_default();
        // Out of the state while the optimiser works on the rest of it.
        let mut memory = std::mem::take(state.memory);
        let result = self.update(state, &mut memory, experience, context, &mut workspace);
        *state.memory = memory;
        if let Ok(mut spare) = self.spare.lock() {
            spare.push(workspace);
        }
        result.map_err(|mut fault| {
            let tick = context.clocks.tick() + 1;
            fault.message = format!("{} (tick {tick}, replica {})", fault.message, context.replica);
            fault
        })
    }

    fn rollout_steps(&self) -> usize {
        self.settings.steps
    }
    fn gradient_steps(&self) -> usize {
        self.settings.updates
    }
    fn wants_final_observations(&self) -> bool {
        self.settings.bootstrap_truncation
    }
    fn wants_last_values(&self) -> bool {
        false
    }
    fn memory(&self) -> Vec<MemoryBuffer> {
        let mut buffers = vec![
            MemoryBuffer::new("target", Element::F32, self.network.layout.len()),
            MemoryBuffer::new("counters", Element::U64, 2),
        ];
        buffers.extend(self.replay.buffers());
        buffers
    }
    fn bytes(&self, _: usize) -> usize {
        2 * self.network.pass_bytes(self.settings.batch.min(SHARD)) + 4 * 2 * self.network.layout.len()
    }
}

impl Dqn {
    /// The builder of the kind `dqn`.
    ///
    /// # Errors
    /// Values out of range; a policy without action-values or with a memory; seats that take turns or change.
    pub fn build(settings: &DqnSettings, context: LearnerContext) -> Result<Self, Fault> {
        let agent = &context.agent;
        check(settings)?;
        let Head::ActionValues { moves } = agent.network.head else {
            let fault = Fault::pipeline("`dqn` learns the values of moves, and the policy has no `q` head");
            return Err(fault.advise("say e.g. `heads = { q = [{ dense = 120 }, { dense = 84 }] }` in the policy"));
        };
        if agent.network.carry() > 0 {
            let fault =
                Fault::pipeline("`dqn` learns from single transitions, and the policy remembers what was before");
            return Err(fault.advise("leave out layers that remember, or use `learner.ppo`"));
        }
        if agent.rows_vary || agent.seats_change {
            let fault = Fault::pipeline("`dqn` needs seats that always act and in which the same agent always sits");
            return Err(fault.advise("use `learner.ppo`"));
        }
        if agent.masks && settings.bootstrap_truncation {
            let fault = Fault::pipeline("the legal moves of a cut-off state are not known, so its value is not");
            return Err(fault.advise("leave it false").within(["bootstrap_truncation"]));
        }
        let streams = agent.rows_per_step.max(1);
        if settings.replay < streams {
            let message = format!(
                "a replay buffer for {} transitions holds less than one step of {streams} rows",
                settings.replay
            );
            return Err(Fault::pipeline(message).within(["replay"]));
        }
        let replay = ReplayShape {
            streams,
            // The newest observation has its place besides.
            slots: settings.replay / streams + 1,
            width: agent.network.inputs(),
            floats: agent.network.element() == ElementKind::F32,
            moves: if agent.masks { moves } else { 0 },
        };
        Ok(Self {
            settings: settings.clone(),
            network: agent.network.clone(),
            optimizer: context.optimizer,
            replay,
            diagnostics: agent.diagnostics,
            spare: Mutex::default(),
        })
    }

    /// One update, after the rollout (1).
    fn update(
        &self,
        state: &mut ReplicaState<'_>,
        memory: &mut Memory,
        experience: &[Experience<'_>],
        context: &LearnContext,
        workspace: &mut Workspace,
    ) -> Result<LearnReport, Fault> {
        let s = &self.settings;
        let (before, mut replay) = Replay::of::<2>(self.replay, memory)?;
        let [Buffer::F32(older), Buffer::U64(counters)] = before else {
            return Err(Fault::run("the learner's memory is not that of `dqn`"));
        };
        let mut count = Counters {
            env_steps: counters[0],
            local: counters[1],
        };
        if count.env_steps == 0 {
            older.copy_from_slice(state.parameters);
        }
        // (2) The replay buffer takes the rollout in.
        replay.append(experience, context, s.bootstrap_truncation)?;

        let key = context.key.replica(context.replica).purpose(Purpose::Minibatch);
        let steps: u64 = experience
            .iter()
            .map(|one| (one.rollout.steps * one.rollout.lanes) as u64)
            .sum();
        let (begun, updates) = (count.env_steps, s.updates as u64);
        let mut reporter = Reporter::new(self.diagnostics);
        let mut clocks = context.clocks;
        for update in 0..updates {
            let since = count.env_steps;
            count.env_steps = begun + (update + 1) * steps / updates;
            // (3) An optimiser step on a fresh sample.
            replay.sample(
                key.fold(context.clocks.tick() as u32, update as u32),
                if count.env_steps > s.learning_starts {
                    s.batch
                } else {
                    0
                },
                &mut workspace.transitions,
            );
            if !workspace.transitions.is_empty() {
                let place = |what: &str| {
                    Fault::run(format!("{what} in optimiser step {}", update + 1))
                        .advise("a smaller learning rate, a gradient norm limit or smaller rewards help")
                };
                let sums = self.gradient(state.parameters, older, &replay, workspace)?;
                if !sums.loss.is_finite() {
                    return Err(place(&format!("the loss is {}", sums.loss)));
                }
                count.local += 1;
                reporter.before_step(&workspace.gradient, state.first, state.second);
                let rate = self.optimizer.rate(&clocks, context.replica, context.key);
                let norms = self
                    .optimizer
                    .step(state, &workspace.gradient, rate, &mut workspace.update)
                    .map_err(|fault| place(&fault.message))?;
                if !norms.update.is_finite() {
                    let norm = norms.update;
                    return Err(place(&format!("the step of the parameters has the norm {norm}")));
                }
                let n = workspace.transitions.len() as f64;
                let numbers = [sums.loss / n, sums.values / n, norms.gradient, norms.update, rate];
                reporter.after_step(count.local, numbers, &workspace.update);
            }
            clocks.now.gradient_steps += 1;
            // (4) The target network follows; with a copy the objective changes, and Adam-Rel and Adam-MR reset.
            let crossed = |every: u64| count.env_steps / every - since / every;
            for _ in 0..crossed(s.target.every).min(if s.target.tau == 1.0 { 1 } else { u64::MAX }) {
                follow(s.target.tau as f32, state.parameters, older);
            }
            let resets = s.target.reset_every.or((s.target.tau == 1.0).then_some(s.target.every));
            if resets.is_some_and(|every| crossed(every) > 0) {
                self.optimizer.begin_update(state);
                count.local = 0;
            }
        }
        counters.copy_from_slice(&[count.env_steps, count.local]);
        Ok(reporter.finish(replay.len()))
    }

    /// Sums and, in `workspace.gradient`, the gradient of the mean loss over the sampled transitions.
    fn gradient(
        &self,
        parameters: &[f32],
        older: &[f32],
        replay: &Replay<'_>,
        workspace: &mut Workspace,
    ) -> Result<Sums, Fault> {
        let mut sums = Sums::default();
        let transitions = std::mem::take(&mut workspace.transitions);
        workspace.gradient.clear();
        workspace.update.resize(self.network.layout.len(), 0.0);
        let weight = 1.0 / transitions.len() as f32;
        for rows in transitions.chunks(SHARD) {
            self.targets(parameters, older, replay, rows, workspace)?;
            let Workspace {
                online,
                targets,
                gradient,
                ..
            } = workspace;
            self.network.gather(online, rows.iter().map(|&row| replay.before(row)));
            self.network.forward(parameters, online)?;
            let out = self.network.outputs(online);
            let width = self.network.head.outputs();
            out.policy_slope.fill(0.0);
            for (row, (&transition, target)) in rows.iter().zip(&*targets).enumerate() {
                let at = row * width + replay.action(transition);
                let value = out.policy[at];
                let (loss, slope) = cost(self.settings.loss, value - target);
                out.policy_slope[at] = slope * weight;
                sums.loss += f64::from(loss);
                sums.values += f64::from(value);
            }
            self.network.backward(parameters, online)?;
            if gradient.is_empty() {
                gradient.extend_from_slice(online.gradient());
                continue;
            }
            for (total, part) in gradient.iter_mut().zip(online.gradient()) {
                *total += part;
            }
        }
        workspace.transitions = transitions;
        Ok(sums)
    }

    /// What the values of the moves of `rows` should be.
    fn targets(
        &self,
        parameters: &[f32],
        older: &[f32],
        replay: &Replay<'_>,
        rows: &[Transition],
        workspace: &mut Workspace,
    ) -> Result<(), Fault> {
        let Workspace {
            next, choices, targets, ..
        } = workspace;
        let width = self.network.head.outputs();
        self.network.gather(next, rows.iter().map(|&row| replay.after(row)));
        choices.clear();
        if self.settings.double {
            self.network.forward(parameters, next)?;
            let values = self.network.outputs(next).policy.chunks_exact(width);
            choices.extend(
                values
                    .zip(rows)
                    .map(|(values, &row)| best(values, replay.legal_after(row)).0),
            );
        }
        self.network.forward(older, next)?;
        let values = self.network.outputs(next).policy.chunks_exact(width);
        targets.clear();
        targets.extend(values.zip(rows).enumerate().map(|(index, (values, &row))| {
            let next = match choices.get(index) {
                Some(&choice) => values[choice],
                None => best(values, replay.legal_after(row)).1,
            };
            target(replay.reward(row), self.settings.gamma as f32, replay.ends(row), next)
        }));
        Ok(())
    }
}

fn check(s: &DqnSettings) -> Result<(), Fault> {
    let counts = [
        ("steps", s.steps),
        ("updates", s.updates),
        ("batch", s.batch),
        ("replay", s.replay),
    ];
    for (name, count) in counts {
        if count == 0 {
            return Err(Fault::pipeline(format!("`{name}` must be at least 1")).within([name]));
        }
    }
    if !(0.0..=1.0).contains(&s.gamma) {
        let message = format!("`gamma` lies between 0 and 1, this one is {}", s.gamma);
        return Err(Fault::pipeline(message).within(["gamma"]));
    }
    if !(s.target.tau > 0.0 && s.target.tau <= 1.0) {
        let message = format!("`tau` is above 0 and at most 1, this one is {}", s.target.tau);
        return Err(Fault::pipeline(message).within(["target", "tau"]));
    }
    for (name, every) in [("every", Some(s.target.every)), ("reset_every", s.target.reset_every)] {
        if every == Some(0) {
            return Err(Fault::pipeline(format!("`{name}` must be at least 1")).within(["target", name]));
        }
    }
    Ok(())
}
