//! The contract of an environment: pure rules over one lane, and a block of lanes behind one `dyn` call per step.

use crate::fault::Fault;
use crate::picture::{Picture, Portrait};
use crate::program::Program;
use crate::random::{Draw, Key};
use crate::rollout::ReplicaRollout;
use crate::spaces::{ActionElement, Actions, EnvironmentShape, ObservationElement, ObservationsMut};
use crate::twin::Twin;
use bevy_ecs::prelude::*;
use std::sync::Arc;

/// The rules of one game, over the words of one lane's state: functions of their arguments and of drawn numbers only.
///
/// No allocation, no logging, no clock, no float where the game is integer. The state is a slice of
/// [`EnvironmentShape::state_words`] words whose layout the rules document; the same layout is used on the device.
pub trait Rules: Send + Sync + 'static {
    /// `i32` for discrete, `f32` for box actions.
    type Action: ActionElement;
    /// `u8` or `f32`.
    type Observation: ObservationElement;

    /// Sizes; constant.
    fn shape(&self) -> &EnvironmentShape;
    /// Writes a start state into `state`, every word of it.
    fn reset<D: Draw>(&self, state: &mut [u32], draw: &mut D);
    /// Turns `state`, one that was visited before and that [`Rules::check`] accepts, into a start state: the clock goes back to zero and
    /// whatever belongs to an episode rather than to its place is drawn anew. Rules whose states count time must say what to do.
    fn restart<D: Draw>(&self, _state: &mut [u32], _draw: &mut D) {}
    /// One transition. `actions` is `[seats, components]`. Never called on a state that has ended.
    fn step<D: Draw>(&self, state: &mut [u32], actions: &[Self::Action], draw: &mut D, outcome: &mut Outcome<'_>);
    /// The transitions of many lanes at once, for rules that draw nothing in a transition and whose arithmetic vectorises over lanes:
    /// writes states and outcomes bit for bit as [`Rules::step`] would, and returns true. False, with nothing written, where the
    /// plain way is taken.
    fn step_lanes(&self, _states: &mut [u32], _actions: &[Self::Action], _outcomes: &mut LaneOutcomes<'_>) -> bool {
        false
    }
    /// What all seats see: `[seats, width]`, every element written.
    fn observe(&self, state: &[u32], out: &mut [Self::Observation]);
    /// Legal moves as 0/1: `[seats, moves]`. Called only where `shape().masks`.
    fn legal(&self, _state: &[u32], out: &mut [u8]) {
        out.fill(1);
    }
    /// Which seats act next, as 0/1: `[seats]`. Called only where `shape().turns`.
    fn active(&self, _state: &[u32], out: &mut [u8]) {
        out.fill(1);
    }
    /// The global state for a centralised critic: `[global_len]`.
    fn global(&self, _state: &[u32], out: &mut [Self::Observation]) {
        debug_assert!(out.is_empty(), "rules with a global state write it");
    }
    /// Adds to `out`, `[seats, events]`, how often each of [`EnvironmentShape::events`] happened to each seat in the transition from
    /// `before` to `after`, which lies before any reset. A pure function of its arguments. Called only where somebody counts.
    fn events(&self, _before: &[u32], _actions: &[Self::Action], _after: &[u32], out: &mut [u32]) {
        debug_assert!(out.is_empty(), "rules with events count them");
    }
    /// Whether `state` may be stepped: asked of every state that comes from outside, so that damaged words are told and never panic.
    ///
    /// # Errors
    /// Words that no game can reach.
    fn check(&self, _state: &[u32]) -> Result<(), Fault> {
        Ok(())
    }
    /// The state as text for a person: several lines, no colour codes.
    fn render(&self, state: &[u32]) -> String;
    /// What `seat` sees, as text; `None` where it sees what [`Rules::render`] shows.
    fn view(&self, _state: &[u32], _seat: usize) -> Option<String> {
        None
    }
    /// The state as a picture, for animations; `None` for rules that draw none.
    fn picture(&self, _state: &[u32]) -> Option<Picture> {
        None
    }
    /// The same rules in WGSL, over the same words; `None` where there are none and only the processor plays.
    fn twin(&self) -> Option<Twin> {
        None
    }
}

/// What a transition yields besides the next state.
#[derive(Debug)]
pub struct Outcome<'a> {
    /// Task reward per seat: `[seats]`, zero on entry.
    pub rewards: &'a mut [f32],
    /// Shaped reward per seat, never part of the return: `[seats]`, zero on entry.
    pub shaped: &'a mut [f32],
    /// The game ended by its own rules: no value beyond.
    pub terminated: bool,
    /// The game was cut off, e.g. by a time limit: there is a value beyond, in the final observation.
    pub truncated: bool,
}

/// What the transitions of a chunk of lanes yield besides the next states.
#[derive(Debug)]
pub struct LaneOutcomes<'a> {
    /// Task reward: `[lanes, seats]`, unspecified on entry.
    pub rewards: &'a mut [f32],
    /// Shaped reward: `[lanes, seats]`, unspecified on entry.
    pub shaped: &'a mut [f32],
    /// See [`Outcome::terminated`], 0/1: `[lanes]`.
    pub terminated: &'a mut [u8],
    /// See [`Outcome::truncated`], 0/1: `[lanes]`.
    pub truncated: &'a mut [u8],
}

/// Where a block of lanes writes one step. Lengths are those of the block.
#[derive(Debug)]
pub struct StepOutputs<'a> {
    /// Observations of the states after the step, after auto-reset: `[lanes, seats, width]`.
    pub observations: ObservationsMut<'a>,
    /// Task reward: `[lanes, seats]`.
    pub rewards: &'a mut [f32],
    /// Shaped reward: `[lanes, seats]`.
    pub shaped: &'a mut [f32],
    /// The transition ended an episode by the rules, 0/1: `[lanes]`.
    pub terminated: &'a mut [u8],
    /// The transition was the last before a cut-off, 0/1: `[lanes]`.
    pub truncated: &'a mut [u8],
    /// Legal moves of the states after the step: `[lanes, seats, moves]`; only where the environment has masks.
    pub legal: Option<&'a mut [u8]>,
    /// Seats that act next: `[lanes, seats]`; only where the environment has turns.
    pub active: Option<&'a mut [u8]>,
    /// Where wanted, for lanes that ended only: the observation before auto-reset, `[lanes, seats, width]`. Other lanes are left as
    /// they are.
    pub final_observations: Option<ObservationsMut<'a>>,
    /// Where wanted: how often each event happened in this transition, `[lanes, seats, events]`, every element written.
    pub events: Option<&'a mut [u32]>,
}

/// An environment before any lane of it runs: what builds blocks of lanes.
pub trait Simulate: Send + Sync {
    /// Sizes; constant.
    fn shape(&self) -> &EnvironmentShape;
    /// A block of `lanes` lanes whose randomness is keyed by `key` (already folded with entity and replica). Lane l's bits do not depend
    /// on how many others run. Nothing is simulated before [`Lanes::reset`].
    fn open(&self, key: Key, lanes: usize) -> Box<dyn Lanes> {
        self.open_from(key, 0, lanes)
    }
    /// As [`Simulate::open`], but the lanes `first..first + lanes` only, with the bits that they have in a block of all: how a block is
    /// played in parts, and how one lane is replayed. Methods that take a lane count from `first`.
    fn open_from(&self, key: Key, first: u32, lanes: usize) -> Box<dyn Lanes>;
    /// See [`Rules::twin`].
    fn twin(&self) -> Option<Twin> {
        None
    }
}

/// A block of parallel lanes of one replica. Auto-resets: a lane that ends starts its next episode within the same step.
pub trait Lanes: Send + Sync {
    /// Number of lanes.
    fn lanes(&self) -> usize;
    /// Starts episode 0 in every lane.
    fn reset(&mut self);
    /// One transition in every lane; `actions` is `[lanes, seats, components]`.
    ///
    /// # Errors
    /// Wrong lengths or kinds of `actions` or `outputs`: a bug in the caller, told as a value.
    fn step(&mut self, actions: Actions<'_>, outputs: &mut StepOutputs<'_>) -> Result<(), Fault>;
    /// Observations of the current states: `[lanes, seats, width]`.
    fn observe(&self, out: ObservationsMut<'_>);
    /// Legal moves of the current states: `[lanes, seats, moves]`.
    fn legal(&self, out: &mut [u8]);
    /// Seats that act next: `[lanes, seats]`.
    fn active(&self, out: &mut [u8]);
    /// Global states: `[lanes, global_len]`.
    fn global(&self, out: ObservationsMut<'_>);
    /// Which episode each lane plays, from 0: `[lanes]`.
    fn episodes(&self) -> &[u32];
    /// Steps done in that episode: `[lanes]`.
    fn episode_steps(&self) -> &[u32];
    /// States `[lanes, state_words]`.
    fn states(&self) -> &[u32];
    /// Puts back what [`Lanes::states`], [`Lanes::episodes`] and [`Lanes::episode_steps`] gave.
    ///
    /// # Errors
    /// Wrong lengths, or states that the rules refuse.
    fn restore(&mut self, states: &[u32], episodes: &[u32], steps: &[u32]) -> Result<(), Fault>;
    /// From the next reset on, every episode of every lane begins in one of `starts`, `[entries, state_words]`: its first draw picks an
    /// entry uniformly, and [`Rules::restart`] draws what follows. `None`: resets as the rules say. Neither is part of what
    /// [`Lanes::restore`] puts back.
    ///
    /// # Errors
    /// No entry, a wrong length, or a state that the rules refuse; the lanes keep what they had.
    fn set_starts(&mut self, starts: Option<Arc<[u32]>>) -> Result<(), Fault>;
    /// Starts `episode` afresh in `lane` (its reset is a pure function of key, lane and episode): how a recorded episode is replayed.
    fn begin(&mut self, lane: usize, episode: u32);
    /// Whether [`Lanes::play`] may be worth a question.
    fn plays(&self) -> bool {
        false
    }
    /// Plays all steps of `rollout` by itself, without anything coming back in between: fills everything in it but chairs, masks and memories.
    /// The actions drawn at its first step are those of `time`. False, with nothing done, where it cannot.
    ///
    /// # Errors
    /// As [`Lanes::step`]; what a device refuses.
    fn play(
        &mut self,
        _players: &[LanePlayer<'_>],
        _time: u32,
        _last_values: bool,
        _rollout: &mut ReplicaRollout,
    ) -> Result<bool, Fault> {
        Ok(false)
    }
    /// The state of `lane` for people who look.
    fn portray(&self, lane: usize) -> Portrait;
    /// The state that `actions`, `[seats, components]`, would lead `lane` to, before auto-reset: the last frame of an episode.
    ///
    /// # Errors
    /// Wrong length or kind of `actions`.
    fn portray_after(&self, lane: usize, actions: Actions<'_>) -> Result<Portrait, Fault>;
}

/// A policy in some seats, for [`Lanes::play`].
#[derive(Debug, Clone)]
pub struct LanePlayer<'a> {
    /// What it computes.
    pub program: Program,
    /// One replica's, `[n]`.
    pub parameters: &'a [f32],
    /// Keys its draws.
    pub key: Key,
    /// The seats that it fills, rising.
    pub seats: &'a [usize],
}

/// An environment as built from its spec: on the entity of `[environment.x]`.
#[derive(Component, Clone)]
pub struct LiveEnvironment(pub Arc<dyn Simulate>);
