//! The rules and the default observation a second time, as the text of the specification reads: slow, over coordinates and with every
//! channel written for every cell. What the fast rules must equal.

use starling_simulate::environments::overcooked_v2::state::{CORRECT_DELIVERY, State};
use starling_simulate::environments::overcooked_v2::{Kitchen, Options};

/// (dx, dy) of up, down, right, left.
const VECTORS: [(i32, i32); 4] = [(0, -1), (0, 1), (1, 0), (-1, 0)];

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Agent {
    pub(crate) at: (i32, i32),
    pub(crate) direction: usize,
    pub(crate) inventory: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plain {
    pub(crate) height: i32,
    pub(crate) width: i32,
    pub(crate) fixed: Vec<u8>,
    pub(crate) dynamic: Vec<u32>,
    pub(crate) extra: Vec<u32>,
    pub(crate) agents: Vec<Agent>,
    pub(crate) recipe: u32,
    pub(crate) new_correct_delivery: bool,
    pub(crate) step: u32,
}

/// What a plain step yields.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Yield {
    pub(crate) reward: f32,
    pub(crate) shaped: Vec<f32>,
    pub(crate) done: bool,
}

fn ingredient_count(v: u32) -> u32 {
    (0..10).map(|k| v >> (2 + 2 * k) & 3).sum()
}

impl Plain {
    pub(crate) fn of(kitchen: &Kitchen, state: &State<'_>) -> Self {
        let width = kitchen.width as u32;
        let agents = state.cooks.iter().map(|cook| Agent {
            at: ((cook.cell % width) as i32, (cook.cell / width) as i32),
            direction: cook.direction as usize,
            inventory: cook.item,
        });
        Self {
            height: kitchen.height as i32,
            width: kitchen.width as i32,
            fixed: kitchen.cells.clone(),
            dynamic: state.items.to_vec(),
            extra: state.timers.to_vec(),
            agents: agents.collect(),
            recipe: state.recipe,
            new_correct_delivery: state.flags & CORRECT_DELIVERY != 0,
            step: state.step,
        }
    }

    fn index(&self, (x, y): (i32, i32)) -> usize {
        (y * self.width + x) as usize
    }
    fn towards(&self, (x, y): (i32, i32), direction: usize) -> (i32, i32) {
        let (dx, dy) = VECTORS[direction];
        ((x + dx).clamp(0, self.width - 1), (y + dy).clamp(0, self.height - 1))
    }

    /// Everything but the draw of a new recipe, which the caller makes if `new_correct_delivery`.
    pub(crate) fn step(&mut self, actions: &[i32], options: &Options) -> Yield {
        self.walk(actions);
        let before: Vec<u32> = self.agents.iter().map(|agent| agent.inventory).collect();
        let mut result = Yield {
            reward: 0.0,
            shaped: vec![0.0; self.agents.len()],
            done: false,
        };
        self.new_correct_delivery = false;
        for (i, action) in actions.iter().enumerate() {
            if *action == 5 {
                let (reward, shaped) = self.interact(i, &before, options);
                result.reward += reward;
                result.shaped[i] = shaped;
            }
        }
        for cell in 0..self.fixed.len() {
            if self.fixed[cell] == 5 && self.extra[cell] > 0 {
                self.extra[cell] -= 1;
                if self.extra[cell] == 0 {
                    self.dynamic[cell] |= 2;
                }
            } else if self.fixed[cell] == 7 {
                self.extra[cell] = self.extra[cell].saturating_sub(1);
            }
        }
        self.step += 1;
        result.done = self.step >= options.max_steps;
        result
    }

    fn walk(&mut self, actions: &[i32]) {
        let old: Vec<_> = self.agents.iter().map(|agent| agent.at).collect();
        let mut candidate = old.clone();
        for (i, action) in actions.iter().enumerate() {
            let direction = match action {
                0 => 2,
                1 => 1,
                2 => 3,
                3 => 0,
                _ => continue,
            };
            self.agents[i].direction = direction;
            let ahead = self.towards(old[i], direction);
            if self.fixed[self.index(ahead)] == 0 {
                candidate[i] = ahead;
            }
        }
        let mut back = vec![false; old.len()];
        loop {
            let new: Vec<_> = (0..old.len())
                .map(|i| if back[i] { old[i] } else { candidate[i] })
                .collect();
            let crowded: Vec<bool> = new
                .iter()
                .map(|at| new.iter().filter(|other| *other == at).count() > 1)
                .collect();
            if !crowded.contains(&true) {
                candidate = new;
                break;
            }
            crowded
                .iter()
                .zip(&mut back)
                .for_each(|(crowded, back)| *back |= *crowded);
        }
        let resolved = candidate.clone();
        for i in 0..old.len() {
            for j in 0..old.len() {
                if i != j && resolved[i] == old[j] && resolved[j] == old[i] {
                    candidate[i] = old[i];
                }
            }
        }
        self.agents
            .iter_mut()
            .zip(candidate)
            .for_each(|(agent, at)| agent.at = at);
    }

    /// (task, shaped) of the first row of the table that applies.
    fn interact(&mut self, i: usize, before: &[u32], options: &Options) -> (f32, f32) {
        let cell = self.index(self.towards(self.agents[i].at, self.agents[i].direction));
        let (s, d, e, v) = (
            self.fixed[cell],
            self.dynamic[cell],
            self.extra[cell],
            self.agents[i].inventory,
        );
        let idle = s == 5 && e == 0 && d & 2 == 0;
        let cooked = s == 5 && d & 2 != 0;
        let q = self.recipe | 3;
        let plate_pays = {
            let lies = self.dynamic.contains(&1);
            let held = before.iter().filter(|v| **v == 1).count();
            let used = (0..self.fixed.len())
                .filter(|c| self.fixed[*c] == 5 && self.dynamic[*c] != 0)
                .count();
            if !lies && held < used { 3.0 } else { 0.0 }
        };
        let (mut task, mut shaped) = (0.0, 0.0);
        if s == 9 && v == 0 {
            self.agents[i].inventory = 1;
            shaped = plate_pays;
        } else if s >= 10 && v == 0 {
            self.agents[i].inventory = 4 * 4_u32.pow(u32::from(s) - 10);
        } else if s == 1 && d != 0 && v == 0 {
            self.dynamic[cell] = 0;
            self.agents[i].inventory = d;
            shaped = if d == 1 { plate_pays } else { 0.0 };
        } else if cooked && v == 1 {
            self.dynamic[cell] = 0;
            self.agents[i].inventory = d + 1;
            shaped = if d + 1 == q { 5.0 } else { 0.0 };
        } else if s == 1 && d == 0 && v != 0 {
            self.dynamic[cell] = v;
            self.agents[i].inventory = 0;
        } else if idle && v >> 2 != 0 && v & 1 == 0 && ingredient_count(d) < 3 {
            self.dynamic[cell] = d + v;
            self.agents[i].inventory = 0;
            for k in 0..10 {
                let of = |item: u32| item >> (2 + 2 * k) & 3;
                if of(v) > 0 && of(d) < of(self.recipe) {
                    shaped = 3.0;
                }
            }
        } else if s == 4 && v & 2 != 0 {
            self.agents[i].inventory = 0;
            if v == q {
                task = 20.0;
                self.new_correct_delivery = true;
            } else if options.negative_rewards {
                task = -20.0;
            }
        } else if s == 7 && v == 0 {
            self.extra[cell] = 10;
            task = -5.0;
        } else if idle && d != 0 && v == 0 && options.start_cooking_interaction {
            self.extra[cell] = 20;
            shaped = if d == self.recipe { 5.0 } else { 0.0 };
        }
        if !options.start_cooking_interaction && idle && ingredient_count(self.dynamic[cell]) == 3 {
            self.extra[cell] = 20;
        }
        (task, shaped)
    }

    /// The default observation of agent `i`, cut out of the padded array where there is a view. `names`: its permutation.
    pub(crate) fn observe(&self, i: usize, n: usize, names: &[u32], options: &Options) -> Vec<u8> {
        let view = options.view as i32;
        let channels = 25 + 5 * n + usize::from(options.indicate_successful_delivery);
        let me = self.agents[i].at;
        let (rows, columns) = if view == 0 {
            (0..self.height, 0..self.width)
        } else {
            (me.1 - view..me.1 + view + 1, me.0 - view..me.0 + view + 1)
        };
        let mut out = Vec::new();
        for y in rows {
            for x in columns.clone() {
                let inside = (0..self.width).contains(&x) && (0..self.height).contains(&y);
                let cell = if inside {
                    self.cell(i, (x, y), n, names, options)
                } else {
                    vec![0; channels]
                };
                assert_eq!(cell.len(), channels);
                out.extend(cell);
            }
        }
        out
    }

    fn cell(&self, me: usize, at: (i32, i32), n: usize, names: &[u32], options: &Options) -> Vec<u8> {
        let name = |k: usize| names.get(k).map_or(k, |name| *name as usize);
        let block = |item: u32| -> Vec<u8> {
            let counts = (0..n).map(|k| (item >> (2 + 2 * name(k)) & 3) as u8);
            [(item & 1) as u8, (item >> 1 & 1) as u8]
                .into_iter()
                .chain(counts)
                .collect()
        };
        let cell = self.index(at);
        let (s, d, e) = (self.fixed[cell], self.dynamic[cell], self.extra[cell]);
        let mut out = Vec::new();
        for own in [true, false] {
            let mut group = vec![0; 7 + n];
            let here = self
                .agents
                .iter()
                .enumerate()
                .filter(|(i, agent)| (*i == me) == own && agent.at == at);
            for (_, agent) in here {
                group[0] += 1;
                group[1 + agent.direction] += 1;
                group[5..]
                    .iter_mut()
                    .zip(block(agent.inventory))
                    .for_each(|(sum, value)| *sum += value);
            }
            out.extend(group);
        }
        out.extend([1, 4, 5, 6, 7, 9].map(|code| u8::from(s == code)));
        out.extend((0..n).map(|k| u8::from(s == 10 + name(k) as u8)));
        out.extend(block(d));
        out.extend(block(if s == 6 || (s == 7 && e > 0) { self.recipe } else { 0 }));
        out.push(if s == 5 { e as u8 } else { 0 });
        if options.indicate_successful_delivery {
            out.push(u8::from(s == 4 && self.new_correct_delivery));
        }
        out
    }
}
