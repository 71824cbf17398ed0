//! Ways through the kitchen: breadth-first, with and without other cooks in the way.

use super::scene::Scene;
use crate::environments::overcooked_v2::objects::{DIRECTIONS, FLOOR};

/// No way leads there.
pub(super) const FAR: u16 = u16::MAX;

/// How far every floor cell is from one.
#[derive(Debug, Default)]
pub(super) struct Flood {
    /// In moves, by cell; [`FAR`] for what cannot be reached and for what is no floor.
    distance: Vec<u16>,
    /// Direction of the first move there.
    first: Vec<u8>,
    queue: Vec<usize>,
}

/// The next cell in `direction`, if it is inside the kitchen.
pub(super) fn neighbour(scene: &Scene, cell: usize, direction: usize) -> Option<usize> {
    let (dx, dy) = DIRECTIONS[direction];
    let height = scene.codes.len() / scene.width;
    let x = (cell % scene.width).checked_add_signed(dx as isize)?;
    let y = (cell / scene.width).checked_add_signed(dy as isize)?;
    (x < scene.width && y < height).then_some(y * scene.width + x)
}

impl Flood {
    /// From `start`, through cells for which `open` holds. Directions are tried in the order `turn`, `turn + 1`, ..., so that equal ways are chosen
    /// differently for different `turn`.
    pub(super) fn fill(&mut self, scene: &Scene, start: usize, turn: usize, open: impl Fn(usize) -> bool) {
        let cells = scene.codes.len();
        self.distance.clear();
        self.distance.resize(cells, FAR);
        self.first.clear();
        self.first.resize(cells, 0);
        self.queue.clear();
        self.queue.push(start);
        self.distance[start] = 0;
        let mut next = 0;
        while let Some(&cell) = self.queue.get(next) {
            next += 1;
            for direction in (0..4).map(|d| (d + turn) % 4) {
                let Some(to) = neighbour(scene, cell, direction) else {
                    continue;
                };
                if scene.codes[to] == FLOOR && self.distance[to] == FAR && open(to) {
                    self.distance[to] = self.distance[cell] + 1;
                    self.first[to] = if cell == start {
                        direction as u8
                    } else {
                        self.first[cell]
                    };
                    self.queue.push(to);
                }
            }
        }
    }

    /// Whether floor cell `cell` can be reached.
    pub(super) fn reaches(&self, cell: usize) -> bool {
        self.distance[cell] != FAR
    }

    /// The closest floor cell from which `target` can be used, with its distance.
    pub(super) fn beside(&self, scene: &Scene, target: usize) -> Option<(usize, u16)> {
        let sides = (0..4).filter_map(|direction| neighbour(scene, target, direction));
        sides
            .map(|side| (side, self.distance[side]))
            .filter(|(_, distance)| *distance != FAR)
            .min_by_key(|(_, distance)| *distance)
    }

    /// Moves until `target` can be used; [`FAR`] where no way leads there.
    pub(super) fn to(&self, scene: &Scene, target: usize) -> u16 {
        self.beside(scene, target).map_or(FAR, |(_, distance)| distance)
    }

    /// Direction of the first move towards floor cell `cell`, which is not the start.
    pub(super) fn first_move(&self, cell: usize) -> usize {
        usize::from(self.first[cell])
    }
}
