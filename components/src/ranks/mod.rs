//! The processes of one run: who is who, and what they say to each other.
//!
//! A run may be shared by several processes, *ranks*, numbered from 0. What they share out is cut into shards by the pipeline file, and a
//! rank holds a contiguous range of these; so nothing that is computed depends on how many ranks there are. Rank 0 alone records. Sums go
//! through one tree over the shards ([`Ranks::sum`]), the same whoever holds which leaf.
//!
//! Every rank takes the same steps in the same order, and a fault of one becomes the fault of all in the next thing that they do together: no
//! rank ever waits for one that has left.

mod bytes;
mod rows;
mod sum;

pub use bytes::{Reader, Writer};
pub use rows::{decode_blocks, encode_blocks, interleave};
pub use sum::Leaf;

use crate::fault::Fault;
use crate::table::Block;
use crate::tables::metrics::METRICS;
use bevy_ecs::prelude::*;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Carries messages between the processes of a run. Messages between two ranks arrive in the order in which they were sent.
pub trait Carrier: Send + Sync {
    /// This process.
    fn rank(&self) -> usize;
    /// How many there are.
    fn size(&self) -> usize;
    /// Sends bytes to another rank; may wait until they are received.
    ///
    /// # Errors
    /// The other rank is gone.
    fn send(&self, to: usize, bytes: &[u8]) -> Result<(), Fault>;
    /// Waits for the next message of another rank.
    ///
    /// # Errors
    /// The other rank is gone.
    fn receive(&self, from: usize) -> Result<Vec<u8>, Fault>;
    /// Ends all ranks at once: this one can no longer keep step.
    fn abort(&self, why: &str);
}

/// The ranks of this run as one of them sees them. Without a carrier there is one.
#[derive(Resource, Clone, Default)]
pub struct Ranks {
    carrier: Option<Arc<dyn Carrier>>,
    sent: Arc<Sent>,
}

/// What this rank has sent since it started.
#[derive(Debug, Default)]
struct Sent {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl std::fmt::Debug for Ranks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rank {} of {}", self.rank(), self.size())
    }
}

impl Ranks {
    /// The ranks that `carrier` connects.
    pub fn of(carrier: Arc<dyn Carrier>) -> Self {
        Self {
            carrier: Some(carrier),
            sent: Arc::default(),
        }
    }

    /// This process, from 0.
    pub fn rank(&self) -> usize {
        self.carrier.as_ref().map_or(0, |carrier| carrier.rank())
    }

    /// How many processes share the run.
    pub fn size(&self) -> usize {
        self.carrier.as_ref().map_or(1, |carrier| carrier.size())
    }

    /// There is more than one.
    pub fn several(&self) -> bool {
        self.size() > 1
    }

    /// This is rank 0, which records and speaks.
    pub fn leads(&self) -> bool {
        self.rank() == 0
    }

    /// What this rank holds of `shards` shards: a contiguous range, empty only where there are fewer shards than ranks.
    pub fn share(&self, shards: usize) -> Range<usize> {
        share_of(self.rank(), self.size(), shards)
    }

    /// The rank that holds `shard` of `shards`.
    pub fn holder(&self, shard: usize, shards: usize) -> usize {
        let holds = |rank: &usize| share_of(*rank, self.size(), shards).contains(&shard);
        (0..self.size()).find(holds).unwrap_or(0)
    }

    /// Messages and bytes that this rank has sent since it started.
    pub fn sent(&self) -> (u64, u64) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (of(&self.sent.messages), of(&self.sent.bytes))
    }

    /// Ends all ranks at once, because this one cannot keep step any more. Does nothing where there is one.
    pub fn abort(&self, why: &str) {
        if let Some(carrier) = self.carrier.as_ref().filter(|_| self.several()) {
            carrier.abort(why);
        }
    }

    /// What rank 0 says, on every rank; `own` is asked there only. A fault of it is everyone's.
    ///
    /// # Errors
    /// What `own` says; a rank is gone.
    pub fn broadcast(&self, own: impl FnOnce() -> Result<Vec<u8>, Fault>) -> Result<Vec<u8>, Fault> {
        if !self.several() {
            return own();
        }
        let message = if self.leads() {
            bytes::envelope(own())
        } else {
            self.receive(parent(self.rank()))?
        };
        for child in children(self.rank(), self.size()) {
            self.send(child, &message)?;
        }
        bytes::open(message)
    }

    /// What every rank says, in rank order, on rank 0; nothing elsewhere. A fault of one rank is told there, and nowhere else yet.
    ///
    /// # Errors
    /// The fault of the first rank that has one; a rank is gone.
    pub fn gather(&self, own: Result<Vec<u8>, Fault>) -> Result<Vec<Vec<u8>>, Fault> {
        if !self.several() {
            return own.map(|own| vec![own]);
        }
        if !self.leads() {
            self.send(0, &bytes::envelope(own))?;
            return Ok(Vec::new());
        }
        let mut all = vec![own];
        for rank in 1..self.size() {
            all.push(self.receive(rank).and_then(bytes::open));
        }
        all.into_iter().collect()
    }

    /// All go on, or none: a fault of any rank is everyone's.
    ///
    /// # Errors
    /// The fault of the first rank that has one; a rank is gone.
    pub fn agree(&self, own: Result<(), Fault>) -> Result<(), Fault> {
        if !self.several() {
            return own;
        }
        let all = self.gather(own.map(|()| Vec::new()));
        self.broadcast(|| all.map(|_| Vec::new())).map(drop)
    }

    /// Rows that rank 0 makes; elsewhere the metrics among them, by which every rank decides what comes next.
    ///
    /// # Errors
    /// What `own` says, which is asked on rank 0 only; a rank is gone.
    pub fn rows(&self, own: impl FnOnce() -> Result<Vec<Block>, Fault>) -> Result<Vec<Block>, Fault> {
        let mut made = None;
        let message = self.broadcast(|| {
            let (metrics, others): (Vec<_>, Vec<_>) = own()?
                .into_iter()
                .partition(|block| std::ptr::eq(block.table, &METRICS));
            let message = encode_blocks(&metrics);
            made = Some(metrics.into_iter().chain(others).collect());
            Ok(message)
        })?;
        match made {
            Some(blocks) => Ok(blocks),
            None => decode_blocks(&message),
        }
    }

    fn send(&self, to: usize, message: &[u8]) -> Result<(), Fault> {
        let Some(carrier) = &self.carrier else { return Ok(()) };
        self.sent.messages.fetch_add(1, Ordering::Relaxed);
        self.sent.bytes.fetch_add(message.len() as u64, Ordering::Relaxed);
        carrier.send(to, message)
    }

    fn receive(&self, from: usize) -> Result<Vec<u8>, Fault> {
        match &self.carrier {
            Some(carrier) => carrier.receive(from),
            None => Err(Fault::run("a process that is alone waits for another")),
        }
    }
}

fn share_of(rank: usize, size: usize, shards: usize) -> Range<usize> {
    rank * shards / size..(rank + 1) * shards / size
}

/// Who a rank hears from in a broadcast: its number without its lowest bit.
fn parent(rank: usize) -> usize {
    rank & (rank - 1)
}

/// Whom a rank tells in a broadcast, those with the most to tell first.
fn children(rank: usize, size: usize) -> impl Iterator<Item = usize> {
    let bits = if rank == 0 { usize::BITS } else { rank.trailing_zeros() };
    let steps = (0..bits).rev().filter_map(|bit| 1_usize.checked_shl(bit));
    steps
        .filter_map(move |step| rank.checked_add(step))
        .filter(move |&child| child < size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rank_hears_a_broadcast_once_from_its_parent() {
        for size in 1..20 {
            let mut heard = vec![0; size];
            for rank in 0..size {
                for child in children(rank, size) {
                    assert_eq!(parent(child), rank);
                    heard[child] += 1;
                }
            }
            assert_eq!(heard[0], 0);
            assert!(heard[1..].iter().all(|&times| times == 1), "{size}: {heard:?}");
        }
    }

    #[test]
    fn shares_are_contiguous_and_everyone_has_one() {
        for shards in 1..20 {
            for size in 1..=shards {
                let shares: Vec<_> = (0..size).map(|rank| share_of(rank, size, shards)).collect();
                let all: Vec<usize> = shares.iter().cloned().flatten().collect();
                assert_eq!(all, (0..shards).collect::<Vec<_>>());
                assert!(shares.iter().all(|share| !share.is_empty()));
            }
        }
    }
}
