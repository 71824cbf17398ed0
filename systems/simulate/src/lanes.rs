//! Many lanes of one game behind one `dyn` call per step; everything inside is monomorphised over the rules.
//!
//! States lie one after the other, `[lanes, state_words]`. A step takes each lane through transition, auto-reset and observation before
//! it touches the next, so that a lane's words are still in the cache when they are observed. Large blocks are stepped in fixed chunks
//! by rayon; a lane's draws depend on (key, lane, episode, step) only, so no bit depends on the chunks.

use rayon::prelude::*;
use starling_components::Fault;
use starling_components::random::{Counter, Key};
use starling_components::simulate::{LaneOutcomes, Lanes, Outcome, Rules, Simulate, StepOutputs};
use starling_components::spaces::{ActionElement, Actions, EnvironmentShape, ObservationElement, ObservationsMut};
use std::sync::Arc;

/// Lanes per parallel chunk. Blocks below two chunks are stepped by the calling thread: waking another costs more than they take.
const CHUNK_LANES: usize = 512;

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
            rules: Arc::clone(&self.rules),
            chunk_lanes: CHUNK_LANES,
            key,
            first,
        })
    }
}

/// The lanes of one block.
struct LaneBlock<R> {
    rules: Arc<R>,
    key: Key,
    /// Number of the first lane, which keys draws.
    first: u32,
    chunk_lanes: usize,
    /// `[lanes, state_words]`.
    states: Vec<u32>,
    /// `[lanes]`.
    episodes: Vec<u32>,
    /// Transitions done in the current episode, `[lanes]`.
    steps: Vec<u32>,
}

/// Consecutive lanes and where they write.
struct Chunk<'a, R: Rules> {
    first: u32,
    states: &'a mut [u32],
    episodes: &'a mut [u32],
    steps: &'a mut [u32],
    actions: &'a [R::Action],
    observations: &'a mut [R::Observation],
    outcomes: LaneOutcomes<'a>,
    legal: Option<&'a mut [u8]>,
    active: Option<&'a mut [u8]>,
    final_observations: Option<&'a mut [R::Observation]>,
}

/// Numbers per lane of everything that a step touches.
#[derive(Clone, Copy)]
struct Strides {
    words: usize,
    seats: usize,
    actions: usize,
    observations: usize,
    moves: usize,
}

impl Strides {
    fn of(shape: &EnvironmentShape) -> Self {
        let seats = shape.seats.len();
        Self {
            words: shape.state_words,
            seats,
            actions: seats * shape.action_components(),
            observations: seats * shape.observation_width(),
            moves: seats * shape.moves(),
        }
    }
}

fn row<T>(rows: &mut [T], lane: usize, width: usize) -> &mut [T] {
    &mut rows[lane * width..(lane + 1) * width]
}

impl<'a, R: Rules> Chunk<'a, R> {
    /// The first `lanes` lanes and the others.
    fn split(self, lanes: usize, strides: Strides) -> (Self, Self) {
        fn cut<T>(rows: Option<&mut [T]>, at: usize) -> (Option<&mut [T]>, Option<&mut [T]>) {
            rows.map(|rows| rows.split_at_mut(at)).unzip()
        }
        let (states, states_2) = self.states.split_at_mut(lanes * strides.words);
        let (episodes, episodes_2) = self.episodes.split_at_mut(lanes);
        let (steps, steps_2) = self.steps.split_at_mut(lanes);
        let (actions, actions_2) = self.actions.split_at(lanes * strides.actions);
        let (observations, observations_2) = self.observations.split_at_mut(lanes * strides.observations);
        let (rewards, rewards_2) = self.outcomes.rewards.split_at_mut(lanes * strides.seats);
        let (shaped, shaped_2) = self.outcomes.shaped.split_at_mut(lanes * strides.seats);
        let (terminated, terminated_2) = self.outcomes.terminated.split_at_mut(lanes);
        let (truncated, truncated_2) = self.outcomes.truncated.split_at_mut(lanes);
        let (legal, legal_2) = cut(self.legal, lanes * strides.moves);
        let (active, active_2) = cut(self.active, lanes * strides.seats);
        let (finals, finals_2) = cut(self.final_observations, lanes * strides.observations);
        let head = Self {
            first: self.first,
            states,
            episodes,
            steps,
            actions,
            observations,
            outcomes: LaneOutcomes {
                rewards,
                shaped,
                terminated,
                truncated,
            },
            legal,
            active,
            final_observations: finals,
        };
        let tail = Self {
            first: self.first + lanes as u32,
            states: states_2,
            episodes: episodes_2,
            steps: steps_2,
            actions: actions_2,
            observations: observations_2,
            outcomes: LaneOutcomes {
                rewards: rewards_2,
                shaped: shaped_2,
                terminated: terminated_2,
                truncated: truncated_2,
            },
            legal: legal_2,
            active: active_2,
            final_observations: finals_2,
        };
        (head, tail)
    }

    /// Every buffer is as long as the lanes need.
    fn check(&self, strides: Strides) -> Result<(), Fault> {
        let lanes = self.steps.len();
        let (seats, width) = (lanes * strides.seats, lanes * strides.observations);
        expect_len("actions", self.actions.len(), lanes * strides.actions)?;
        expect_len("observations", self.observations.len(), width)?;
        expect_len("rewards", self.outcomes.rewards.len(), seats)?;
        expect_len("shaped", self.outcomes.shaped.len(), seats)?;
        expect_len("terminated", self.outcomes.terminated.len(), lanes)?;
        expect_len("truncated", self.outcomes.truncated.len(), lanes)?;
        if let Some(legal) = &self.legal {
            expect_len("legal", legal.len(), lanes * strides.moves)?;
        }
        if let Some(active) = &self.active {
            expect_len("active", active.len(), seats)?;
        }
        if let Some(finals) = &self.final_observations {
            expect_len("final_observations", finals.len(), width)?;
        }
        Ok(())
    }

    fn step(&mut self, rules: &R, key: Key, strides: Strides) {
        let batched = rules.step_lanes(self.states, self.actions, &mut self.outcomes);
        for lane in 0..self.steps.len() {
            if !batched {
                self.step_lane(rules, key, strides, lane);
            }
            self.finish_lane(rules, key, strides, lane);
        }
    }

    /// The transition of one lane.
    #[inline]
    fn step_lane(&mut self, rules: &R, key: Key, strides: Strides, lane: usize) {
        let rewards = row(self.outcomes.rewards, lane, strides.seats);
        let shaped = row(self.outcomes.shaped, lane, strides.seats);
        rewards.fill(0.0);
        shaped.fill(0.0);
        let mut outcome = Outcome {
            rewards,
            shaped,
            terminated: false,
            truncated: false,
        };
        let state = row(self.states, lane, strides.words);
        let actions = &self.actions[lane * strides.actions..(lane + 1) * strides.actions];
        let number = self.first + lane as u32;
        let mut draw = Counter::new(key, number, self.episodes[lane], self.steps[lane] + 1);
        rules.step(state, actions, &mut draw, &mut outcome);
        self.outcomes.terminated[lane] = u8::from(outcome.terminated);
        self.outcomes.truncated[lane] = u8::from(outcome.truncated);
    }

    /// Auto-reset and observation of one lane after its transition.
    #[inline]
    fn finish_lane(&mut self, rules: &R, key: Key, strides: Strides, lane: usize) {
        let state = row(self.states, lane, strides.words);
        self.steps[lane] += 1;
        if self.outcomes.terminated[lane] | self.outcomes.truncated[lane] != 0 {
            if let Some(finals) = self.final_observations.as_deref_mut() {
                rules.observe(state, row(finals, lane, strides.observations));
            }
            self.episodes[lane] += 1;
            self.steps[lane] = 0;
            let number = self.first + lane as u32;
            rules.reset(state, &mut Counter::new(key, number, self.episodes[lane], 0));
        }
        rules.observe(state, row(self.observations, lane, strides.observations));
        if let Some(legal) = self.legal.as_deref_mut() {
            rules.legal(state, row(legal, lane, strides.moves));
        }
        if let Some(active) = self.active.as_deref_mut() {
            rules.active(state, row(active, lane, strides.seats));
        }
    }
}

/// A buffer of another length than the block needs: a bug in the caller, told as a value.
fn expect_len(what: &str, got: usize, want: usize) -> Result<(), Fault> {
    if got == want {
        return Ok(());
    }
    Err(Fault::run(format!(
        "`{what}` of a block of lanes has {got} elements instead of {want}"
    )))
}

/// The elements behind a borrowed batch of observations.
fn of_mut<'a, R: Rules>(out: &'a mut ObservationsMut<'_>, what: &str) -> Result<&'a mut [R::Observation], Fault> {
    let reborrowed = match out {
        ObservationsMut::Bytes(bytes) => ObservationsMut::Bytes(bytes),
        ObservationsMut::Floats(floats) => ObservationsMut::Floats(floats),
    };
    R::Observation::of_mut(reborrowed).ok_or_else(|| wrong_kind(what))
}

fn wrong_kind(what: &str) -> Fault {
    Fault::run(format!(
        "`{what}` of a block of lanes has another element type than its rules"
    ))
}

impl<R: Rules> LaneBlock<R> {
    fn strides(&self) -> Strides {
        Strides::of(self.rules.shape())
    }

    fn state(&self, lane: usize) -> &[u32] {
        let words = self.rules.shape().state_words;
        &self.states[lane * words..(lane + 1) * words]
    }

    /// Calls `write` with the state and the row of every lane.
    fn for_each_row<T>(&self, out: &mut [T], width: usize, write: impl Fn(&[u32], &mut [T])) {
        assert_eq!(out.len(), self.lanes() * width, "a buffer has the rows of its block");
        for lane in 0..self.lanes() {
            write(self.state(lane), row(out, lane, width));
        }
    }
}

/// Steps a chunk, in parallel where it is large.
fn step_chunks<R: Rules>(rules: &R, key: Key, strides: Strides, chunk_lanes: usize, mut chunk: Chunk<'_, R>) {
    let lanes = chunk.steps.len();
    if lanes < 2 * chunk_lanes || rayon::current_num_threads() == 1 {
        // Chunks all the same: they fit the first-level cache, a large block does not.
        let mut rest = chunk;
        while rest.steps.len() > chunk_lanes {
            let (mut head, tail) = rest.split(chunk_lanes, strides);
            head.step(rules, key, strides);
            rest = tail;
        }
        rest.step(rules, key, strides);
        return;
    }
    let mut chunks = Vec::with_capacity(lanes.div_ceil(chunk_lanes));
    while chunk.steps.len() > chunk_lanes {
        let (head, tail) = chunk.split(chunk_lanes, strides);
        chunks.push(head);
        chunk = tail;
    }
    chunks.push(chunk);
    chunks
        .into_par_iter()
        .for_each(|mut chunk| chunk.step(rules, key, strides));
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
        };
        let strides = Strides::of(self.rules.shape());
        chunk.check(strides)?;
        step_chunks(&*self.rules, self.key, strides, self.chunk_lanes, chunk);
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

    fn begin(&mut self, lane: usize, episode: u32) {
        let words = self.rules.shape().state_words;
        self.episodes[lane] = episode;
        self.steps[lane] = 0;
        let mut draw = Counter::new(self.key, self.first + lane as u32, episode, 0);
        self.rules.reset(row(&mut self.states, lane, words), &mut draw);
    }

    fn render(&self, lane: usize) -> String {
        self.rules.render(self.state(lane))
    }
}
