//! Sums over shards: one index-ordered binary tree, the same whoever holds which leaf.

use super::{Ranks, Reader, Writer, bytes};
use crate::fault::Fault;

/// What one shard brings to a sum: as many numbers as the others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Leaf {
    /// Added as `f32`.
    pub singles: Vec<f32>,
    /// Added as `f64`.
    pub doubles: Vec<f64>,
}

impl Leaf {
    fn add(&mut self, other: &Self) {
        self.singles
            .iter_mut()
            .zip(&other.singles)
            .for_each(|(sum, x)| *sum += x);
        self.doubles
            .iter_mut()
            .zip(&other.doubles)
            .for_each(|(sum, x)| *sum += x);
    }

    fn encode(&self) -> Vec<u8> {
        let mut message = Writer::default();
        message.list(&self.singles).list(&self.doubles);
        message.finish()
    }

    fn decode(message: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(message);
        Ok(Self {
            singles: reader.list()?,
            doubles: reader.list()?,
        })
    }
}

impl Ranks {
    /// The sum of the leaves of all `shards`, in `leaves[0]`, on every rank. `leaves` are those of this rank's share, in order; node i of a
    /// level is the sum of nodes 2i and 2i + 1 of the level below, and one without a neighbour is handed up as it is.
    ///
    /// # Errors
    /// What `own`, this rank's leaves, failed with, on any rank; a rank is gone.
    pub fn sum(&self, shards: usize, own: Result<(), Fault>, leaves: &mut [Leaf]) -> Result<(), Fault> {
        let share = self.share(shards);
        let mut state = own;
        if state.is_ok() && leaves.len() != share.len() {
            let (found, needed) = (leaves.len(), share.len());
            state = Err(Fault::run(format!(
                "{found} leaves of a sum, and a share of {needed} shards"
            )));
        }
        let mut width = 1;
        while width < shards {
            for left in (0..shards).step_by(2 * width) {
                let right = left + width;
                if right >= shards {
                    continue;
                }
                match (share.contains(&left), share.contains(&right)) {
                    (true, true) => {
                        if state.is_ok() {
                            let (before, behind) = leaves.split_at_mut(right - share.start);
                            before[left - share.start].add(&behind[0]);
                        }
                    }
                    (true, false) => {
                        let told = self.receive(self.holder(right, shards)).and_then(bytes::open);
                        match told.and_then(|message| Leaf::decode(&message)) {
                            Ok(leaf) if state.is_ok() => leaves[left - share.start].add(&leaf),
                            Ok(_) => {}
                            Err(fault) => state = state.and(Err(fault)),
                        }
                    }
                    (false, true) => {
                        let leaf = state.clone().map(|()| leaves[right - share.start].encode());
                        self.send(self.holder(left, shards), &bytes::envelope(leaf))?;
                    }
                    (false, false) => {}
                }
            }
            width *= 2;
        }
        if !self.several() {
            return state;
        }
        let lead = self.leads();
        let total = self.broadcast(|| state.map(|()| leaves[0].encode()))?;
        if !lead && let Some(first) = leaves.first_mut() {
            *first = Leaf::decode(&total)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(x: f32) -> Leaf {
        Leaf {
            singles: vec![x, 1.0],
            doubles: vec![f64::from(x)],
        }
    }

    #[test]
    fn sums_follow_the_tree_and_not_the_list() {
        // In list order the small number is lost in the large one twice; in the tree it is lost once.
        let numbers = [1e8_f32, 3.0, 3.0, 3.0, 3.0];
        let mut leaves = numbers.map(leaf);
        Ranks::default().sum(5, Ok(()), &mut leaves).expect("one rank");
        let tree = ((numbers[0] + numbers[1]) + (numbers[2] + numbers[3])) + numbers[4];
        let list: f32 = numbers.iter().sum();
        assert_eq!(leaves[0].singles, [tree, 5.0]);
        assert_ne!(tree, list);
    }

    #[test]
    fn one_leaf_is_its_own_sum() {
        let mut leaves = [leaf(-0.0)];
        Ranks::default().sum(1, Ok(()), &mut leaves).expect("one rank");
        assert_eq!(leaves[0].singles[0].to_bits(), (-0.0_f32).to_bits());
    }

    #[test]
    fn a_share_without_its_leaves_is_told() {
        assert!(Ranks::default().sum(2, Ok(()), &mut [leaf(1.0)]).is_err());
        let failed = Ranks::default().sum(1, Err(Fault::run("broken")), &mut [leaf(1.0)]);
        assert_eq!(failed.expect_err("a fault").message, "broken");
    }
}
