//! Ranks as threads of one process, connected by channels: the same program without a launcher, for tests and for trying out.

use starling_components::Fault;
use starling_components::ranks::{Carrier, Ranks};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One rank's ends of the channels, by the rank at the other end.
struct Thread {
    rank: usize,
    senders: Mutex<Vec<Option<Sender<Vec<u8>>>>>,
    receivers: Vec<Mutex<Receiver<Vec<u8>>>>,
}

/// So many connected ranks; each belongs to a thread of its own, and the others fail where one of them is dropped.
pub fn connected(size: usize) -> Vec<Ranks> {
    let mut senders: Vec<Vec<Option<Sender<Vec<u8>>>>> = (0..size).map(|_| Vec::new()).collect();
    let mut receivers: Vec<Vec<Mutex<Receiver<Vec<u8>>>>> = (0..size).map(|_| Vec::new()).collect();
    for theirs in &mut receivers {
        for own in &mut senders {
            let (sender, receiver) = channel();
            own.push(Some(sender));
            theirs.push(Mutex::new(receiver));
        }
    }
    let ends = senders.into_iter().zip(receivers).enumerate();
    ends.map(|(rank, (senders, receivers))| {
        let senders = Mutex::new(senders);
        Ranks::of(Arc::new(Thread {
            rank,
            senders,
            receivers,
        }))
    })
    .collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn gone(rank: usize) -> Fault {
    Fault::run(format!("rank {rank} is gone")).advise("the run can be resumed from its last commit")
}

impl Carrier for Thread {
    fn rank(&self) -> usize {
        self.rank
    }
    fn size(&self) -> usize {
        self.receivers.len()
    }
    fn send(&self, to: usize, bytes: &[u8]) -> Result<(), Fault> {
        let senders = lock(&self.senders);
        let sender = senders.get(to).and_then(Option::as_ref).ok_or_else(|| gone(to))?;
        sender.send(bytes.to_vec()).map_err(|_| gone(to))
    }
    fn receive(&self, from: usize) -> Result<Vec<u8>, Fault> {
        let receiver = self.receivers.get(from).ok_or_else(|| gone(from))?;
        lock(receiver).recv().map_err(|_| gone(from))
    }
    fn abort(&self, _why: &str) {
        // Whoever waits for this rank hears that it is gone.
        lock(&self.senders).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use starling_components::ranks::Leaf;

    /// Runs `work` on every one of `size` ranks and gives what they gave, by rank.
    fn on_all<T: Send>(size: usize, work: impl Fn(Ranks) -> T + Sync) -> Vec<T> {
        let work = &work;
        std::thread::scope(|scope| {
            let threads: Vec<_> = connected(size)
                .into_iter()
                .map(|ranks| scope.spawn(move || work(ranks)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("no panic"))
                .collect()
        })
    }

    /// Numbers whose sum depends on the order in which they are added.
    fn leaf(shard: usize) -> Leaf {
        let x = 1.0 / (shard as f64 + 1.0) * if shard.is_multiple_of(3) { 1e9 } else { -7.0 };
        Leaf {
            singles: vec![x as f32, shard as f32],
            doubles: vec![x],
        }
    }

    #[test]
    fn a_sum_has_the_same_bits_on_any_number_of_ranks() {
        for shards in [1, 2, 3, 5, 7, 8, 13] {
            let sum = |ranks: Ranks| {
                let mut leaves: Vec<Leaf> = ranks.share(shards).map(leaf).collect();
                ranks.sum(shards, Ok(()), &mut leaves).expect("nobody fails");
                leaves.swap_remove(0)
            };
            let one = sum(Ranks::default());
            for size in 1..=shards {
                for other in on_all(size, sum) {
                    assert_eq!(other, one, "{shards} shards, {size} ranks");
                }
            }
        }
    }

    #[test]
    fn a_fault_of_one_rank_is_everyones() {
        for size in 2..6 {
            for failing in 0..size {
                let told = on_all(size, |ranks| {
                    let own = match ranks.rank() == failing {
                        true => Err(Fault::run(format!("rank {failing} fails"))),
                        false => Ok(()),
                    };
                    let mut leaves: Vec<Leaf> = ranks.share(7).map(leaf).collect();
                    let summed = ranks.sum(7, own.clone(), &mut leaves).expect_err("a fault");
                    let agreed = ranks.agree(own).expect_err("a fault");
                    // All still keep step.
                    let heard = ranks.broadcast(|| Ok(vec![7])).expect("rank 0 is well");
                    (summed.message, agreed.message, heard)
                });
                let expected = format!("rank {failing} fails");
                assert!(
                    told.iter()
                        .all(|one| *one == (expected.clone(), expected.clone(), vec![7]))
                );
            }
        }
    }

    #[test]
    fn nobody_waits_for_a_rank_that_has_left() {
        let told = on_all(3, |ranks| match ranks.rank() {
            1 => {
                ranks.abort("on purpose");
                String::new()
            }
            _ => ranks.agree(Ok(())).expect_err("rank 1 is gone").message,
        });
        assert!(told[0].contains("gone") && told[2].contains("gone"), "{told:?}");
    }
}
