//! Consecutive lanes of a block through one step: transition, auto-reset, observation.

use rayon::prelude::*;
use starling_components::Fault;
use starling_components::random::{Counter, Draw, Key};
use starling_components::simulate::{LaneOutcomes, Outcome, Rules};
use starling_components::spaces::{EnvironmentShape, ObservationElement, ObservationsMut};

/// Lanes per parallel chunk. Blocks below two chunks are stepped by the calling thread: waking another costs more than they take.
const CHUNK_LANES: usize = 512;

/// Consecutive lanes and where they write.
pub(super) struct Chunk<'a, R: Rules> {
    pub(super) first: u32,
    pub(super) states: &'a mut [u32],
    pub(super) episodes: &'a mut [u32],
    pub(super) steps: &'a mut [u32],
    pub(super) actions: &'a [R::Action],
    pub(super) observations: &'a mut [R::Observation],
    pub(super) outcomes: LaneOutcomes<'a>,
    pub(super) legal: Option<&'a mut [u8]>,
    pub(super) active: Option<&'a mut [u8]>,
    pub(super) final_observations: Option<&'a mut [R::Observation]>,
    pub(super) events: Option<&'a mut [u32]>,
}

/// What all lanes of a block have in common while they are stepped.
pub(super) struct Course<'a, R> {
    pub(super) rules: &'a R,
    pub(super) key: Key,
    pub(super) strides: Strides,
    /// See [`Lanes::set_starts`](starling_components::simulate::Lanes::set_starts).
    pub(super) starts: Option<&'a [u32]>,
}

impl<R: Rules> Course<'_, R> {
    /// The start of `episode` in the lane of that number.
    #[inline]
    pub(super) fn begin(&self, state: &mut [u32], lane: u32, episode: u32) {
        let mut draw = Counter::new(self.key, lane, episode, 0);
        let Some(starts) = self.starts else {
            return self.rules.reset(state, &mut draw);
        };
        let words = self.strides.words;
        let entry = draw.below((starts.len() / words) as u32) as usize;
        state.copy_from_slice(&starts[entry * words..(entry + 1) * words]);
        self.rules.restart(state, &mut draw);
    }
}

/// Numbers per lane of everything that a step touches.
#[derive(Clone, Copy)]
pub(super) struct Strides {
    pub(super) words: usize,
    pub(super) seats: usize,
    pub(super) actions: usize,
    pub(super) observations: usize,
    pub(super) moves: usize,
    pub(super) events: usize,
}

impl Strides {
    pub(super) fn of(shape: &EnvironmentShape) -> Self {
        let seats = shape.seats.len();
        Self {
            words: shape.state_words,
            seats,
            actions: seats * shape.action_components(),
            observations: seats * shape.observation_width(),
            moves: seats * shape.moves(),
            events: seats * shape.events.len(),
        }
    }
}

/// The row of one lane.
pub(super) fn row<T>(rows: &mut [T], lane: usize, width: usize) -> &mut [T] {
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
        let (events, events_2) = cut(self.events, lanes * strides.events);
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
            events,
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
            events: events_2,
        };
        (head, tail)
    }

    /// Every buffer is as long as the lanes need.
    pub(super) fn check(&self, strides: Strides) -> Result<(), Fault> {
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
        if let Some(events) = &self.events {
            expect_len("events", events.len(), lanes * strides.events)?;
        }
        Ok(())
    }

    fn step(&mut self, course: &Course<'_, R>) {
        let before = self.events.is_some().then(|| self.states.to_vec());
        let batched = course.rules.step_lanes(self.states, self.actions, &mut self.outcomes);
        for lane in 0..self.steps.len() {
            if !batched {
                self.step_lane(course, lane);
            }
            if let Some(before) = &before {
                self.count_events(course, before, lane);
            }
            self.finish_lane(course, lane);
        }
    }

    /// The transition of one lane.
    #[inline]
    fn step_lane(&mut self, course: &Course<'_, R>, lane: usize) {
        let strides = course.strides;
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
        let mut draw = Counter::new(course.key, number, self.episodes[lane], self.steps[lane] + 1);
        course.rules.step(state, actions, &mut draw, &mut outcome);
        self.outcomes.terminated[lane] = u8::from(outcome.terminated);
        self.outcomes.truncated[lane] = u8::from(outcome.truncated);
    }

    /// What happened in the transition of one lane, from the states `before`.
    fn count_events(&mut self, course: &Course<'_, R>, before: &[u32], lane: usize) {
        let Some(events) = self.events.as_deref_mut() else {
            return;
        };
        let (words, actions) = (course.strides.words, course.strides.actions);
        let own = |width: usize| lane * width..(lane + 1) * width;
        let out = row(events, lane, course.strides.events);
        out.fill(0);
        course.rules.events(
            &before[own(words)],
            &self.actions[own(actions)],
            &self.states[own(words)],
            out,
        );
    }

    /// Auto-reset and observation of one lane after its transition.
    #[inline]
    fn finish_lane(&mut self, course: &Course<'_, R>, lane: usize) {
        let (rules, strides) = (course.rules, course.strides);
        let state = row(self.states, lane, strides.words);
        self.steps[lane] += 1;
        if self.outcomes.terminated[lane] | self.outcomes.truncated[lane] != 0 {
            if let Some(finals) = self.final_observations.as_deref_mut() {
                rules.observe(state, row(finals, lane, strides.observations));
            }
            self.episodes[lane] += 1;
            self.steps[lane] = 0;
            let number = self.first + lane as u32;
            course.begin(state, number, self.episodes[lane]);
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
pub(super) fn expect_len(what: &str, got: usize, want: usize) -> Result<(), Fault> {
    if got == want {
        return Ok(());
    }
    Err(Fault::run(format!(
        "`{what}` of a block of lanes has {got} elements instead of {want}"
    )))
}

/// The elements behind a borrowed batch of observations.
pub(super) fn of_mut<'a, R: Rules>(
    out: &'a mut ObservationsMut<'_>,
    what: &str,
) -> Result<&'a mut [R::Observation], Fault> {
    let reborrowed = match out {
        ObservationsMut::Bytes(bytes) => ObservationsMut::Bytes(bytes),
        ObservationsMut::Floats(floats) => ObservationsMut::Floats(floats),
    };
    R::Observation::of_mut(reborrowed).ok_or_else(|| wrong_kind(what))
}

pub(super) fn wrong_kind(what: &str) -> Fault {
    Fault::run(format!(
        "`{what}` of a block of lanes has another element type than its rules"
    ))
}

/// Steps a chunk, in parallel where it is large.
pub(super) fn step_chunks<R: Rules>(course: &Course<'_, R>, mut chunk: Chunk<'_, R>) {
    let lanes = chunk.steps.len();
    if lanes < 2 * CHUNK_LANES || rayon::current_num_threads() == 1 {
        // Chunks all the same: they fit the first-level cache, a large block does not.
        let mut rest = chunk;
        while rest.steps.len() > CHUNK_LANES {
            let (mut head, tail) = rest.split(CHUNK_LANES, course.strides);
            head.step(course);
            rest = tail;
        }
        rest.step(course);
        return;
    }
    let mut chunks = Vec::with_capacity(lanes.div_ceil(CHUNK_LANES));
    while chunk.steps.len() > CHUNK_LANES {
        let (head, tail) = chunk.split(CHUNK_LANES, course.strides);
        chunks.push(head);
        chunk = tail;
    }
    chunks.push(chunk);
    chunks.into_par_iter().for_each(|mut chunk| chunk.step(course));
}
