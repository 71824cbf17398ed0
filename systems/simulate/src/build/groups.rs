//! Connected groups: environments, agents and evaluations that share a clock because they share agents.

use bevy_ecs::prelude::*;
use std::collections::BTreeMap;

/// Union-find over entities; a component's representative is its first entity in the order of insertion.
#[derive(Default)]
pub(super) struct Connections {
    order: Vec<Entity>,
    index: BTreeMap<Entity, usize>,
    parent: Vec<usize>,
}

impl Connections {
    fn add(&mut self, entity: Entity) -> usize {
        let next = self.order.len();
        let index = *self.index.entry(entity).or_insert(next);
        if index == next {
            self.order.push(entity);
            self.parent.push(next);
        }
        index
    }

    fn root(&self, mut index: usize) -> usize {
        while self.parent[index] != index {
            index = self.parent[index];
        }
        index
    }

    /// `a` and `b` belong together.
    pub(super) fn connect(&mut self, a: Entity, b: Entity) {
        let (a, b) = (self.add(a), self.add(b));
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b)] = a.min(b);
    }

    /// Every group: its entities in the order in which they were first named.
    pub(super) fn groups(&self) -> Vec<Vec<Entity>> {
        let mut groups: BTreeMap<usize, Vec<Entity>> = BTreeMap::new();
        for (index, &entity) in self.order.iter().enumerate() {
            groups.entry(self.root(index)).or_default().push(entity);
        }
        groups.into_values().collect()
    }
}
