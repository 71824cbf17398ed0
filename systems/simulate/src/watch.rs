//! One lane, watched: before every step each seat's policy says what it thinks of the state, then recorded or new moves are played.
//!
//! Policies are asked seat by seat; a row's bits do not depend on how rows are grouped, so they answer as they did in the run.

use crate::normalize::Normalised;
use bevy_ecs::prelude::*;
use starling_components::EntityName;
use starling_components::act::{Act, ActInput, ActOutput, Policy};
use starling_components::fault::Fault;
use starling_components::normalize::Normalization;
use starling_components::parameters::{Parameters, Replicas};
use starling_components::picture::Portrait;
use starling_components::random::{Key, Purpose};
use starling_components::simulate::{Lanes, Simulate, StepOutputs};
use starling_components::spaces::{ActionBuffer, EnvironmentShape, ObservationBuffer};
use starling_components::suggest;
use std::sync::Arc;

/// An agent's replica in a seat.
pub struct Sitter {
    /// E.g. `chef:3`.
    pub name: String,
    policy: Arc<dyn Act>,
    /// The agent's, and the index of the replica in it.
    normalization: Option<Normalization>,
    index: usize,
    /// One replica's, `[n]`.
    parameters: Vec<f32>,
    key: Key,
    carry: Vec<f32>,
}

/// What a seat's policy thinks of a state.
#[derive(Debug, Clone, PartialEq)]
pub struct Thought {
    /// What it would do, `[components]`; floats by bit pattern.
    pub action: Vec<i32>,
    /// Of every move; `None` for policies without such a thing.
    pub probabilities: Option<Vec<f32>>,
    /// The return that it expects; 0 without a critic.
    pub value: f32,
}

/// What a step yields.
#[derive(Debug, Clone, PartialEq)]
pub struct Stepped {
    /// Task reward, `[seats]`.
    pub rewards: Vec<f32>,
    /// The episode is over.
    pub ended: bool,
}

/// Replica `replica` of the agent called `agent`, with the parameters that the world holds. `place` keys what it draws.
///
/// # Errors
/// No such agent or replica, or one that is not built.
pub fn sit(world: &mut World, agent: &str, replica: u32, seed: u64, place: &EntityName) -> Result<Sitter, Fault> {
    let mut query = world.query::<(&EntityName, &Policy, &Parameters, &Replicas, Option<&Normalization>)>();
    let agents: Vec<_> = query.iter(world).filter(|(name, ..)| name.table == "agent").collect();
    let Some((name, policy, parameters, replicas, normalization)) = agents.iter().find(|(name, ..)| name.key == agent)
    else {
        let known = agents.iter().map(|(name, ..)| name.key.as_str());
        let fault = Fault::pipeline(format!("no agent that plays is called `{agent}`"));
        return Err(fault.advise(suggest::advice(agent, known)));
    };
    let Some(index) = replicas.0.iter().position(|number| *number == replica) else {
        let first = replicas.0.first().copied().unwrap_or_default();
        let last = replicas.0.last().copied().unwrap_or_default();
        let fault = Fault::pipeline(format!("`{agent}` has no replica {replica}"));
        return Err(fault.advise(format!("its replicas are numbered {first} to {last}")));
    };
    let key = Key::of_seed(seed).entity(name).replica(replica).purpose(Purpose::Act);
    Ok(Sitter {
        name: format!("{agent}:{replica}"),
        policy: Arc::clone(&policy.0),
        normalization: normalization.cloned(),
        index,
        parameters: parameters.replica(index).to_vec(),
        key: key.entity(place),
        carry: vec![0.0; policy.0.carry_len()],
    })
}

/// A lane at the start of an episode.
pub struct Watched {
    environment: Arc<dyn Simulate>,
    block: Box<dyn Lanes>,
    sitters: Vec<Sitter>,
    greedy: bool,
    time: u32,
    observations: ObservationBuffer,
    legal: Vec<u8>,
    active: Vec<u8>,
}

impl Watched {
    /// Watches `block`, which has one lane and stands at the start of an episode, with one sitter per seat; none: moves come from elsewhere.
    ///
    /// # Errors
    /// Another number of sitters than seats.
    pub fn new(
        environment: Arc<dyn Simulate>,
        block: Box<dyn Lanes>,
        sitters: Vec<Sitter>,
        greedy: bool,
    ) -> Result<Self, Fault> {
        let shape = environment.shape();
        let seats = shape.seats.len();
        if !sitters.is_empty() && sitters.len() != seats {
            let message = format!("{} agents for {seats} seats", sitters.len());
            return Err(Fault::pipeline(message).advise("name one agent per seat, e.g. chef:0,chef:3"));
        }
        let mut observations = ObservationBuffer::zeros(shape, seats * shape.observation_width());
        let len = observations.len();
        block.observe(observations.slice_mut(0..len));
        let mut legal = vec![1; if shape.masks { seats * shape.moves() } else { 0 }];
        if shape.masks {
            block.legal(&mut legal);
        }
        let mut active = vec![1; seats];
        if shape.turns {
            block.active(&mut active);
        }
        Ok(Self {
            environment,
            block,
            sitters,
            greedy,
            time: 0,
            observations,
            legal,
            active,
        })
    }

    /// Sizes.
    pub fn shape(&self) -> &EnvironmentShape {
        self.environment.shape()
    }

    /// Who sits where.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sitters.iter().map(|sitter| sitter.name.as_str())
    }

    /// The present state.
    pub fn portray(&self) -> Portrait {
        self.block.portray(0)
    }

    /// The state that `actions` would lead to, before the next episode begins.
    ///
    /// # Errors
    /// Actions that do not fit.
    pub fn portray_after(&self, actions: &[i32]) -> Result<Portrait, Fault> {
        let actions = self.buffer(actions)?;
        self.block.portray_after(0, actions.slice(0..actions.len()))
    }

    /// Asks every seat, `[seats]`; `None` where the seat is idle or nobody sits. To be called once per step: recurrent policies go on.
    ///
    /// # Errors
    /// What a policy refuses.
    pub fn think(&mut self) -> Result<Vec<Option<Thought>>, Fault> {
        let seats = self.shape().seats.len();
        if self.sitters.is_empty() {
            return Ok(vec![None; seats]);
        }
        (0..seats).map(|seat| self.ask(seat)).collect()
    }

    fn ask(&mut self, seat: usize) -> Result<Option<Thought>, Fault> {
        if self.active[seat] == 0 {
            return Ok(None);
        }
        let shape = self.environment.shape();
        let (width, moves) = (shape.observation_width(), shape.moves());
        let own = &shape.seats[seat];
        let sitter = &mut self.sitters[seat];
        let start = seat * width;
        let input = ActInput {
            observations: self.observations.slice(start..start + own.observation.len()),
            legal: shape.masks.then(|| &self.legal[seat * moves..][..own.action.moves()]),
            carry: &sitter.carry,
            ids: &[seat as u32],
            time: self.time,
            key: sitter.key,
            greedy: self.greedy,
            explore: 0.0,
        };
        let at = |fault: Fault| Fault {
            message: format!("`{}` in seat {seat}: {}", sitter.name, fault.message),
            ..fault
        };
        let eyes = Normalised::of(&*sitter.policy, sitter.normalization.as_ref(), sitter.index);
        let policy = eyes.as_ref().map_or(&*sitter.policy, |eyes| eyes as &dyn Act);
        let probabilities = policy.probabilities(&sitter.parameters, &input).map_err(at)?;
        let mut actions = ActionBuffer::zeros(shape, own.action.components());
        let len = actions.len();
        let (mut log_probs, mut values) = ([0.0], [0.0]);
        let mut carry = vec![0.0; sitter.carry.len()];
        let mut output = ActOutput {
            actions: actions.slice_mut(0..len),
            log_probs: &mut log_probs,
            values: &mut values,
            carry: &mut carry,
        };
        policy.act(&sitter.parameters, &input, &mut output).map_err(at)?;
        sitter.carry = carry;
        let action = match actions {
            ActionBuffer::Discrete(moves) => moves,
            ActionBuffer::Continuous(floats) => floats.into_iter().map(|f| f.to_bits() as i32).collect(),
        };
        Ok(Some(Thought {
            action,
            probabilities,
            value: values[0],
        }))
    }

    /// Plays `actions`, `[seats x components]`, floats by bit pattern.
    ///
    /// # Errors
    /// Actions that do not fit.
    pub fn step(&mut self, actions: &[i32]) -> Result<Stepped, Fault> {
        let actions = self.buffer(actions)?;
        let shape = self.environment.shape();
        let seats = shape.seats.len();
        let width = self.observations.len();
        let (mut rewards, mut shaped) = (vec![0.0; seats], vec![0.0; seats]);
        let (mut terminated, mut truncated) = ([0], [0]);
        let mut outputs = StepOutputs {
            observations: self.observations.slice_mut(0..width),
            rewards: &mut rewards,
            shaped: &mut shaped,
            terminated: &mut terminated,
            truncated: &mut truncated,
            legal: shape.masks.then_some(&mut *self.legal),
            active: shape.turns.then_some(&mut *self.active),
            final_observations: None,
            events: None,
        };
        self.block.step(actions.slice(0..actions.len()), &mut outputs)?;
        self.time += 1;
        Ok(Stepped {
            rewards,
            ended: terminated[0] != 0 || truncated[0] != 0,
        })
    }

    fn buffer(&self, actions: &[i32]) -> Result<ActionBuffer, Fault> {
        let shape = self.shape();
        if actions.len() != shape.seats.len() * shape.action_components() {
            return Err(Fault::records(
                "the recorded step does not fit this pipeline's environment",
            ));
        }
        Ok(if shape.float_actions() {
            ActionBuffer::Continuous(actions.iter().map(|&bits| f32::from_bits(bits as u32)).collect())
        } else {
            ActionBuffer::Discrete(actions.to_vec())
        })
    }
}
