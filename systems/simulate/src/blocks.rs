//! The lanes that run: one block per replica of an environment, with what must survive a restart.

use crate::players::Table;
use crate::seating::NOBODY;
use bevy_ecs::prelude::*;
use starling_components::fault::Fault;
use starling_components::persist::{Persist, Section, SectionReader, TensorData};
use starling_components::random::Key;
use starling_components::simulate::{Lanes, Simulate};
use std::sync::Arc;

/// The lanes of an environment: on the entity of `[environment.x]`. Saved.
///
/// Nothing is allocated before the first tick, or before a checkpoint is put back.
#[derive(Component)]
pub struct LaneBlocks {
    pub(crate) environment: Arc<dyn Simulate>,
    /// One per replica, [`starling_components::random::Purpose::Environment`].
    pub(crate) keys: Vec<Key>,
    pub(crate) lanes: usize,
    /// Floats of recurrent state per row.
    pub(crate) carry: usize,
    /// Who sits where differs between lanes or episodes.
    pub(crate) changing: bool,
    /// `[replicas]`, or empty while closed.
    pub(crate) replicas: Vec<ReplicaLanes>,
}

/// The lanes of one replica and what is counted about them.
pub(crate) struct ReplicaLanes {
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
            carry,
            changing: false,
            replicas: Vec::new(),
        }
    }

    /// The same lanes with seats that change.
    #[must_use]
    pub fn with_changing_seats(self) -> Self {
        Self { changing: true, ..self }
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
            block: self.environment.open(*key, self.lanes),
            time: 0,
            returns: vec![0.0; rows],
            shaped_returns: vec![0.0; rows],
            last_returns: vec![0.0; self.lanes],
            carry: vec![0.0; rows * self.carry],
            chairs: vec![NOBODY; if self.changing { rows } else { 0 }],
            table: Table::new(shape, 0, self.lanes, self.carry),
        };
        self.replicas = self.keys.iter().map(open).collect();
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

    fn gathered<T: Copy>(&self, part: impl Fn(&ReplicaLanes) -> &[T]) -> Vec<T> {
        self.replicas.iter().flat_map(|r| part(r).iter().copied()).collect()
    }
}

impl Persist for LaneBlocks {
    const SECTION: &'static str = "lanes";

    fn save(&self, section: &mut Section<'_>) {
        let shape = self.environment.shape();
        let (replicas, lanes, seats) = (self.replicas.len(), self.lanes, shape.seats.len());
        section.put("started", &[1], TensorData::U32(vec![u32::from(replicas > 0)]));
        if replicas == 0 {
            return;
        }
        let words = [replicas, lanes, shape.state_words];
        section.put("states", &words, TensorData::U32(self.gathered(|r| r.block.states())));
        let by_lane = [replicas, lanes];
        section.put(
            "episodes",
            &by_lane,
            TensorData::U32(self.gathered(|r| r.block.episodes())),
        );
        section.put(
            "steps",
            &by_lane,
            TensorData::U32(self.gathered(|r| r.block.episode_steps())),
        );
        section.put(
            "last_returns",
            &by_lane,
            TensorData::F32(self.gathered(|r| &r.last_returns)),
        );
        let by_row = [replicas, lanes, seats];
        section.put("returns", &by_row, TensorData::F32(self.gathered(|r| &r.returns)));
        section.put(
            "shaped_returns",
            &by_row,
            TensorData::F32(self.gathered(|r| &r.shaped_returns)),
        );
        let times = self.replicas.iter().map(|r| r.time).collect();
        section.put("time", &[replicas], TensorData::U32(times));
        let carry = [replicas, lanes, seats, self.carry];
        section.put("carry", &carry, TensorData::F32(self.gathered(|r| &r.carry)));
        if self.changing {
            let chairs = self.gathered(|r| &r.chairs).into_iter().map(u32::from).collect();
            section.put("chairs", &by_row, TensorData::U32(chairs));
        }
    }

    fn restore(&mut self, section: &SectionReader<'_>) -> Result<(), Fault> {
        if section.u32("started", &[1])? == [0] {
            self.replicas.clear();
            return Ok(());
        }
        let shape = self.environment.shape();
        let (replicas, lanes, seats, words) = (self.keys.len(), self.lanes, shape.seats.len(), shape.state_words);
        let states = section.u32("states", &[replicas, lanes, words])?;
        let episodes = section.u32("episodes", &[replicas, lanes])?;
        let steps = section.u32("steps", &[replicas, lanes])?;
        let last_returns = section.f32("last_returns", &[replicas, lanes])?;
        let returns = section.f32("returns", &[replicas, lanes, seats])?;
        let shaped_returns = section.f32("shaped_returns", &[replicas, lanes, seats])?;
        let times = section.u32("time", &[replicas])?;
        let carry = section.f32("carry", &[replicas, lanes, seats, self.carry])?;
        let chairs = if self.changing {
            let words = section.u32("chairs", &[replicas, lanes, seats])?;
            let chair = |word: u32| u16::try_from(word).map_err(|_| Fault::records(format!("{word} is no chair")));
            words.into_iter().map(chair).collect::<Result<Vec<u16>, _>>()?
        } else {
            Vec::new()
        };
        self.open();
        for (r, replica) in self.replicas.iter_mut().enumerate() {
            let part = |width: usize| r * width..(r + 1) * width;
            replica.block.restore(
                &states[part(lanes * words)],
                &episodes[part(lanes)],
                &steps[part(lanes)],
            )?;
            replica.time = times[r];
            replica.last_returns.copy_from_slice(&last_returns[part(lanes)]);
            replica.returns.copy_from_slice(&returns[part(lanes * seats)]);
            replica
                .shaped_returns
                .copy_from_slice(&shaped_returns[part(lanes * seats)]);
            replica.carry.copy_from_slice(&carry[part(lanes * seats * self.carry)]);
            if self.changing {
                replica.chairs.copy_from_slice(&chairs[part(lanes * seats)]);
            }
        }
        Ok(())
    }
}
