//! The lanes that run: one block per replica of an environment, with what must survive a restart.
//!
//! Where several processes share a run, each steps a contiguous range of the lanes. Everything else counts all of them: numbers of lanes in
//! draws and rows, and what is saved.

mod gather;
mod held;

pub use gather::gather;

use crate::players::Table;
use crate::seating::NOBODY;
use bevy_ecs::prelude::*;
use held::{Held, Widths};
use starling_components::fault::Fault;
use starling_components::persist::{Persist, Section, SectionReader, TensorData};
use starling_components::random::Key;
use starling_components::simulate::{Lanes, Simulate};
use std::ops::Range;
use std::sync::Arc;

/// The lanes of an environment: on the entity of `[environment.x]`. Saved.
///
/// Nothing is allocated before the first tick, or before a checkpoint is put back.
#[derive(Component)]
pub struct LaneBlocks {
    pub(crate) environment: Arc<dyn Simulate>,
    /// One per replica, [`starling_components::random::Purpose::Environment`].
    pub(crate) keys: Vec<Key>,
    /// Lanes that this process steps.
    pub(crate) lanes: usize,
    /// Number of the first of them.
    pub(crate) first: usize,
    /// Lanes of all processes.
    pub(crate) all: usize,
    /// On rank 0, as of the last commit: the lanes of the others, which follow its own; `[replicas]` or empty.
    beyond: Vec<Held>,
    /// Floats of recurrent state per row.
    pub(crate) carry: usize,
    /// Who sits where differs between lanes or episodes.
    pub(crate) changing: bool,
    /// Where episodes start, per replica, if not where the rules start them. Derived: handed over again after a checkpoint was put back.
    starts: Vec<Arc<[u32]>>,
    /// `[replicas]`, or empty while closed.
    pub(crate) replicas: Vec<ReplicaLanes>,
}

/// The lanes of one replica and what is counted about them.
pub(crate) struct ReplicaLanes {
    /// Number of the first lane.
    pub first: u32,
    pub block: Box<dyn Lanes>,
    /// Steps that this block has taken; also the time that actions are drawn by.
    pub time: u32,
    /// Task return so far of the episode being played, `[lanes, seats]`.
    pub returns: Vec<f32>,
    /// Shaped return so far, `[lanes, seats]`.
    pub shaped_returns: Vec<f32>,
    /// Return (mean over seats) of each lane's last finished episode, 0 before the first: `[lanes]`.
    pub last_returns: Vec<f32>,
    /// `[lanes, seats, carry]`.
    pub carry: Vec<f32>,
    /// Who plays the current episode, `[lanes, seats]`; empty where seats are fixed.
    pub chairs: Vec<u16>,
    /// Row sizes and buffers. Derived.
    pub table: Table,
}

impl LaneBlocks {
    /// Closed blocks of `lanes` lanes, one per key.
    pub fn new(environment: Arc<dyn Simulate>, keys: Vec<Key>, lanes: usize, carry: usize) -> Self {
        Self {
            environment,
            keys,
            lanes,
            first: 0,
            all: lanes,
            beyond: Vec::new(),
            carry,
            changing: false,
            starts: Vec::new(),
            replicas: Vec::new(),
        }
    }

    /// The same lanes with seats that change.
    #[must_use]
    pub fn with_changing_seats(self) -> Self {
        Self { changing: true, ..self }
    }

    /// Of all its lanes only those of `range` are stepped here.
    #[must_use]
    pub fn of_lanes(self, range: Range<usize>) -> Self {
        Self {
            lanes: range.len(),
            first: range.start,
            ..self
        }
    }

    /// The block of each replica; none while closed.
    pub fn blocks(&self) -> impl Iterator<Item = &dyn Lanes> {
        self.replicas.iter().map(|replica| &*replica.block)
    }

    /// Allocates the blocks without simulating anything.
    pub(crate) fn open(&mut self) {
        let shape = self.environment.shape();
        let rows = self.lanes * shape.seats.len();
        let open = |key: &Key| ReplicaLanes {
            first: self.first as u32,
            block: self.environment.open_from(*key, self.first as u32, self.lanes),
            time: 0,
            returns: vec![0.0; rows],
            shaped_returns: vec![0.0; rows],
            last_returns: vec![0.0; self.lanes],
            carry: vec![0.0; rows * self.carry],
            chairs: vec![NOBODY; if self.changing { rows } else { 0 }],
            table: Table::new(shape, self.first as u32, self.lanes, self.carry),
        };
        self.replicas = self.keys.iter().map(open).collect();
        self.starts.clear();
    }

    /// From now on episodes of the replica at each index begin in one of the states that `starts` gives it, the first ones too if none has
    /// begun yet.
    ///
    /// # Errors
    /// States that the rules refuse, or none.
    pub(crate) fn start_from(&mut self, starts: impl Fn(usize) -> Option<Arc<[u32]>>) -> Result<(), Fault> {
        let starts: Option<Vec<_>> = (0..self.keys.len()).map(starts).collect();
        let starts = starts.ok_or_else(|| Fault::run("there is no state to start from"))?;
        let known = self.starts.iter().zip(&starts).filter(|(a, b)| Arc::ptr_eq(a, b));
        if known.count() == self.keys.len() {
            return Ok(());
        }
        let fresh = self.replicas.is_empty();
        if fresh {
            self.open();
        }
        for (replica, states) in self.replicas.iter_mut().zip(&starts) {
            replica.block.set_starts(Some(Arc::clone(states)))?;
            if fresh {
                replica.block.reset();
            }
        }
        self.starts = starts;
        Ok(())
    }

    /// Opens the blocks and starts every lane's first episode, if that has not happened.
    pub(crate) fn ensure_started(&mut self) {
        if self.replicas.is_empty() {
            self.open();
            for replica in &mut self.replicas {
                replica.block.reset();
            }
        }
    }

    fn widths(&self) -> Widths {
        let shape = self.environment.shape();
        let seats = shape.seats.len();
        Widths {
            words: shape.state_words,
            seats,
            carry: self.carry,
            chairs: if self.changing { seats } else { 0 },
        }
    }
}

impl Persist for LaneBlocks {
    const SECTION: &'static str = "lanes";

    fn save(&self, section: &mut Section<'_>) {
        section.put(
            "started",
            &[1],
            TensorData::U32(vec![u32::from(!self.replicas.is_empty())]),
        );
        if self.replicas.is_empty() {
            return;
        }
        let mut whole = Held::default();
        for (index, replica) in self.replicas.iter().enumerate() {
            whole.extend(&Held::of(replica));
            if let Some(beyond) = self.beyond.get(index) {
                whole.extend(beyond);
            }
        }
        let (replicas, widths) = (self.replicas.len(), self.widths());
        let lanes = whole.episodes.len() / replicas;
        let words = [replicas, lanes, widths.words];
        section.put("states", &words, TensorData::U32(whole.states));
        let by_lane = [replicas, lanes];
        section.put("episodes", &by_lane, TensorData::U32(whole.episodes));
        section.put("steps", &by_lane, TensorData::U32(whole.steps));
        section.put("last_returns", &by_lane, TensorData::F32(whole.last_returns));
        let by_row = [replicas, lanes, widths.seats];
        section.put("returns", &by_row, TensorData::F32(whole.returns));
        section.put("shaped_returns", &by_row, TensorData::F32(whole.shaped_returns));
        let times = self.replicas.iter().map(|r| r.time).collect();
        section.put("time", &[replicas], TensorData::U32(times));
        let carry = [replicas, lanes, widths.seats, self.carry];
        section.put("carry", &carry, TensorData::F32(whole.carry));
        if self.changing {
            let chairs = whole.chairs.into_iter().map(u32::from).collect();
            section.put("chairs", &by_row, TensorData::U32(chairs));
        }
    }

    fn restore(&mut self, section: &SectionReader<'_>) -> Result<(), Fault> {
        self.beyond.clear();
        if section.u32("started", &[1])? == [0] {
            self.replicas.clear();
            return Ok(());
        }
        let (replicas, lanes, widths) = (self.keys.len(), self.all, self.widths());
        let (by_lane, by_row) = ([replicas, lanes], [replicas, lanes, widths.seats]);
        let times = section.u32("time", &[replicas])?;
        let mut whole = Held {
            states: section.u32("states", &[replicas, lanes, widths.words])?,
            episodes: section.u32("episodes", &by_lane)?,
            steps: section.u32("steps", &by_lane)?,
            last_returns: section.f32("last_returns", &by_lane)?,
            returns: section.f32("returns", &by_row)?,
            shaped_returns: section.f32("shaped_returns", &by_row)?,
            carry: section.f32("carry", &[replicas, lanes, widths.seats, self.carry])?,
            chairs: Vec::new(),
        };
        if self.changing {
            let words = section.u32("chairs", &by_row)?;
            let chair = |word: u32| u16::try_from(word).map_err(|_| Fault::records(format!("{word} is no chair")));
            whole.chairs = words.into_iter().map(chair).collect::<Result<_, _>>()?;
        }
        self.open();
        let own = self.first..self.first + self.lanes;
        let mut beyond = Vec::new();
        for (r, replica) in self.replicas.iter_mut().enumerate() {
            let held = whole.part(r * lanes..(r + 1) * lanes, widths);
            held.part(own.clone(), widths).put_back(replica)?;
            replica.time = times[r];
            // Whoever saves has all lanes; those before its own are nobody's, because rank 0 has the first.
            beyond.push(held.part(own.end..lanes, widths));
        }
        if own.len() < lanes {
            self.beyond = beyond;
        }
        Ok(())
    }
}
