//! The featurised observation a second time, as the text of the specification reads: distances by relaxation over all states until
//! nothing changes, for one cook and target at a time.

use super::plain::{Agent, Plain};

const VECTORS: [(i32, i32); 4] = [(0, -1), (0, 1), (1, 0), (-1, 0)];
const FAR: u32 = u32::MAX / 2;

impl Plain {
    fn code(&self, (x, y): (i32, i32)) -> Option<u8> {
        let inside = (0..self.width).contains(&x) && (0..self.height).contains(&y);
        inside.then(|| self.fixed[(y * self.width + x) as usize])
    }
    fn place(&self, cell: usize) -> (i32, i32) {
        (cell as i32 % self.width, cell as i32 / self.width)
    }

    /// Actions until the agent could be in each (cell, facing).
    fn costs(&self, agent: &Agent) -> Vec<[u32; 4]> {
        let mut costs = vec![[FAR; 4]; self.fixed.len()];
        costs[(agent.at.1 * self.width + agent.at.0) as usize][agent.direction] = 0;
        loop {
            let before = costs.clone();
            for (cell, facings) in before.iter().enumerate() {
                let cheapest = facings.iter().copied().min().unwrap_or(FAR);
                for (direction, (dx, dy)) in VECTORS.iter().enumerate() {
                    let (x, y) = self.place(cell);
                    let ahead = (x + dx, y + dy);
                    let to = if self.code(ahead) == Some(0) { ahead } else { (x, y) };
                    let to = &mut costs[(to.1 * self.width + to.0) as usize][direction];
                    *to = (*to).min(cheapest + 1);
                }
            }
            if costs == before {
                return costs;
            }
        }
    }

    /// Cells that hold what `wanted` says, with their cost for the agent, reachable ones only, cheapest first, then row-major.
    fn ranked(&self, agent: &Agent, wanted: impl Fn(usize) -> bool) -> Vec<usize> {
        let costs = self.costs(agent);
        let cost = |cell: usize| {
            let (x, y) = self.place(cell);
            let from = VECTORS.iter().enumerate().map(|(direction, (dx, dy))| {
                let near = (x - dx, y - dy);
                match self.code(near) {
                    Some(0) => costs[(near.1 * self.width + near.0) as usize][direction],
                    _ => FAR,
                }
            });
            from.min().unwrap_or(FAR)
        };
        let candidates = (0..self.fixed.len()).filter(|cell| self.fixed[*cell] != 0 && wanted(*cell));
        let mut ranked: Vec<_> = candidates
            .map(|cell| (cost(cell), cell))
            .filter(|(cost, _)| *cost < FAR)
            .collect();
        ranked.sort_unstable();
        ranked.into_iter().map(|(_, cell)| cell).collect()
    }

    fn player(&self, agent: &Agent) -> Vec<i32> {
        let v = agent.inventory;
        let offset = |cell: Option<&usize>| match cell {
            None => [0, 0],
            Some(cell) => [self.place(*cell).0 - agent.at.0, self.place(*cell).1 - agent.at.1],
        };
        let closest = |codes: &[u8], item: Option<u32>| {
            if item == Some(v) {
                return [0, 0];
            }
            let lies = |cell: usize| self.fixed[cell] != 5 && Some(self.dynamic[cell]) == item;
            offset(
                self.ranked(agent, |cell| codes.contains(&self.fixed[cell]) || lies(cell))
                    .first(),
            )
        };
        let mut out = vec![0; 4];
        out[agent.direction] = 1;
        out.extend([4, 15, 1, 16].map(|item| i32::from(v == item)));
        out.extend(closest(&[10], Some(4)));
        out.extend([0, 0]);
        out.extend(closest(&[9], Some(1)));
        out.extend(closest(&[], Some(15)));
        out.extend([if v == 15 || self.dynamic.contains(&15) { 3 } else { 0 }, 0]);
        out.extend(closest(&[4], None));
        out.extend(offset(
            self.ranked(agent, |cell| self.fixed[cell] == 1 && self.dynamic[cell] == 0)
                .first(),
        ));
        let pots = self.ranked(agent, |cell| self.fixed[cell] == 5);
        for rank in 0..2 {
            let Some(&pot) = pots.get(rank) else {
                out.extend([0; 10]);
                continue;
            };
            let (d, timer) = (self.dynamic[pot], self.extra[pot]);
            let count = d >> 2 & 3;
            out.extend([
                1,
                i32::from(d == 0),
                i32::from(count == 3),
                i32::from(timer > 0),
                (d >> 1 & 1) as i32,
            ]);
            out.extend([count as i32, 0, timer as i32]);
            out.extend(offset(Some(&pot)));
        }
        out.extend(VECTORS.map(|(dx, dy)| i32::from(self.code((agent.at.0 + dx, agent.at.1 + dy)) != Some(0))));
        assert_eq!(out.len(), 46);
        out
    }

    /// The featurised observation of agent `me`, in kitchens with one ingredient.
    pub(crate) fn features(&self, me: usize) -> Vec<u8> {
        let own = &self.agents[me];
        let others = || {
            self.agents
                .iter()
                .enumerate()
                .filter(|(i, _)| *i != me)
                .map(|(_, agent)| agent)
        };
        let mut out = self.player(own);
        others().for_each(|agent| out.extend(self.player(agent)));
        others().for_each(|agent| out.extend([agent.at.0 - own.at.0, agent.at.1 - own.at.1]));
        out.extend([own.at.0, own.at.1]);
        out.into_iter().map(|value| value as i8 as u8).collect()
    }
}
