//! The replay buffer: what an agent did, kept in rings inside its learner's memory.
//!
//! One ring per stream, which is one seat of one lane. An entry is an observation; if a transition begins with it, the next entry of the ring is
//! what came of it, so that no observation is stored twice. The newest entry has no transition yet. Observations stay in their element type.

use starling_components::fault::Fault;
use starling_components::learn::{Experience, LearnContext};
use starling_components::memory::{Buffer, Element, Memory, MemoryBuffer};
use starling_components::random::{Key, below};
use starling_components::spaces::{ActionBuffer, ObservationBuffer, Observations};

/// What begins with an entry.
const NOTHING: u8 = 0;
const GOES_ON: u8 = 1;
const ENDS: u8 = 2;

/// Draws of one transition before the next one that can be found is taken.
const TRIES: u32 = 1000;

/// Sizes of a replay buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReplayShape {
    /// Lanes x own seats, over all environments.
    pub(crate) streams: usize,
    /// Entries of one ring.
    pub(crate) slots: usize,
    /// Numbers of an observation.
    pub(crate) width: usize,
    /// Observations are floats, else bytes.
    pub(crate) floats: bool,
    /// Entries of a mask of legal moves; 0 without masks.
    pub(crate) moves: usize,
}

impl ReplayShape {
    /// How many buffers of memory it takes.
    pub(crate) const BUFFERS: usize = 6;

    /// The buffers, in the order of [`Replay::of`].
    pub(crate) fn buffers(&self) -> [MemoryBuffer; Self::BUFFERS] {
        let entries = self.streams * self.slots;
        let element = if self.floats { Element::F32 } else { Element::U8 };
        [
            MemoryBuffer::new("replay.observations", element, entries * self.width),
            MemoryBuffer::new("replay.actions", Element::U32, entries),
            MemoryBuffer::new("replay.rewards", Element::F32, entries),
            MemoryBuffer::new("replay.kinds", Element::U8, entries),
            MemoryBuffer::new("replay.legal", Element::U8, entries * self.moves),
            MemoryBuffer::new("replay.written", Element::U64, self.streams),
        ]
    }
}

/// One replica's buffer.
#[derive(Debug)]
pub(crate) struct Replay<'a> {
    shape: ReplayShape,
    /// `[streams, slots, width]`.
    observations: &'a mut Buffer,
    /// `[streams, slots]`, as are rewards and kinds.
    actions: &'a mut [u32],
    rewards: &'a mut [f32],
    /// [`NOTHING`], [`GOES_ON`] or [`ENDS`].
    kinds: &'a mut [u8],
    /// `[streams, slots, moves]`.
    legal: &'a mut [u8],
    /// Entries ever written, the newest included, `[streams]`: entry e lies in slot e mod slots.
    written: &'a mut [u64],
}

/// One transition, by the places of its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Transition {
    entry: usize,
    next: usize,
}

impl<'a> Replay<'a> {
    /// The buffer in the last buffers of `memory`, which were made by [`ReplayShape::buffers`]; those before it are given back.
    ///
    /// # Errors
    /// A memory that is not that of this learner.
    pub(crate) fn of<const BEFORE: usize>(
        shape: ReplayShape,
        memory: &'a mut Memory,
    ) -> Result<([&'a mut Buffer; BEFORE], Self), Fault> {
        let other = || Fault::run("the learner's memory is not a replay buffer's");
        let at = memory.buffers.len().checked_sub(ReplayShape::BUFFERS);
        let (before, own) = memory.buffers.split_at_mut(at.ok_or_else(other)?);
        let before: Vec<&mut Buffer> = before.iter_mut().collect();
        let before = before.try_into().map_err(|_| other())?;
        match own {
            [
                observations,
                Buffer::U32(actions),
                Buffer::F32(rewards),
                Buffer::U8(kinds),
                Buffer::U8(legal),
                Buffer::U64(written),
            ] => Ok((
                before,
                Self {
                    shape,
                    observations,
                    actions,
                    rewards,
                    kinds,
                    legal,
                    written,
                },
            )),
            _ => Err(other()),
        }
    }

    /// Takes in all steps of all rollouts. If `beyond`, a cut-off transition leads to its final observation, else it ends.
    ///
    /// # Errors
    /// Rollouts of other sizes than the buffer was made for.
    pub(crate) fn append(
        &mut self,
        experience: &[Experience<'_>],
        context: &LearnContext,
        beyond: bool,
    ) -> Result<(), Fault> {
        let streams: usize = experience.iter().map(|one| one.rollout.lanes * one.seats.len()).sum();
        if streams != self.shape.streams || experience.iter().any(|one| one.rollout.width < self.shape.width) {
            return Err(Fault::run(format!(
                "a replay buffer for {} rows per step was given {streams}",
                self.shape.streams
            )));
        }
        let mut stream = 0;
        for one in experience {
            for lane in 0..one.rollout.lanes {
                for &seat in one.seats {
                    self.append_stream(stream, one, lane, seat, context, beyond)?;
                    stream += 1;
                }
            }
        }
        Ok(())
    }

    fn append_stream(
        &mut self,
        stream: usize,
        one: &Experience<'_>,
        lane: usize,
        seat: usize,
        context: &LearnContext,
        beyond: bool,
    ) -> Result<(), Fault> {
        let rollout = one.rollout;
        let moves = rollout.legal.len() / rollout.values.len();
        let row_of = |step: usize| (step * rollout.lanes + lane) * rollout.seats + seat;
        let legal_of = |row: usize| &rollout.legal[row * moves..(row + 1) * moves];
        // A rollout begins where the one before it ended, and then that observation is here already. It does not at first, or when the
        // agent has moved to another environment.
        if !self.newest_is(stream, &rollout.observations, row_of(0) * rollout.width) {
            self.push(
                stream,
                &rollout.observations,
                row_of(0) * rollout.width,
                legal_of(row_of(0)),
            )?;
        }
        for step in 0..rollout.steps {
            let (row, cell) = (row_of(step), step * rollout.lanes + lane);
            let (terminated, truncated) = (rollout.terminated[cell] != 0, rollout.truncated[cell] != 0);
            let goes_on = !terminated && (!truncated || beyond);
            let newest = self.newest(stream);
            self.actions[newest] = match &rollout.actions {
                ActionBuffer::Discrete(actions) => actions[row * (actions.len() / rollout.log_probs.len())] as u32,
                ActionBuffer::Continuous(_) => 0,
            };
            self.rewards[newest] =
                context.task_weight * rollout.rewards[row] + context.shaped_weight * rollout.shaped[row];
            self.kinds[newest] = if goes_on { GOES_ON } else { ENDS };
            if truncated && goes_on {
                let finals = rollout.final_observations.as_ref();
                let finals = finals.ok_or_else(|| {
                    Fault::run("the rollout has no final observations, which `bootstrap_truncation` needs")
                })?;
                self.push(stream, finals, row * rollout.width, &[])?;
            }
            let next = row_of(step + 1);
            self.push(stream, &rollout.observations, next * rollout.width, legal_of(next))?;
        }
        Ok(())
    }

    /// Place of the newest entry of a stream that has one.
    fn newest(&self, stream: usize) -> usize {
        let last = self.written[stream].saturating_sub(1);
        stream * self.shape.slots + (last % self.shape.slots as u64) as usize
    }

    fn newest_is(&self, stream: usize, observations: &ObservationBuffer, at: usize) -> bool {
        let width = self.shape.width;
        let own = self.newest(stream) * width;
        self.written[stream] > 0
            && match (&*self.observations, observations) {
                (Buffer::U8(all), ObservationBuffer::Bytes(new)) => all[own..own + width] == new[at..at + width],
                (Buffer::F32(all), ObservationBuffer::Floats(new)) => all[own..own + width] == new[at..at + width],
                _ => false,
            }
    }

    /// Writes the next entry of a stream over the oldest; nothing begins with it yet.
    fn push(&mut self, stream: usize, observations: &ObservationBuffer, at: usize, legal: &[u8]) -> Result<(), Fault> {
        self.written[stream] += 1;
        let (newest, width) = (self.newest(stream), self.shape.width);
        let own = newest * width..(newest + 1) * width;
        match (&mut *self.observations, observations) {
            (Buffer::U8(all), ObservationBuffer::Bytes(new)) => all[own].copy_from_slice(&new[at..at + width]),
            (Buffer::F32(all), ObservationBuffer::Floats(new)) => all[own].copy_from_slice(&new[at..at + width]),
            _ => return Err(Fault::run("observations are not of the replay buffer's element type")),
        }
        let mask = &mut self.legal[newest * self.shape.moves..(newest + 1) * self.shape.moves];
        mask.fill(0);
        for (own, legal) in mask.iter_mut().zip(legal) {
            *own = *legal;
        }
        self.kinds[newest] = NOTHING;
        Ok(())
    }

    /// Draws `count` transitions, each uniformly among all that are held; none at all if none is held.
    pub(crate) fn sample(&self, key: Key, count: usize, out: &mut Vec<Transition>) {
        let slots = self.shape.slots;
        let filled = self.written.iter().map(|&written| written.min(slots as u64)).max();
        let filled = filled.unwrap_or(0) as usize;
        out.clear();
        if filled == 0 {
            return;
        }
        for index in 0..count as u32 {
            // Uniform over a rectangle of places; those where no transition begins are drawn again.
            let (mut place, mut attempt) = (self.draw(key, index, 0, filled), 0);
            while self.kinds[place] == NOTHING && attempt < TRIES {
                attempt += 1;
                place = self.draw(key, index, attempt, filled);
            }
            let all = self.kinds.len();
            let Some(entry) = (place..all).chain(0..place).find(|&entry| self.kinds[entry] != NOTHING) else {
                return;
            };
            let (stream, slot) = (entry / slots, entry % slots);
            let next = stream * slots + (slot + 1) % slots;
            out.push(Transition { entry, next });
        }
    }

    fn draw(&self, key: Key, index: u32, attempt: u32, filled: usize) -> usize {
        let [stream, slot] = key.block(index, attempt);
        below(stream, self.shape.streams as u32) as usize * self.shape.slots + below(slot, filled as u32) as usize
    }

    /// Transitions held.
    pub(crate) fn len(&self) -> usize {
        self.kinds.iter().filter(|kind| **kind != NOTHING).count()
    }

    /// The observations that hold an entry, and where it starts in them.
    fn observation(&self, entry: usize) -> (Observations<'_>, usize) {
        let all = match &*self.observations {
            Buffer::U8(bytes) => Observations::Bytes(bytes),
            Buffer::F32(floats) => Observations::Floats(floats),
            Buffer::U32(_) | Buffer::U64(_) => Observations::Bytes(&[]),
        };
        (all, entry * self.shape.width)
    }

    /// What was seen when the transition began.
    pub(crate) fn before(&self, transition: Transition) -> (Observations<'_>, usize) {
        self.observation(transition.entry)
    }
    /// What was seen after it; of another episode if the transition ended one.
    pub(crate) fn after(&self, transition: Transition) -> (Observations<'_>, usize) {
        self.observation(transition.next)
    }
    /// Legal moves after it; `None` without masks.
    pub(crate) fn legal_after(&self, transition: Transition) -> Option<&[u8]> {
        let moves = self.shape.moves;
        (moves > 0).then(|| &self.legal[transition.next * moves..(transition.next + 1) * moves])
    }
    /// The move.
    pub(crate) fn action(&self, transition: Transition) -> usize {
        self.actions[transition.entry] as usize
    }
    /// What it was paid.
    pub(crate) fn reward(&self, transition: Transition) -> f32 {
        self.rewards[transition.entry]
    }
    /// Nothing follows.
    pub(crate) fn ends(&self, transition: Transition) -> bool {
        self.kinds[transition.entry] == ENDS
    }
}
