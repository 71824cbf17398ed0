//! Many lanes of one game behind one `dyn` call per step; everything inside is monomorphised over the rules.
//!
//! States lie one after the other, `[lanes, state_words]`. A step takes each lane through transition, auto-reset and observation before
//! it touches the next, so that a lane's words are still in the cache when they are observed. Large blocks are stepped in fixed chunks
//! by rayon; a lane's draws depend on (key, lane, episode, step) only, so no bit depends on the chunks.

mod chunk;

use chunk::{Chunk, Course, Strides, expect_len, of_mut, row, step_chunks, wrong_kind};
use starling_components::Fault;
use starling_components::picture::Portrait;
use starling_components::random::{Counter, Key};
use starling_components::simulate::{LaneOutcomes, Lanes, Outcome, Rules, Simulate, StepOutputs};
use starling_components::spaces::{ActionElement, Actions, EnvironmentShape, ObservationElement, ObservationsMut};
use starling_components::twin::Twin;
use std::sync::Arc;

/// Rules as an environment: opens blocks of lanes.
#[derive(Debug)]
pub struct Vectorised<R> {
    rules: Arc<R>,
}

impl<R: Rules> Vectorised<R> {
    /// The environment that plays `rules`.
    pub fn new(rules: R) -> Self {
        Self { rules: Arc::new(rules) }
    }
    /// The rules that it plays.
    pub fn rules(&self) -> &R {
        &self.rules
    }
}

impl<R: Rules> Simulate for Vectorised<R> {
    fn shape(&self) -> &EnvironmentShape {
        self.rules.shape()
    }
    fn open_from(&self, key: Key, first: u32, lanes: usize) -> Box<dyn Lanes> {
        Box::new(LaneBlock {
            states: vec![0; lanes * self.rules.shape().state_words],
            episodes: vec![0; lanes],
            steps: vec![0; lanes],
            starts: None,
            rules: Arc::clone(&self.rules),
            key,
            first,
        })
    }
    fn twin(&self) -> Option<Twin> {
        self.rules.twin()
    }
}

/// The lanes of one block.
struct LaneBlock<R> {
    rules: Arc<R>,
    key: Key,
    /// Number of the first lane, which keys draws.
    first: u32,
    /// `[lanes, state_words]`.
    states: Vec<u32>,
    /// `[lanes]`.
    episodes: Vec<u32>,
    /// Transitions done in the current episode, `[lanes]`.
    steps: Vec<u32>,
    /// `[entries, state_words]`, checked; see [`Lanes::set_starts`].
    starts: Option<Arc<[u32]>>,
}

impl<R: Rules> LaneBlock<R> {
    fn strides(&self) -> Strides {
        Strides::of(self.rules.shape())
    }

    fn state(&self, lane: usize) -> &[u32] {
        let words = self.rules.shape().state_words;
        &self.states[lane * words..(lane + 1) * words]
    }

    /// Whether every lane may begin in each of `starts`.
    fn check_starts(&self, starts: &[u32]) -> Result<(), Fault> {
        let words = self.rules.shape().state_words;
        let entries = starts.len() / words.max(1);
        if entries == 0 || entries * words != starts.len() || u32::try_from(entries).is_err() {
            return Err(Fault::run(format!(
                "{} words are no states to start from; a state of these rules has {words}",
                starts.len()
            )));
        }
        let refused = starts
            .chunks_exact(words)
            .enumerate()
            .find_map(|(entry, state)| Some((entry, self.rules.check(state).err()?)));
        match refused {
            None => Ok(()),
            Some((entry, fault)) => Err(Fault::records(format!(
                "start state {entry} of {entries}: {}",
                fault.message
            ))),
        }
    }

    fn portrait(&self, state: &[u32]) -> Portrait {
        let seats = 0..self.strides().seats;
        Portrait {
            text: self.rules.render(state),
            views: seats.map(|seat| self.rules.view(state, seat)).collect(),
            picture: self.rules.picture(state),
        }
    }

    /// Calls `write` with the state and the row of every lane.
    fn for_each_row<T>(&self, out: &mut [T], width: usize, write: impl Fn(&[u32], &mut [T])) {
        assert_eq!(out.len(), self.lanes() * width, "a buffer has the rows of its block");
        for lane in 0..self.lanes() {
            write(self.state(lane), row(out, lane, width));
        }
    }
}

impl<R: Rules> Lanes for LaneBlock<R> {
    fn lanes(&self) -> usize {
        self.episodes.len()
    }

    fn reset(&mut self) {
        for lane in 0..self.lanes() {
            self.begin(lane, 0);
        }
    }

    fn step(&mut self, actions: Actions<'_>, outputs: &mut StepOutputs<'_>) -> Result<(), Fault> {
        let chunk = Chunk::<R> {
            first: self.first,
            states: &mut self.states,
            episodes: &mut self.episodes,
            steps: &mut self.steps,
            actions: R::Action::of(actions).ok_or_else(|| wrong_kind("actions"))?,
            observations: of_mut::<R>(&mut outputs.observations, "observations")?,
            outcomes: LaneOutcomes {
                rewards: outputs.rewards,
                shaped: outputs.shaped,
                terminated: outputs.terminated,
                truncated: outputs.truncated,
            },
            legal: outputs.legal.as_deref_mut(),
            active: outputs.active.as_deref_mut(),
            final_observations: match &mut outputs.final_observations {
                Some(finals) => Some(of_mut::<R>(finals, "final_observations")?),
                None => None,
            },
            events: outputs.events.as_deref_mut(),
        };
        let course = Course {
            rules: &*self.rules,
            key: self.key,
            strides: Strides::of(self.rules.shape()),
            starts: self.starts.as_deref(),
        };
        chunk.check(course.strides)?;
        step_chunks(&course, chunk);
        Ok(())
    }

    fn observe(&self, out: ObservationsMut<'_>) {
        let Some(out) = R::Observation::of_mut(out) else {
            panic!("observations are written into a buffer of their own element type");
        };
        self.for_each_row(out, self.strides().observations, |state, row| {
            self.rules.observe(state, row)
        });
    }

    fn legal(&self, out: &mut [u8]) {
        self.for_each_row(out, self.strides().moves, |state, row| self.rules.legal(state, row));
    }

    fn active(&self, out: &mut [u8]) {
        self.for_each_row(out, self.strides().seats, |state, row| self.rules.active(state, row));
    }

    fn global(&self, out: ObservationsMut<'_>) {
        let Some(out) = R::Observation::of_mut(out) else {
            panic!("global states are written into a buffer of their own element type");
        };
        self.for_each_row(out, self.rules.shape().global_len, |state, row| {
            self.rules.global(state, row)
        });
    }

    fn episodes(&self) -> &[u32] {
        &self.episodes
    }

    fn episode_steps(&self) -> &[u32] {
        &self.steps
    }

    fn states(&self) -> &[u32] {
        &self.states
    }

    fn restore(&mut self, states: &[u32], episodes: &[u32], steps: &[u32]) -> Result<(), Fault> {
        expect_len("states", states.len(), self.states.len())?;
        expect_len("episodes", episodes.len(), self.episodes.len())?;
        expect_len("episode_steps", steps.len(), self.steps.len())?;
        let words = self.rules.shape().state_words;
        states
            .chunks_exact(words)
            .try_for_each(|state| self.rules.check(state))?;
        self.states.copy_from_slice(states);
        self.episodes.copy_from_slice(episodes);
        self.steps.copy_from_slice(steps);
        Ok(())
    }

    fn set_starts(&mut self, starts: Option<Arc<[u32]>>) -> Result<(), Fault> {
        if let Some(starts) = &starts {
            self.check_starts(starts)?;
        }
        self.starts = starts;
        Ok(())
    }

    fn begin(&mut self, lane: usize, episode: u32) {
        self.episodes[lane] = episode;
        self.steps[lane] = 0;
        let course = Course {
            rules: &*self.rules,
            key: self.key,
            strides: Strides::of(self.rules.shape()),
            starts: self.starts.as_deref(),
        };
        let state = row(&mut self.states, lane, course.strides.words);
        course.begin(state, self.first + lane as u32, episode);
    }

    fn portray(&self, lane: usize) -> Portrait {
        self.portrait(self.state(lane))
    }

    fn portray_after(&self, lane: usize, actions: Actions<'_>) -> Result<Portrait, Fault> {
        let strides = self.strides();
        let actions = R::Action::of(actions).ok_or_else(|| wrong_kind("actions"))?;
        expect_len("actions", actions.len(), strides.actions)?;
        let (mut rewards, mut shaped) = (vec![0.0; strides.seats], vec![0.0; strides.seats]);
        let mut outcome = Outcome {
            rewards: &mut rewards,
            shaped: &mut shaped,
            terminated: false,
            truncated: false,
        };
        let mut state = self.state(lane).to_vec();
        let number = self.first + lane as u32;
        let mut draw = Counter::new(self.key, number, self.episodes[lane], self.steps[lane] + 1);
        self.rules.step(&mut state, actions, &mut draw, &mut outcome);
        Ok(self.portrait(&state))
    }
}
