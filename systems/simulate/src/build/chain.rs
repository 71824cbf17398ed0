//! Which stage comes before which.

/// Stages by index, with what each waits for.
#[derive(Debug, Default)]
pub(super) struct Chain {
    after: Vec<Vec<usize>>,
    /// `order[i]` is the place of stage i in an order in which every stage comes after those that it waits for.
    pub(super) order: Vec<usize>,
    /// Stages that wait for themselves, rising.
    pub(super) circle: Vec<usize>,
}

impl Chain {
    /// `after[i]` lists what stage i waits for. Of stages that could come next the first is taken.
    pub(super) fn of(after: Vec<Vec<usize>>) -> Self {
        let count = after.len();
        let mut order = vec![count; count];
        for place in 0..count {
            let next = (0..count).find(|&i| order[i] == count && after[i].iter().all(|&before| order[before] < count));
            let Some(next) = next else { break };
            order[next] = place;
        }
        let mut chain = Self {
            after,
            order,
            circle: Vec::new(),
        };
        chain.circle = (0..count).filter(|&i| chain.precedes(i, i)).collect();
        chain
    }

    /// Stage `a` ends before stage `b` starts.
    pub(super) fn precedes(&self, a: usize, b: usize) -> bool {
        let mut seen = vec![false; self.after.len()];
        let mut open = vec![b];
        while let Some(stage) = open.pop() {
            for &before in &self.after[stage] {
                if before == a {
                    return true;
                }
                if !std::mem::replace(&mut seen[before], true) {
                    open.push(before);
                }
            }
        }
        false
    }

    /// One of the two ends before the other starts, or they are the same.
    pub(super) fn apart(&self, a: usize, b: usize) -> bool {
        a == b || self.precedes(a, b) || self.precedes(b, a)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_comes_after_those_it_waits_for() {
        let chain = Chain::of(vec![vec![2], vec![], vec![1], vec![1]]);
        assert_eq!(chain.order, [2, 0, 1, 3]);
        assert!(chain.precedes(1, 0) && chain.precedes(2, 0) && !chain.precedes(0, 1));
        assert!(!chain.apart(3, 0) && chain.apart(3, 1));
        assert_eq!(chain.circle, Vec::<usize>::new());
        let circle = Chain::of(vec![vec![1], vec![2], vec![1], vec![2], vec![]]);
        assert_eq!(circle.circle, [1, 2]);
    }
}
